"""The estimate of seconds: what a call does, rates from timed calls, a host on disk."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from costmodel.machine.seconds.fit import Sample, fit
from costmodel.machine.seconds.host import NEEDED, Error, Host, Rates
from costmodel.machine.seconds.store import load, path_of, store
from costmodel.machine.seconds.work import NEAR, OTHER, PAGED, Work, layer_kind, nbytes, paged, work_of
from costmodel.tracing.record import OpCall, StepRecord, TensorRef

MIB = 2**20


def ref(storage: int, *shape: int, dtype: str = "float32") -> TensorRef:
    strides = [1]
    for side in shape[:0:-1]:
        strides.append(strides[-1] * side)
    return TensorRef(storage, shape, tuple(strides[::-1]) if shape else (), 0, dtype, False)


def call(name: str, args: tuple[Any, ...], outputs: tuple[TensorRef | None, ...], **where: Any) -> OpCall:
    return OpCall(f"aten.{name}.default", where.get("step", 1), where.get("phase", "forward"), "", args, {}, outputs, 0)


def convolution(x: TensorRef, weight: TensorRef, out: TensorRef, stride: int = 1, groups: int = 1) -> OpCall:
    layout = ((stride, stride), (1, 1), (1, 1), False, (0, 0), groups)
    return call("convolution", (x, weight, None, *layout), (out,))


def backward(x: TensorRef, weight: TensorRef, grad: TensorRef, wanted: tuple[bool, bool, bool]) -> OpCall:
    layout = ((1, 1), (0, 0), (1, 1), False, (0, 0), 1)
    given = (replaced(x, 8) if wanted[0] else None, replaced(weight, 9) if wanted[1] else None, None)
    return call("convolution_backward", (grad, x, weight, None, *layout, wanted), given)


def replaced(old: TensorRef, storage: int) -> TensorRef:
    return old._replace(storage=storage)


# -- what a call does --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kernel", "stride", "positions", "groups", "kind"),
    [
        (3, 1, 196, 1, "standard"),
        (1, 1, 196, 1, "pointwise"),
        (1, 1, 9, 1, "pointwise_few"),
        (1, 2, 196, 1, "standard"),
        (3, 1, 196, 64, "depthwise"),
        (3, 2, 196, 64, "depthwise_strided"),
        (5, 2, 196, 64, "depthwise_large"),
        (3, 1, 196, 8, "grouped"),
    ],
)
def test_layers_are_told_apart(kernel: int, stride: int, positions: int, groups: int, kind: str) -> None:
    assert layer_kind(64, (kernel, kernel), (stride, stride), positions, groups) == kind


def test_a_standard_convolution() -> None:
    found = work_of(convolution(ref(0, 2, 32, 14, 14), ref(1, 48, 32, 3, 3), ref(2, 2, 48, 14, 14)))
    inputs, outputs, weights = 4 * 2 * 32 * 196, 4 * 2 * 48 * 196, 4 * 48 * 32 * 9
    assert found == (Work("standard.forward", 1, 2 * 2 * 196 * 48 * 32 * 9, inputs + outputs, 0, weights),)


def test_channels_are_rounded_up_to_registers() -> None:
    (narrow,) = work_of(convolution(ref(0, 1, 20, 14, 14), ref(1, 20, 20, 3, 3), ref(2, 1, 20, 14, 14)))
    (wide,) = work_of(convolution(ref(0, 1, 32, 14, 14), ref(1, 32, 32, 3, 3), ref(2, 1, 32, 14, 14)))
    assert narrow.flops == wide.flops
    assert narrow.bytes < wide.bytes


def test_a_depthwise_convolution_multiplies_each_channel_once() -> None:
    (found,) = work_of(convolution(ref(0, 1, 96, 28, 28), ref(1, 96, 1, 3, 3), ref(2, 1, 96, 28, 28), groups=96))
    assert (found.kind, found.flops) == ("depthwise.forward", 2 * 784 * 96 * 9)


@pytest.mark.parametrize(
    ("wanted", "kinds"),
    [
        ((True, True, False), ["pointwise.input", "pointwise.weight"]),
        ((False, True, True), ["pointwise.weight"]),
        ((True, False, False), ["pointwise.input"]),
        ((False, False, True), []),
    ],
)
def test_a_backward_pass_is_the_gradients_that_are_wanted(wanted: tuple[bool, bool, bool], kinds: list[str]) -> None:
    found = work_of(backward(ref(0, 1, 32, 8, 8), ref(1, 64, 32, 1, 1), ref(2, 1, 64, 8, 8), wanted))
    assert [work.kind for work in found] == kinds
    assert {work.flops for work in found} <= {2 * 64 * 64 * 32}


def test_operators_go_by_their_names_and_bytes() -> None:
    x, y = ref(0, 1024), ref(1, 1024)
    assert work_of(call("mul", (x, x), (y,))) == (Work("mul", bytes=8192),)
    assert work_of(call("mul_", (x, y), (x,))) == (Work("mul_", bytes=8192),)
    assert work_of(call("addmm", (ref(0, 4), ref(1, 2, 3), ref(2, 3, 4)), (ref(3, 2, 4),)))[0].flops == 2 * 2 * 3 * 4


def test_a_view_touches_nothing() -> None:
    assert work_of(call("view", (ref(0, 4, 4), (16,)), (ref(0, 16),))) == (Work("view"),)


def test_what_is_repeated_by_a_stride_counts_once() -> None:
    assert nbytes(TensorRef(0, (8, 100), (0, 1), 0, "float32", False)) == 400
    assert nbytes(TensorRef(0, (0, 100), (100, 1), 0, "float32", False)) == 0
    assert nbytes(ref(0, 10, dtype="int64")) == 80


def test_far_bytes_and_new_memory() -> None:
    large, small = ref(1, PAGED // 4), ref(2, PAGED // 4 - 1)
    (found,) = work_of(call("sqrt", (ref(0, PAGED // 4),), (large,)))
    assert (found.bytes, found.far) == (2 * PAGED, 2 * PAGED - NEAR)
    assert paged(call("sqrt", (ref(0, PAGED // 4),), (large,))) == PAGED
    assert paged(call("sqrt", (ref(0, PAGED // 4),), (small,))) == 0
    assert paged(call("sqrt_", (large,), (large,))) == 0


# -- rates -------------------------------------------------------------------------------------------------------------


def test_known_rates_are_found_again() -> None:
    choose = random.Random(0)
    true = {
        "standard.forward": Rates(3e-5, 1e-11, 2e-10, 0, 3e-10),
        "standard.input": Rates(2e-5, 2e-11, 1e-10, 0, 0),
        "standard.weight": Rates(1e-5, 3e-11, 0, 0, 1e-10),
        "mul": Rates(4e-6, 0, 5e-11, 2e-10, 0),
    }
    samples = []
    for _ in range(200):
        sizes = [choose.randrange(10**5, 10**9), choose.randrange(10**4, 10**8), 0, choose.randrange(10**3, 10**7)]
        both = tuple(Work(f"standard.{name}", 1, *sizes) for name in ("input", "weight"))
        touched = choose.randrange(4, 10**8)
        for works in (
            (Work("standard.forward", 1, *sizes),),
            both,
            both[choose.randrange(2) :][:1],
            (Work("mul", 1, 0, touched, max(0, touched - NEAR)),),
        ):
            samples.append(Sample(works, sum(true[work.kind].seconds(work) for work in works)))
    found = fit(samples)
    for kind, rates in true.items():
        for name in ("calls", "flops", "bytes", "far", "weights"):
            assert getattr(found[kind], name) == pytest.approx(getattr(rates, name), rel=1e-3, abs=1e-13), (kind, name)
    assert found[OTHER] == found["mul"]


def test_small_calls_do_not_tell_the_rate_of_bytes() -> None:
    """A kind seen with a few bytes only would be extrapolated a thousandfold from the noise of its calls."""
    seen = [Sample((Work("mul", bytes=n),), 4e-6 + 1e-10 * n) for n in range(0, 40 * MIB, MIB)]
    rare = [Sample((Work("silu", bytes=n),), 5e-6 + 4e-8 * n) for n in (64, 128, 256)]
    found = fit([*seen, *rare])
    assert found["silu"].bytes == found[OTHER].bytes == pytest.approx(1e-10, rel=0.2)


# -- a host ------------------------------------------------------------------------------------------------------------

IDENTITY = {"cpu": "a", "instructions": "AVX2", "cores": 2, "threads": 1, "torch": "2.13.0"}
BETWEEN = {"forward": 1e-6, "backward": -1e-6, "optimizer": 0.0}
HOST = Host(
    IDENTITY,
    {kind: Rates(1e-5, 1e-11, 1e-10, 0, 1e-10) for kind in NEEDED} | {"mul": Rates(calls=2e-6)},
    5e-10,
    BETWEEN,
    {"forward": 1.0, "backward": 2.0, "optimizer": 1.0},
    Error(6, 0.07, 0.12),
)


def record(*calls: OpCall) -> StepRecord:
    return StepRecord({}, calls, (), (), {}, ())


def test_a_step_is_the_sum_of_its_later_calls() -> None:
    x = ref(0, 10)
    calls = [
        call("mul", (x,), (x,), step=step, phase=phase)
        for step in (0, 1)
        for phase in ("forward", "backward", "optimizer")
    ]
    found = HOST.step(record(*calls, calls[3]))
    assert found == pytest.approx({"forward": 6e-6, "backward": 2e-6, "optimizer": 2e-6, "step": 10e-6})


def test_kinds_that_were_not_seen_have_others_to_stand_for_them() -> None:
    assert HOST.operator(call("unheard_of", (ref(0, 100),), (ref(1, 100),))) == pytest.approx(1e-5 + 800e-10)
    strided = convolution(ref(0, 1, 64, 28, 28), ref(1, 64, 1, 3, 3), ref(2, 1, 64, 14, 14), 2, 64)
    assert HOST.operator(strided) > 1e-5
    product = call("bmm", (ref(0, 2, 8, 8), ref(1, 2, 8, 8)), (ref(2, 2, 8, 8),))
    assert HOST.operator(product) == pytest.approx(1e-5 + 2 * 2 * 8**3 * 1e-11 + 3 * 512 * 1e-10)


def test_what_is_left_of_a_call_does_not_weigh_it() -> None:
    """A call whose memory explains all of its time says little of its product; it must not outweigh the others."""
    products = [Sample((Work("mm", flops=n),), 1e-5 + 1e-11 * n, 1e-5 + 1e-11 * n) for n in range(0, 10**9, 10**7)]
    explained = [Sample((Work("mm", flops=5 * 10**8),), left, 0.03) for left in (0.0, -1e-3)]
    assert fit([*products, *explained])["mm"].flops == pytest.approx(1e-11, rel=0.1)


def test_new_memory_takes_time() -> None:
    made = call("mul", (ref(0, 1),), (ref(1, PAGED // 4),))
    assert HOST.operator(made) == pytest.approx(2e-6 + PAGED * 5e-10)


def test_a_host_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COSTMODEL_CACHE_DIR", str(tmp_path))
    assert load(IDENTITY) is None
    path = store(HOST)
    assert path == path_of(IDENTITY)
    assert path.stat().st_size < 20_000
    assert load(IDENTITY) == HOST
    assert load(IDENTITY | {"threads": 2}) is None
    path.rename(path_of(IDENTITY | {"threads": 2}))
    assert load(IDENTITY | {"threads": 2}) is None  # of another host


def test_a_host_without_a_measured_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COSTMODEL_CACHE_DIR", str(tmp_path))
    store(replace(HOST, error=None))
    found = load(IDENTITY)
    assert found is not None
    assert found.error is None


@pytest.mark.parametrize(
    "broken",
    [
        "",
        "null",
        "[]",
        "{}",
        "not json",
        json.dumps(HOST.to_dict())[:-40],
        json.dumps(HOST.to_dict() | {"rates": {}}),
        json.dumps(HOST.to_dict() | {"rates": {"mul": {"calls": "fast"}}}),
        json.dumps(HOST.to_dict() | {"page": -1.0}),
        json.dumps(HOST.to_dict() | {"page": float("nan")}),
        json.dumps(HOST.to_dict() | {"schema": "costmodel.host/0"}),
        json.dumps(HOST.to_dict() | {"error": {"cells": 1}}),
        "[" * 100_000,
    ],
)
def test_a_broken_file_is_no_host(broken: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COSTMODEL_CACHE_DIR", str(tmp_path))
    path = path_of(IDENTITY)
    path.parent.mkdir(parents=True)
    path.write_text(broken, encoding="utf-8")
    assert load(IDENTITY) is None


def test_a_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("COSTMODEL_CACHE_DIR", str(tmp_path / "file"))
    assert store(HOST) is None
    assert load(IDENTITY) is None
