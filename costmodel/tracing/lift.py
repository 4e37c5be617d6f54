"""From a step traced at two points of integers to the same step in symbols.

The first point is generic: its sizes are large and coprime, so that an extent can be recognised by its value. The
second is a corner of the domain (N = 1, r = 1, odd sides). Both traces must have the same operators and the same
storage events in the same order; then every pair of values is read as a polynomial in N, r and the named sizes, windows
being derived from their own arguments rather than from values. What cannot be read raises; nothing is guessed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from costmodel.contract import AXES, SIDES
from costmodel.errors import LiftError
from costmodel.inputs import Lattice
from costmodel.polynomial import Polynomial
from costmodel.rules.call import Call, Extent, Tensor, product
from costmodel.sizes import Affine, Capped, Size, Strided, Tokens
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

_SIZED_FREELY = frozenset(
    {
        "_efficientzerotensor",
        "new_empty",
        "new_full",
        "new_ones",
        "new_zeros",
        "repeat",
        "scalar_tensor",
        "tril",
        "triu",
        "unfold",
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
        guessed: whether a size was taken to be what it looks like, so that the result has to be checked elsewhere.
    """

    calls: dict[str, list[tuple[Call, int]]]
    events: list[tuple[StorageEvent, Polynomial | None]]
    samples: list[int]
    sizes: dict[str, Size]
    input_bytes: Polynomial
    guessed: bool


def lift(generic: StepRecord, corner: StepRecord, lattice: Lattice) -> LiftedStep:
    """Join two traces of one cell into one symbolic step.

    Args:
        generic: traced at large coprime sizes.
        corner: traced at another point of the same region; an axis with one value in both is a constant.
        lattice: which sides the model takes.

    Raises:
        LiftError: when the two differ in structure, or a size cannot be read as a closed form.
    """
    generic, corner = _in_order(generic), _in_order(corner)
    (kept, views), (others, other_views) = _kept(generic), _kept(corner)
    _require_same_structure(generic, corner, kept, others)
    reader = _Reader(generic, corner, lattice)
    counters: dict[str, Counter[Any]] = {}
    made: dict[Any, Call] = {}
    first_views: dict[int, tuple[TensorRef, TensorRef]] = {}
    for left, right in zip(generic.setup, corner.setup, strict=True):
        first_views[left.storage] = (left, right)
    for a, b, before, other_before in zip(kept, others, views, other_views, strict=True):
        if [view.name for view in before] == [view.name for view in other_before]:
            for view, other_view in zip(before, other_before, strict=True):
                reader.learn(view, other_view)
        reader.learn(a, b)
        for left, right in zip(tensors(a.outputs), tensors(b.outputs), strict=True):
            first_views.setdefault(left.storage, (left, right))
        key = (a.name, _cost_key(a.args), _cost_key(b.args), _cost_key(tuple(sorted(a.kwargs.items()))))
        if key not in made:
            made[key] = reader.call(a, b)
        counters.setdefault(_phase(a), Counter())[key] += 1
    if counters["forward 0"] != counters["forward 1"] or counters["backward 0"] != counters["backward 1"]:
        raise LiftError("the second step runs other operators than the first one" + _first_change(kept))
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
        samples=[call.events for call in kept],
        sizes=reader.sizes,
        input_bytes=reader.read((generic.input_bytes, corner.input_bytes), "the input"),
        guessed=reader.guessed,
    )


def _first_change(calls: list[OpCall]) -> str:
    """Name the first operators of the forward and backward pass that are not the same in both steps."""
    steps = [[call for call in calls if call.step == step and call.phase != "optimizer"] for step in (0, 1)]
    for first, second in zip(*steps, strict=False):
        if first.name != second.name:
            return f": {first.name} in '{first.module}', then {second.name}"
    return ""


def _phase(call: OpCall) -> str:
    return f"{call.phase} {call.step}"


def _cost_key(value: Any) -> Any:
    """Describe arguments by all that a cost can depend on."""
    if isinstance(value, TensorRef):
        return value.shape, value.requires_grad
    if isinstance(value, tuple):
        return tuple([_cost_key(item) for item in value])
    return value


def _in_order(record: StepRecord) -> StepRecord:
    """Sort the deaths between two samples, whose order is up to a hash table where autocast drops its copies."""
    samples = {call.events for call in record.calls}
    events: list[StorageEvent] = []
    deaths: list[StorageEvent] = []
    for place, event in enumerate(record.events):
        if deaths and (event.kind != DEATH or place in samples):
            events += sorted(deaths, key=lambda death: death.storage)
            deaths = []
        (deaths if event.kind == DEATH else events).append(event)
    return replace(record, events=(*events, *sorted(deaths, key=lambda death: death.storage)))


def _kept(record: StepRecord) -> tuple[list[OpCall], list[list[OpCall]]]:
    """Leave out views that change no memory: where a size is 1 or a slice is whole, torch makes other ones.

    A view is left out only when nothing but deaths happened since the sample before it, so its own sample is dominated
    by that one; it costs nothing under any convention.

    Returns:
        The calls that stay, and for each the views left out before it.
    """
    kept: list[OpCall] = []
    left_out: list[list[OpCall]] = []
    views: list[OpCall] = []
    sampled = 0
    for call in record.calls:
        if call.packet in _VIEWS and all(event.kind == DEATH for event in record.events[sampled : call.events]):
            views.append(call)
            continue
        kept.append(call)
        left_out.append(views)
        views = []
        sampled = call.events
    return kept, left_out


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


class _Reader:
    """Reads pairs of values as polynomials, learning named sizes as the operators that make them pass by.

    Attributes:
        sizes: the named sizes by key.
        guessed: whether a size was taken to be what it looks like; then the formula has to prove itself elsewhere.
    """

    def __init__(self, generic: StepRecord, corner: StepRecord, lattice: Lattice) -> None:
        self._bases = (generic.base, corner.base)
        self._square = lattice.square
        self.sizes: dict[str, Size] = {}
        self.guessed = False
        self.may_saturate = False
        self._known: dict[Pair, Polynomial] = {}
        self._atoms: dict[Pair, Polynomial] = {}
        self._extents: dict[Pair, Affine] = {}
        for axis in AXES:
            if axis not in generic.base or generic.base[axis] == corner.base[axis] or (axis == "W" and self._square):
                continue
            pair = (generic.base[axis], corner.base[axis])
            if axis not in SIDES:
                self._known[pair] = self._atoms[pair] = Polynomial.symbol(axis)
            elif axis == "S" or lattice.multiple == 1:
                self._define(Affine(1, Strided(axis, 1, 0), 0), axis)
            else:
                unit = Strided(axis, lattice.multiple, 0)
                self._define(Affine(1, unit, 0), axis)
                self._define(Affine(lattice.multiple, unit, 0), axis)

    # -- sizes that operators make -----------------------------------------------------------------------------------

    def _define(self, extent: Affine, where: str) -> None:
        """Know an extent by its pair of values.

        Raises:
            LiftError: when it has one value at both points, or the pair stands for another extent.
        """
        pair = (extent.at(self._bases[0]), extent.at(self._bases[1]))
        if pair[0] == pair[1]:
            raise LiftError(f"{where} makes {pair[0]} at both points: a stride beyond the sizes")
        self.sizes[extent.size.key] = extent.size
        symbol = Polynomial.symbol(extent.size.key)
        self._name(pair, extent.scale * symbol + extent.shift, where)
        self._extents.setdefault(pair, extent)

    def _name(self, pair: Pair, meaning: Polynomial, where: str) -> None:
        if self._known.setdefault(pair, meaning) != meaning:
            raise LiftError(f"{where}: size {pair} is both {meaning} and {self._known[pair]}")
        self._atoms[pair] = meaning

    def learn(self, a: OpCall, b: OpCall) -> None:
        """Derive the sizes that a call makes; make sure that a forward call makes no other ones.

        A size is recognised by its value, so an operator that makes a size of its own could be taken for one that
        happens to agree at both points.

        Raises:
            LiftError: when an operator without a rule makes a new size.
        """
        self.may_saturate = a.phase == "optimizer"
        if a.phase != "forward":
            return
        where = f"{a.name} in '{a.module}'"
        rule = _SIZE_RULES.get(a.packet)
        try:
            if rule:
                rule(self, a, b, where)
        except ArithmeticError as error:
            raise LiftError(f"{where}: {error}") from error
        if rule or a.packet in _SIZED_FREELY:
            return
        given = [(x.shape, y.shape) for x, y in zip(tensors(a.args), tensors(b.args), strict=True)]
        pairs = {pair for left, right in given for pair in zip(left, right, strict=False)}
        for left, right in zip(tensors(a.outputs), tensors(b.outputs), strict=True):
            if any(x != y and (x, y) not in pairs for x, y in zip(left.shape, right.shape, strict=True)):
                raise LiftError(f"{where} makes a size that has no closed form here")

    def make(self, source: Pair, made: Pair, how: Callable[[Affine], Affine], where: str) -> None:
        """Define the size that ``how`` makes of a known extent.

        Raises:
            LiftError: when the extent is not a named size, or the result is not what was seen.
        """
        if source[0] == source[1]:
            return
        self.read(source, where)
        if source not in self._extents:
            raise LiftError(f"{where} slides over {source[0]}, which is not a named size")
        extent = how(self._extents[source])
        if made != (extent.at(self._bases[0]), extent.at(self._bases[1])):
            raise LiftError(f"{where} makes {made[0]} of {source[0]}, expected {extent.at(self._bases[0])}")
        self._define(extent, where)

    def sum_up(self, parts: list[Pair], made: Pair, where: str) -> None:
        """Define the size of tensors joined along one dim; on a square image, patches and a class token are tokens."""
        if made[0] == made[1]:
            return
        total = Polynomial.total(self.read(part, where) for part in parts)
        if self._square and (tokens := _tokens(total, self.sizes)):
            self.sizes[tokens.key] = tokens
            total = Polynomial.symbol(tokens.key)
        self._name(made, total, where)

    def take(self, made: Pair, where: str) -> None:
        """Take a size for the one that it looks like."""
        if made[0] != made[1]:
            self.read(made, where)
            self.guessed = True

    # -- values ------------------------------------------------------------------------------------------------------

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
            while rest[0] != rest[1] and x and y and rest[0] % x == 0 and rest[1] % y == 0:
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


# -- rules of operators that make sizes --------------------------------------------------------------------------------


def _spatial(call: OpCall) -> tuple[TensorRef, TensorRef]:
    """Return the input and the output of an operator that makes one tensor of another."""
    return next(tensors(call.args)), next(tensors(call.outputs))


def _slide(reader: _Reader, a: OpCall, b: OpCall, where: str, windows: list[dict[str, Any]]) -> None:
    """Windows over the trailing dims: keyword arguments of `Affine.window` for each."""
    (x, out), (y, other) = _spatial(a), _spatial(b)
    for axis, window in zip(range(-len(windows), 0), windows, strict=True):
        made = out.shape[axis], other.shape[axis]
        reader.make((x.shape[axis], y.shape[axis]), made, lambda extent, w=window: extent.window(**w), where)  # type: ignore[misc]  # bound at once


def _filled(call: OpCall, defaults: tuple[Any, ...]) -> tuple[Any, ...]:
    return call.args + defaults[len(call.args) :]


def _each(values: Any, axis: int) -> int:
    """Pick an axis' value where one may stand for all."""
    return int(values[axis] if len(values) > 1 else values[0])


def _convolution(reader: _Reader, a: OpCall, b: OpCall, where: str) -> None:
    _, weight, _, stride, padding, dilation, transposed = a.args[:7]
    kernel = weight.shape[2:]
    if transposed:
        _transposed(reader, a, b, where)
        return
    windows = [
        {
            "kernel": size,
            "stride": _each(stride, axis),
            "padding": _each(padding, axis),
            "dilation": _each(dilation, axis),
        }
        for axis, size in enumerate(kernel)
    ]
    _slide(reader, a, b, where, windows)


def _transposed(reader: _Reader, a: OpCall, b: OpCall, where: str) -> None:
    """(h - 1)*stride - 2*padding + dilation*(kernel - 1) + output_padding + 1, as ``torch.nn.ConvTranspose2d``."""
    (x, out), (y, other) = _spatial(a), _spatial(b)
    _, weight, _, strides, padding, dilation, _, extra = a.args[:8]
    for axis, kernel in enumerate(weight.shape[2:]):
        dim, stride = axis - len(weight.shape) + 2, _each(strides, axis)
        added = _each(dilation, axis) * (kernel - 1) + 1 - stride - 2 * _each(padding, axis) + _each(extra, axis)
        made = out.shape[dim], other.shape[dim]
        reader.make((x.shape[dim], y.shape[dim]), made, lambda e, t=stride, n=added: _times(e, t).plus(n), where)  # type: ignore[misc]  # bound at once


def _max_pool(reader: _Reader, a: OpCall, b: OpCall, where: str) -> None:
    _, kernel, stride, padding, dilation, ceil_mode = _filled(a, (None, None, (), (0,), (1,), False))
    windows = [
        {
            "kernel": _each(kernel, axis),
            "stride": _each(stride or kernel, axis),
            "padding": _each(padding, axis),
            "dilation": _each(dilation, axis),
            "ceil_mode": ceil_mode,
        }
        for axis in range(_spatial_dims(a))
    ]
    _slide(reader, a, b, where, windows)


def _avg_pool(reader: _Reader, a: OpCall, b: OpCall, where: str) -> None:
    _, kernel, stride, padding, ceil_mode, *_ = _filled(a, (None, None, (), (0,), False))
    windows = [
        {
            "kernel": _each(kernel, axis),
            "stride": _each(stride or kernel, axis),
            "padding": _each(padding, axis),
            "dilation": 1,
            "ceil_mode": ceil_mode,
        }
        for axis in range(_spatial_dims(a))
    ]
    _slide(reader, a, b, where, windows)


def _spatial_dims(call: OpCall) -> int:
    return 3 if "3d" in call.packet else 2


def _pad(reader: _Reader, a: OpCall, b: OpCall, where: str) -> None:
    """Padding by a number; an amount that is the same at both points is taken for one."""
    (x, out), (y, other) = _spatial(a), _spatial(b)
    for axis in range(1, len(a.args[1]) // 2 + 1):
        source, made = (x.shape[-axis], y.shape[-axis]), (out.shape[-axis], other.shape[-axis])
        reader.make(source, made, lambda extent, n=made[0] - source[0]: extent.plus(n), where)  # type: ignore[misc]  # bound at once
        reader.guessed |= source[0] != source[1]


def _times(extent: Affine, factor: int) -> Affine:
    return Affine(extent.scale * factor, extent.size, extent.shift * factor)


def _slice(reader: _Reader, a: OpCall, b: OpCall, where: str) -> None:
    """``x[start:end:step]``: a shift and a stride where counted from the ends; else taken for what it looks like."""
    (x, out), (y, other) = _spatial(a), _spatial(b)
    dim, step = _filled(a, (None, 0, None, None, 1))[1], _filled(a, (None, 0, None, None, 1))[4]
    source, made = (x.shape[dim], y.shape[dim]), (out.shape[dim], other.shape[dim])
    if source[0] == source[1] or made[0] == made[1] or source == made:
        return
    (start, end), (other_start, other_end) = _bounds(a, source[0]), _bounds(b, source[1])
    if start == other_start and source[0] - end == source[1] - other_end:
        cut = start + source[0] - end
        reader.make(source, made, lambda extent: extent.over(step, step - 1 - cut), where)
    else:
        reader.take(made, where)


def _bounds(call: OpCall, size: int) -> tuple[int, int]:
    """Return start and end of a slice, both counted from the start."""
    _, _, start, end, _ = _filled(call, (None, 0, None, None, 1))
    return slice(start, end).indices(size)[:2]


def _cat(reader: _Reader, a: OpCall, b: OpCall, where: str) -> None:
    out, other = next(tensors(a.outputs)), next(tensors(b.outputs))
    parts = [(x, y) for x, y in zip(tensors(a.args), tensors(b.args), strict=True) if len(x.shape) == len(out.shape)]
    for dim, made in enumerate(zip(out.shape, other.shape, strict=True)):
        pairs = [(x.shape[dim], y.shape[dim]) for x, y in parts]
        if made not in pairs or sum(pair[0] for pair in pairs) == made[0]:
            reader.sum_up(pairs, made, where)


def _as_given(reader: _Reader, a: OpCall, b: OpCall, where: str) -> None:
    """The caller chose the output's sizes by numbers of its own."""
    for left, right in zip(tensors(a.outputs), tensors(b.outputs), strict=True):
        for pair in zip(left.shape, right.shape, strict=True):
            reader.take(pair, where)


_SIZE_RULES: dict[str, Callable[[_Reader, OpCall, OpCall, str], None]] = {
    "convolution": _convolution,
    "max_pool2d_with_indices": _max_pool,
    "max_pool3d_with_indices": _max_pool,
    "avg_pool2d": _avg_pool,
    "avg_pool3d": _avg_pool,
    "constant_pad_nd": _pad,
    "slice": _slice,
    "cat": _cat,
    **dict.fromkeys(
        (
            "narrow",
            "split",
            "split_with_sizes",
            "chunk",
            "index_select",
            "index",
            "upsample_bilinear2d",
            "upsample_nearest2d",
            "upsample_bicubic2d",
            "_adaptive_avg_pool2d",
            "_adaptive_avg_pool3d",
            "adaptive_max_pool2d",
        ),
        _as_given,
    ),
}
"""How an operator that makes sizes of its own makes them."""


def _tokens(total: Polynomial, sizes: Mapping[str, Size]) -> Tokens | None:
    """Read k**2 + c, with k = axis / divisor, as a token count."""
    terms = dict(total.terms)
    extra = terms.pop((), 0)
    if len(terms) != 1 or not extra:
        return None
    (monomial, coefficient) = next(iter(terms.items()))
    if coefficient != 1 or len(monomial) != 1 or monomial[0][1] != 2:
        return None
    side = sizes.get(monomial[0][0])
    return Tokens(side.axis, side.divisor, extra) if isinstance(side, Strided) and not side.offset else None
