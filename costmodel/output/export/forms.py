"""What is written: the closed forms of cells, and which of their quantities."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from costmodel.algebra.domain import Domain
from costmodel.algebra.formula import (
    INPUT,
    PEAK,
    SUM_OF_GROUP_PEAKS,
    CostFormula,
    Expression,
    flops_key,
    kind_key,
    memory_key,
)
from costmodel.algebra.polynomial import Polynomial
from costmodel.algebra.sizes import Size
from costmodel.contract import CONVENTIONS, GROUPS, KINDS, PHASES
from costmodel.options import Name

_GROUP_KEYS = tuple(map(memory_key, GROUPS))

SECTIONS: Mapping[str, tuple[str, ...]] = {
    "Memory, bytes": (*_GROUP_KEYS, SUM_OF_GROUP_PEAKS, PEAK, INPUT),
    **{f"FLOPs, {name}": tuple(flops_key(name, phase) for phase in PHASES) for name in CONVENTIONS},
    **{f"FLOPs, arithmetic: its {kind} part": tuple(kind_key(kind, phase) for phase in PHASES) for kind in KINDS},
}
"""Every quantity that can be written, under its title."""

EVERYTHING = tuple(key for keys in SECTIONS.values() for key in keys)

SELECTIONS: Mapping[str, tuple[str, ...]] = {
    "all": EVERYTHING,
    "memory": SECTIONS["Memory, bytes"],
    "flops": tuple(key for key in EVERYTHING if not key.startswith("memory.")),
    "peak": (PEAK,),
}

QUANTITY = Name("quantity", SELECTIONS)
"""Which numbers are wanted."""


@dataclass(frozen=True)
class ClosedForms:
    """All closed forms of one cell.

    Attributes:
        name: what it is called: ``mobilenet_v2 lora``. Functions are named after it.
        formulas: one for each region; where two of them hold, the first answers.
        heading: a line that says which cell it is.
        versions: packages that the formulas were derived with.
        command: the command line that asked for them.
    """

    name: str
    formulas: tuple[CostFormula, ...]
    heading: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    command: str = ""


def label(key: str) -> str:
    """Return the last word of a quantity's name: its memory group, or its phase."""
    return key.rpartition(".")[2]


def about(key: str) -> str:
    """Say in a few words what a quantity is."""
    family, *middle, last = key.split(".")
    name = last.replace("_", " ")
    if family == "memory":
        return f"{name} in bytes"
    return f"FLOPs of {name}, " + (f"the {middle[0]} part of arithmetic" if family == "kind" else f"by {middle[0]}")


def conditions(domain: Domain) -> str:
    """Say where a formula holds, in one line; empty where nothing is left open."""
    said = ", ".join(domain.describe().values())
    return f"{said}, all integers" if said else ""


def split(formula: CostFormula, key: str) -> tuple[Polynomial, tuple[Expression, ...]]:
    """Split a quantity into a polynomial and the maxima that are added to it.

    What all terms of a maximum share goes into the polynomial.
    """
    plain: list[Polynomial] = []
    maxima: list[Expression] = []
    for terms in (formula.quantities[part] for part in (_GROUP_KEYS if key == SUM_OF_GROUP_PEAKS else (key,))):
        common = Polynomial(dict(set.intersection(*(set(term.terms.items()) for term in terms))))
        plain.append(common)
        if len(terms) > 1:
            maxima.append(tuple(term - common for term in terms))
    return Polynomial.total(plain), tuple(maxima)


def sizes_in(formula: CostFormula, keys: Iterable[str]) -> dict[str, Size]:
    """Return the named sizes that occur in some quantities."""
    used: set[str] = set()
    for key in keys:
        plain, maxima = split(formula, key)
        used = used.union(plain.symbols, *(term.symbols for terms in maxima for term in terms))
    return {name: size for name, size in formula.sizes.items() if name in used}


def provenance(cells: Sequence[ClosedForms]) -> list[str]:
    """Say in a few lines what was derived, where it holds, with which versions and by which command."""
    versions = {name: version for cell in cells for name, version in cell.versions.items()}
    lines = []
    for cell in cells:
        lines.append(cell.heading or cell.name)
        lines.extend(f"  valid for {said}" for formula in cell.formulas if (said := conditions(formula.domain)))
    if versions:
        lines.append(f"derived with {', '.join(f'{name} {version}' for name, version in versions.items())}")
    lines.extend(f"command: {command}" for command in dict.fromkeys(cell.command for cell in cells) if command)
    return [re.sub(r"\s*[\r\n]+\s*", " ", line) for line in lines]
