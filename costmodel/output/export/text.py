"""Closed forms as text that ``sympy.parse_expr`` parses, laid out as the command line prints them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from costmodel.algebra.formula import SUM_OF_GROUP_PEAKS, CostFormula
from costmodel.output.export.forms import EVERYTHING, SECTIONS, ClosedForms, conditions, label, sizes_in


def write(cells: Sequence[ClosedForms], keys: Sequence[str] = EVERYTHING) -> str:
    """Write cells as text: each quantity, the sizes it names, and where it holds."""
    written = []
    for cell in cells:
        regions = ["\n".join(_region(formula, keys)) for formula in cell.formulas]
        written.append("\n\n".join([cell.heading or cell.name, *regions]) + "\n")
    return "\n".join(written)


def expression(formula: CostFormula, key: str) -> str:
    """Write one quantity as an expression."""
    return formula.sum_of_group_peaks() if key == SUM_OF_GROUP_PEAKS else formula.text(key)


def _region(formula: CostFormula, keys: Sequence[str]) -> Iterator[str]:
    for title, section in SECTIONS.items():
        if chosen := [key for key in section if key in keys]:
            yield from _block(title, {label(key): expression(formula, key) for key in chosen})
    if sizes := sizes_in(formula, keys):
        yield from _block("where", {name: size.text for name, size in sizes.items()})
    if formula.lower_bound and any(".arithmetic." in key or key.startswith("kind.") for key in keys):
        yield "at least: some operators have no rule and are not in arithmetic"
    if said := conditions(formula.domain):
        yield f"valid for {said}"


def _block(title: str, rows: Mapping[str, str]) -> Iterator[str]:
    yield title
    width = max(map(len, rows))
    for name, text in rows.items():
        yield f"  {name:{width}} = {text}"
