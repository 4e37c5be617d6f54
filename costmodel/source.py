"""A cell without its point: where its formulas come from, and which of them answers a request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from costmodel import subjects
from costmodel.cache import FormulaCache, versions
from costmodel.contract import DEFAULT_CLASSES, Point
from costmodel.errors import CostModelError, InputError, LiftError, TraceError
from costmodel.formula import CostFormula, Derivation
from costmodel.methods import Method, find
from costmodel.request import Request, positive
from costmodel.subjects import Subject

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Source:
    """A cell without its point: where formulas come from, derived once for each region and then remembered."""

    subject: Subject
    method: Method
    cached: bool = True
    _derived: list[Derivation] = field(default_factory=list, repr=False, compare=False)

    @property
    def versions(self) -> dict[str, str]:
        """Versions of the packages that decide the cost."""
        return versions(self.method.packages)

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
        """Derive for the widest region that works: free sides, sides below the free domain held, both sides held."""
        from costmodel.derive import derive

        failure: CostModelError | None = None
        tried: list[dict[str, int]] = []
        # The smallest sides of the free domain are known once it has been derived: hence twice.
        for pin in (self._below_free_domain, self._below_free_domain, self._both_sides):
            pinned = pin(asked)
            if pinned in tried:
                continue
            tried.append(pinned)
            try:
                made = derive(self.subject, self.method, asked.representative(), pinned, asked.band)
            except (LiftError, TraceError) as error:
                failure = error
                continue
            self._derived.append(made)
            if _covers(made.formula, asked) and self._holds(made.formula, asked):
                return made
        raise failure or LiftError(f"no formula of {self.subject.name} holds at {dict(asked.values)}")

    def _below_free_domain(self, asked: Request) -> dict[str, int]:
        """Return the sides asked for that are below what the free formulas derived so far cover."""
        free = [known.formula.domain for known in self._derived if {"H", "W"} <= set(known.formula.domain.lower)]
        return {
            axis: side for axis, side in asked.numbers.items() if axis in "HW" and free and side < free[0].lower[axis]
        }

    def _both_sides(self, asked: Request) -> dict[str, int]:
        """Return the sides asked for: with these held, a step needs no closed form in them."""
        return {axis: side for axis, side in asked.numbers.items() if axis in "HW"}

    def _holds(self, formula: CostFormula, asked: Request) -> bool:
        """Check a formula of the caller's own module against a fresh trace; named models are checked by the tests.

        Python code that branches on a size leaves no sign in a trace at another size.
        """
        if self.subject.cacheable:
            return True
        from costmodel.derive import holds

        points = [asked.representative()]
        if asked.names:
            smallest = {**formula.domain.lower, **formula.domain.fixed}
            points.append(Point(smallest["N"], smallest["H"], smallest["W"] + ("W" in asked.names), smallest.get("r")))
        return all(
            holds(self.subject, self.method, formula, point)
            for point in points
            if formula.domain.contains(point.values())
        )

    def _disk(self) -> FormulaCache | None:
        if not (self.cached and self.subject.cacheable):
            return None
        return FormulaCache(
            {
                "model": self.subject.name,
                "classes": self.subject.classes,
                "method": self.method.name,
                "versions": self.versions,
            }
        )


def _covers(formula: CostFormula, asked: Request) -> bool:
    """Tell whether a formula holds at every number asked for, and is free in every axis that stays symbolic."""
    domain = formula.domain
    inside = all(
        domain.fixed[axis] == value
        if axis in domain.fixed
        else domain.lower[axis] <= value <= domain.upper.get(axis, value)
        for axis, value in asked.numbers.items()
    )
    free = all(axis in domain.lower for axis in asked.names)
    return inside and free and _has_band(formula, asked)


def _has_band(formula: CostFormula, asked: Request) -> bool:
    """Tell whether a formula is made for the ranks asked for: which formula answers must not depend on history."""
    domain = formula.domain
    if "r" not in domain.lower or formula.saturates:
        return True
    smallest, largest = asked.band
    return domain.upper.get("r") == largest and (domain.lower["r"] == smallest or domain.lower["r"] == 2 > smallest)


def source(model: str | nn.Module, method: str, classes: object = DEFAULT_CLASSES, cache: bool = True) -> Source:
    """Return the cell of a model and a method, without its point.

    Raises:
        InputError: for an unknown model or method, or a number of classes that is not a positive integer.
    """
    chosen = find(method)
    outputs = positive("classes", classes)
    if not isinstance(model, str) and (isinstance(model, type) or not hasattr(model, "named_parameters")):
        raise InputError(f"model {model!r:.60}: expected a name or an nn.Module")
    subject = subjects.named(model, outputs) if isinstance(model, str) else subjects.given(model)
    return Source(subject, chosen, cache)
