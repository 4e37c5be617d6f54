"""The explanation of a peak adds up to it, and the term said to win somewhere is the largest there."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import pairwise
from math import prod

import numpy as np
import pytest
import sympy

from costmodel.algebra.formula import PEAK, CostFormula
from costmodel.cell.request import request
from costmodel.cell.setup import Setup, setup_of
from costmodel.cell.training import Training
from costmodel.contract import GROUPS, Point
from costmodel.questions.peak import Peak, Timeline, explain, timeline
from costmodel.questions.scan import ENDS, Stretch, axes_of, scan, winner_map
from costmodel.questions.winners import MOST_TRACES, around, formulas_around, winners
from costmodel.sources.derive import Tracer
from costmodel.sources.source import Source
from costmodel.terminal.cli import main
from costmodel.tracing.pointwise import add_up
from costmodel.tracing.protocol import adapted_model
from costmodel.tracing.record import StepRecord
from tests.lines import printed

CELLS = {
    "fft": ("mobilenet_v2", "fft", {}, Point(2, 97, 161, None)),
    "lora": ("mobilenet_v2", "lora", {}, Point(1, 96, 96, 4)),
    "galore": ("mobilenet_v2", "galore", {}, Point(1, 65, 64, 3)),
    "dora": ("resnet18", "dora", {}, Point(2, 128, 96, 4)),
    "bn_head": ("mobilenet_v3_small", "bn_head", {}, Point(1, 224, 224, None)),
    "checkpoint": ("resnet18", "fft", {"checkpoint": True, "accumulate": 2}, Point(2, 96, 96, None)),
    "adagrad": ("resnet18", "bitfit", {"optimizer": "adagrad"}, Point(2, 64, 64, None)),
    "ia3": ("resnet18", "ia3", {}, Point(1, 64, 64, None)),
}


@cache
def cell(name: str) -> tuple[Setup, Point, Tracer]:
    model, method, training, point = CELLS[name]
    setup = setup_of(model, method, training=Training(**training))
    return setup, point, Tracer(setup)


def traced(name: str) -> tuple[StepRecord, Peak, Timeline]:
    _, point, tracer = cell(name)
    record = tracer.at(point)
    return record, explain(record), timeline(record)


# -- the point -----------------------------------------------------------------------------------------------------


@pytest.mark.each(2)
@pytest.mark.parametrize("name", CELLS)
def test_the_parts_of_the_peak_add_up_to_it(name: str) -> None:
    record, peak, _ = traced(name)
    assert peak.bytes == add_up(record)[PEAK] > 0
    assert tuple(peak.by_group) == GROUPS
    assert sum(peak.by_group.values()) == peak.bytes
    assert sum(peak.by_module.values()) == peak.bytes
    assert len(peak.by_module) > 20
    assert list(peak.by_module.values()) == sorted(peak.by_module.values(), reverse=True)
    assert peak.by_module.keys() <= record.modules.keys()


@pytest.mark.each(3)
@pytest.mark.parametrize("name", CELLS)
def test_the_timeline_has_every_groups_peak(name: str) -> None:
    record, peak, over_time = traced(name)
    expected = add_up(record)
    assert {group: int(over_time.groups[group].max()) for group in GROUPS} == {
        group: expected[f"memory.{group}"] for group in GROUPS
    }
    total = over_time.total
    assert total.shape == (len(record.calls),)
    assert total[over_time.peak] == peak.bytes
    assert (total[: over_time.peak] < peak.bytes).all()
    assert (total <= peak.bytes).all()
    assert peak.instant.index == over_time.peak
    assert peak.by_group == {group: over_time.groups[group][over_time.peak] for group in GROUPS}


@pytest.mark.each(3)
@pytest.mark.parametrize("name", CELLS)
def test_the_phases_are_those_of_the_protocol(name: str) -> None:
    record, peak, over_time = traced(name)
    micro_batches = CELLS[name][2].get("accumulate", 1)
    one = ["forward", "backward"] * micro_batches + ["optimizer"]
    assert [(phase.step, phase.label) for phase in over_time.phases] == [(s, label) for s in (0, 1) for label in one]
    ends = [phase.end for phase in over_time.phases]
    assert [phase.start for phase in over_time.phases] == [0, *ends[:-1]]
    assert ends[-1] == len(record.calls)
    within = next(phase for phase in over_time.phases if phase.start <= over_time.peak < phase.end)
    assert (peak.instant.step, peak.instant.phase) == (within.step, within.label)


@pytest.mark.parametrize("name", CELLS)
def test_the_largest_tensors_are_as_large_as_their_shape_says(name: str) -> None:
    _, peak, _ = traced(name)
    assert len(peak.largest) == 10
    assert [t.nbytes for t in peak.largest] == sorted((t.nbytes for t in peak.largest), reverse=True)
    for tensor in peak.largest:
        assert tensor.nbytes == prod(tensor.shape) * {"float32": 4, "int64": 8}[tensor.dtype]
        assert tensor.name or tensor.operator


def test_a_frozen_module_has_its_parameters_and_buffers_at_the_peak() -> None:
    setup, point, _ = cell("bn_head")
    _, peak, _ = traced("bn_head")
    assert peak.instant.phase == "optimizer"
    compared = 0
    for path, module in adapted_model(setup, point, "meta").named_modules():
        own = [*module.parameters(recurse=False), *module.buffers(recurse=False)]
        if own and path.startswith("features"):
            assert peak.by_module[path] == sum(t.numel() * t.element_size() for t in own)
            compared += 1
    assert compared > 50


def test_gradients_and_state_belong_to_the_module_of_their_parameter() -> None:
    _, peak, _ = traced("bn_head")
    assert (peak.instant.module, peak.instant.step) == ("classifier.0", 0)
    weights = [tensor for tensor in peak.largest if tensor.shape == (1024, 576)]
    assert {tensor.group for tensor in weights} == {"param", "grad", "opt"}
    assert {(tensor.name, tensor.module) for tensor in weights} == {("classifier.0.weight", "classifier.0")}
    assert {t.operator for t in weights if t.group == "opt"} >= {"zeros_like", "sqrt"}
    assert {t.operator for t in weights if t.group == "param"} == {""}


def test_state_made_before_the_step_finds_its_parameter() -> None:
    record, _, _ = traced("adagrad")
    peak = explain(record, top=10**6)
    state = [tensor for tensor in peak.largest if tensor.group == "opt" and not tensor.operator]
    assert len(state) == 2 * 21  # for each bias: the sum of squares and the number of steps
    assert all(tensor.name.endswith(".bias") for tensor in state)


# -- elsewhere -----------------------------------------------------------------------------------------------------


def _formula(name: str) -> CostFormula:
    setup, _, _ = cell(name)
    return Source(setup).derivation(request(setup)).formula


def _terms_at(formula: CostFormula, base: dict[str, int]) -> list[int]:
    values = base | {size: definition.at(base) for size, definition in formula.sizes.items()}
    return [term.evaluate(values) for term in formula.quantities[PEAK]]


def _text_at(stretch: Stretch, value: int) -> int:
    """Evaluate the text of a stretch the way a reader would."""
    name = "S" if " = " in stretch.axis else stretch.axis
    known = {name: sympy.Integer(value), "floor": sympy.floor}
    known |= {size: sympy.parse_expr(text, local_dict=known) for size, text in stretch.sizes.items()}
    return int(sympy.parse_expr(stretch.text, local_dict=known))


def _point(point: Point, axis: str, value: int) -> Point:
    return replace(point, **dict.fromkeys(axis.split(" = "), value))


SQUARES = {"fft": Point(1, 224, 224, None), "galore": Point(1, 224, 224, 4), "bn_head": Point(1, 224, 224, None)}


SCANS = [
    ("fft", ("N",), 3),
    ("fft", ("H", "W"), 6),
    ("galore", ("N",), 3),
    ("bn_head", ("N",), 2),
    ("bn_head", ("H", "W"), 2),
]


@pytest.mark.parametrize(("name", "axes", "least"), SCANS)
def test_the_winner_is_the_largest_term_at_every_integer_near_a_border(name: str, axes: tuple[str], least: int) -> None:
    formula, point = _formula(name), SQUARES[name]
    stretches = scan([formula], point, axes)
    assert len(stretches) >= least
    assert stretches[0].first == formula.domain.free[axes[0]].lower
    assert [s.first for s in stretches[1:]] == [s.last + 1 for s in stretches[:-1]]
    assert all(a.term != b.term for a, b in pairwise(stretches))
    checked = 0
    for stretch in stretches:
        last = stretch.first + 50 if stretch.last is None else stretch.last
        for value in {
            *range(stretch.first, min(stretch.first + 4, last + 1)),
            *range(max(last - 3, stretch.first), last + 1),
        }:
            base = _point(point, stretch.axis, value).values()
            terms = _terms_at(formula, base)
            assert stretch.term == terms.index(max(terms)), (value, terms)
            assert _text_at(stretch, value) == max(terms) == formula.evaluate(base)[PEAK]
            checked += 1
    assert checked > 10


@pytest.mark.parametrize("name", ["fft", "bn_head"])
def test_a_fresh_trace_at_a_border_agrees(name: str) -> None:
    _, _, tracer = cell(name)
    point = SQUARES[name]
    stretches = scan([_formula(name)], point, ("N",))
    before, after = stretches[-2:]
    assert before.last is not None
    for stretch, value in ((before, before.last), (after, after.first)):
        peak = explain(tracer.at(_point(point, "N", value)))
        assert peak.bytes == _text_at(stretch, value)
    assert _text_at(before, after.first) < _text_at(after, after.first)
    assert _text_at(before, before.last) >= _text_at(after, before.last)


def test_a_term_said_to_win_on_does() -> None:
    formula, point = _formula("fft"), SQUARES["fft"]
    for axes in axes_of(point):
        last = scan([formula], point, axes)[-1]
        assert last.last is None
        assert not last.cut
        for value in (ENDS[axes[0]] + 1, 12_345, 10**6 + 7):
            terms = _terms_at(formula, _point(point, last.axis, value).values())
            assert terms[last.term] == max(terms)


def test_a_term_that_is_still_overtaken_is_cut() -> None:
    formula, point = _formula("fft"), SQUARES["fft"]
    first, *_ = scan([formula], point, ("N",), end=1)
    assert (first.first, first.last, first.cut) == (1, 1, True)
    whole = scan([formula], point, ("N",))
    assert whole[0].term == first.term
    assert len(whole) > 1


def test_where_one_image_runs_other_operators_two_formulas_take_turns() -> None:
    setup, _, tracer = cell("ia3")
    asked = request(setup, resolution=96)
    formulas = formulas_around(Source(setup), asked, tracer)
    assert len(formulas) == 2
    single, *others = scan(formulas, asked.representative(), ("N",))
    assert (single.first, single.last, single.text) == (1, 1, str(formulas[0].evaluate(asked.numbers)[PEAK]))
    assert others[0].first == 2
    assert others[0].term >= len(formulas[0].quantities[PEAK])
    assert _text_at(others[0], 3) == formulas[1].evaluate({**asked.numbers, "N": 3})[PEAK]


def test_instants_come_from_few_traces_where_the_terms_win() -> None:
    _, _, tracer = cell("fft")
    formula, point = _formula("fft"), SQUARES["fft"]
    asked_for: list[Point] = []

    def trace_at(at: Point) -> StepRecord:
        asked_for.append(at)
        terms = _terms_at(formula, at.values())
        assert explain(tracer.at(at)).bytes == max(terms)
        return tracer.at(at)

    stretches = winners([formula], point, trace_at, most=3)
    assert len(asked_for) == 3
    assert asked_for[0] == point
    located = {stretch.term: stretch.instant for stretch in stretches if stretch.instant}
    assert len(located) == 3
    assert len({stretch.term for stretch in stretches}) > 3
    here = _terms_at(formula, point.values())
    assert located[here.index(max(here))] == explain(tracer.at(point)).instant
    assert len({str(instant) for instant in located.values()}) == 3


def test_the_map_is_the_winner_at_each_point() -> None:
    formula = _formula("fft")
    batches, sides = (1, 2, 3, 7, 64), (32, 33, 65, 224, 640)
    found = winner_map([formula], SQUARES["fft"], batches, sides)
    assert found.shape == (5, 5)
    assert (found[0] == -1).all()  # below the domain
    for row, side in enumerate(sides[1:], start=1):
        for column, batch in enumerate(batches):
            terms = _terms_at(formula, {"N": batch, "H": side, "W": side})
            assert found[row, column] == terms.index(max(terms))
    assert len(np.unique(found)) >= 4


def test_around_a_point_names_every_term_on_the_map() -> None:
    setup, _, tracer = cell("bn_head")
    found = around(Source(setup), request(setup), tracer)
    terms = {int(term) for term in found.map.flat}
    assert len(terms) > 1
    assert terms - {-1} <= found.instants.keys()
    assert len(found.instants) <= MOST_TRACES
    assert found.map.shape == (len(found.sides), len(found.batches))
    assert 224 in found.sides


# -- the command ---------------------------------------------------------------------------------------------------


def test_the_command_prints_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    found = printed("peak mobilenet_v3 --method bn_head --top 3", capsys)
    _, peak, _ = traced("bn_head")
    assert found["peak"] == peak.bytes
    assert found["by_module"] == dict(peak.by_module)
    assert len(found["largest"]) == 3
    assert found["instant"]["module"] == "classifier.0"
    assert {stretch["axis"] for stretch in found["where"]["stretches"]} == {"N", "H = W"}
    assert all(stretch["instant"] for stretch in found["where"]["stretches"])


def test_the_command_prints_tables(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["peak", "mobilenet_v3", "--method", "bn_head"]) == 0
    lines = capsys.readouterr().out.splitlines()
    _, peak, _ = traced("bn_head")
    assert any(str(peak.instant) in line for line in lines)
    assert any(line.split() == ["peak", "17.25", "MiB", f"{peak.bytes:,}"] for line in lines)
    assert any(line.startswith("N >= 4  ") and "2007080*N + 10970524" in line for line in lines)
    assert any(line.split() == ["224", "A", "A", "B", "B", "B", "B", "B"] for line in lines)


@pytest.mark.parametrize(("wrong", "named"), [(["--batch", "N"], "--batch N"), (["--plot", "x.gif"], "x.gif")])
def test_bad_input_is_one_line(wrong: list[str], named: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["peak", "resnet18", *wrong]) == 2
    complaint = capsys.readouterr().err.splitlines()
    assert len(complaint) == 1
    assert named in complaint[0]


def test_beyond_64_bits_the_peak_is_still_the_largest_instant() -> None:
    """Each tensor fits, what is alive at once does not: 1.0e19 bytes, where 64 bits end at 9.2e18."""
    setup = setup_of("alexnet", "fft")
    point = Point(2**31 - 1, 8192, 8192, None)
    record = Tracer(setup).at(point)
    assert explain(record).bytes == timeline(record).total.max() == add_up(record)[PEAK] > 2**63
