"""The claims as a table: published, measured, predicted, arithmetic, verdict with reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from validate.claims import Judgement
from validate.claims.verdict import COUNTING, NOT, OUT, REPRODUCED, UNMEASURED, Finding, shown
from validate.report.document import Block, Grid, Heading, Prose, Tally

LOOKS = {REPRODUCED: "good", COUNTING: "half", NOT: "bad", OUT: "none", UNMEASURED: "none"}

_RULE = (
    "A value stands for a published figure that it rounds to, at the last digit that the paper writes; where the "
    "paper calls the figure approximate, at its last digit that is not a zero. A percentage may be one point off "
    "after that rounding. A range reaches from the lowest value that stands for its lower end to the highest that "
    "stands for its upper end. A claim about several models or methods holds when it holds for every one; where a "
    "sentence can be read in several ways, each is worked out, and it holds where one of them does."
)
_COLUMNS = (
    "Measured is the real step under the published rules: the paper's FLOP counter, and total memory as the sum of the "
    "memory groups' own peaks. Predicted is the same from the closed forms. Arithmetic is what is needed: the "
    "simultaneous peak as measured, and FLOPs with groups divided out and the SVD counted. A claim is reproduced when "
    "both the measurement and arithmetic give it, and reproduced only under the paper's counting when only the former "
    "does. All at the paper's point: one image of 224 x 224, rank 4, 10 classes, AdamW; FLOPs of a step are forward, "
    "backward and the first optimizer step."
)


def tally(judged: Sequence[Judgement]) -> Tally:
    """Count the verdicts."""
    counts = Counter(one.verdict for one in judged)
    return Tally(
        tuple((name, counts[name], look) for name, look in LOOKS.items() if counts[name] or name != UNMEASURED)
    )


def blocks(judged: Sequence[Judgement]) -> Iterator[Block]:
    """Lay the claims out in the paper's order."""
    yield Heading("The claims", "claims")
    yield Prose(_COLUMNS)
    yield Prose(_RULE)
    yield Grid(
        "Every quantitative claim, in the paper's order",
        ("claim", "published", "measured", "predicted", "arithmetic", "verdict"),
        tuple(_row(one) for one in judged),
        notes=tuple(_note(one) for one in judged),
        noted="reason",
        marks=LOOKS,
        cards=True,
    )


def _row(one: Judgement) -> tuple[str, ...]:
    claim = one.claim
    words = f"“{claim.quote}”\n{claim.place}. Here: {claim.about}."
    found = [] if one.chosen is None else [one.chosen.measured, one.chosen.predicted, one.chosen.truth]
    numbers = [shown(values, claim.published).replace(", ", "\n") for values in found] or ["", "", ""]
    return (words, claim.published.text, *numbers, one.verdict)


def _note(one: Judgement) -> str:
    others = [finding for finding in one.findings if finding is not one.chosen]
    if not others:
        return one.reason
    told = "; ".join(f"{finding.reading.label or 'else'}: {_brief(finding, one)}" for finding in others)
    return f"{one.reason} Read otherwise: {told}."


def _brief(finding: Finding, one: Judgement) -> str:
    measured, truth = shown(finding.measured, one.claim.published), shown(finding.truth, one.claim.published)
    return measured if measured == truth else f"{measured} (arithmetic: {truth})"
