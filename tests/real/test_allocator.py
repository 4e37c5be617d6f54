"""Depths 2 and 3 on real steps: what the allocator gives out, and what a fresh process holds."""

from __future__ import annotations

import contextlib
import gc
import json

import pytest
import torch

from costmodel.errors import InputError
from costmodel.machine.resident import resident
from costmodel.machine.workspaces import allocator_peak, this_host
from costmodel.sources.derive import Tracer
from costmodel.terminal.cli import main
from costmodel.tracing.protocol import Batch, two_steps
from validate.cell import CellSpec
from validate.depths import allocator, cuda, process
from validate.step.instruments import RoundedMeter
from validate.step.run import run

CELLS = [
    ("mobilenet_v2", "fft", {"N": 1, "H": 160, "W": 160}),
    ("mobilenet_v2", "bn_head", {"N": 2, "H": 224, "W": 224}),
    ("mobilenet_v3_small", "galore", {"N": 2, "H": 97, "W": 129, "r": 3}),
    ("mobilenet_v3_small", "lora", {"N": 1, "H": 224, "W": 224, "r": 4}),
    ("resnet18", "fft", {"N": 2, "H": 128, "W": 96}),
    ("resnet18", "lora", {"N": 1, "H": 224, "W": 224, "r": 4}),
    ("resnet18", "dora", {"N": 2, "H": 128, "W": 128, "r": 4}),
    ("resnet18", "galore", {"N": 1, "H": 96, "W": 96, "r": 4}),
]


@pytest.mark.each(3)
@pytest.mark.parametrize(("model", "method", "point"), CELLS, ids=lambda value: str(value))
def test_every_allocation_is_accounted_for(model: str, method: str, point: dict[str, int]) -> None:
    """Equal but for the Python numbers that autograd keeps for adapters' scalings, 8 bytes each, never more than one a
    call of the trace."""
    spec = CellSpec(model, method, point)
    measured = allocator.DEPTH.measure(spec)["allocator.peak"]
    record = Tracer(spec.setup).at(spec.at)
    left = measured - allocator_peak(record, this_host()).nbytes
    if method in ("lora", "dora"):
        scalings = sum(call.packet == "mul" and isinstance(call.args[1], (int, float)) for call in record.calls)
        assert left % 8 == 0
        assert 0 <= left <= 8 * scalings
    else:
        assert left == 0


def test_the_issue_s_two_peaks() -> None:
    """74.8 MiB for 65.7 MiB of tensors, 102.8 for 102.4."""
    lora = CellSpec("resnet18", "lora", {"N": 1, "H": 224, "W": 224, "r": 4})
    peak = allocator_peak(Tracer(lora.setup).at(lora.at), this_host())
    assert f"{peak.nbytes / 2**20:.1f}" == "74.8"
    assert peak.operator == "convolution_backward"
    assert peak.workspaces["weight blocks"] == 512 * 512 * 9 * 4
    full = CellSpec("mobilenet_v2", "fft", {"N": 1, "H": 224, "W": 224})
    assert f"{allocator_peak(Tracer(full.setup).at(full.at), this_host()).nbytes / 2**20:.1f}" == "102.8"


@pytest.mark.full
def test_a_process_holds_what_it_was_said_to_consist_of() -> None:
    spec = CellSpec("mobilenet_v2", "fft", {"N": 2, "H": 160, "W": 160}, depth="process")
    measured = process.DEPTH.measure(spec)
    predicted = process.DEPTH.predict(spec.setup, spec.at)
    assert measured.keys() == predicted.keys()
    found = resident(Tracer(spec.setup).at(spec.at), this_host())
    assert found.controlled == found.peak.nbytes + found.inputs + found.code
    # All that the step allocates is touched, so a process cannot hold less.
    assert measured["process.controlled"] > found.peak.nbytes + found.inputs
    assert measured["process.default"] > found.peak.nbytes + found.inputs


@pytest.mark.full
def test_a_process_that_fails_says_why() -> None:
    with pytest.raises((InputError, RuntimeError), match=r"status 1|spatial|refuse|takes"):
        process.DEPTH.measure(CellSpec("resnet18", "fft", {"N": 1, "H": 1, "W": 1}))


def test_estimate_with_its_process(capsys: pytest.CaptureFixture[str]) -> None:
    assert main("estimate mobilenet_v2 --method lora --process --json".split()) == 0
    found = json.loads(capsys.readouterr().out)["process"]
    assert found["estimate"] is True
    assert sum(found["parts"].values()) == found["controlled"]
    assert found["controlled"] < found["default"]
    low, high = found["default_between"]
    assert low < found["default"] < high
    assert main("estimate mobilenet_v2 --process".split()) == 0
    assert "MALLOC_MMAP_THRESHOLD_=65536" in capsys.readouterr().out


@pytest.mark.parametrize(("line", "why"), [("--batch N", "a positive integer"), ("--dtype bfloat16", "float32 only")])
def test_what_has_no_process(line: str, why: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["estimate", "resnet18", "--process", *line.split()]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert why in err
    assert len(err.splitlines()) == 1


@pytest.mark.each(3)
@pytest.mark.parametrize(
    ("method", "training"),
    [("fft", {}), ("dora", {"optimizer": "sgd_momentum"}), ("lora", {"autocast": "bfloat16", "accumulate": 2})],
)
def test_cuda_is_predicted_without_a_device(method: str, training: dict[str, object]) -> None:
    """From shapes alone, what a recorder of rounded storages sees of the real step on the CPU."""
    point = {"N": 1, "H": 64, "W": 64} | ({} if method == "fft" else {"r": 3})
    spec = CellSpec("resnet18", method, point, training=training)
    meter = RoundedMeter()
    run(spec.setup, spec.at, meter)
    assert cuda.DEPTH.predict(spec.setup, spec.at) == {"cuda.peak": meter.peak}
    assert meter.peak % 512 == 0


def test_autocast_follows_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the CPU's rules on a GPU neither the step nor what was said of it would be that of a user there."""
    asked = []

    def autocast(device: str, **_: object) -> contextlib.AbstractContextManager[None]:
        asked.append(device)
        return contextlib.nullcontext()

    monkeypatch.setattr(torch, "autocast", autocast)
    model = torch.nn.Linear(2, 2)
    setup = CellSpec("resnet18", "fft", {}, training={"autocast": "bfloat16"}).setup
    given = Batch((torch.ones(1, 2),), {})
    for device in ("cpu", "cuda"):
        two_steps(model, torch.optim.SGD(model.parameters()), given, setup, lambda *_: None, device)
    assert asked == ["cpu", "cpu", "cuda", "cuda"]


@pytest.mark.parametrize("collecting", [True, False])
def test_a_measurement_leaves_the_process_as_it_was(collecting: bool) -> None:
    """Its threads, its garbage collector and its random numbers; where a step fails too."""
    threads, before = torch.get_num_threads(), torch.get_rng_state()
    (gc.enable if collecting else gc.disable)()
    torch.set_num_threads(2)
    try:
        for side in (64, 1):
            spec = CellSpec("resnet18", "bn_head", {"N": 1, "H": side, "W": side})
            with contextlib.nullcontext() if side > 1 else pytest.raises(ValueError, match="more than 1 value"):
                allocator.DEPTH.measure(spec)
            assert gc.isenabled() is collecting
            assert torch.get_num_threads() == 2
            assert torch.equal(torch.get_rng_state(), before)
    finally:
        gc.enable()
        torch.set_num_threads(threads)


@pytest.mark.full
@pytest.mark.skipif(torch.cuda.is_available(), reason="says that there is no device")
def test_without_a_device_it_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main("validate resnet18 --depth cuda".split()) == 2
    err = capsys.readouterr().err
    assert "no CUDA device" in err
    assert len(err.splitlines()) == 1
