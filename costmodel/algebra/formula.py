"""The closed form of one cell: frozen data that evaluates, binds and prints. Needs no torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from operator import mul
from typing import Any, TypeVar

from costmodel.algebra.domain import Domain
from costmodel.algebra.monomial import Monomial
from costmodel.algebra.notation import TEXT
from costmodel.algebra.polynomial import Polynomial
from costmodel.algebra.sizes import Size, name_sizes, read
from costmodel.algebra.stored import check_formula, check_unknown
from costmodel.contract import CONVENTIONS, FIRST, GROUPS, KINDS, PHASES, SIDES

Expression = tuple[Polynomial, ...]
"""The largest of its polynomials; one polynomial alone is itself."""

PEAK, INPUT = "memory.peak", "memory.input"
SUM_OF_GROUP_PEAKS = "memory.sum_of_group_peaks"
"""Not held by a formula itself: it is the sum of six that are."""


def flops_key(convention: str, phase: str) -> str:
    """Name the FLOPs of a phase under a convention."""
    return f"flops.{convention}.{phase}"


def kind_key(kind: str, phase: str) -> str:
    """Name the part of the arithmetic FLOPs of a phase that is of one kind."""
    return f"kind.{kind}.{phase}"


def memory_key(group: str) -> str:
    """Name the peak bytes of a memory group."""
    return f"memory.{group}"


QUANTITIES = (
    *(flops_key(convention, phase) for convention in CONVENTIONS for phase in PHASES),
    *(kind_key(kind, phase) for kind in KINDS for phase in PHASES),
    *(memory_key(group) for group in GROUPS),
    PEAK,
    INPUT,
)
"""Everything a formula knows, by name."""

FIRST_QUANTITIES: Mapping[str, str] = {
    key(name, first): key(name, later)
    for key, names in ((flops_key, CONVENTIONS), (kind_key, KINDS))
    for name in names
    for later, first in FIRST.items()
}
"""What a formula knows of step 0's own passes where they are others than a later step's: each beside the later one."""

Value = TypeVar("Value")


def without_first(quantities: dict[str, Value]) -> dict[str, Value]:
    """Leave step 0's own passes out where they are as a later step's."""
    if any(quantities[first] != quantities[later] for first, later in FIRST_QUANTITIES.items()):
        return quantities
    return {key: value for key, value in quantities.items() if key not in FIRST_QUANTITIES}


def with_first(quantities: Mapping[str, Value]) -> dict[str, Value]:
    """Have step 0's own passes among the quantities, as a later step's where nothing else is known."""
    return {**{first: quantities[later] for first, later in FIRST_QUANTITIES.items()}, **quantities}


@dataclass(frozen=True)
class CostFormula:
    """FLOPs and bytes of one training step as functions of N, H, W and r.

    Attributes:
        quantities: an expression for each name in `QUANTITIES`, and in `FIRST_QUANTITIES` where step 0 is another.
        sizes: the named sizes that occur, each with its definition in a base symbol.
        domain: where the formula holds; it says nothing elsewhere.
        lower_bound: whether the step has an operator without a rule, so that arithmetic FLOPs are at least these.
    """

    quantities: Mapping[str, Expression]
    sizes: Mapping[str, Size]
    domain: Domain
    lower_bound: bool = False

    @staticmethod
    def build(
        quantities: Mapping[str, Expression], sizes: Iterable[Size], domain: Domain, *, lower_bound: bool = False
    ) -> CostFormula:
        """Build a formula from expressions whose symbols are size keys, numbering the sizes that occur."""
        used = {symbol for expression in quantities.values() for term in expression for symbol in term.symbols}
        kept = [size for size in sizes if size.key in used and size.key != size.axis]
        names = name_sizes(kept)
        assert len(set(names.values())) == len(kept), "two sizes of one name"
        renamed: Mapping[str, int | str] = dict(names)
        defined = {names[size.key]: size for size in kept}
        return CostFormula(
            {key: tuple(term.substitute(renamed) for term in terms) for key, terms in quantities.items()},
            {name: defined[name] for name in names.values()},
            domain,
            lower_bound,
        )

    # -- numbers ---------------------------------------------------------------------------------------------------

    @cached_property
    def _program(self) -> tuple[list[tuple[str, ...]], list[tuple[str, list[tuple[list[int], list[int]]]]]]:
        index: dict[Monomial, int] = {}
        steps = []
        for key, expression in self.quantities.items():
            terms = [
                ([index.setdefault(monomial, len(index)) for monomial in term.terms], list(term.terms.values()))
                for term in expression
            ]
            steps.append((key, terms))
        factors = [tuple(symbol for symbol, power in monomial for _ in range(power)) for monomial in index]
        return factors, steps

    def evaluate(self, base: Mapping[str, int]) -> dict[str, int]:
        """Return every quantity at one point.

        Args:
            base: values of the base symbols; the caller has checked that the domain contains them.
        """
        values = dict(base)
        for name, size in self.sizes.items():
            values[name] = size.at(base)
        factors, steps = self._program
        monomials = []
        for symbols in factors:
            product = 1
            for symbol in symbols:
                product *= values[symbol]
            monomials.append(product)
        pick = monomials.__getitem__
        return {key: max([sum(map(mul, map(pick, at), by)) for at, by in terms]) for key, terms in steps}

    @property
    def saturates(self) -> bool:
        """Whether the rank enters only as Min(r, k), so that one formula is short for every rank."""
        return any(size.saturates for size in self.sizes.values())

    # -- symbols ---------------------------------------------------------------------------------------------------

    def bind(self, values: Mapping[str, int | str]) -> CostFormula:
        """Give axes values (integers) or other names (strings) and simplify.

        Terms of a ``Max`` that cannot win on what is left of the domain are dropped.
        """
        substitution: dict[str, int | str] = dict(values)
        left: dict[str, Size] = {}
        for name, size in self.sizes.items():
            value = values.get(size.axis, size.axis)
            if isinstance(value, int):
                substitution[name] = size.at({size.axis: value})
            else:
                moved = size.renamed(value)
                substitution[name] = moved.key
                left[moved.key] = moved
        domain = self.domain.bind(values)
        bound = {
            key: tuple({term.substitute(substitution) for term in terms}) for key, terms in self.quantities.items()
        }
        return CostFormula.build(
            {key: largest(terms, domain, left) for key, terms in bound.items()},
            left.values(),
            domain,
            lower_bound=self.lower_bound,
        )

    @cached_property
    def collected(self) -> tuple[str, ...]:
        """Symbols that terms are gathered by: batch and rank, by whatever name, not sides."""
        sides = {*SIDES, *(size.axis for size in self.sizes.values() if not size.saturates)}
        return tuple(axis for axis in self.domain.free if axis not in sides)

    def text(self, key: str) -> str:
        """Write one quantity as an expression that ``sympy.parse_expr`` parses."""
        return _write(self.quantities[key], self.collected)

    def sum_of_group_peaks(self) -> str:
        """Write the sum of the groups' own peaks."""
        plain = Polynomial.total(
            self.quantities[memory_key(g)][0] for g in GROUPS if len(self.quantities[memory_key(g)]) == 1
        )
        maxima = [self.text(memory_key(g)) for g in GROUPS if len(self.quantities[memory_key(g)]) > 1]
        return " + ".join([_write((plain,), self.collected), *maxima])

    def symbols(self) -> dict[str, str]:
        """Return the definition of each named size, as an expression in its base symbol."""
        return {name: size.text for name, size in self.sizes.items()}

    # -- data ------------------------------------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """Return plain data (numbers, strings, lists) that `from_dict` reads back.

        ``monomials`` lists products of symbols, ``["N", "h1", "w1"]``; each term of a quantity is a flat list of
        alternating positions in it and coefficients. Nearly all terms share the same few monomials.
        """
        place: dict[Monomial, int] = {}
        quantities = {
            key: [
                [number for m, c in term.terms.items() for number in (place.setdefault(m, len(place)), c)]
                for term in terms
            ]
            for key, terms in self.quantities.items()
        }
        return {
            "sizes": {name: size.row() for name, size in self.sizes.items()},
            "domain": self.domain.to_dict(),
            "monomials": [[symbol for symbol, power in monomial for _ in range(power)] for monomial in place],
            "quantities": quantities,
        }

    @staticmethod
    def from_dict(data: Mapping[str, Any], names: Iterable[str] = ()) -> CostFormula:
        """Read plain data, which somebody else may have written; nothing in it is evaluated as code.

        Args:
            data: what `to_dict` returned.
            names: that axes may have beside the contract's, where the formula was asked for with others.

        Raises:
            LookupError, TypeError, ValueError, AttributeError: when the data is not a formula.
        """
        told = (*QUANTITIES, *(FIRST_QUANTITIES if FIRST_QUANTITIES.keys() <= data["quantities"].keys() else ()))
        check_formula(data, told, names)
        sizes = {name: read(row) for name, row in data["sizes"].items()}
        monomials = [tuple(sorted(Counter(map(str, symbols)).items())) for symbols in data["monomials"]]
        quantities = {
            key: tuple(
                Polynomial({monomials[at]: int(c) for at, c in zip(term[::2], term[1::2], strict=True)})
                for term in data["quantities"][key]
            )
            for key in told
        }
        return CostFormula(quantities, sizes, Domain.from_dict(data["domain"]))


@dataclass(frozen=True, slots=True)
class Derivation:
    """A closed form and what was seen on the way to it.

    Attributes:
        formula: the closed form.
        unknown: operators without an arithmetic rule, with their calls in one forward and backward pass and in both
            optimizer steps.
        grouped: number of grouped convolutions in the forward pass.
        overcounted: whether the weight gradient of one is computed, which torch and paper multiply by its groups.
        found: by class, modules that the caller left in ``eval`` mode, parameters that it had ``frozen``, and layers
            that were ``adapted``; not known of formulas that ship.
    """

    formula: CostFormula
    unknown: Mapping[str, int]
    grouped: int
    overcounted: bool
    found: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.formula.lower_bound != bool(self.unknown):
            object.__setattr__(self, "formula", replace(self.formula, lower_bound=bool(self.unknown)))

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that `from_dict` reads back."""
        return {
            "formula": self.formula.to_dict(),
            "unknown": dict(self.unknown),
            "grouped": self.grouped,
            "overcounted": self.overcounted,
            **({"found": {name: dict(kinds) for name, kinds in self.found.items()}} if self.found else {}),
        }

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> Derivation:
        """Read plain data.

        Raises:
            LookupError, TypeError, ValueError, AttributeError: when the data is not a derivation.
        """
        check_unknown(data["unknown"])
        unknown = dict(data["unknown"])
        formula = CostFormula.from_dict(data["formula"])
        found = {
            str(name): {str(kind): int(count) for kind, count in kinds.items()}
            for name, kinds in data.get("found", {}).items()
        }
        return Derivation(formula, unknown, int(data["grouped"]), bool(data["overcounted"]), found)


def _write(expression: Sequence[Polynomial], collect: tuple[str, ...]) -> str:
    if len(expression) == 1:
        return TEXT.polynomial(expression[0].terms, collect)
    shared = set.intersection(*(set(term.terms.items()) for term in expression))
    common = Polynomial(dict(shared))
    maximum = f"Max({', '.join(TEXT.polynomial((term - common).terms, collect) for term in expression)})"
    return f"{TEXT.polynomial(common.terms, collect)} + {maximum}" if shared else maximum


def largest(terms: Sequence[Polynomial], domain: Domain, sizes: Mapping[str, Size]) -> Expression:
    """Drop the polynomials that are proved never to be the largest on the domain.

    Args:
        terms: polynomials in base symbols and size keys.
        domain: where the maximum is taken.
        sizes: the sizes by key.
    """
    if len(terms) == 1:
        return tuple(terms)
    from costmodel.algebra import exact
    from costmodel.algebra.dominance import Certificate, to_polynomial

    monomials = sorted({monomial for term in terms for monomial in term.terms})
    rows = exact.matrix([[term.terms.get(m, 0) for m in monomials] for term in terms])
    kept = Certificate(domain, sizes, monomials).undominated(rows)
    return tuple(to_polynomial(row, monomials) for row in kept)
