"""Claims: the rule that decides, the arithmetic behind each number, and that the words follow the verdict."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import get_args

import pytest
from msgspec import structs

from costmodel.cell.subjects import model_table
from costmodel.contract import GROUPS
from costmodel.errors import InputError
from costmodel.methods import METHODS
from tests.claimed import committed
from validate.claims import VERDICTS, Cell, Claim, Evidence, Published, Reading, claims, judge
from validate.claims.claim import KINDS, Measure, Operand, read
from validate.claims.quantity import _MEASURES, LAYER, line, needed, values
from validate.claims.verdict import COUNTING, NOT, OUT, REPRODUCED, UNMEASURED, numbers, shown


def published(kind: str, *figures: str, unit: str = "", approximate: bool = False) -> Published:
    return Published(kind, tuple(map(Decimal, figures)), unit, approximate)


@pytest.mark.parametrize(
    ("figure", "inside", "outside"),
    [
        (published("value", "22", unit="%"), [20.6, 21.8, 23.4], [20.4, 23.6]),
        (published("value", "57", unit="%", approximate=True), [55.6, 58.4], [55.4, 58.6]),
        (published("value", "10", unit="%", approximate=True), [5.1, 7.1, 11.3, 14.9], [4.9, 15.1]),
        (published("value", "20", unit=":1", approximate=True), [17.97, 24.3, 15.1], [30.8, 14.9, 25.1]),
        (published("value", "2", unit=":1", approximate=True), [1.93, 2.4], [1.4, 2.6]),
        (published("value", "1.2", unit=":1", approximate=True), [1.16, 1.24], [1.07, 0.98, 1.26]),
        (published("value", "96", unit="x"), [95.6, 96.4], [95.4, 86.5, 1.0]),
        (published("range", "49", "51", unit="%"), [47.6, 51.6, 52.4], [46.5, 52.6]),
        (published("range", "5", "10", unit="%", approximate=True), [3.6, 11.4], [3.4, 11.8, 20.0]),
        (published("range", "1.13", "2", unit="x"), [1.128, 1.94, 2.4], [1.12, 2.6]),
        (published("up_to", "95", unit="%"), [93.6, 96.2], [92.8, 97.0]),
        (published("at_least", "3", unit="x"), [2.9, 18.0], [2.4]),
        (published("at_least", "1.00", unit="x"), [0.996, 7.0], [0.97]),
        (published("above", "1", unit="x"), [1.001], [1.0, 0.999]),
    ],
    ids=lambda value: value.text if isinstance(value, Published) else "",
)
def test_what_stands_for_a_figure(figure: Published, inside: list[float], outside: list[float]) -> None:
    for value in inside:
        assert figure.holds([value]), value
        assert figure.distance([value]) == 0
    for value in outside:
        assert not figure.holds([value]), value
        assert figure.distance([value]) >= 0
    if figure.kind == "up_to":
        assert figure.holds([inside[0], 0.0]), "the largest decides"
    else:
        assert not figure.holds([inside[0], outside[0]]), "every one has to"


def test_the_data_file_says_what_can_be_worked_out() -> None:
    assert len({claim.id for claim in claims()}) == len(claims()) >= 40
    for claim in claims():
        assert claim.place, claim.id
        assert claim.quote, claim.id
        assert set(claim.because) <= set(VERDICTS), claim.id
        assert ("out" in claim.because) == (not claim.readings), claim.id
        labels = [reading.label for reading in claim.readings]
        assert len(set(labels)) == len(labels), claim.id
        for reading in claim.readings:
            for cell in needed(reading):
                assert cell.method == LAYER or cell.method in METHODS, cell
                assert cell.method == LAYER or ":" in cell.model or cell.model in model_table(), cell


CLAIM = """
[[claim]]
id = "a"
place = "here"
quote = "words"
about = "something"
published = { value = "22", unit = "%" }
reading = [{ measure = "ratio", of = { what = "total" }, to = { what = "act" }, models = ["resnet18"] }]
"""

WRONG = [
    ("claim = 3", "Expected `array`, got `int` - at `$.claim`"),
    ("claim", "Expected '=' after a key"),
    (CLAIM.replace('quote = "words"', ""), "missing required field `quote` - at `$.claim[0]`"),
    (CLAIM.replace('"words"', "3"), "Expected `str`, got `int` - at `$.claim[0].quote`"),
    (CLAIM + "why = 1", "unknown field `why` - at `$.claim[0]`"),
    (CLAIM.replace("value", "valeu"), "unknown field `valeu` - at `$.claim[0].published`"),
    (CLAIM.replace('value = "22",', ""), "expected one of value, range, up_to, at_least, above, got none"),
    (CLAIM.replace('value = "22"', 'value = "22", above = "1"'), "got value, above - at `$.claim[0].published`"),
    (CLAIM.replace('"22"', '"1e999999999"'), "matching regex"),
    (CLAIM.replace('"%"', '"km"'), "Invalid enum value 'km' - at `$.claim[0].published.unit`"),
    (CLAIM.replace('"ratio"', '"sum"'), "Invalid enum value 'sum' - at `$.claim[0].reading[0].measure`"),
    (CLAIM.replace("models", "model"), "unknown field `model` - at `$.claim[0].reading[0]`"),
    (CLAIM.replace('what = "act"', 'that = "act"'), "unknown field `that` - at `$.claim[0].reading[0].to`"),
    (CLAIM + 'because = { maybe = "x" }', "matching regex"),
]


@pytest.mark.parametrize(("text", "said"), WRONG)
def test_what_is_wrong_in_a_file_of_claims_is_said(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "claims.toml"
    path.write_text(text)
    with pytest.raises(InputError) as raised:
        read(path)
    assert said in str(raised.value)
    assert str(path) in str(raised.value)


def test_a_claim_of_a_file() -> None:
    assert set(get_args(Measure)) == _MEASURES.keys()
    assert {claim.published.kind for claim in claims()} == {*KINDS}


def costs(total: int, peak: int, forward: int, backward: int, truth: int) -> dict[str, float]:
    """A cell with so many bytes and FLOPs; arithmetic gives ``truth`` for the backward pass."""
    found = dict.fromkeys((f"memory.{group}" for group in GROUPS), 0.0)
    found |= {"memory.act": float(total), "memory.peak": float(peak)}
    for convention, back in (("paper", backward), ("arithmetic", truth)):
        found |= {f"flops.{convention}.forward": float(forward), f"flops.{convention}.backward": float(back)}
        found[f"flops.{convention}.optimizer_first"] = 0.0
    return found


A, B = Cell("resnet18", "fft", None, 224), Cell("resnet18", "lora", 4, 224)
SMALL = {A: costs(200, 150, 10, 200, 20), B: costs(150, 120, 10, 20, 20)}
FAKE = Evidence(SMALL, SMALL)


def reading(measure: str, what: str, **more: object) -> Reading:
    return Reading(measure, Operand(what, "lora"), Operand(what, "fft"), ("resnet18",), **more)  # type: ignore[arg-type]  # fields by name


@pytest.mark.parametrize(
    ("asked", "measured", "truth"),
    [
        (reading("ratio", "total"), 0.75, 0.8),
        (reading("share", "total"), 75.0, 80.0),
        (reading("saving", "total"), 25.0, 20.0),
        (reading("overhead", "total"), -25.0, -20.0),
        (reading("saving", "step"), 100 - 100 * 30 / 210, 0.0),
        (reading("saving", "act"), 25.0, 25.0),
        (reading("ratio", "forward|backward"), 0.1, 1.0),
        (reading("saving", "total", divided_by=50.0), 0.5, 0.4),
        (structs.replace(reading("ratio", "total"), beside={"model": "resnet18"}), 1.0, 1.0),
        (structs.replace(reading("ratio", "total"), beside={"model": "resnet18"}, compare="difference"), 0.0, 0.0),
    ],
)
def test_measures(asked: Reading, measured: float, truth: float) -> None:
    assert numbers(values(asked, FAKE.measured_value)) == [pytest.approx(measured)]
    assert numbers(values(asked, FAKE.predicted_value)) == [pytest.approx(measured)]
    assert numbers(values(asked, FAKE.true_value)) == [pytest.approx(truth)]
    assert set(needed(asked)) == {A, B}


def test_lines_over_the_rank() -> None:
    assert line([1, 2, 4, 8], [5, 7, 11, 19]) == (pytest.approx(2), pytest.approx(0))
    slope, bend = line([1, 2, 3], [0, 2, 2])
    assert slope == 1
    assert bend == pytest.approx(100 * (2 - 4 / 3) / 2)
    ranks = (1, 2, 4)
    grown = {Cell("resnet18", "lora", r, 224): costs(100 + 30 * r, 1, 1, 1, 1) for r in ranks}
    grown |= {Cell("resnet18", "galore", r, 224): costs(100 + 10 * r, 1, 1, 1, 1) for r in ranks}
    steeper = Reading("slopes", Operand("total", "lora"), Operand("total", "galore"), ("resnet18",), ranks=ranks)
    assert numbers(values(steeper, Evidence(grown, grown).measured_value)) == [pytest.approx(3)]
    assert set(needed(steeper)) == set(grown)
    bent = structs.replace(steeper, measure="bend", to=None)
    assert numbers(values(bent, Evidence(grown, grown).measured_value)) == [pytest.approx(0)]


def claim(figure: Published, *readings: Reading) -> Claim:
    because = {"reproduced": "WHY-REPRODUCED", "counting": "WHY-COUNTING", "not": "WHY-NOT"}
    return Claim("x", "a place", "words", "about", figure, readings, because)


@pytest.mark.parametrize(
    ("figure", "verdict", "why"),
    [
        (published("value", "0.1"), COUNTING, "WHY-COUNTING"),
        (published("range", "0.1", "1.0"), REPRODUCED, "WHY-REPRODUCED"),
        (published("value", "1.0"), NOT, "WHY-NOT"),
    ],
)
def test_the_verdict_is_worked_out(figure: Published, verdict: str, why: str) -> None:
    found = judge(claim(figure, reading("ratio", "backward")), FAKE)
    assert found.verdict == verdict
    assert found.reason.endswith(why)
    assert "0.10" in found.reason
    assert "1.00" in found.reason
    assert sum(other in found.reason for other in ("WHY-REPRODUCED", "WHY-COUNTING", "WHY-NOT")) == 1


def test_the_best_reading_decides_then_the_nearest() -> None:
    total, back = reading("ratio", "total", label="total"), reading("ratio", "backward", label="backward")
    held = judge(claim(published("value", "0.8"), back, total), FAKE)
    assert (held.verdict, held.chosen and held.chosen.reading.label) == (REPRODUCED, "total")
    missed = judge(claim(published("value", "9.0"), back, total), FAKE)
    assert (missed.verdict, missed.chosen and missed.chosen.reading.label) == (NOT, "total")
    assert "nearest reading (total)" in missed.reason


def test_what_cannot_be_judged_says_so() -> None:
    failed = judge(claim(published("value", "1"), reading("ratio", "total")), Evidence({A: SMALL[A]}, SMALL))
    assert failed.verdict == UNMEASURED
    out = replace(claim(published("value", "1")), because={"out": "WHY-OUT"})
    assert (judge(out, FAKE).verdict, judge(out, FAKE).reason) == (OUT, "WHY-OUT")


RERUN = {
    "lora-resnet18": ([66.9], REPRODUCED, COUNTING),
    "lora-v2": ([21.8], COUNTING),
    "lora-v3": ([46.9], COUNTING),
    "bn-head-v2": ([84.4], COUNTING),
    "bn-head-v3": ([52.5], REPRODUCED),
    "dora-over-lora-v2": ([51.6], COUNTING),
    "dora-overhead-resnet18": ([71.6], NOT),
    "galore-state": ([(70.7 + 55.8 + 75.9) / 3], NOT),
    "galore-total": ([11.8, 20.0], NOT),
    "lora-state": ([11.2, 7.1, 5.1], REPRODUCED),
    "depthwise-20-v2": ([17.97], COUNTING),
    "standard-2": ([1.93], REPRODUCED),
    "adapters-flops-resnet18": (None, NOT),
    "galore-flops": ([0.3, 0.6, 1.5], NOT),
    "galore-over-lora-memory": ([1.13, 1.51, 1.94], COUNTING),
    "galore-over-lora-flops": ([8.4, 13.9, 1.46], NOT),
}
"""What the published profiler gives on torch 2.13, and the verdict that follows."""


@pytest.mark.parametrize("name", RERUN)
def test_committed_measurements_give_the_known_values(name: str) -> None:
    wanted, *verdicts = RERUN[name]
    found = judge(next(one for one in claims() if one.id == name), committed())
    assert found.verdict in verdicts
    assert found.chosen is not None
    if wanted is not None:
        assert numbers(found.chosen.measured) == [pytest.approx(value, abs=0.055) for value in wanted]
    assert numbers(found.chosen.measured) == pytest.approx(numbers(found.chosen.predicted))


@pytest.mark.parametrize(
    ("name", "label", "wanted"),
    [
        ("depthwise-20-v3", "small", [30.8]),
        ("dora-overhead-v3", "over LoRA, V3 small", [72.8]),
        ("bn-head-v3", "large", [57.8]),
        ("adapters-flops-v3", "small", [92.8, 91.9]),
        ("adapters-flops-resnet18", "a whole step", [30.4, 29.1]),
        ("adapters-1.2", "V3 small", [1.07, 1.03, 1.04, 0.89]),
    ],
)
def test_every_reading_is_worked_out(name: str, label: str, wanted: list[float]) -> None:
    found = judge(next(one for one in claims() if one.id == name), committed())
    (finding,) = [finding for finding in found.findings if finding.reading.label == label]
    assert numbers(finding.measured) == [pytest.approx(value, abs=0.055) for value in wanted]


def test_values_are_written_finer_than_published() -> None:
    found = judge(next(one for one in claims() if one.id == "depthwise-20-v2"), committed())
    assert found.chosen is not None
    assert shown(found.chosen.measured, found.claim.published) == "17.97 : 1"
