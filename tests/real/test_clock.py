"""Depth 4: the clock, the stopwatches and the kernel study on real tensors; nothing depends on how long it takes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from costmodel.cell.setup import setup_of
from costmodel.cell.training import Training
from costmodel.contract import CONVENTIONS, Point
from costmodel.machine.seconds import store
from costmodel.machine.seconds.host import NEEDED, Error, Host, Rates
from costmodel.machine.seconds.work import work_of
from costmodel.output.plots import save
from costmodel.terminal.cli import main
from costmodel.tracing.record import tensors
from costmodel.tracing.step import record_step
from validate.depths import clock
from validate.host import calibrate, kernels
from validate.host.kernels_figure import figure
from validate.host.kernels_table import blocks
from validate.host.timings import CELLS, from_csv, measured, summary, to_csv
from validate.step.stopwatch import Bench, OperatorWatch, Stopwatch, threads
from validate.step.timed import measure

KEYS = {"time.forward", "time.backward", "time.optimizer", "time.step"}
SMALL = Point(N=1, H=33, W=40, r=None)


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    """A host that is calibrated, at rates that nobody measured."""
    monkeypatch.setenv("COSTMODEL_CACHE_DIR", str(tmp_path))
    rates = {kind: Rates(1e-5, 1e-11, 1e-10) for kind in NEEDED}
    identity = store.identity(torch.get_num_threads())
    found = Host(
        identity, rates, 1e-9, dict.fromkeys(("forward", "backward", "optimizer"), 0.0), error=Error(3, 0.1, 0.2)
    )
    store.store(found)
    return found


def test_a_step_is_timed() -> None:
    found = measure(setup_of("mobilenet_v3_small"), SMALL, budget=0.0)
    assert found.keys() == KEYS
    assert all(value > 0 for value in found.values())
    assert found["time.step"] >= found["time.forward"] + found["time.backward"] + found["time.optimizer"]


def test_threads_are_as_before_afterwards() -> None:
    before = torch.get_num_threads()
    with threads(before + 1):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before


def test_prediction_and_measurement_have_the_same_keys(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibrate, "identity", lambda _number: dict(host.identity))
    found = clock.DEPTH.predict(setup_of("mobilenet_v3_small", "lora"), Point(N=1, H=64, W=64, r=4))
    assert found.keys() == KEYS
    assert found["time.step"] == pytest.approx(sum(found.values()) - found["time.step"])


@pytest.mark.parametrize(("accumulate", "method"), [(1, "galore"), (3, "fft")])
def test_the_stopwatch_sees_every_step(accumulate: int, method: str) -> None:
    setup = setup_of("mobilenet_v3_small", method, training=Training(accumulate=accumulate))
    bench, watch = Bench(setup, Point(N=1, H=33, W=33, r=4 if method == "galore" else None)), Stopwatch()
    bench.run(watch.phase)
    bench.run(watch.phase)
    assert len(watch.steps) == 4
    assert all(phase > 0 for step in watch.steps for phase in step.values())


@pytest.mark.parametrize("model", ["mobilenet_v3_small", calibrate.probes.windows])
def test_timed_operators_are_those_of_the_trace(model: Any) -> None:
    """All of them."""
    setup, point = setup_of(model), Point(N=1, H=64, W=64, r=None)
    calls = [call for call in record_step(setup, point).calls if call.step == 1]
    bench, watch = Bench(setup, point), OperatorWatch()
    bench.run(watch.phase, watch)
    matched = list(watch.match(calls))
    assert all(seconds > 0 for _, seconds in matched)
    assert [call for call, _ in matched] == calls


@pytest.mark.full
def test_a_host_is_calibrated_from_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COSTMODEL_CACHE_DIR", str(tmp_path))
    cells = (
        calibrate.Cell("mobilenet_v3_small", "fft", 2, 64),
        calibrate.Cell("resnet18", "fft", 1, 40),
    )
    held_out = (calibrate.Cell("squeezenet1_1", "bn_head", 1, 64),)
    said: list[tuple[str, int, int]] = []
    found = calibrate.calibrate(1, lambda *words: said.append(words), cells, held_out)
    assert [(done, total) for _, done, total in said] == [(0, 3), (1, 3), (2, 3)]
    assert found.rates.keys() >= NEEDED
    assert found.error is not None
    assert found.error.cells == 1
    assert all(rate >= 0 for rates in found.rates.values() for rate in (rates.calls, rates.flops, rates.bytes))
    again = calibrate.calibrated(1, lambda *_: pytest.fail("it is stored"))
    assert again.to_dict() == found.to_dict()


PROBES = [cell for cell in calibrate.CALIBRATION if not isinstance(cell.model, str)]


@pytest.mark.each(5)
@pytest.mark.parametrize("cell", PROBES, ids=lambda cell: cell.label)
def test_probes_can_be_traced(cell: calibrate.Cell) -> None:
    setup, point = cell.build()
    assert {call.phase for call in record_step(setup, point).calls} == {"forward", "backward", "optimizer"}


@pytest.mark.full
def test_calibration_sees_every_kind_of_layer() -> None:
    seen = set()
    for cell in calibrate.CALIBRATION:
        if cell.method == "fft":
            setup, point = cell.build()
            seen |= {work.kind for call in record_step(setup, point).calls for work in work_of(call)}
    layers = ("standard", "pointwise", "pointwise_few", "grouped", "depthwise", "depthwise_strided", "depthwise_large")
    assert seen >= {f"{layer}.{product}" for layer in layers for product in ("forward", "input", "weight")}
    assert seen >= {"mm", "bmm", "_scaled_dot_product_flash_attention_for_cpu", "cat", "native_layer_norm", "silu"}


def test_timings_are_written_and_read(host: Host) -> None:
    row = measured(host, calibrate.Cell("squeezenet1_1", "bn_head", 1, 64), budget=0.0)
    (again,) = from_csv(to_csv([row]))
    assert again.step == pytest.approx(row.step, rel=1e-3)
    assert again.error == pytest.approx(row.error, abs=1e-2, rel=1e-2)
    assert (again.model, again.calibrated) == ("squeezenet1_1", False)
    assert len(summary([row]).rows) == 5


def test_the_cells_are_held_out() -> None:
    """At least forty models-with-methods that no rate comes from; no cell is one that the host was calibrated on."""
    known = {cell.model for cell in calibrate.CALIBRATION}
    assert not {*CELLS} & {*calibrate.CALIBRATION, *calibrate.HELD_OUT}
    assert sum(cell.model not in known for cell in CELLS) >= 40
    assert {cell.method for cell in CELLS} == {"fft", "bn_head", "lora", "dora", "galore"}
    assert len({*CELLS}) == len(CELLS)


# -- the command -------------------------------------------------------------------------------------------------------


def test_estimate_with_its_time(host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    assert main("estimate mobilenet_v3_small --calibrate --json".split()) == 0
    time = json.loads(capsys.readouterr().out)["time"]
    assert time["estimate"] is True
    assert time["seconds"].keys() == {"forward", "backward", "optimizer", "step"}
    assert time["host"] == host.identity
    assert time["error"] == {"cells": 3, "median": 0.1, "worst": 0.2}
    assert main("estimate mobilenet_v3_small --calibrate".split()) == 0
    out = capsys.readouterr().out
    assert "Time of a later step" in out
    assert "An estimate for this host" in out
    assert "off by 10% (median), 20% at worst" in out


def test_estimate_without_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main("estimate mobilenet_v3_small --json".split()) == 0
    assert "time" not in json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("--batch N", "a process and its seconds are estimated at one point"),
        ("--dtype bfloat16", "float32 only"),
        ("--autocast bfloat16", "float32 only"),
    ],
)
def test_what_has_no_time(line: str, why: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["estimate", "resnet18", "--calibrate", *line.split()]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert why in err
    assert len(err.splitlines()) == 1


# -- the kernel study --------------------------------------------------------------------------------------------------

DEPTHWISE = kernels.Layer("m", (1, 32, 56, 56), (32, 1, 3, 3), (2, 2), (1, 1), (1, 1), 32)


def test_the_flops_of_a_depthwise_layer_by_hand() -> None:
    """32 channels, 28x28 outputs, 3x3: 225,792 multiply-accumulates; the weight gradient is charged 32 times that."""
    assert DEPTHWISE.out == (1, 32, 28, 28)
    macs = 32 * 28 * 28 * 9
    assert macs == 225_792
    counted = {product: kernels.measure(DEPTHWISE, product, 0.0) for product in kernels.PRODUCTS}
    assert {product: row.arithmetic for product, row in counted.items()} == dict.fromkeys(kernels.PRODUCTS, 2 * macs)
    assert [counted[product].torch for product in kernels.PRODUCTS] == [2 * macs, 2 * macs, 2 * macs * 32]
    assert counted["forward"].paper == 2 * macs
    assert counted["input"].paper == 2 * (macs + 32 * 56 * 56)
    assert counted["weight"].paper == 2 * (macs * 32 + 32 * 1 * 9)
    assert all(row.seconds > 0 and row.kind == "depthwise" for row in counted.values())
    assert counted["weight"].rate("torch") == pytest.approx(32 * counted["weight"].rate("arithmetic"))


def test_the_layers_are_those_of_the_model() -> None:
    found = list(kernels.layers(["mobilenet_v2"]))
    assert len(found) == 52
    assert len(list(kernels.distinct(found))) == 30
    assert {layer.kind for layer in found} == {"depthwise", "pointwise", "standard"}
    with torch.no_grad():
        for layer in found[:6]:
            made = torch.nn.functional.conv2d(
                torch.empty(layer.x), torch.empty(layer.weight), None, layer.stride, layer.padding, groups=layer.groups
            )
            assert tuple(made.shape) == layer.out


def test_galores_matrices_are_those_of_its_trace() -> None:
    found = list(kernels.matrices(["resnet18"]))
    shapes = {
        ref.shape
        for call in record_step(setup_of("resnet18", "galore"), Point()).calls
        if call.packet == "_linalg_svd"
        for ref in tensors(call.args)
    }
    large = {shape for shape in shapes if shape[0] * shape[1] >= kernels.SMALLEST_MATRIX}
    assert {(rows, columns) for _, rows, columns in found} == large


def test_a_study(tmp_path: Path) -> None:
    """Of made-up seconds: what the machine obeys is for the real one to say."""
    rows = []
    for groups, kind in ((1, "standard"), (32, "depthwise")):
        layer = kernels.Layer("m", (1, 32, 8, 8), (32, 32 // groups, 3, 3), (1, 1), (1, 1), (1, 1), groups)
        assert layer.kind == kind
        rows += [kernels.measure(layer, product, 0.0) for product in kernels.PRODUCTS]
    made = [replace(row, seconds=1e-3) for row in rows]
    svd = kernels.SvdRow("m", 8, 64, 1e-3, 1e-5, 30_000, 8192)
    study = kernels.KernelStudy(1e9, tuple(made), (svd,))
    assert kernels.KernelStudy.from_dict(json.loads(json.dumps(study.to_dict()))) == study
    verdicts = {(row.kind, row.convention): row for row in study.verdicts}
    assert verdicts.keys() == {(kind, c) for kind in ("standard", "depthwise") for c in CONVENTIONS}
    assert verdicts["depthwise", "arithmetic"].off == 1
    assert verdicts["depthwise", "torch"].off == pytest.approx(32)
    assert verdicts["depthwise", "torch"].impossible == int(rows[-1].torch / 1e-3 > 1e9)
    assert study.to_csv().count("\n") == 7
    assert len(blocks(study)) == 4
    save(figure(study), tmp_path / "study.svg")
    assert (tmp_path / "study.svg").read_text(encoding="utf-8").startswith("<?xml")
