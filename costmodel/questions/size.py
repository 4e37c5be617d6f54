"""The inverse question: what is the largest rank, batch or resolution that still fits a budget? Exactly, by formula."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

from costmodel.algebra.domain import Free
from costmodel.algebra.formula import PEAK, CostFormula, flops_key, memory_key
from costmodel.cell.axes import Value
from costmodel.cell.request import Request, request_at
from costmodel.contract import SIDES, STEP_PHASES
from costmodel.errors import CostModelError, InputError
from costmodel.options import LARGEST
from costmodel.sources.regions import ALONE, STARTS
from costmodel.sources.source import Source
from costmodel.units import size, work

SCANNED = 2**20
"""How far a quantity that is not proved to rise is evaluated value by value."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What a device has.

    Attributes:
        memory: bytes for the peak, ``None`` for no limit.
        flops: FLOPs for a step after the first one, ``None`` for no limit.
        convention: how FLOPs are counted.
    """

    memory: int | None
    flops: int | None
    convention: str = "arithmetic"

    def __str__(self) -> str:
        parts = [
            f"peak <= {size(self.memory)}" if self.memory else "",
            f"step <= {work(self.flops)}" if self.flops else "",
        ]
        return ", ".join(filter(None, parts))

    def fits(self, cost: Cost) -> bool:
        """Tell whether a cost is within the budget."""
        return (self.memory is None or cost.peak <= self.memory) and (self.flops is None or cost.step <= self.flops)

    def leaves_room(self, numbers: Mapping[str, int]) -> bool:
        """Tell whether smaller inputs could fit: what a step takes for parameters alone does not shrink with them.

        Parameters, buffers and all gradients are alive when the optimizer's tensors are at their peak.
        """
        held = [numbers[memory_key(group)] for group in ("param", "buffer", "grad", "opt")]
        optimizer = numbers[flops_key(self.convention, "optimizer")]
        return (self.memory is None or sum(held) <= self.memory) and (self.flops is None or optimizer <= self.flops)

    @property
    def keys(self) -> list[str]:
        """The quantities that it limits."""
        step = [flops_key(self.convention, phase) for phase in STEP_PHASES]
        return [PEAK] * (self.memory is not None) + step * (self.flops is not None)


@dataclass(frozen=True, slots=True)
class Cost:
    """What a budget is compared with: the peak in bytes, FLOPs of a step after the first, bytes of gradients.

    Where ``lower_bound`` is true, the step has operators that are not counted.
    """

    peak: int
    step: int
    trained: int
    lower_bound: bool = False

    @staticmethod
    def of(numbers: Mapping[str, int], convention: str, *, lower_bound: bool = False) -> Cost:
        """Take it from the numbers of a formula."""
        step = sum(numbers[flops_key(convention, phase)] for phase in STEP_PHASES)
        return Cost(numbers[PEAK], step, numbers[memory_key("grad")], lower_bound and convention == "arithmetic")


@dataclass(frozen=True, slots=True)
class Largest:
    """The largest value of an axis that still fits, all else as asked.

    Attributes:
        axis: ``r``, ``N``, ``S`` (tokens), or ``side`` for height and width at once.
        value: the value, ``None`` where not even the smallest fits.
        unlimited: whether every value fits: a rank that saturates.
        step: what the value is a multiple of.
    """

    axis: str
    value: int | None
    unlimited: bool = False
    step: int = 1


@dataclass(frozen=True, slots=True)
class Fit:
    """How a method stands to a budget.

    Attributes:
        source: the cell.
        point: where it was asked for, and where ``cost`` is taken.
        cost: peak, step, gradients there.
        fits: whether that is within the budget.
        largest: of each axis along which the cost has a closed form.
    """

    source: Source
    point: Mapping[str, int]
    cost: Cost
    fits: bool
    largest: tuple[Largest, ...]

    @property
    def method(self) -> str:
        """Name of the method."""
        return self.source.setup.method.name


def fit(source: Source, asked: Request, budget: Budget) -> Fit:
    """Find out how a cell stands to a budget.

    Args:
        source: the cell.
        asked: the point, numbers only.
        budget: what there is.

    Raises:
        InputError: where the model refuses the point.
        TraceError, LiftError: where no formula can be derived.
    """
    point = asked.numbers
    formula = source.derivation(asked).formula
    cost = Cost.of(formula.evaluate(point), budget.convention, lower_bound=formula.lower_bound)
    search = _Search(source, point, budget)
    axes = [("r", ("r",)), ("N", ("N",)), ("S", ("S",)), ("side", ("H", "W"))]
    found = (search.largest(name, moved) for name, moved in axes if {*moved} <= point.keys())
    return Fit(source, point, cost, budget.fits(cost), tuple(largest for largest in found if largest is not None))


class _Search:
    """Looks for the largest value of an axis, in each region of the formulas along it."""

    def __init__(self, source: Source, point: Mapping[str, int], budget: Budget) -> None:
        self._source = source
        self._point = point
        self._budget = budget

    def largest(self, name: str, moved: Sequence[str]) -> Largest | None:
        """Return the largest value of the axes that move together, all else as asked; ``None`` without closed form."""
        regions = self._regions(moved)
        if not regions:
            return None
        step = max(region.step for region in regions)
        fitting = [value for region in regions if (value := self._within(region, moved)) is not None]
        if not fitting and moved[0] in SIDES:
            fitting = [value for value in [self._small(moved, regions[0])] if value is not None]
        best = max(fitting, default=None)
        unlimited = name == "r" and best is not None and best + step > LARGEST
        return Largest(name, best, unlimited, step)

    def _regions(self, moved: Sequence[str]) -> list[_Region]:
        """Return the regions of the formulas along an axis; together they hold every value with a closed form.

        None at all where the axis has no closed form: a value that fits would say nothing of the others.
        """
        only = self._source.setup.subject.lattice.only
        starts: tuple[Value, ...] = STARTS.get(moved[0], (only or "S",))
        found: list[_Region] = []
        for start in starts:
            values = dict.fromkeys(moved, start)
            try:
                asked = request_at(self._source.setup, {**self._point, **values})
                formula = self._source.derivation(asked).formula
            except CostModelError as error:
                if moved[0] in SIDES or isinstance(error, InputError):
                    continue  # no closed form in the sides; or one input is too few, or groups do not divide a rank
                raise
            free = [condition for axis in moved if (condition := formula.domain.along(axis))]
            if only and moved[0] in SIDES:
                found.append(_Region(formula, only, only, 1))
            elif len(free) == len(moved):
                together = reduce(Free.meet, free)
                first, last = together.ends(LARGEST)
                found.append(_Region(formula, first, last - (last - first) % together.multiple, together.multiple))
            elif start == ALONE:
                found.append(_Region(formula, ALONE, ALONE, 1))
            else:
                return []
        return found

    def _within(self, region: _Region, moved: Sequence[str]) -> int | None:
        """Return the largest value of a region that fits."""
        verified = self._source.setup.verified
        if not self._rises(region.formula, moved):
            steps = reversed(range(min(SCANNED, len(region))))
            fitting = (at for at in steps if self._fits(region, moved, at))
            found = next((at for at in fitting if verified or self._is_confirmed(region, moved, at)), None)
        elif not self._fits(region, moved, 0):
            return None
        else:
            found = _last(lambda at: self._fits(region, moved, at), 0, len(region))
            found = found if verified else self._confirmed(region, moved, found)
        return None if found is None else region.at(found)

    def _is_confirmed(self, region: _Region, moved: Sequence[str], at: int) -> bool:
        """Tell whether a value fits by the formula that answers at the very point: one that is checked there."""
        point = self._at(region, moved, at)
        formula = self._source.derivation(request_at(self._source.setup, point)).formula
        return self._budget.fits(Cost.of(formula.evaluate(point), self._budget.convention))

    def _confirmed(self, region: _Region, moved: Sequence[str], found: int) -> int | None:
        """Check what a formula that rises says of a cell that is not verified, such as code that branches on a size."""

        def fits(at: int) -> bool:
            return self._is_confirmed(region, moved, at)

        if not fits(found):
            return _last(fits, 0, found) if found and fits(0) else None
        beyond = 1
        while found + beyond < len(region) and fits(found + beyond):
            beyond *= 2
        return _last(fits, found + beyond // 2, min(found + beyond, len(region)))

    def _fits(self, region: _Region, moved: Sequence[str], at: int) -> bool:
        numbers = region.formula.evaluate(self._at(region, moved, at))
        return self._budget.fits(Cost.of(numbers, self._budget.convention))

    def _at(self, region: _Region, moved: Sequence[str], at: int) -> dict[str, int]:
        return {**self._point, **dict.fromkeys(moved, region.at(at))}

    def _rises(self, formula: CostFormula, moved: Sequence[str]) -> bool:
        """Prove that what the budget limits never falls along an axis: named sizes do not, and none is subtracted."""
        held = {axis: value for axis, value in self._point.items() if axis not in moved}
        values: dict[str, Value] = {**held}
        values |= {name: size.at(held) for name, size in formula.sizes.items() if size.axis in held}
        terms = [term.substitute(values) for key in self._budget.keys for term in formula.quantities[key]]
        return all(c >= 0 for term in terms for monomial, c in term.terms.items() if monomial)

    def _small(self, moved: Sequence[str], region: _Region) -> int | None:
        """Return the largest side that fits below where the closed form begins: each is traced by itself.

        Where closed forms hold at multiples of a number only, so do the sides that are looked at.

        Raises:
            TraceError: where a step cannot be traced.
        """
        from costmodel.tracing.memo import ShapeMemo
        from costmodel.tracing.pointwise import add_up
        from costmodel.tracing.step import record_step

        numbers = region.formula.evaluate({**self._point, **dict.fromkeys(moved, region.first)})
        setup, memo = self._source.setup, ShapeMemo()
        for side in range(region.first - region.step, 0, -region.step):
            if not self._budget.leaves_room(numbers):
                return None
            try:
                asked = request_at(setup, {**self._point, **dict.fromkeys(moved, side)})
                numbers = add_up(record_step(setup, asked.representative(), memo))
            except InputError:  # a model that refuses a side refuses smaller ones
                return None
            if self._budget.fits(Cost.of(numbers, self._budget.convention)):
                return side
        return None


def _last(fits: Callable[[int], bool], low: int, high: int) -> int:
    """Return the place from ``low``, where it fits, before ``high``, where it does not, that is the last one to fit."""
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


@dataclass(frozen=True, slots=True)
class _Region:
    """Where one formula holds along an axis: from ``first`` to ``last`` in steps."""

    formula: CostFormula
    first: int
    last: int
    step: int

    def __len__(self) -> int:
        return (self.last - self.first) // self.step + 1

    def at(self, place: int) -> int:
        """Return a value of the region by its place."""
        return self.first + place * self.step
