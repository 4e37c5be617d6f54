r"""Closed forms as LaTeX, for ``amsmath``: one ``align*`` a section; each of its lines is a formula by itself."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from costmodel.algebra.formula import CostFormula
from costmodel.algebra.notation import Notation, shifted
from costmodel.output.export.forms import (
    EVERYTHING,
    SECTIONS,
    ClosedForms,
    label,
    provenance,
    sizes_in,
    split,
)
from costmodel.output.export.layout import lines, packed

_WIDTH = 68
"""Characters of a line as it is set."""

_INSET = r"\quad "

_NUMBERED = re.compile(r"(.*?)(\d+)")
_INVISIBLE = re.compile(r"\\[a-zA-Z]+|[\\{}_^&]")


def write(cells: Sequence[ClosedForms], keys: Sequence[str] = EVERYTHING) -> str:
    """Write cells as a fragment to include in a document that uses ``amsmath``."""
    written = [f"% {line}" for line in provenance(cells)]
    for cell in cells:
        for formula in cell.formulas:
            written.append("")
            written.append(rf"\paragraph{{{_escaped(cell.name)}}}")
            for title, rows in _sections(formula, keys):
                written.append(rf"{title}:")
                written.append(r"\begin{align*}")
                written.append(" \\\\\n".join(rows))
                written.append(r"\end{align*}")
    return "\n".join(written) + "\n"


def document(fragment: str) -> str:
    """Wrap a fragment into a document of its own."""
    head = r"\documentclass{article}", r"\usepackage{amsmath}", r"\usepackage[margin=2cm]{geometry}"
    # Pages may end inside an align*; a cell's formulas are longer than one.
    begin = r"\allowdisplaybreaks", r"\begin{document}"
    return "\n".join([*head, *begin, fragment + r"\end{document}"]) + "\n"


def _sections(formula: CostFormula, keys: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    for title, section in SECTIONS.items():
        if rows := [row for key in section if key in keys for row in _rows(formula, key)]:
            yield title, rows
    notation = _Latex()
    if sizes := sizes_in(formula, keys):
        yield (
            "where",
            [f"{_symbol(name)} &= {size.define(notation, _symbol(size.axis))}" for name, size in sizes.items()],
        )
    conditions = formula.domain.conditions
    if said := [part for axis, condition in conditions.items() for part in condition.write(notation, axis)]:
        yield "valid for integers", ["&" + r",\quad ".join(said)]


def _rows(formula: CostFormula, key: str) -> Iterator[str]:
    """Write a quantity as lines of an ``align*``; a maximum that is too long for one has a line for each of its terms.

    Brackets may close on another line than they open on, so none of them stretches.
    """
    collect, notation = formula.collected, _Latex(_worded(formula))
    plain, maxima = split(formula, key)
    rows = lines(notation.pieces(plain.terms, collect), _WIDTH, _length) if plain.terms or not maxima else []
    for terms in maxima:
        inner = [lines(notation.pieces(term.terms, collect), _WIDTH, _length) for term in terms]
        opening = r"+ \max\{" if rows else r"\max\{"
        if sum(_length(line) for term in inner for line in term) <= _WIDTH:
            whole = r",\; ".join(line for term in inner for line in term)
            rows = packed([*rows, rf"{opening}{whole}\}}"], _WIDTH, _length)
            continue
        rows = packed([*rows, opening], _WIDTH, _length)
        for at, term in enumerate(inner):
            term[-1] += r"\}" if at == len(inner) - 1 else ","
            rows.extend(f"{_INSET}{_INSET if part else ''}{line}" for part, line in enumerate(term))
    yield f"{_name(key)} &= {rows[0]}"
    yield from (f"&{_INSET}{row}" for row in rows[1:])


def _name(key: str) -> str:
    family, *middle, _ = key.split(".")
    below = label(key).replace("_", r"\,")
    above = rf"^{{\mathrm{{{middle[0]}}}}}" if middle else ""
    return rf"{'M' if family == 'memory' else 'F'}{above}_{{\mathrm{{{below}}}}}"


def _symbol(name: str) -> str:
    """Write a symbol: ``h_{1}`` for ``h1``, upright where it has more than one letter."""
    numbered = _NUMBERED.fullmatch(name)
    letters, number = (numbered[1], numbered[2]) if numbered else (name, "")
    written = letters if len(letters) == 1 and letters != "_" else rf"\mathrm{{{_escaped(letters)}}}"
    return f"{written}_{{{number}}}" if number else written


def _worded(formula: CostFormula) -> bool:
    return any(len(axis) > 1 for axis in (*formula.domain.free, *formula.domain.fixed))


class _Latex(Notation):
    """Mathematics as TeX sets it. Nothing stands between factors, as usual, unless a name has more than one letter."""

    def __init__(self, worded: bool = False) -> None:
        self.times = r" \, " if worded else " "

    def power(self, symbol: str, power: int) -> str:
        return _symbol(symbol) + (f"^{{{power}}}" if power > 1 else "")

    def floor(self, value: str, offset: int, divisor: int) -> str:
        inner = shifted(value, offset)
        return inner if divisor == 1 else rf"\left\lfloor \frac{{{inner}}}{{{divisor}}} \right\rfloor"

    def square(self, value: str, extra: int) -> str:
        return shifted(f"{value}^{{2}}", extra)

    def smaller(self, value: str, limit: int) -> str:
        return rf"\min({value}, {limit})"

    def between(self, axis: str, lower: int, upper: int | None) -> list[str]:
        name = _symbol(axis)
        return [rf"{name} \geq {lower}" if upper is None else rf"{lower} \leq {name} \leq {upper}"]

    def multiple(self, axis: str, of: int) -> list[str]:
        return [rf"{of} \mid {_symbol(axis)}"]

    def equal(self, axis: str, value: int) -> list[str]:
        return [f"{_symbol(axis)} = {value}"]

    def same(self, axis: str, other: str) -> list[str]:
        return [f"{_symbol(axis)} = {_symbol(other)}"]


def _escaped(text: str) -> str:
    """Write text that is not mathematics; what TeX has no plain way to set becomes a dash."""
    return re.sub(r"([_#%&])", r"\\\1", re.sub(r"[\\{}^~$]", "-", text))


def _length(text: str) -> int:
    return len(_INVISIBLE.sub("", text))
