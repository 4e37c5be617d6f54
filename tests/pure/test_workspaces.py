"""What kernels allocate for themselves, worked by hand; the replay of a small step."""

from __future__ import annotations

from costmodel.machine.workspaces import Host, Kernel, allocations, allocator_peak, primitives, steps
from costmodel.machine.workspaces.kernel import channels_last, contiguous, suggests_channels_last
from costmodel.tracing.record import BIRTH, DEATH, OpCall, StepRecord, StorageEvent, TensorRef


def ref(storage: int, *shape: int, stride: tuple[int, ...] | None = None, dtype: str = "float32") -> TensorRef:
    rows: list[int] = []
    step = 1
    for side in reversed(shape):
        rows.insert(0, step)
        step *= side
    return TensorRef(storage, shape, stride or tuple(rows), 0, dtype, False)


def call(packet: str, args: tuple[object, ...], outputs: tuple[TensorRef | None, ...], events: int = 0) -> OpCall:
    return OpCall(f"aten.{packet}.default", 0, "forward", "", args, {}, outputs, events)


def convolution(x: TensorRef, weight: TensorRef, out: TensorRef, stride: int = 1, groups: int = 1) -> OpCall:
    pad = weight.shape[2] // 2
    return call("convolution", (x, weight, None, (stride,) * 2, (pad,) * 2, (1, 1), False, (0, 0), groups), (out,))


def backward(x: TensorRef, weight: TensorRef, out: TensorRef, mask: tuple[bool, ...], stride: int = 1) -> OpCall:
    pad = weight.shape[2] // 2
    args = (out, x, weight, None, (stride,) * 2, (pad,) * 2, (1, 1), False, (0, 0), 1, mask)
    made = tuple(
        ref(10 + i, *of.shape) if wanted else None
        for i, (of, wanted) in enumerate(zip((x, weight), mask, strict=False))
    )
    return call("convolution_backward", args, made)


ONE_THREAD = Host()


def largest(op: OpCall, host: Host = ONE_THREAD) -> int:
    """The most that a kernel holds at once, its outputs included."""
    held: dict[str, int] = {}
    most = 0
    for name, nbytes in steps(Kernel(op, host)):
        held[name] = nbytes
        most = max(most, sum(held.values()))
    return most


def test_the_issue_s_resnet18_layer() -> None:
    """A copy of the frozen 512 x 512 x 3 x 3 weight, of the gradient and of the result, in blocks that are full."""
    op = backward(ref(1, 1, 512, 7, 7), ref(2, 512, 512, 3, 3), ref(3, 1, 512, 7, 7), (True, False, False))
    image, weight = 4 * 512 * 7 * 7, 4 * 512 * 512 * 9
    assert (image, weight) == (100_352, 9_437_184)
    assert largest(op) == image + weight + image


def test_channels_are_padded_to_whole_blocks() -> None:
    op = convolution(ref(1, 1, 144, 56, 56), ref(2, 24, 144, 3, 3), ref(3, 1, 24, 56, 56))
    source, target, weight = 4 * 144 * 56 * 56, 4 * 32 * 56 * 56, 4 * 32 * 144 * 9
    assert largest(op) == source + weight + target
    assert largest(op, Host(block=8)) == source + 4 * 24 * 144 * 9 + 4 * 24 * 56 * 56


def test_the_first_layer_is_read_as_it_is() -> None:
    op = convolution(ref(1, 1, 3, 224, 224), ref(2, 32, 3, 3, 3), ref(3, 1, 32, 112, 112), stride=2)
    out = 4 * 32 * 112 * 112
    assert largest(op) == out + out  # blocks of the result, and the result


def test_small_images_stay_with_torch() -> None:
    """Up to 20,480 elements: pointwise needs nothing, a window needs its columns; two threads change the first."""
    pointwise = convolution(ref(1, 1, 320, 7, 7), ref(2, 1280, 320, 1, 1), ref(3, 1, 1280, 7, 7))
    assert largest(pointwise) == 4 * 1280 * 49
    window = convolution(ref(1, 1, 96, 14, 14), ref(2, 208, 96, 3, 3), ref(3, 1, 208, 14, 14))
    assert largest(window) == 4 * 96 * 9 * 196 + 4 * 208 * 196
    larger = convolution(ref(1, 2, 96, 14, 14), ref(2, 208, 96, 1, 1), ref(3, 2, 208, 14, 14))
    assert largest(larger) == 4 * 2 * 208 * 196
    assert largest(larger, Host(threads=2)) > largest(larger)


def test_other_precisions_have_no_rule_for_convolutions() -> None:
    op = convolution(ref(1, 1, 64, 56, 56, dtype="bfloat16"), ref(2, 64, 64, 3, 3), ref(3, 1, 64, 56, 56))
    assert steps(Kernel(op, Host())) == ()


def test_everything_that_is_made_is_freed_or_is_an_output() -> None:
    x, weight, out = ref(1, 2, 64, 56, 56), ref(2, 128, 64, 3, 3), ref(3, 2, 128, 28, 28)
    for op in (convolution(x, weight, out, 2), backward(x, weight, out, (True, True, False), 2)):
        for host in (Host(), Host(threads=4), Host(block=8)):
            left = dict(steps(Kernel(op, host)))
            assert {name for name, nbytes in left.items() if nbytes} <= {"output 0", "output 1"}


def test_batch_norm_backward_holds_a_second_gradient() -> None:
    x, vector = ref(1, 2, 8, 5, 5), ref(2, 8)
    args = (x, x, vector, vector, vector, vector, vector, True, 1e-5, (True, True, True))
    op = call("native_batch_norm_backward", args, (ref(5, 2, 8, 5, 5), ref(6, 8), ref(7, 8)))
    assert largest(op) == 2 * (4 * 400) + 2 * 32


def test_layouts() -> None:
    plain = ref(1, 2, 3, 4, 5)
    last = ref(1, 2, 3, 4, 5, stride=(60, 1, 15, 3))
    assert contiguous(plain)
    assert not suggests_channels_last(plain)
    assert channels_last(last)
    assert suggests_channels_last(last)
    assert not contiguous(last)
    assert contiguous(ref(1, 2, 1, 4, stride=(4, 77, 1)))  # the stride of a side of 1 does not matter
    assert not suggests_channels_last(ref(1, 1, 1, 1, 1))


def test_a_step_is_replayed() -> None:
    """A weight, a convolution whose kernel holds more than its output, the death of the output."""
    x, weight, out = ref(1, 1, 512, 7, 7), ref(2, 512, 512, 3, 3), ref(3, 1, 512, 7, 7)
    image, weights = 4 * 512 * 49, 4 * 512 * 512 * 9
    calls = (
        OpCall("aten.convolution.default", 0, "forward", "", convolution(x, weight, out).args, {}, (out,), 2),
        OpCall("aten.neg.default", 0, "forward", "", (out,), {}, (), 3),
    )
    events = (
        StorageEvent(BIRTH, 2, weights, "param"),
        StorageEvent(BIRTH, 3, image, "act"),
        StorageEvent(DEATH, 3, 0, ""),
    )
    record = StepRecord({}, calls, events, (weight,), {}, (image,))
    peak = allocator_peak(record, Host())
    assert peak.nbytes == weights + image + weights + image
    assert peak.tensors == weights
    assert peak.operator == "convolution"
    assert peak.workspaces == {"input blocks": image, "weight blocks": weights, "result blocks": image}
    live = {key: nbytes for key, nbytes, _ in allocations(record, Host())}
    assert {key for key, nbytes in live.items() if nbytes} == {2}
    assert len(primitives(record, Host())) == 1
