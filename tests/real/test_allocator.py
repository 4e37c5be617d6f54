"""Depths 2 and 3 on real steps: what the allocator gives out, and what a fresh process holds."""

from __future__ import annotations

import json

import pytest

from costmodel.errors import InputError
from costmodel.machine.resident import resident
from costmodel.machine.workspaces import allocator_peak, this_host
from costmodel.sources.derive import Tracer
from costmodel.terminal.cli import main
from validate.cell import CellSpec
from validate.depths import allocator, cuda, process

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


@pytest.mark.parametrize(("model", "method", "point"), CELLS, ids=lambda value: str(value))
def test_every_allocation_is_accounted_for(model: str, method: str, point: dict[str, int]) -> None:
    """Equal but for the Python numbers that autograd keeps for adapters' scalings, 8 bytes each, never more than one a
    call of the trace."""
    spec = CellSpec(model, method, point)
    measured = allocator.measure(spec.setup, spec.at)["allocator.peak"]
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


def test_a_process_holds_what_it_was_said_to_consist_of() -> None:
    spec = CellSpec("mobilenet_v2", "fft", {"N": 2, "H": 160, "W": 160}, depth="process")
    measured = process.measure_cell(spec)
    predicted = process.predict(spec.setup, spec.at)
    assert measured.keys() == predicted.keys()
    found = resident(Tracer(spec.setup).at(spec.at), this_host())
    assert found.controlled == found.peak.nbytes + found.inputs + found.code
    # All that the step allocates is touched, so a process cannot hold less.
    assert measured["process.controlled"] > found.peak.nbytes + found.inputs
    assert measured["process.default"] > found.peak.nbytes + found.inputs


def test_a_process_that_fails_says_why() -> None:
    with pytest.raises((InputError, RuntimeError), match=r"status 1|spatial|refuse|takes"):
        process.measure_cell(CellSpec("resnet18", "fft", {"N": 1, "H": 1, "W": 1}))


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


def test_storages_are_rounded_up_as_cuda_does() -> None:
    """On the CPU's own step: every storage a multiple of 512, the input batch among them."""
    spec = CellSpec("resnet18", "fft", {"N": 1, "H": 64, "W": 64})
    rounded = cuda.rounded_peak(spec.setup, spec.at, "cpu")
    record = Tracer(spec.setup).at(spec.at)
    live: dict[int, int] = {}
    peak, start = 0, 0
    batch = sum(-(-nbytes // 512) * 512 for nbytes in record.input_sizes)
    for end in [call.events for call in record.calls]:
        for event in record.events[start:end]:
            if event.kind == "birth":
                live[event.storage] = -(-event.nbytes // 512) * 512
            elif event.kind == "death":
                live.pop(event.storage)
        start = end
        peak = max(peak, sum(live.values()))
    assert rounded == peak + batch


@pytest.mark.skipif(cuda.torch.cuda.is_available(), reason="says that there is no device")
def test_without_a_device_it_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main("validate resnet18 --depth cuda".split()) == 2
    err = capsys.readouterr().err
    assert "no CUDA device" in err
    assert len(err.splitlines()) == 1
