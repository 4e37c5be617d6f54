"""Closed forms as a Python module of plain functions that imports nothing but the standard library."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from costmodel.algebra.notation import Notation, shifted
from costmodel.algebra.sizes import Size
from costmodel.output.export.forms import EVERYTHING, ClosedForms, about, provenance
from costmodel.output.export.layout import lines
from costmodel.output.export.program import Branch, CellFunctions, Program, function_name, program

_WIDTH = 100

_AT_ONCE = 5
"""How many sizes one line assigns."""

_RESERVED = frozenset({"int", "max", "min"})
"""What the functions need themselves; keywords are refused before."""


class _Python(Notation):
    def power(self, symbol: str, power: int) -> str:
        return symbol if power == 1 else f"{symbol}**{power}"

    def floor(self, value: str, offset: int, divisor: int) -> str:
        if divisor == 1:
            return shifted(value, offset)
        return f"({shifted(value, offset)}) // {divisor}" if offset else f"{value} // {divisor}"

    def square(self, value: str, extra: int) -> str:
        return shifted(f"({value}) ** 2", extra)

    def smaller(self, value: str, limit: int) -> str:
        return f"min({value}, {limit})"


_PYTHON = _Python()


def write(cells: Sequence[ClosedForms], keys: Sequence[str] = EVERYTHING) -> str:
    """Write cells as a module. Outside its cell's domain every function returns -1.

    Raises:
        InputError: for an axis whose name a function needs itself.
    """
    made = program(cells, keys, _RESERVED)
    head = [
        '"""FLOPs and bytes of one fine-tuning step. Where a formula does not hold, its function returns -1."""',
        "",
    ]
    head += [f"# {line}" for line in provenance(cells)]
    head += [f"# {axis} is {value} throughout and no argument" for axis, value in made.constants.items()]
    parts = ["\n".join(_size(name, size)) for name, size in made.sizes.items()]
    parts += [part for functions in made.cells for part in _cell(made, functions)]
    if len(cells) > 1:
        head += ["", "from collections.abc import Callable"]
        parts.append("\n".join(_table(made)))
    return "\n\n\n".join(["\n".join(head), *parts]) + "\n"


def _parameters(made: Program) -> str:
    return ", ".join(f"{axis}: int" for axis in made.parameters)


def _size(name: str, size: Size) -> Iterator[str]:
    yield f"def _{name}({size.axis}: int) -> int:"
    yield f"    return {size.define(_PYTHON, size.axis)}"


def _cell(made: Program, functions: CellFunctions) -> Iterator[str]:
    stem, parameters, given = functions.stem, _parameters(made), ", ".join(made.parameters)
    yield "\n".join(
        [
            f"def _{stem}_region({parameters}) -> int:",
            *(
                f"    if {' and '.join(hold) or True}:\n        return {at}"
                for at, hold in enumerate(functions.regions)
            ),
            "    return -1",
        ]
    )
    yield "\n".join(
        [
            f"def {stem}_covers({parameters}) -> bool:",
            '    """Tell whether the formulas hold."""',
            f"    return _{stem}_region({given}) >= 0",
        ]
    )
    for key, branches in functions.functions.items():
        yield "\n".join(
            [
                f"def {stem}_{function_name(key)}({parameters}) -> int:",
                f'    """Return {about(key)}."""',
                f"    region = _{stem}_region({given})",
                *(line for branch in branches for line in _branch(made, branch)),
                "    return -1",
            ]
        )


def _branch(made: Program, branch: Branch) -> Iterator[str]:
    *others, last = branch.regions
    yield f"    if region in {branch.regions}:" if others else f"    if region == {last}:"
    indent = " " * 8
    for at in range(0, len(branch.symbols), _AT_ONCE):
        names = branch.symbols[at : at + _AT_ONCE]
        yield f"{indent}{', '.join(names)} = {', '.join(_value(made, name) for name in names)}"
    plain = _PYTHON.pieces(branch.plain.terms, branch.collect) if branch.plain.terms or not branch.maxima else []
    body = lines(plain, _WIDTH - 12) if plain else []
    for terms in branch.maxima:
        body.append("+ max(" if body else "max(")
        for term in terms:
            inner = lines(_PYTHON.pieces(term.terms, branch.collect), _WIDTH - 16)
            body.extend(f"    {line}" for line in (*inner[:-1], f"{inner[-1]},"))
        body.append(")")
    if len(body) == 1:
        yield f"{indent}return {body[0]}"
        return
    yield f"{indent}return ("
    yield from (f"{indent}    {line}" for line in body)
    yield f"{indent})"


def _value(made: Program, name: str) -> str:
    size = made.sizes.get(name)
    return f"_{name}({made.argument(size.axis)})" if size else made.argument(name)


def _table(made: Program) -> Iterator[str]:
    yield "CELLS: dict[str, dict[str, Callable[..., int]]] = {"
    for functions in made.cells:
        yield f"    {json.dumps(functions.cell.name)}: {{"
        for member in ("covers", *map(function_name, functions.functions)):
            yield f'        "{member}": {functions.stem}_{member},'
        yield "    },"
    yield "}"
