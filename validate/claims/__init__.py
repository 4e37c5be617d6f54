"""The paper's quantitative claims: what each says, what is measured for it, and whether it holds.

`claim` reads ``specs/claims.toml``; `cells` names the steps that have to be measured; `quantity` works a claim's number
out of measured or predicted costs; `verdict` decides. Nothing here runs a step.
"""

from __future__ import annotations

from validate.claims.claim import Claim, Published, Reading, claims
from validate.claims.quantity import Cell, Evidence
from validate.claims.verdict import VERDICTS, Judgement, judge

__all__ = ["VERDICTS", "Cell", "Claim", "Evidence", "Judgement", "Published", "Reading", "claims", "judge"]
