"""A cell without its point: where its formulas come from, and which of them answers a request."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from costmodel.algebra.formula import CostFormula, Derivation
from costmodel.cell.request import Request
from costmodel.cell.setup import Setup
from costmodel.contract import SIDES, Point
from costmodel.errors import CostModelError, LiftError, TraceError
from costmodel.rules import registry
from costmodel.sources import atlas
from costmodel.sources.versions import MISSING, installed

if TYPE_CHECKING:
    from costmodel.sources.cache import FormulaCache
    from costmodel.sources.derive import Tracer


@dataclass(frozen=True)
class Source:
    """Where the formulas of a cell come from: shipped, or derived once for each region and then remembered.

    Attributes:
        setup: the cell.
        cached: whether formulas that others derived may answer: those shipped, and those on disk. They never do while
            a rule of the caller's is registered.
    """

    setup: Setup
    cached: bool = True
    _by_rules: dict[int, list[Derivation]] = field(default_factory=dict, init=False, repr=False, compare=False)

    @cached_property
    def versions(self) -> dict[str, str]:
        """Versions of the packages that decide the cost; of those not installed, the ones that shipped formulas had."""
        found = installed((*self.setup.method.packages, *self.setup.subject.packages))
        return {
            **found,
            **{name: had for name, had in atlas.versions(self.setup).items() if found.get(name) == MISSING},
        }

    def derivation(
        self, asked: Request, working: Callable[[], None] = lambda: None, tracer: Tracer | None = None
    ) -> Derivation:
        """Return the closed form for the region asked for: as shipped, from memory or disk, or by tracing.

        Args:
            asked: the point, some of whose axes may be symbolic.
            working: called once before tracing starts.
            tracer: traces this cell, for a caller who asks for several regions and keeps its traces meanwhile.

        Raises:
            InputError: when the model refuses the size, or a symbolic side would have to reach below the smallest one.
            TraceError, LiftError: when no closed form can be derived.
        """
        for known in self._known():
            if covers(known.formula, asked) and self._holds(known.formula, asked):
                return known
        working()
        made = self._derive(asked, tracer)
        if disk := self._disk():
            disk.store(self._derived)
        return made

    def _known(self) -> Iterator[Derivation]:
        """Yield what needs no trace; the disk is not touched where a shipped formula answers."""
        yield from self.shipped
        yield from self._derived

    @property
    def shipped(self) -> tuple[Derivation, ...]:
        """The formulas that ship for this cell."""
        return self._shipped if self.cached and not registry.any_registered() else ()

    @cached_property
    def _shipped(self) -> tuple[Derivation, ...]:
        return atlas.shipped(self.setup)

    @property
    def _derived(self) -> list[Derivation]:
        """What was derived under the rules that are registered now."""
        rules = registry.state()
        if rules not in self._by_rules:
            disk = self._disk()
            self._by_rules[rules] = disk.load() if disk else []
        return self._by_rules[rules]

    def _derive(self, asked: Request, tracer: Tracer | None) -> Derivation:
        """Derive for the widest region that works, holding ever more of what was asked for.

        Sides below the free domain, which is known once it has been derived: hence twice; the rank; the sides; both.
        """
        from costmodel.sources.derive import Tracer, derive

        tracer = tracer or Tracer(self.setup)
        failure: CostModelError | None = None
        tried: list[dict[str, int]] = []
        rank = {axis: value for axis, value in asked.numbers.items() if axis == "r"}
        for pin in (
            self._below_free_domain,
            self._below_free_domain,
            lambda _: rank,
            self._sides,
            lambda request: self._sides(request) | rank,
        ):
            pinned = pin(asked)
            if pinned in tried:
                continue
            tried.append(pinned)
            if isinstance(failure, TraceError) and not self._sides(asked).items() <= pinned.items():
                continue  # what stops a trace at one rank stops it at all
            try:
                made = derive(tracer, asked.representative(), pinned, asked.band)
            except (LiftError, TraceError) as error:
                failure = failure or error
                continue
            self._derived.append(made)
            if covers(made.formula, asked) and self._holds(made.formula, asked):
                return made
        raise failure or LiftError(f"no formula of {self.setup.label} holds at {dict(asked.values)}")

    def _below_free_domain(self, asked: Request) -> dict[str, int]:
        """Return the sides asked for that are below what the free formulas derived so far cover."""
        axes = self.setup.subject.inputs.axes
        domains = (known.formula.domain for known in self._known())
        free = next((domain for domain in domains if all(map(domain.frees, axes))), None)
        if free is None:
            return {}
        outside = {axis: side for axis, side in self._sides(asked).items() if not free.allows(axis, side)}
        return self._sides(asked) if outside and free.tied else outside

    def _sides(self, asked: Request) -> dict[str, int]:
        """Return the sides asked for: with these held, a step needs no closed form in them."""
        return {axis: side for axis, side in asked.numbers.items() if axis in SIDES}

    def _holds(self, formula: CostFormula, asked: Request) -> bool:
        """Check a formula of the caller's own module or rules against a fresh trace; the others the tests check.

        Python code that branches on a size leaves no sign in a trace at another size.
        """
        if self.setup.tested and not registry.any_registered():
            return True
        from costmodel.sources.derive import holds

        points = [asked.representative()]
        if asked.names:
            smallest = {**formula.domain.lower, **formula.domain.fixed}
            smallest |= {axis: smallest[other] for axis, other in formula.domain.tied.items()}
            if "W" in asked.names and "W" in formula.domain.lower:
                smallest["W"] += 1
            points.append(Point.of(smallest))
        return all(holds(self.setup, formula, point) for point in points if formula.domain.contains(point.values()))

    def _disk(self) -> FormulaCache | None:
        from costmodel.sources.cache import FormulaCache

        identity = self.setup.identity
        if identity is None or not self.cached or registry.any_registered():
            return None
        return FormulaCache(identity | {"versions": self.versions})


def covers(formula: CostFormula, asked: Request) -> bool:
    """Tell whether a formula holds at every number asked for, and is free in every axis that stays symbolic."""
    free = all(map(formula.domain.frees, asked.names))
    return formula.domain.contains(asked.numbers) and free and _has_band(formula, asked)


def _has_band(formula: CostFormula, asked: Request) -> bool:
    """Tell whether a formula is made for the ranks asked for: which formula answers must not depend on history."""
    domain = formula.domain
    if "r" not in domain.lower or formula.saturates:
        return True
    smallest, largest = asked.band
    return domain.upper.get("r") == largest and (domain.lower["r"] == smallest or domain.lower["r"] == 2 > smallest)
