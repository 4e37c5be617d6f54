"""The verdict on a claim: from arithmetic alone; the data file only explains it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from validate.claims.claim import Claim, Published, Reading, with_unit
from validate.claims.quantity import Evidence, Value, values

REPRODUCED = "reproduced"
COUNTING = "reproduced only under the paper's counting"
NOT = "not reproduced"
OUT = "out of reach"
UNMEASURED = "not measured"

VERDICTS: Mapping[str, str] = {"reproduced": REPRODUCED, "counting": COUNTING, "not": NOT, "out": OUT}
"""Verdict by the name that explanations go by, best first. `UNMEASURED` is none: a cell failed."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a reading of a claim comes to.

    Attributes:
        reading: how the claim was read.
        measured: by the published rules, on the real step.
        predicted: by the published rules, from the formulas.
        truth: the simultaneous peak, and FLOPs by arithmetic.
    """

    reading: Reading
    measured: tuple[Value, ...]
    predicted: tuple[Value, ...]
    truth: tuple[Value, ...]

    def verdict(self, published: Published) -> str:
        """Compare with what was published."""
        if not published.holds(numbers(self.measured)):
            return "not"
        return "reproduced" if published.holds(numbers(self.truth)) else "counting"


@dataclass(frozen=True, slots=True)
class Judgement:
    """A claim with what was found.

    Attributes:
        claim: what was claimed.
        findings: one for each reading, in the claim's order.
        chosen: the finding that the verdict is of: the best one, of several the nearest; ``None`` if there is none.
        verdict: one of the values of `VERDICTS`, or `UNMEASURED`.
        reason: one or two sentences.
    """

    claim: Claim
    findings: tuple[Finding, ...]
    chosen: Finding | None
    verdict: str
    reason: str


def numbers(found: tuple[Value, ...]) -> list[float]:
    """Return the bare numbers."""
    return [value.number for value in found]


def judge(claim: Claim, evidence: Evidence) -> Judgement:
    """Work out every reading of a claim and decide."""
    if not claim.readings:
        return Judgement(claim, (), None, OUT, claim.because["out"])
    try:
        findings = tuple(
            Finding(
                reading,
                values(reading, evidence.measured_value),
                values(reading, evidence.predicted_value),
                values(reading, evidence.true_value),
            )
            for reading in claim.readings
        )
    except KeyError as error:
        return Judgement(claim, (), None, UNMEASURED, f"No measurement of {error.args[0]}.")
    order = list(VERDICTS)

    def place(finding: Finding) -> tuple[int, float]:
        far = claim.published.distance(numbers(finding.measured))
        return order.index(finding.verdict(claim.published)), far

    chosen = min(findings, key=place)
    name = chosen.verdict(claim.published)
    return Judgement(claim, findings, chosen, VERDICTS[name], _reason(claim, chosen, name))


def _reason(claim: Claim, chosen: Finding, name: str) -> str:
    """Say in numbers why, and add the explanation that the data file has for this verdict."""
    measured, truth = span(chosen.measured, claim.published), span(chosen.truth, claim.published)
    read = f" ({chosen.reading.label})" if chosen.reading.label else ""
    wanted = claim.published.text
    if name == "reproduced":
        text = f"Measured {measured}{read}; published {wanted}."
        if measured != truth:
            text += f" Arithmetic gives {truth}, which stands for it too."
    elif name == "counting":
        text = f"Measured {measured}{read} by the published rules; arithmetic gives {truth}, which is not {wanted}."
    else:
        nearest = f" in the nearest reading{read}" if len(claim.readings) > 1 else read
        text = f"Measured {measured}{nearest}, not {wanted}"
        also = "; arithmetic gives " + truth + (", which would be it" if _true(claim, chosen) else "")
        text += (also if measured != truth else "") + "."
    because = claim.because.get(name, "").strip()
    return f"{text} {because}".strip()


def _true(claim: Claim, chosen: Finding) -> bool:
    return claim.published.holds(numbers(chosen.truth))


def shown(found: tuple[Value, ...], published: Published) -> str:
    """Write values finer than published: ``21.8%``, or ``1.07 : 1 (mobilenet_v2), 1.04 : 1 (mobilenet_v3_small)``.

    Of what is published as a largest value, the largest; more than four values by their smallest and largest.
    """
    low, high = (pick(found, key=lambda value: value.number) for pick in (min, max))
    if len(found) == 1:
        return _written(low, published)
    named = {value: f"{_written(value, published)} ({value.label})" for value in found}
    if published.kind == "up_to":
        return f"up to {named[high]}"
    return f"{named[low]} to {named[high]}" if len(found) > 4 else ", ".join(named.values())


def span(found: tuple[Value, ...], published: Published) -> str:
    """Write the smallest and the largest value alone; of what is published as a largest value, the largest."""
    numbers = [_written(pick(found, key=lambda value: value.number), published) for pick in (min, max)]
    if published.kind == "up_to" and len(found) > 1:
        return f"up to {numbers[1]}"
    return " to ".join(dict.fromkeys(numbers))


def _written(value: Value, published: Published) -> str:
    digits = max(_places(published) + 1, 1 if published.unit == "%" else 2)
    return with_unit(f"{value.number:,.{digits}f}", published.unit)


def _places(published: Published) -> int:
    return max(-int(figure.as_tuple().exponent) for figure in published.figures)
