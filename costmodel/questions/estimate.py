"""One step: an `Estimate`, the numbers and formulas of a cell at a point."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Unpack

from costmodel.algebra.formula import INPUT, PEAK, CostFormula, flops_key, kind_key, memory_key
from costmodel.cell.axes import SIZES, Sizes, read, spelled
from costmodel.cell.request import Request, request_at
from costmodel.cell.setup import Setup
from costmodel.cell.words import described, title
from costmodel.contract import AXES, CONVENTIONS, FIRST, GROUPS, KINDS, PHASES
from costmodel.errors import shown
from costmodel.options import CONVENTION, Whole
from costmodel.results import INTEGER, TEXT, Result, frame
from costmodel.sources.source import Source

if TYPE_CHECKING:
    from fractions import Fraction

    import pandas as pd

Tree = Mapping[str, Any]
"""Nested read-only mappings, laid out as the contract's JSON."""


@dataclass(frozen=True)
class Estimate(Result):
    """The cost of one fine-tuning step, as numbers where the point is a number and as formulas everywhere.

    Attributes:
        model: the model's name, aliases resolved.
        alias: the name asked for, where it was an alias.
        method: name of the method.
        optimizer: name of the optimizer.
        loss: name of the loss.
        classes: outputs of the head, ``None`` for a module given as an object.
        point: N, H, W, r; ``None`` where symbolic or without meaning.
        symbolic: the axes that stay symbolic, with their name in the formulas.
        flops: ``flops["torch"]["backward"]``; ``arithmetic`` also has ``by_kind``. FLOPs.
        memory: ``memory["groups"]["act"]``, ``memory["peak"]``, ``memory["sum_of_group_peaks"]``, ``memory["input"]``;
            bytes.
        symbols: definition of each named size in the formulas.
        domain: condition on each axis under which the formulas hold.
        versions: packages that the numbers were derived with.
        unknown: operators without an arithmetic rule, with their number of calls; empty when every one has a rule.
        grouped_convolutions: how many convolutions of the forward pass have groups.
        overcounted: whether the weight gradient of one is computed, which torch and paper multiply by its groups.
        found: by class, how many modules the caller left in ``eval`` mode, how many parameters it had ``frozen``, and
            how many layers were ``adapted``; empty where a formula that ships answers.
        formula: the closed form itself.
    """

    SCHEMA: ClassVar[str] = "costmodel.estimate/1"

    model: str
    alias: str | None
    method: str
    optimizer: str
    loss: str
    classes: int | None
    point: Mapping[str, int | None]
    symbolic: Mapping[str, str]
    flops: Tree
    memory: Tree
    symbols: Mapping[str, str]
    domain: Mapping[str, str]
    versions: Mapping[str, str]
    unknown: Mapping[str, int]
    grouped_convolutions: int
    overcounted: bool
    found: Mapping[str, Mapping[str, int]]
    formula: CostFormula = field(repr=False)
    _source: Source = field(repr=False, compare=False)
    _request: Request = field(repr=False, compare=False)

    def at(self, point: Mapping[str, int | str] | None = None, **sizes: Unpack[Sizes[int | str]]) -> Estimate:
        """Return the same cell at another point; axes left out stay as they are.

        Outside the domain of the formulas at hand they are derived again for the region asked for.

        Args:
            point: sizes by name, for those that are not given as keywords.
            **sizes: as `costmodel.estimate`.

        Raises:
            InputError: as `costmodel.estimate`.
        """
        asked = spelled({} if point is None else point, sizes)
        moved = {axis: read(option, value) for option, value in asked.items() for axis in SIZES[option].letters}
        return answer(self._source, request_at(self.setup, {**self._request.values, **moved}), self.alias)

    @cached_property
    def formulas(self) -> Tree:
        """The closed forms as text, laid out as ``flops`` and ``memory``; with ``arithmetic_matmul``.

        For methods that refresh a projection ``amortised`` too.
        """
        return _frozen(_formulas(self.formula, self.setup.method.refreshes))

    @property
    def lower_bound(self) -> bool:
        """Whether the step has an operator without a rule, so that arithmetic FLOPs are at least these."""
        return bool(self.unknown)

    @property
    def rehearsal(self) -> dict[str, Any] | None:
        """Whether the module's real step, at its smallest sizes, was equal to its trace in every byte.

        ``equal``, the ``point`` at which it was run, and the ``reason`` why it was not; ``None`` where none is held.
        """
        held = self._source.rehearsed
        return None if held is None else {"equal": held.equal, "point": held.point, "reason": held.reason or None}

    @property
    def setup(self) -> Setup:
        """Model, method and training that this is an estimate of."""
        return self._source.setup

    @property
    def title(self) -> str:
        """Which cell it is of, in one line."""
        sizes = {axis: value for axis, value in self.point.items() if value is not None}
        return title(self.setup, sizes, self.alias, self.symbolic.values())

    def amortised(self, convention: str = "arithmetic", T: int | None = None) -> Fraction | None:
        """Return FLOPs of an optimizer step with step 0's extra work spread over ``T`` steps.

        optimizer + (optimizer_first - optimizer) / T, exact; ``None`` where symbolic. ``T`` is GaLore's update gap.

        Raises:
            InputError: for a convention that is none, or a T that is no positive integer.
        """
        CONVENTION.check(f"convention {shown(convention)}", convention)
        gap = self.setup.options.update_gap if T is None else Whole().check(f"T {shown(T)}", T)
        first, later = (self.flops[convention][phase] for phase in ("optimizer_first", "optimizer"))
        from fractions import Fraction  # 5 ms that most answers do not need

        return None if first is None or later is None else later + Fraction(first - later, gap)

    def content(self) -> dict[str, Any]:
        """Return the contract's JSON object, without the name of its schema."""
        names = ("point", "flops", "memory", "formulas", "symbols", "domain", "versions", "unknown")
        told = {name: _plain(getattr(self, name)) for name in names}
        counted = {"grouped_convolutions": self.grouped_convolutions, "lower_bound": self.lower_bound}
        found = {name: dict(kinds) for name, kinds in self.found.items()}
        return {**described(self.setup, self.alias), **told, **counted, "found": found, "rehearsal": self.rehearsal}

    def to_frame(self) -> pd.DataFrame:
        """Return one row for each number: ``quantity``, ``part``, ``phase``, ``value``, ``unit``, ``formula``.

        ``value`` has pandas' nullable integer type; it is missing where the point is symbolic.
        """
        columns = {name: INTEGER if name == "value" else TEXT for name in _COLUMNS}
        return frame((dict(zip(_COLUMNS, row, strict=True)) for row in self._rows()), columns)

    def _rows(self) -> Iterator[tuple[str, str, str | None, int | None, str, str]]:
        texts = self.formulas["memory"]
        phases = phases_of(self.formula)
        for convention in CONVENTIONS:
            for phase in phases:
                text = self.formulas["flops"][convention][phase]
                yield "flops", convention, phase, self.flops[convention][phase], "FLOP", text
        for kind in KINDS:
            for phase in phases:
                value = self.flops["arithmetic"]["by_kind"][phase][kind]
                yield "flops", f"arithmetic.{kind}", phase, value, "FLOP", self.formula.text(kind_key(kind, phase))
        for group in GROUPS:
            yield "memory", group, None, self.memory["groups"][group], "byte", texts[group]
        for total in ("sum_of_group_peaks", "peak"):
            yield "memory", total, None, self.memory[total], "byte", texts[total]
        yield "memory", "input", None, self.memory["input"], "byte", self.formula.text(INPUT)

    @property
    def sympy(self) -> dict[str, Any]:
        """The formulas as sympy expressions, laid out as ``formulas``; ``symbols`` holds the named sizes' definitions.

        Symbols are ``sympy.Symbol(name, integer=True, positive=True)``.
        """
        import sympy

        names = {*self.symbols, *self.formula.domain.free, "T"}
        known: dict[str, Any] = {name: sympy.Symbol(name, integer=True, positive=True) for name in names}
        known |= {name: getattr(sympy, name) for name in ("floor", "Min", "Max")}

        def parse(value: Any) -> Any:
            if isinstance(value, Mapping):
                return {name: parse(item) for name, item in value.items()}
            expression: sympy.Expr = sympy.parse_expr(value, local_dict=known)
            return expression

        return {**parse(self.formulas), "symbols": parse(self.symbols)}


_COLUMNS = ("quantity", "part", "phase", "value", "unit", "formula")


def _plain(value: Any) -> Any:
    return {name: _plain(item) for name, item in value.items()} if isinstance(value, Mapping) else value


def _frozen(value: dict[str, Any]) -> Tree:
    return MappingProxyType({name: _frozen(item) if isinstance(item, dict) else item for name, item in value.items()})


def answer(cell: Source, asked: Request, alias: str | None, working: Callable[[], None] = lambda: None) -> Estimate:
    """Evaluate or bind a cell's formula for a request.

    Args: as `Source.derivation`, and the alias that the model was asked for by.
    """
    derivation = cell.derivation(asked, working)
    shown = derivation.formula
    if asked.names:
        shown = shown.bind({**asked.values})
        numbers = {key: terms[0].constant if len(terms) == 1 else None for key, terms in shown.quantities.items()}
    else:
        numbers = {**shown.evaluate(asked.numbers)}
    groups = {group: numbers[memory_key(group)] for group in GROUPS}
    known = [value for value in groups.values() if value is not None]
    phases = phases_of(shown)
    by_kind = {phase: {kind: numbers[kind_key(kind, phase)] for kind in KINDS} for phase in phases}
    flops: dict[str, Any] = {c: {phase: numbers[flops_key(c, phase)] for phase in phases} for c in CONVENTIONS}
    flops["arithmetic"]["by_kind"] = by_kind
    memory = {
        "groups": groups,
        "sum_of_group_peaks": sum(known) if len(known) == len(GROUPS) else None,
        "peak": numbers[PEAK],
        "input": numbers[INPUT],
    }
    setup = cell.setup
    axes = [axis for axis in AXES if axis != "S" or axis in asked.values]
    return Estimate(
        model=setup.subject.name,
        alias=alias,
        method=setup.method.name,
        optimizer=setup.optimizer_name,
        loss=setup.training.loss,
        classes=setup.subject.classes,
        point=MappingProxyType({axis: asked.numbers.get(axis) for axis in axes}),
        symbolic=MappingProxyType(asked.names),
        flops=_frozen(flops),
        memory=_frozen(memory),
        symbols=MappingProxyType(shown.symbols()),
        domain=MappingProxyType(shown.domain.describe()),
        versions=MappingProxyType(cell.versions),
        unknown=MappingProxyType(dict(derivation.unknown)),
        grouped_convolutions=derivation.grouped,
        overcounted=derivation.overcounted,
        found=MappingProxyType(dict(derivation.found)),
        formula=shown,
        _source=cell,
        _request=asked,
    )


def phases_of(formula: CostFormula) -> tuple[str, ...]:
    """Return the phases that a formula tells apart: step 0's own passes too where they are others than later ones."""
    apart = flops_key(CONVENTIONS[0], next(iter(FIRST.values()))) in formula.quantities
    return (*PHASES, *FIRST.values()) if apart else PHASES


def _formulas(formula: CostFormula, amortised: bool) -> dict[str, Any]:
    phases = phases_of(formula)
    flops = {c: {phase: formula.text(flops_key(c, phase)) for phase in phases} for c in CONVENTIONS}
    memory = {group: formula.text(memory_key(group)) for group in GROUPS}
    memory |= {"sum_of_group_peaks": formula.sum_of_group_peaks(), "peak": formula.text(PEAK)}
    texts: dict[str, Any] = {
        "flops": flops,
        "arithmetic_matmul": {phase: formula.text(kind_key("matmul", phase)) for phase in phases},
        "memory": memory,
    }
    if amortised:
        texts["amortised"] = {c: _amortised_text(formula, c) for c in CONVENTIONS}
    return texts


def _amortised_text(formula: CostFormula, convention: str) -> str:
    (first,), (later,) = (
        formula.quantities[flops_key(convention, phase)] for phase in ("optimizer_first", "optimizer")
    )
    once = CostFormula({"once": (first - later,)}, formula.sizes, formula.domain).text("once")
    return f"{formula.text(flops_key(convention, 'optimizer'))} + ({once})/T"
