"""From a step traced at two points of integers to the same step in symbols.

The first point is generic: its sizes are large and coprime, so that an extent can be recognised by its value. The
second is a corner of the domain (N = 1, r = 1, odd sides). Both traces must have the same operators and the same
storage events in the same order; then every pair of values is read as a polynomial in N, r and the named sizes, windows
being derived from their own arguments rather than from values. What cannot be read raises; nothing is guessed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from costmodel.errors import LiftError
from costmodel.polynomial import Polynomial
from costmodel.rules.call import Call, Extent, Tensor, product
from costmodel.sizes import Capped, Size, Strided
from costmodel.tracing.record import BIRTH, DEATH, OpCall, StepRecord, StorageEvent, TensorRef, tensors

ITEMSIZE = {
    "float32": 4,
    "float64": 8,
    "float16": 2,
    "bfloat16": 2,
    "int64": 8,
    "int32": 4,
    "uint8": 1,
    "int8": 1,
    "bool": 1,
}

_VIEWS = frozenset(
    {"alias", "as_strided", "detach", "expand", "permute", "slice", "squeeze", "t", "transpose", "unsqueeze", "view"}
)
"""Operators that may only look at a storage in another way; `_kept` says when such a call is left out."""

_CUTS = frozenset({"slice", "narrow", "select", "index_select", "split", "chunk"})
"""Operators that keep a part of a size."""

_SIZED_FREELY = frozenset(
    {
        "_unsafe_view",
        "_reshape_alias",
        "expand",
        "reshape",
        "view",
        "bmm",
        "mm",
        "full",
        "ones",
        "zeros",
        "empty",
        "arange",
    }
)
"""Operators whose output sizes are products or repetitions of known sizes, or given by the caller's own numbers."""

Pair = tuple[int, int]


@dataclass(frozen=True, slots=True)
class LiftedStep:
    """A step in symbols.

    Attributes:
        calls: for each phase of the contract, distinct calls with the number of times they occur.
        events: the storage events in order, sizes in symbols.
        samples: number of events before each sampling instant.
        sizes: named sizes by key.
        input_bytes: bytes of the input batch.
    """

    calls: dict[str, list[tuple[Call, int]]]
    events: list[tuple[StorageEvent, Polynomial | None]]
    samples: list[int]
    sizes: dict[str, Size]
    input_bytes: Polynomial


def lift(generic: StepRecord, corner: StepRecord) -> LiftedStep:
    """Join two traces of one cell into one symbolic step.

    Args:
        generic: traced at large coprime sizes.
        corner: traced at another point of the same region; an axis with one value in both is a constant.

    Raises:
        LiftError: when the two differ in structure, or a size cannot be read as a closed form.
    """
    pairs = _kept(generic), _kept(corner)
    _require_same_structure(generic, corner, *pairs)
    reader = _Reader(generic, corner)
    counters: dict[str, Counter[Any]] = {}
    made: dict[Any, Call] = {}
    first_views: dict[int, tuple[TensorRef, TensorRef]] = {}
    for left, right in zip(generic.setup, corner.setup, strict=True):
        first_views[left.storage] = (left, right)
    for a, b in zip(pairs[0], pairs[1], strict=True):
        reader.learn(a, b)
        reader.follow(a, b)
        for left, right in zip(tensors(a.outputs), tensors(b.outputs), strict=True):
            first_views.setdefault(left.storage, (left, right))
        key = (a.name, _cost_key(a.args), _cost_key(b.args), _cost_key(tuple(sorted(a.kwargs.items()))))
        if key not in made:
            made[key] = reader.call(a, b)
        counters.setdefault(_phase(a), Counter())[key] += 1
    if counters["forward 0"] != counters["forward 1"] or counters["backward 0"] != counters["backward 1"]:
        raise LiftError("the second step runs other operators than the first one")
    phases = {
        "forward": "forward 0",
        "backward": "backward 0",
        "optimizer_first": "optimizer 0",
        "optimizer": "optimizer 1",
    }
    return LiftedStep(
        calls={name: [(made[key], times) for key, times in counters[at].items()] for name, at in phases.items()},
        events=[
            (left, reader.nbytes(left, right, first_views[left.storage]) if left.kind == BIRTH else None)
            for left, right in zip(generic.events, corner.events, strict=True)
        ],
        samples=[call.events for call in pairs[0]],
        sizes=reader.sizes,
        input_bytes=reader.read((generic.input_bytes, corner.input_bytes), "the input"),
    )


def _phase(call: OpCall) -> str:
    return f"{call.phase} {call.step}"


def _cost_key(value: Any) -> Any:
    """Describe arguments by all that a cost can depend on."""
    if isinstance(value, TensorRef):
        return value.shape, value.requires_grad
    if isinstance(value, tuple):
        return tuple([_cost_key(item) for item in value])
    return value


def _kept(record: StepRecord) -> list[OpCall]:
    """Leave out views that change no memory: where a size is 1 or a slice is whole, torch makes other ones.

    A view is left out only when nothing but deaths happened since the sample before it, so its own sample is dominated
    by that one; it costs nothing under any convention.
    """
    kept: list[OpCall] = []
    sampled = 0
    for call in record.calls:
        if call.packet in _VIEWS and all(event.kind == DEATH for event in record.events[sampled : call.events]):
            continue
        kept.append(call)
        sampled = call.events
    return kept


def _require_same_structure(generic: StepRecord, corner: StepRecord, kept: list[OpCall], others: list[OpCall]) -> None:
    for a, b in zip(kept, others, strict=False):
        if (a.name, a.step, a.phase, a.events, a.module) != (b.name, b.step, b.phase, b.events, b.module) or (
            [(t.storage, t.dtype) for t in tensors(a.args)] != [(t.storage, t.dtype) for t in tensors(b.args)]
        ):
            raise LiftError(
                f"other operators or storage events: {a.name} in '{a.module}' at {generic.base}, "
                f"{b.name} in '{b.module}' at {corner.base}"
            )
    if len(kept) != len(others):
        raise LiftError(f"{len(kept)} operators at {generic.base}, {len(others)} at {corner.base}")
    for x, y in zip(generic.events, corner.events, strict=True):
        if (x.kind, x.storage, x.group) != (y.kind, y.storage, y.group):
            raise LiftError(
                f"storage {x.storage}: {x.kind} at {generic.base}, {y.kind} of {y.storage} at {corner.base}"
            )


def _windows(call: OpCall) -> Iterator[tuple[int, int, int, int, int]]:
    """Yield (dim, kernel, stride, padding, dilation) for each spatial dim of a window operator."""
    if call.packet == "convolution":
        x, weight, _, stride, padding, dilation, transposed = call.args[:7]
        kernel = weight.shape[2:]
    elif call.packet == "max_pool2d_with_indices":
        defaults = (None, None, (), (0, 0), (1, 1), False)
        full: tuple[Any, ...] = call.args + defaults[len(call.args) :]
        x, kernel, stride, padding, dilation, ceil_mode = full
        stride, transposed = stride or kernel, ceil_mode
    else:
        return
    if transposed:
        return
    spatial = len(kernel)
    for axis in range(spatial):
        pick = [values[axis] if len(values) > 1 else values[0] for values in (stride, padding, dilation)]
        yield len(x.shape) - spatial + axis, kernel[axis], pick[0], pick[1], pick[2]


class _Reader:
    """Reads pairs of values as polynomials, learning named sizes as the operators that make them pass by."""

    def __init__(self, generic: StepRecord, corner: StepRecord) -> None:
        self._bases = (generic.base, corner.base)
        self.sizes: dict[str, Size] = {}
        self._known: dict[Pair, Polynomial] = {}
        for axis in ("N", "H", "W", "r"):
            if axis in generic.base and generic.base[axis] != corner.base[axis]:
                pair = (generic.base[axis], corner.base[axis])
                self._known[pair] = Polynomial.symbol(axis)
                if axis in ("H", "W"):
                    self.sizes[axis] = Strided(axis, 1, 0)
        self._atoms = dict(self._known)
        self.may_saturate = False

    def learn(self, a: OpCall, b: OpCall) -> None:
        """Derive the output sizes of a window operator from its arguments."""
        for dim, kernel, stride, padding, dilation in _windows(a):
            x, y = a.args[0].shape[dim], b.args[0].shape[dim]
            if x == y:
                continue
            source = self.sizes.get(str(self.read((x, y), a.name)))
            if not isinstance(source, Strided):
                raise LiftError(f"{a.name} in '{a.module}' slides over {x}, which is not a named size")
            made = source.window(kernel, stride, padding, dilation)
            pair = (next(tensors(a.outputs)).shape[dim], next(tensors(b.outputs)).shape[dim])
            if pair != (made.at(self._bases[0]), made.at(self._bases[1])):
                raise LiftError(f"{a.name} in '{a.module}' makes {pair[0]} of {x}, expected {made.at(self._bases[0])}")
            if pair[0] == pair[1]:
                raise LiftError(
                    f"{a.name} in '{a.module}' makes {pair[0]} of {x} and of {y}: a stride beyond the sizes"
                )
            symbol = Polynomial.symbol(made.key)
            if self._known.setdefault(pair, symbol) != symbol:
                raise LiftError(f"{a.name} in '{a.module}': size {pair} is both {made.text} and {self._known[pair]}")
            self._atoms[pair] = symbol
            self.sizes[made.key] = made

    def follow(self, a: OpCall, b: OpCall) -> None:
        """Make sure that the output sizes of a forward call come from its inputs.

        A size is recognised by its value, so an operator that makes another size of its own (a crop, an interpolation,
        a window without a rule here) could be taken for one that happens to agree at both points.

        Raises:
            LiftError: when such an operator makes a new size, or cuts a size that is not constant.
        """
        self.may_saturate = a.phase == "optimizer"
        if a.phase != "forward" or a.packet in _SIZED_FREELY or any(True for _ in _windows(a)):
            return
        given = [(x.shape, y.shape) for x, y in zip(tensors(a.args), tensors(b.args), strict=True)]
        pairs = {pair for left, right in given for pair in zip(left, right, strict=False)}
        for left, right in zip(tensors(a.outputs), tensors(b.outputs), strict=True):
            made = set(zip(left.shape, right.shape, strict=True))
            cut = a.packet in _CUTS and {p for p in zip(*given[0], strict=True) if p[0] != p[1]} - made
            if cut or any(x != y and (x, y) not in pairs for x, y in made):
                raise LiftError(f"{a.name} in '{a.module}' makes a size that has no closed form here")

    def read(self, pair: Pair, where: str) -> Polynomial:
        """Read a pair of values as a constant, a named size, or a product of them.

        Raises:
            LiftError: when it is none of these.
        """
        if pair[0] == pair[1]:
            return Polynomial.of(pair[0])
        if pair not in self._known:
            self._known[pair] = self._capped(pair) or self._factored(pair, where)
        return self._known[pair]

    def _capped(self, pair: Pair) -> Polynomial | None:
        large, small = (base.get("r") for base in self._bases)
        if (
            not self.may_saturate
            or large is None
            or small is None
            or not (small < pair[0] < large and pair[1] == small)
        ):
            return None
        size = Capped("r", pair[0])
        self.sizes[size.key] = size
        return Polynomial.symbol(size.key)

    def _factored(self, pair: Pair, where: str) -> Polynomial:
        rest, factors = pair, Polynomial.of(1)
        for (x, y), symbol in sorted(self._atoms.items(), reverse=True):
            while rest[0] != rest[1] and rest[0] % x == 0 and rest[1] % y == 0:
                rest, factors = (rest[0] // x, rest[1] // y), factors * symbol
        if rest[0] != rest[1]:
            raise LiftError(f"{where}: the size {pair[0]} at {self._bases[0]} has no closed form in the named sizes")
        return factors * rest[0]

    def _tensor(self, a: TensorRef, b: TensorRef, where: str) -> Tensor:
        dims: list[Extent] = [x if x == y else self.read((x, y), where) for x, y in zip(a.shape, b.shape, strict=True)]
        return Tensor(tuple(dims), a.requires_grad)

    def _value(self, a: Any, b: Any, where: str) -> Any:
        if isinstance(a, TensorRef):
            return self._tensor(a, b, where)
        if isinstance(a, tuple):
            if not isinstance(b, tuple) or len(a) != len(b):
                raise LiftError(f"{where} takes other arguments at the two points")
            return tuple([self._value(x, y, where) for x, y in zip(a, b, strict=True)])
        return a

    def call(self, a: OpCall, b: OpCall) -> Call:
        """Read one operator call. Sizes among its plain arguments stay numbers: no rule reads them."""
        where = f"{a.name} in '{a.module}'"
        return Call(
            a.packet,
            self._value(a.args, b.args, where),
            {name: self._value(value, b.kwargs[name], where) for name, value in a.kwargs.items()},
            self._value(a.outputs, b.outputs, where),
        )

    def nbytes(self, a: StorageEvent, b: StorageEvent, views: tuple[TensorRef, TensorRef]) -> Polynomial:
        """Read the bytes of a new storage, by the first tensor over it where that fills it."""
        left, right = views
        itemsize = ITEMSIZE[left.dtype]
        if (a.nbytes, b.nbytes) == (itemsize * product(left.shape), itemsize * product(right.shape)):
            return Polynomial.of(itemsize * self._tensor(left, right, "a storage").numel)
        return self.read((a.nbytes, b.nbytes), "a storage")
