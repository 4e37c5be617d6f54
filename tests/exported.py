"""Exported formulas run as a reader would run them: C through a compiler, Python executed, LaTeX read back."""

from __future__ import annotations

import inspect
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from costmodel.algebra.formula import SUM_OF_GROUP_PEAKS, CostFormula, memory_key
from costmodel.contract import GROUPS
from costmodel.output.export import EVERYTHING, FORMATS, ClosedForms
from costmodel.output.export.c import largest_argument
from costmodel.output.export.program import function_name, identifier

Point = dict[str, int]

FLAGS = ("-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-O1")


def value(formula: CostFormula, point: Mapping[str, int], key: str) -> int:
    """What a quantity is, by the formula itself."""
    found = formula.evaluate(point)
    return sum(found[memory_key(group)] for group in GROUPS) if key == SUM_OF_GROUP_PEAKS else found[key]


def complete(formula: CostFormula, point: Mapping[str, int]) -> Point:
    """A point of the parameters with the axes that the formula fixes or ties."""
    whole = {**formula.domain.fixed, **point}
    return whole | {axis: whole[other] for axis, other in formula.domain.tied.items() if axis not in whole}


def holding(cell: ClosedForms, point: Mapping[str, int]) -> CostFormula | None:
    """The first formula whose domain contains a point, where axes that it does not have do not matter."""
    for formula in cell.formulas:
        axes = formula.domain.conditions
        if formula.domain.contains({axis: n for axis, n in complete(formula, point).items() if axis in axes}):
            return formula
    return None


def expected(cell: ClosedForms, point: Mapping[str, int], keys: Sequence[str]) -> list[int]:
    """Whether a cell covers a point, and each quantity there, -1 where it does not."""
    formula = holding(cell, point)
    if formula is None:
        return [0, *(-1 for _ in keys)]
    found = formula.evaluate(complete(formula, point))
    found[SUM_OF_GROUP_PEAKS] = sum(found[memory_key(group)] for group in GROUPS)
    return [1, *(found[key] for key in keys)]


def points(cells: Sequence[ClosedForms], parameters: Sequence[str], number: int, largest: int) -> list[Point]:
    """Random points, most in the domain of one of the formulas, some beyond it on one axis."""
    rng = random.Random(number)
    regions = [formula.domain for cell in cells for formula in cell.formulas]
    drawn = []
    for at in range(number):
        domain = regions[at % len(regions)]
        point = {axis: rng.randint(1, 500) for axis in parameters}
        for axis, free in domain.free.items():
            low, high = free.ends(min(rng.choice((free.lower + 40, free.lower + 600, largest)), largest))
            point[axis] = min(low, largest) if high > largest else rng.randrange(low, high + 1, free.multiple)
        point |= domain.fixed
        point |= {axis: point[other] for axis, other in domain.tied.items()}
        if parameters and rng.random() < 0.2:
            axis = rng.choice(parameters)
            point[axis] += rng.choice((-point[axis], -point[axis] - 7, 1, -1, 17))
        drawn.append({axis: min(point[axis], largest) for axis in parameters})
    return drawn


def check(cells: Sequence[ClosedForms], folder: Path, keys: Sequence[str] = EVERYTHING, number: int = 200) -> None:
    """Compare C and Python with the formulas, every function at every point."""
    namespace: dict[str, Any] = {}
    exec(FORMATS["python"](cells, keys), namespace)
    stems = [identifier(cell.name) for cell in cells]
    names = ["covers", *map(function_name, keys)]
    functions = [[namespace[f"{stem}_{name}"] for name in names] for stem in stems]
    parameters = list(inspect.signature(functions[0][0]).parameters)
    at = points(cells, parameters, number, largest_argument(cells, keys))
    want = [[expected(cell, point, keys) for cell in cells] for point in at]
    assert any(row[0] for rows in want for row in rows), "no point was inside"
    # By position: the order of the parameters is part of what is promised.
    assert [[[f(*point.values()) for f in row] for row in functions] for point in at] == want
    assert run_c(FORMATS["c"](cells, keys), stems, names, at, folder) == want


def compiler() -> str:
    found = shutil.which("gcc") or shutil.which("cc")
    if not found and sys.platform == "win32":
        pytest.skip("no C compiler")
    assert found, "the exported header is tested with a C compiler: install gcc"
    return found


def compile_c(source: str, headers: Mapping[str, str], folder: Path, flags: Sequence[str] = FLAGS) -> Path:
    """Compile a program with headers; warnings are errors."""
    for name, text in headers.items():
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "main.c").write_text(source, encoding="utf-8")
    program = folder / "main"
    done = subprocess.run(
        [compiler(), *flags, "main.c", "-o", str(program)], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return program


def run_c(
    header: str, stems: Sequence[str], names: Sequence[str], at: Sequence[Point], folder: Path
) -> list[list[list[int]]]:
    """Call every function of a header at every point."""
    axes = list(at[0])
    given = ", ".join(f"p[{position}]" for position in range(len(axes)))
    calls = "\n".join(
        f'    printf("%lld\\n", (long long)costmodel_{stem}_{name}({given}));' for stem in stems for name in names
    )
    scan = "".join(f' && scanf("%lld", &p[{position}]) == 1' for position in range(len(axes)))
    program = compile_c(
        f'#include "made.h"\n#include <stdio.h>\nint main(void)\n{{\n    long long p[{len(axes) + 1}], more;\n'
        f'    while (scanf("%lld", &more) == 1{scan}) {{\n    (void)p;\n{calls}\n    }}\n    return 0;\n}}\n',
        {"made.h": header},
        folder,
    )
    given_points = "\n".join(" ".join(map(str, [1, *point.values()])) for point in at)
    done = subprocess.run([str(program)], input=given_points, capture_output=True, text=True, check=True)
    numbers = iter(map(int, done.stdout.split()))
    found = [[[next(numbers) for _ in names] for _ in stems] for _ in at]
    assert next(numbers, None) is None
    return found


def latex_rows(fragment: str) -> list[str]:
    """The lines of every ``align*``, without what aligns them."""
    blocks = re.findall(r"\\begin\{align\*\}\n(.*?)\n\\end\{align\*\}", fragment, re.DOTALL)
    return [row.replace("&", "").removesuffix(r" \\") for block in blocks for row in block.split("\n")]


def latex_values(fragment: str) -> list[Callable[[Mapping[str, int]], int]]:
    """Read the formulas of one region back: a function of the symbols for each, in order."""
    blocks = re.findall(r"\\begin\{align\*\}\n(.*?)\n\\end\{align\*\}", fragment, re.DOTALL)
    rows = [row for block in blocks for row in re.sub(r" \\\\\n&", " ", block).split(" \\\\\n")]
    formulas = [row.split(" &= ", 1)[1] for row in rows if row[:2] in ("M_", "F^")]
    return [_reader(text) for text in formulas]


def _reader(text: str) -> Callable[[Mapping[str, int]], int]:
    for pattern, put in (
        (r"\\quad ", ""),
        (r" \\, ", "*"),
        (r"\\;", " "),
        (r"\\max\\\{", "max("),
        (r"\\\}", ")"),
        (r"\\mathrm\{([^}]*)\}", r"\1"),
        (r"\^\{(\d+)\}", r"**\1"),
        (r"_\{(\d+)\}", r"\1"),
        (r"\\_", "_"),
        (r"(?<=[\w)]) (?=[\w(])", "*"),
    ):
        text = re.sub(pattern, put, text)
    assert "\\" not in text, text
    code = compile(text.strip(), "latex", "eval")
    return lambda symbols: int(eval(code, {"max": max}, dict(symbols)))
