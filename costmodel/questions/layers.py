"""Cost of each module: FLOPs of every phase, and bytes of parameters, gradients and saved activations."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from operator import methodcaller
from typing import TYPE_CHECKING, Any, ClassVar

from costmodel.cell.request import Request, numbers_only
from costmodel.cell.setup import Setup
from costmodel.cell.words import described
from costmodel.contract import PHASES, Point, phase_of
from costmodel.errors import shown
from costmodel.options import CONVENTION, Name
from costmodel.questions.peak import timeline
from costmodel.results import INTEGER, TEXT, Several, frame
from costmodel.rules import arithmetic
from costmodel.rules.call import whole
from costmodel.tracing.attribution import alive, attribute
from costmodel.tracing.record import StepRecord
from costmodel.tracing.step import record_step

if TYPE_CHECKING:
    import pandas as pd

OUTSIDE = "(step)"
"""What stands for the empty path: calls of the model's own forward, the loss, and what belongs to no module."""

BYTES = ("param", "grad", "saved")
SORTED_BY = ("path", *PHASES, *BYTES)
"""What rows can be sorted by: the model's order, or a column, largest first."""

COLUMN = Name("column", SORTED_BY)
"""One of them."""


@dataclass(frozen=True)
class LayerCost:
    """The cost of one module, of its own or with all below it; every sum over modules equals the step's total.

    Attributes:
        path: the module's path; empty for the model itself, the loss, and what belongs to no module.
        kind: class name of the module, empty where that is not known.
        flops: FLOPs of each phase of the contract under one convention. An optimizer call counts for the module that
            has the parameter it works on; with checkpointing, a module's recomputation is part of its backward pass.
        param: bytes of its parameters; one shared by several modules counts for the first.
        grad: bytes of its parameters' gradients at the first instant at which the gradients of the whole model take
            most: all of them, where they are kept until the optimizer has run. As everywhere, bytes of storage: a
            gradient that is a view keeps the whole storage alive.
        saved: bytes of activations that its forward made and that are alive when the first forward pass ends.
    """

    path: str
    kind: str
    flops: Mapping[str, int]
    param: int
    grad: int
    saved: int

    @property
    def name(self) -> str:
        """The path as shown: `OUTSIDE` where it is empty."""
        return self.path or OUTSIDE

    def value(self, column: str) -> int:
        """Return a phase's FLOPs or a number of bytes by its name."""
        return self.flops[column] if column in PHASES else int(getattr(self, column))

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        held = {column: self.value(column) for column in BYTES}
        return {"path": self.path, "kind": self.kind, "flops": dict(self.flops), **held}


@dataclass(frozen=True)
class Layers(Several[LayerCost]):
    """The cost of each module: a sequence of rows.

    Attributes:
        setup, point: the cell.
        alias: the name that its model was asked for by, where it is another.
        convention: how FLOPs are counted.
        depth: the longest path that has a row, in names; ``None`` for any.
        tree: whether a row includes all below it; else the rows add up.
        sort: what they are sorted by, one of `SORTED_BY`; ``None`` for the model's order.
        total: the cost of the step.
        lower_bound: whether FLOPs are at least these, because the step has an operator without a rule.
    """

    SCHEMA: ClassVar[str] = "costmodel.layers/1"

    setup: Setup
    point: Point
    alias: str | None
    convention: str
    depth: int | None
    tree: bool
    sort: str | None
    total: LayerCost
    lower_bound: bool = False

    def content(self) -> dict[str, Any]:
        """Return the cell, how its modules are shown, and their costs."""
        cell = {**described(self.setup, self.alias), "point": self.point.values()}
        shape = {"convention": self.convention, "depth": self.depth, "tree": self.tree, "sort": self.sort}
        shape["lower_bound"] = self.lower_bound
        return {**cell, **shape, "modules": [row.to_dict() for row in self], "total": self.total.to_dict()}

    def to_frame(self) -> pd.DataFrame:
        """Return one row for each module: path, class, phases in FLOPs, bytes; the total is not among them."""
        columns = {"path": TEXT, "kind": TEXT, **dict.fromkeys((*PHASES, *BYTES), INTEGER)}
        return frame(({**row.to_dict(), **row.flops} for row in self), columns)


def by_module(
    setup: Setup,
    asked: Request,
    alias: str | None = None,
    *,
    convention: str = "arithmetic",
    depth: int | None = 2,
    sort: str | None = None,
    tree: bool | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Layers:
    """Trace a cell at one point and add up the cost of each of its modules.

    Args:
        setup: the cell.
        asked: the point, numbers only.
        alias: the name that its model was asked for by, where it is another.
        convention: how FLOPs are counted.
        depth: names of a path to show: 1 for the model's children, ``None`` for any; deeper ones are added up.
        sort: one of `SORTED_BY`, largest first; the model's order if left out.
        tree: whether a row includes all below it; if left out, where rows are not sorted.
        say: told what is being traced.

    Raises:
        InputError: for bad input.
        TraceError: for a step that cannot be traced.
    """
    point = numbers_only(asked, "modules are looked at at one point")
    CONVENTION.check(f"convention {shown(convention)}", convention)
    if sort is not None:
        COLUMN.check(f"sort {shown(sort)}", sort)
    nested = sort is None if tree is None else tree
    say(f"tracing {setup.label}")
    record = record_step(setup, point)
    own = layers(record, convention)
    rows = (rolled if nested else folded)(own, depth, record.modules)
    if sort is not None and sort != "path":
        key = methodcaller("value", sort)
        rows = tuple(in_order(rows, key) if nested else sorted(rows, key=key, reverse=True))
    bound = convention == "arithmetic" and any(arithmetic.count(call.seen) is None for call in record.calls)
    return Layers(rows, setup, point, alias, convention, depth, nested, sort, total(own), bound)


def layers(record: StepRecord, convention: str = "arithmetic") -> tuple[LayerCost, ...]:
    """Return the own cost of every module that has any, parents first, in the model's order.

    Args:
        record: both steps at one point.
        convention: how to count FLOPs, one of the contract's.
    """
    found = attribute(record)
    flops: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(PHASES, 0))
    from costmodel.rules.counters import COUNTERS  # with torch's own

    count = COUNTERS[convention]
    for call, module in zip(record.calls, found.calls, strict=True):
        if (phase := phase_of(call.step, call.phase)) in PHASES:
            flops[module][phase] += whole(count(call.seen))

    def held(group: str, instant: int) -> dict[str, int]:
        sums: dict[str, int] = defaultdict(int)
        for live in alive(record, instant):
            if live.group == group:
                sums[found.module(live)] += live.nbytes
        return sums

    over_time = timeline(record)
    param = held("param", 0)
    grad = held("grad", int(over_time.groups["grad"].argmax()))
    saved = held("act", over_time.phases[0].end - 1)
    costs = [
        LayerCost(path, record.modules.get(path, ""), flops[path], param[path], grad[path], saved[path])
        for path in {**record.modules, **dict.fromkeys([*found.calls, *param, *grad, *saved])}
    ]
    own = [cost for cost in costs if any(cost.flops.values()) or cost.param or cost.grad or cost.saved]
    return tuple(in_order(own))


# -- sums ----------------------------------------------------------------------------------------------------------


def total(costs: Iterable[LayerCost]) -> LayerCost:
    """Add up own costs; of all modules, this is the cost of the step."""
    return _sum("", "", tuple(costs))


def folded(
    costs: Iterable[LayerCost], depth: int | None = None, kinds: Mapping[str, str] | None = None
) -> tuple[LayerCost, ...]:
    """Add each module's cost to its ancestor at a depth, so that the rows still add up to the total.

    Args:
        costs: own costs, as `layers` returns them.
        depth: the longest path to keep, in names: 1 for the children of the model; ``None`` for any.
        kinds: class names of the ancestors by path, ``record.modules``.
    """
    return _sums(costs, lambda path: [".".join(path.split(".")[:depth])], kinds or {})


def rolled(
    costs: Iterable[LayerCost], depth: int | None = None, kinds: Mapping[str, str] | None = None
) -> tuple[LayerCost, ...]:
    """Add each module's cost to all its ancestors: a row includes everything below it, parents stand before children.

    The rows without a dot in their path, the empty path included, add up to the total.

    Args:
        costs: own costs, as `layers` returns them.
        depth: the longest path to show, in names; ``None`` for any.
        kinds: class names of the ancestors by path, ``record.modules``.
    """
    return _sums(costs, lambda path: _lineage(path)[:depth], kinds or {})


def in_order(costs: Iterable[LayerCost], value: Callable[[LayerCost], int] | None = None) -> list[LayerCost]:
    """Sort rows as a tree: parents before children, each module followed by all below it.

    Args:
        costs: rows in the order in which siblings stand.
        value: sorts siblings by this, largest first; the parents must be among the rows.
    """
    costs = list(costs)
    place: dict[str, int] = {}
    for cost in costs:
        for path in _lineage(cost.path):
            place.setdefault(path, len(place))
    place[""] = len(place)  # what is no module's stands last
    first = {cost.path: -value(cost) for cost in costs} if value else {}
    return sorted(costs, key=lambda cost: [(first.get(path, 0), place[path]) for path in _lineage(cost.path)])


def depth_of(path: str) -> int:
    """Return how many modules a path goes down from the model: 2 for ``features.0``; at least 1."""
    return path.count(".") + 1


def _lineage(path: str) -> list[str]:
    """Return a path with all paths above it, from the top; the empty path stands for itself alone."""
    names = path.split(".")
    return [".".join(names[: end + 1]) for end in range(len(names))]


def _sums(
    costs: Iterable[LayerCost], ancestors: Callable[[str], list[str]], kinds: Mapping[str, str]
) -> tuple[LayerCost, ...]:
    costs = list(costs)
    kinds = {cost.path: cost.kind for cost in costs} | dict(kinds)
    members: dict[str, list[LayerCost]] = defaultdict(list)
    for cost in costs:
        for path in ancestors(cost.path):
            members[path].append(cost)
    return tuple(in_order(_sum(path, kinds.get(path, ""), tuple(below)) for path, below in members.items()))


def _sum(path: str, kind: str, costs: tuple[LayerCost, ...]) -> LayerCost:
    return LayerCost(
        path,
        kind,
        {phase: sum(cost.flops[phase] for cost in costs) for phase in PHASES},
        sum(cost.param for cost in costs),
        sum(cost.grad for cost in costs),
        sum(cost.saved for cost in costs),
    )
