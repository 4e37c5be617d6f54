"""A cell without its point: where its formulas come from, and which of them answers a request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from costmodel.cache import FormulaCache, versions
from costmodel.contract import SIDES, Point
from costmodel.errors import CostModelError, LiftError, TraceError
from costmodel.formula import CostFormula, Derivation
from costmodel.request import Request
from costmodel.setup import Setup


@dataclass(frozen=True)
class Source:
    """Where the formulas of a cell come from: derived once for each region and then remembered."""

    setup: Setup
    cached: bool = True
    _derived: list[Derivation] = field(default_factory=list, repr=False, compare=False)

    @property
    def versions(self) -> dict[str, str]:
        """Versions of the packages that decide the cost."""
        return versions((*self.setup.method.packages, *self.setup.subject.packages))

    def derivation(self, asked: Request, working: Callable[[], None] = lambda: None) -> Derivation:
        """Return the closed form for the region asked for: from memory, from disk, or by tracing.

        Args:
            asked: the point, some of whose axes may be symbolic.
            working: called once before tracing starts.

        Raises:
            InputError: when the model refuses the size, or a symbolic side would have to reach below the smallest one.
            TraceError, LiftError: when no closed form can be derived.
        """
        disk = self._disk()
        if not self._derived and disk:
            self._derived.extend(disk.load())
        for known in self._derived:
            if _covers(known.formula, asked) and self._holds(known.formula, asked):
                return known
        working()
        made = self._derive(asked)
        if disk:
            disk.store(self._derived)
        return made

    def _derive(self, asked: Request) -> Derivation:
        """Derive for the widest region that works, holding ever more of what was asked for.

        Sides below the free domain, which is known once it has been derived: hence twice; the rank; the sides; both.
        """
        from costmodel.derive import derive

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
                made = derive(self.setup, asked.representative(), pinned, asked.band)
            except (LiftError, TraceError) as error:
                failure = failure or error
                continue
            self._derived.append(made)
            if _covers(made.formula, asked) and self._holds(made.formula, asked):
                return made
        raise failure or LiftError(f"no formula of {self.setup.label} holds at {dict(asked.values)}")

    def _below_free_domain(self, asked: Request) -> dict[str, int]:
        """Return the sides asked for that are below what the free formulas derived so far cover."""
        axes = self.setup.subject.inputs.axes
        domains = (known.formula.domain for known in self._derived)
        free = next((domain for domain in domains if all(map(domain.frees, axes))), None)
        if free is None:
            return {}
        outside = {axis: side for axis, side in self._sides(asked).items() if not free.allows(axis, side)}
        return self._sides(asked) if outside and free.tied else outside

    def _sides(self, asked: Request) -> dict[str, int]:
        """Return the sides asked for: with these held, a step needs no closed form in them."""
        return {axis: side for axis, side in asked.numbers.items() if axis in SIDES}

    def _holds(self, formula: CostFormula, asked: Request) -> bool:
        """Check a formula of the caller's own module against a fresh trace; named models are checked by the tests.

        Python code that branches on a size leaves no sign in a trace at another size.
        """
        if self.setup.tested:
            return True
        from costmodel.derive import holds

        points = [asked.representative()]
        if asked.names:
            smallest = {**formula.domain.lower, **formula.domain.fixed}
            smallest |= {axis: smallest[other] for axis, other in formula.domain.tied.items()}
            if "W" in asked.names and "W" in formula.domain.lower:
                smallest["W"] += 1
            points.append(Point.of(smallest))
        return all(holds(self.setup, formula, point) for point in points if formula.domain.contains(point.values()))

    def _disk(self) -> FormulaCache | None:
        identity = self.setup.identity
        return FormulaCache(identity | {"versions": self.versions}) if self.cached and identity else None


def _covers(formula: CostFormula, asked: Request) -> bool:
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
