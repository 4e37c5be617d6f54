"""Pairs of values, seen at two points of integers, read as polynomials in the base symbols and named sizes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from costmodel.algebra.polynomial import Polynomial
from costmodel.algebra.sizes import Affine, Capped, Size, Strided, Tokens
from costmodel.cell.inputs import Lattice
from costmodel.contract import AXES, SIDES
from costmodel.dtypes import itemsize
from costmodel.errors import LiftError
from costmodel.rules.call import Call, Extent, Tensor, product
from costmodel.tracing.record import OpCall, StepRecord, StorageEvent, TensorRef

Pair = tuple[int, int]


class Reader:
    """Reads pairs of values as polynomials, learning named sizes as the operators that make them pass by.

    Attributes:
        sizes: the named sizes by key.
        may_saturate: whether a rank may meet the side of a matrix: in the optimizer only.
        longest: the largest S that a table cut to the length of the text allows.
        guessed: whether a size was taken to be what it looks like; then the formula has to prove itself elsewhere.
    """

    def __init__(self, generic: StepRecord, corner: StepRecord, lattice: Lattice) -> None:
        self._bases = (generic.base, corner.base)
        self._square = lattice.square
        self.sizes: dict[str, Size] = {}
        self.guessed = False
        self.may_saturate = False
        self.longest: int | None = None
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
        varying = [part for part in parts if part[0] != part[1]]
        if len(varying) == 1 and varying[0] in self._extents:
            self._extents.setdefault(made, self._extents[varying[0]].plus(made[0] - varying[0][0]))
        if self._square and (tokens := _tokens(total, self.sizes)):
            self.sizes[tokens.key] = tokens
            total = Polynomial.symbol(tokens.key)
        self._name(made, total, where)

    def take(self, made: Pair, where: str) -> None:
        """Take a size for the one that it looks like."""
        if made[0] != made[1]:
            self.read(made, where)
            self.guessed = True

    def cut(self, table: int, made: Pair) -> None:
        """Note that a table of fixed size is cut to a length."""
        extent = self._extents.get(made)
        if extent and extent.scale == 1 and extent.size.axis == "S" and extent.size.divisor == 1:
            rows = table - extent.size.offset
            self.longest = min(rows, self.longest or rows)

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

    def nbytes(self, a: StorageEvent, b: StorageEvent, views: tuple[TensorRef, TensorRef] | None) -> Polynomial:
        """Read the bytes of a new storage, by the first tensor over it where that fills it."""
        if views is None:  # a part of a sparse tensor
            return self.read((a.nbytes, b.nbytes), "a storage")
        left, right = views
        width = itemsize(left.dtype)
        if (a.nbytes, b.nbytes) == (width * product(left.shape), width * product(right.shape)):
            return Polynomial.of(width * self._tensor(left, right, "a storage").numel)
        return self.read((a.nbytes, b.nbytes), "a storage")


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
    return side.tokens(extra) if side else None
