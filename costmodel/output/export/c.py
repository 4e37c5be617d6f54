"""Closed forms as one C99 header of 64-bit integer functions, without dependencies or memory of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from textwrap import wrap

from costmodel.algebra.formula import PEAK, SUM_OF_GROUP_PEAKS, CostFormula, flops_key, memory_key
from costmodel.algebra.notation import Notation, shifted
from costmodel.algebra.polynomial import Polynomial
from costmodel.algebra.sizes import Size
from costmodel.contract import GROUPS, PHASES
from costmodel.errors import InputError
from costmodel.output.export.forms import EVERYTHING, ClosedForms, about, provenance
from costmodel.output.export.layout import lines, packed
from costmodel.output.export.program import Branch, CellFunctions, Program, function_name, program

_WIDTH = 88
"""Characters of a line, indentation left out."""

_KEYWORDS = """
auto case char const default do double enum extern float goto inline int int64_t long register restrict short signed
sizeof static struct switch typedef union unsigned void volatile
"""
"""Those of C that are not Python's too, which are refused anyway."""

_TABLED = (PEAK, *(flops_key("arithmetic", phase) for phase in PHASES))
"""What the table of several cells points to, where it is written."""


class _C(Notation):
    """C, whose helper functions begin with a stem.

    Attributes:
        declared: what has to stand before the expression.
    """

    def __init__(self, stem: str) -> None:
        self._stem = stem
        self.declared: list[str] = []

    def power(self, symbol: str, power: int) -> str:
        return self.times.join([symbol] * power)

    def floor(self, value: str, offset: int, divisor: int) -> str:
        inner = shifted(value, offset)
        return inner if divisor == 1 else f"{self._stem}_divide({inner}, {divisor})"

    def square(self, value: str, extra: int) -> str:
        self.declared.append(f"const int64_t side = {value};")
        return shifted("side * side", extra)

    def smaller(self, value: str, limit: int) -> str:
        return f"{value} < {limit} ? {value} : {limit}"


_ARGUMENT_BITS = 30
"""The estimator itself takes sizes below 2**31."""

_HELPERS = """\
/* a / b rounded down, for b > 0; C rounds towards zero */
static inline int64_t {stem}_divide(int64_t a, int64_t b)
{{
    return a / b - (a % b < 0);
}}

static inline int64_t {stem}_larger(int64_t a, int64_t b)
{{
    return a > b ? a : b;
}}
"""


def write(cells: Sequence[ClosedForms], keys: Sequence[str] = EVERYTHING) -> str:
    """Write cells as a header. Outside its cell's domain every function returns -1.

    Raises:
        InputError: for a name that C does not take, or numbers that 64 bits do not hold at any size.
    """
    made = program(cells, keys, _KEYWORDS.split())
    largest = largest_argument(cells, keys)
    stem = f"costmodel_{made.stem}"
    return "\n".join(
        [
            _comment(_introduction(made, largest)),
            f"#ifndef {stem.upper()}_H\n#define {stem.upper()}_H\n\n#include <stdint.h>\n",
            f"#define {stem.upper()}_LARGEST {largest}\n",
            _HELPERS.format(stem=stem),
            *(_size(stem, name, size) for name, size in made.sizes.items()),
            *(part for cell in made.cells for part in _cell(made, stem, cell)),
            *([_table(made, stem, keys)] if len(cells) > 1 else []),
            f"#endif /* {stem.upper()}_H */\n",
        ]
    )


def largest_argument(cells: Sequence[ClosedForms], keys: Sequence[str] = EVERYTHING) -> int:
    """Return a power of two up to which no argument makes any intermediate result overflow 64 bits.

    Raises:
        InputError: where there is none.
    """
    for bits in range(_ARGUMENT_BITS, -1, -1):
        if all(_reach(formula, keys, 1 << bits) < 1 << 63 for cell in cells for formula in cell.formulas):
            return 1 << bits
    raise InputError(f"{', '.join(cell.name for cell in cells)}: the numbers do not fit 64 bits")


def _reach(formula: CostFormula, keys: Iterable[str], largest: int) -> int:
    """Bound what occurs while a formula is evaluated with arguments up to ``largest``.

    Every factor is taken as at least 1 in size, so that partial products are bounded too, and every term as positive,
    so that partial sums are.
    """
    ends = {axis: condition.ends(largest) for axis, condition in formula.domain.deciding.items()}
    values: dict[str, int] = {axis: max(1, *map(abs, both)) for axis, both in ends.items()}
    for name, size in formula.sizes.items():
        values[name] = max(1, *(abs(size.at({size.axis: end})) for end in ends[size.axis]))
    passed = max((size.reach(ends[size.axis]) for size in formula.sizes.values()), default=0)

    def bound(key: str) -> int:
        if key == SUM_OF_GROUP_PEAKS:
            return sum(bound(memory_key(group)) for group in GROUPS)
        terms = formula.quantities[key]
        return max(Polynomial({m: abs(c) for m, c in term.terms.items()}).evaluate(values) for term in terms)

    return max(passed, *map(bound, keys))


def _comment(said: Iterable[str]) -> str:
    wrapped = [part for line in said for part in wrap(line, _WIDTH + 8, subsequent_indent="    ") or [""]]
    return "\n".join(["/*", *(f" * {_safe(line)}".rstrip() for line in wrapped), " */\n"])


def _safe(text: str) -> str:
    """Take from a text what would begin or end a comment, or go on in the next line."""
    return " ".join(text.replace("*/", "* /").replace("/*", "/ *").split("\n"))


def _introduction(made: Program, largest: int) -> Iterator[str]:
    prefix = f"costmodel_{made.cells[0].stem}"
    given = ", ".join(made.parameters)
    yield f"FLOPs and bytes of one fine-tuning step as 64-bit integer functions of {given or 'nothing'}."
    yield ""
    yield from provenance([functions.cell for functions in made.cells])
    for axis, value in made.constants.items():
        yield f"{axis} is {value} throughout and no argument."
    yield ""
    yield f"{prefix}_covers({given}) tells whether its formulas hold; where they do not, its other functions return -1."
    yield f"Arguments beyond {largest} are not covered: up to there no intermediate result overflows 64 bits."
    if len(made.cells) > 1:
        table = f"costmodel_{made.stem}"
        yield ""
        yield f"{table}_cells lists the {table.upper()}_CELLS cells with pointers to their functions, to loop over."


def _parameters(made: Program) -> str:
    return ", ".join(f"int64_t {axis}" for axis in made.parameters) or "void"


def _size(stem: str, name: str, size: Size) -> str:
    written = _C(stem)
    result = size.define(written, size.axis)
    body = "\n    ".join([*written.declared, f"return {result};"])
    return f"/* {size.text} */\nstatic inline int64_t {stem}_{name}(int64_t {size.axis})\n{{\n    {body}\n}}\n"


def _cell(made: Program, stem: str, functions: CellFunctions) -> Iterator[str]:
    prefix, parameters, given = f"costmodel_{functions.stem}", _parameters(made), ", ".join(made.parameters)
    used = [axis for axis in made.parameters if axis not in functions.unused]
    yield "\n".join(
        [
            f"/* {_safe(functions.cell.name)}: which of its formulas holds, -1 where none does */",
            f"static inline int {prefix}_region({parameters})",
            "{",
            *(f"    (void){axis};" for axis in functions.unused),
            *(f"    if ({axis} > {stem.upper()}_LARGEST)\n        return -1;" for axis in used),
            *(f"    if ({' && '.join(hold) or 1})\n        return {at};" for at, hold in enumerate(functions.regions)),
            "    return -1;\n}\n",
        ]
    )
    yield f"static inline int {prefix}_covers({parameters})\n{{\n    return {prefix}_region({given}) >= 0;\n}}\n"
    for key, branches in functions.functions.items():
        yield "\n".join(
            [
                f"/* {about(key)} */",
                f"static inline int64_t {prefix}_{function_name(key)}({parameters})",
                "{",
                f"    switch ({prefix}_region({given})) {{",
                *(line for branch in branches for line in _branch(made, stem, branch)),
                "    default:\n        return -1;\n    }\n}\n",
            ]
        )


def _branch(made: Program, stem: str, branch: Branch) -> Iterator[str]:
    *others, last = branch.regions
    yield from (f"    case {region}:" for region in others)
    yield f"    case {last}: {{"
    if branch.symbols:
        *values, final = (f"{name} = {_value(made, stem, name)}" for name in branch.symbols)
        yield from _statement(packed(["const int64_t", *(f"{value}," for value in values), final], _WIDTH))
    notation = _C(stem)
    names = [f"largest_{at}" for at, _ in enumerate(branch.maxima, start=1)]
    for name, terms in zip(names, branch.maxima, strict=True):
        for at, term in enumerate(terms):
            written = lines(notation.pieces(term.terms, branch.collect), _WIDTH)
            opening = f"{name} = {stem}_larger({name}," if at else f"int64_t {name} ="
            yield from _statement([opening, *written[:-1], written[-1] + (")" if at else "")])
    plain = notation.pieces(branch.plain.terms, branch.collect) if branch.plain.terms or not names else []
    first, *rest = lines([*plain, *(f"+ {name}" for name in names)], _WIDTH)
    yield from _statement([f"return {first}", *rest])
    yield "    }"


def _statement(written: Sequence[str]) -> Iterator[str]:
    """Indent the lines of a statement, all but the first once more, and end it."""
    for at, line in enumerate(written):
        yield f"        {'    ' if at else ''}{line}{';' if at == len(written) - 1 else ''}"


def _value(made: Program, stem: str, name: str) -> str:
    size = made.sizes.get(name)
    return f"{stem}_{name}({made.argument(size.axis)})" if size else made.argument(name)


def _table(made: Program, stem: str, keys: Sequence[str]) -> str:
    parameters = _parameters(made)
    members = [function_name(key) for key in _TABLED if key in keys]
    return "\n".join(
        [
            f"struct {stem}_cell {{",
            "    const char *name;",
            f"    int (*covers)({parameters});",
            *(f"    int64_t (*{member})({parameters});" for member in members),
            "};\n",
            f"#define {stem.upper()}_CELLS {len(made.cells)}\n",
            f"static const struct {stem}_cell {stem}_cells[{stem.upper()}_CELLS] = {{",
            *(_entry(functions, members) for functions in made.cells),
            "};\n",
        ]
    )


def _entry(functions: CellFunctions, members: Sequence[str]) -> str:
    name = functions.cell.name.replace("\\", "\\\\").replace('"', '\\"')
    pointers = [f"costmodel_{functions.stem}_{member}" for member in ("covers", *members)]
    inner = ",\n     ".join([f'"{name}"', *pointers])
    return f"    {{{inner}}},"
