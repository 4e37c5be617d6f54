"""A cell without its point: where its formulas come from, and which of them answers a request."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from costmodel.algebra.formula import CostFormula, Derivation
from costmodel.cell.request import Request
from costmodel.cell.setup import Setup
from costmodel.contract import Point
from costmodel.errors import CostModelError, LiftError, TraceError
from costmodel.rules import registry
from costmodel.sources import atlas, regions
from costmodel.sources.known import Known
from costmodel.sources.regions import GENERAL
from costmodel.sources.versions import MISSING, installed

if TYPE_CHECKING:
    from costmodel.sources.cache import FormulaCache
    from costmodel.sources.derive import Tracer
    from costmodel.sources.rehearsed import Rehearsed


@dataclass(frozen=True)
class Source:
    """Where the formulas of a cell come from: shipped, or derived once for each region and then remembered.

    Attributes:
        setup: the cell.
        cached: whether formulas that others derived may answer: those shipped, and those on disk. They never do while
            a rule of the caller's is registered.
        rehearsing: whether a module that nobody has tested is run once beside its trace.
    """

    setup: Setup
    cached: bool = True
    rehearsing: bool = True
    _by_rules: dict[int, list[Known]] = field(default_factory=dict, init=False, repr=False, compare=False)

    @cached_property
    def versions(self) -> dict[str, str]:
        """Versions of the packages that decide the cost; of those not installed, the ones that shipped formulas had.

        Where formulas ship that were not checked with what is installed, it says that they do not answer.
        """
        found = installed((*self.setup.method.packages, *self.setup.subject.packages))
        had = {name: version for name, version in atlas.versions(self.setup).items() if found.get(name) == MISSING}
        other = atlas.unchecked(self.setup)
        return found | had | ({"atlas": f"derived here, not checked with {other}"} if other else {})

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
        traces = _Traces(self.setup, working, tracer)
        made = next((known for known in self._known() if self._answers(known, asked, traces)), None)
        found = made or self._derive(asked, traces)
        self._rehearse(found, asked, traces)
        if traces.used and (disk := self._disk()):
            disk.store(self._derived)
        return found.derivation

    def _rehearse(self, found: Known, asked: Request, traces: _Traces) -> None:
        """Run a caller's module once, at the smallest sizes of its first formula or else where it was asked for.

        Raises:
            TraceError: where its real step and its trace part.
        """
        off = not self.rehearsing or self.setup.rehearsal.no_rehearsal or self.setup.by_name
        if off or any(known.rehearsed for known in self._derived):
            return
        from costmodel.sources.rehearsed import rehearse

        formula = found.derivation.formula
        smallest = formula.domain.corner()
        if "W" in formula.domain.free and formula.domain.allows("W", smallest["W"] + 1):
            smallest["W"] += 1
        for point in (Point.of(smallest), asked.representative()):
            held = rehearse(self.setup, formula, traces.tracer.at(point), point)
            if held.equal:
                break
        found.rehearsed.append(held)

    @property
    def rehearsed(self) -> Rehearsed | None:
        """What the rehearsal has found; ``None`` where none was held."""
        return next((held for known in self._derived for held in known.rehearsed), None)

    def _known(self) -> Iterator[Known]:
        """Yield what needs no derivation; the disk is not touched where a shipped formula answers."""
        yield from map(Known, self.shipped)
        yield from self._derived

    @property
    def shipped(self) -> tuple[Derivation, ...]:
        """The formulas that ship for this cell."""
        return self._shipped if self.cached and not registry.any_registered() else ()

    @cached_property
    def _shipped(self) -> tuple[Derivation, ...]:
        return atlas.shipped(self.setup)

    @property
    def _derived(self) -> list[Known]:
        """What was derived under the rules that are registered now."""
        rules = registry.state()
        if rules not in self._by_rules:
            disk = self._disk()
            self._by_rules[rules] = disk.load() if disk else []
        return self._by_rules[rules]

    def _derive(self, asked: Request, traces: _Traces) -> Known:
        """Derive for the widest region that works, holding ever more of what was asked for.

        Raises:
            CostModelError: what failed where most was held: of all that failed it is the nearest to what was asked for.
        """
        from costmodel.sources.derive import derive

        failure: CostModelError | None = None
        for held in regions.holding(asked, lambda: self._below_free_domain(asked)):
            if isinstance(failure, TraceError) and not regions.sides(asked).items() <= held.items():
                continue  # what stops a trace at one rank stops it at all
            try:
                made = Known(derive(traces.tracer, asked.representative(), held, regions.band(asked)))
            except (LiftError, TraceError) as error:
                failure = error
                continue
            self._derived.append(made)
            if self._answers(made, asked, traces):
                return made
            failure = None
        raise failure or LiftError(f"no formula of {self.setup.label} holds at {dict(asked.values)}")

    def _below_free_domain(self, asked: Request) -> dict[str, int]:
        """Return the sides asked for that are below what the free formulas derived so far cover."""
        axes, sides = self.setup.subject.inputs.axes, regions.sides(asked)
        domains = (known.derivation.formula.domain for known in self._known())
        free = next((domain for domain in domains if all(map(domain.frees, axes))), None)
        if free is None:
            return {}
        outside = {axis: side for axis, side in sides.items() if not free.allows(axis, side)}
        return sides if outside and free.tied else outside

    def _answers(self, known: Known, asked: Request, traces: _Traces) -> bool:
        """Tell whether a formula is one for what was asked, and holds there.

        The tests and the suites compare those of verified cells. Any other, and all under rules of the caller's, is
        compared with a trace at the point that it answers for, once: Python code that branches on a size leaves no sign
        in a trace at another size.
        """
        formula = known.derivation.formula
        if not covers(formula, asked):
            return False
        if self.setup.verified and not registry.any_registered():
            return True
        points = [asked.representative()]
        if asked.names:
            smallest = formula.domain.corner()
            if "W" in asked.names and "W" in formula.domain.free:
                smallest["W"] += 1
            points.append(Point.of(smallest))
            if not self.setup.by_name:  # its code may branch on a size, at multiples of a number above all
                held = points[0].values()
                points += [Point.of({**held, axis: at}) for axis in asked.names for at in regions.PROBES.get(axis, ())]
        return all(traces.confirm(known, point) for point in points if formula.domain.contains(point.values()))

    def _disk(self) -> FormulaCache | None:
        from costmodel.sources.cache import FormulaCache

        identity = self.setup.identity
        if identity is None or not self.cached or registry.any_registered():
            return None
        return FormulaCache(identity | {"versions": self.versions})


class _Traces:
    """The traces of one request, made when the first one is needed."""

    def __init__(self, setup: Setup, working: Callable[[], None], tracer: Tracer | None) -> None:
        self._setup = setup
        self._working = working
        self._tracer = tracer
        self.used = False

    @property
    def tracer(self) -> Tracer:
        """What traces the cell."""
        if not self.used:
            self.used = True
            self._working()
        if self._tracer is None:
            from costmodel.sources.derive import Tracer

            self._tracer = Tracer(self._setup)
        return self._tracer

    def confirm(self, known: Known, point: Point) -> bool:
        """Tell whether a formula holds at a point; where it was compared there before, that is remembered."""
        if point not in known.checked:
            from costmodel.sources.derive import holds

            known.checked[point] = holds(self.tracer, known.derivation.formula, point)
        return known.checked[point]


def covers(formula: CostFormula, asked: Request) -> bool:
    """Tell whether a formula holds at every number asked for, and is free in every axis that stays symbolic."""
    free = all(map(formula.domain.frees, asked.names))
    return formula.domain.contains(asked.numbers) and free and _has_band(formula, asked)


def _has_band(formula: CostFormula, asked: Request) -> bool:
    """Tell whether a formula is made for the ranks asked for: which formula answers must not depend on history."""
    rank = formula.domain.free.get("r")
    if rank is None or formula.saturates:
        return True
    smallest, largest = regions.band(asked)
    return rank.upper == largest and (rank.lower == smallest or rank.lower == GENERAL > smallest)
