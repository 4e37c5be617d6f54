"""Closed forms written for other programs say what the formulas say, in every format."""

from __future__ import annotations

import inspect
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.mathtext import MathTextParser

from costmodel.algebra.domain import Domain, Fixed, Free, Tied
from costmodel.algebra.formula import PEAK, QUANTITIES, CostFormula, Expression, flops_key
from costmodel.algebra.polynomial import Polynomial
from costmodel.algebra.sizes import Capped, Size, Strided, Tokens
from costmodel.errors import InputError
from costmodel.output.export import EVERYTHING, FORMATS, SELECTIONS, ClosedForms
from costmodel.output.export.c import largest_argument
from costmodel.output.export.latex import document
from tests.exported import check, compile_c, complete, expected, latex_rows, latex_values, points, value

N, H, W, r, S = map(Polynomial.symbol, ("N", "H", "W", "r", "S"))


def sym(size: Size) -> Polynomial:
    return Polynomial.symbol(size.key)


def formula(sizes: list[Size], domain: Domain, *terms: Polynomial) -> CostFormula:
    """Every quantity another one: term by term, as a maximum of all, or of some with something in common."""
    quantities: dict[str, Expression] = {}
    for at, key in enumerate(QUANTITIES):
        if at % 3 == 0:
            quantities[key] = (terms[at % len(terms)] * (at + 1) + at,)
        else:
            common = terms[0] * at if at % 3 == 1 else Polynomial({})
            quantities[key] = tuple(dict.fromkeys(common + term * (at + 2) - 3 for term in terms))
    return CostFormula.build(quantities, sizes, domain)


NARROW, CUT, WIDE = Strided("H", 2, -5), Strided("W", 1, -3), Strided("H", 32, 31)
TOKENS, PATCHES = Tokens("H", 16, 1), Strided("H", 16, 0)
NINE, FORTY = Capped("r", 9), Capped("r", 40)

CELLS = {
    "negative numerators": ClosedForms(
        "net strided",
        (
            formula(
                [NARROW, CUT, WIDE],
                Domain({"N": Free(1), "H": Free(1), "W": Free(1)}),
                N * sym(NARROW) * sym(CUT) * 3 - sym(NARROW) * 7,
                N * sym(WIDE) * W - N * 4,
                Polynomial.of(-11),
            ),
        ),
    ),
    "square tokens": ClosedForms(
        "net tokens",
        (
            formula(
                [TOKENS, PATCHES],
                Domain({"N": Free(2), "H": Free(32, multiple=16), "W": Tied("H")}),
                N * sym(TOKENS) * sym(TOKENS),
                N * sym(PATCHES) * sym(PATCHES) * 768 + W * 5,
            ),
            formula(
                [TOKENS],
                Domain({"H": Free(32, multiple=16), "W": Tied("H"), "N": Fixed(1)}),
                sym(TOKENS) * 9 + N,
                H * H * H,
            ),
        ),
    ),
    "capped rank": ClosedForms(
        "net galore",
        (
            formula(
                [NINE, FORTY, WIDE],
                Domain({"N": Free(1), "H": Free(33), "r": Free(1)}),
                sym(NINE) * sym(NINE) * N - r,
                sym(FORTY) * r * 12 + sym(WIDE) * N,
                r * 100,
            ),
        ),
    ),
    "bands of rank": ClosedForms(
        "net lora",
        (
            formula([WIDE], Domain({"N": Free(1), "H": Free(33), "r": Free(2, 64)}), N * sym(WIDE) * r, r * r + N * 8),
            formula([WIDE], Domain({"N": Free(1), "H": Free(33), "r": Free(65)}), N * sym(WIDE) * r, r * 64 + N * 8),
            formula([WIDE], Domain({"N": Free(1), "H": Free(33), "r": Fixed(1)}), N * sym(WIDE) * 2, N * 8 + r),
            formula([], Domain({"N": Free(1), "r": Free(1, 64), "H": Fixed(32)}), N * r * 77, H * 5 + N * 8),
        ),
    ),
    "text": ClosedForms(
        "net bert", (formula([], Domain({"N": Free(1), "S": Free(2, 512)}), N * S * S * 12 + S, N * 3),)
    ),
    "renamed": ClosedForms(
        "renamed",
        (formula([], Domain({"batch": Free(1), "my_rank": Free(1)}), *map(Polynomial.symbol, ("batch", "my_rank"))),),
    ),
    "fixed for good": ClosedForms(
        "fixed",
        (formula([WIDE], Domain({"N": Free(1), "H": Fixed(96), "W": Fixed(64)}), N * sym(WIDE) * W, H * 3 + N),),
    ),
    "numbers": ClosedForms(
        "numbers", (formula([], Domain({"N": Fixed(8), "H": Fixed(32)}), Polynomial.of(7), N * 12),)
    ),
    "hostile": ClosedForms(
        '../a "net" */ \\ % $x^2 lora',
        (formula([], Domain({"N": Free(1)}), N, N * N),),
        "heading with */ and /* and\na new line\\",
        {"torch": "2.13.0"},
        'costmodel formula --targets "a/*b"',
    ),
}


@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_c_and_python_equal_the_formula(cell: ClosedForms, tmp_path: Path) -> None:
    check([cell], tmp_path)


def test_cells_that_differ_in_everything_share_one_signature(tmp_path: Path) -> None:
    check([cell for name, cell in CELLS.items() if name != "renamed"], tmp_path, number=400)


@st.composite
def polynomials(draw: st.DrawFn) -> Polynomial:
    symbols = draw(st.lists(st.sampled_from([N, H, r, sym(NINE), sym(WIDE), sym(NARROW), sym(TOKENS)]), max_size=4))
    product = Polynomial.of(draw(st.integers(-(10**6), 10**6)))
    for symbol in symbols:
        product = product * symbol
    return product


@given(st.lists(st.lists(polynomials(), min_size=1, max_size=4).map(Polynomial.total), min_size=1, max_size=4))
@settings(max_examples=12)
def test_any_polynomials(tmp_path_factory: pytest.TempPathFactory, terms: list[Polynomial]) -> None:
    domain = Domain({"N": Free(1), "H": Free(16, multiple=16), "r": Free(1)})
    made = formula([NINE, WIDE, NARROW, TOKENS], domain, *terms)
    check([ClosedForms("any", (made,))], tmp_path_factory.mktemp("any"), number=40)
    read_back(ClosedForms("any", (made,)))


def test_axes_with_one_value_or_tied_are_no_parameters() -> None:
    for name, want in {
        "square tokens": ["N", "H"],
        "bands of rank": ["N", "H", "r"],
        "renamed": ["batch", "my_rank"],
        "fixed for good": ["N"],
        "numbers": [],
    }.items():
        namespace: dict[str, object] = {}
        exec(FORMATS["python"]([CELLS[name]], EVERYTHING), namespace)
        assert list(inspect.signature(namespace[f"{CELLS[name].name.replace(' ', '_')}_peak"]).parameters) == want


def test_a_tied_axis_is_checked_where_another_cell_has_it_free(tmp_path: Path) -> None:
    cells = [CELLS["square tokens"], CELLS["negative numerators"]]
    check(cells, tmp_path)
    namespace: dict[str, object] = {}
    exec(FORMATS["python"](cells, EVERYTHING), namespace)
    assert namespace["net_tokens_covers"](2, 64, 64)
    assert not namespace["net_tokens_covers"](2, 64, 80)


def test_c_covers_no_argument_that_could_overflow(tmp_path: Path) -> None:
    huge = formula(
        [],
        Domain({"N": Free(1), "H": Free(1), "W": Free(1), "r": Free(1)}),
        N * N * H * H * W * r * 10**6,
        N * H * 10**9,
    )
    cell = ClosedForms("huge", (huge,))
    largest = largest_argument([cell])
    corner = dict.fromkeys(("N", "H", "W", "r"), largest)
    assert max(value(huge, corner, key) for key in EVERYTHING) < 2**63
    assert max(value(huge, {axis: 2 * n for axis, n in corner.items()}, key) for key in EVERYTHING) >= 2**63
    calls = ", ".join([str(largest)] * 4)
    beyond = ", ".join([str(largest + 1), "1", "1", "1"])
    keys = [key for key in QUANTITIES if key.startswith("flops")]
    source = "".join(
        f"    if (costmodel_huge_{key.replace('.', '_')}({calls}) != {value(huge, corner, key)}) return 1;\n"
        for key in keys
    )
    source += f"    if (costmodel_huge_covers({beyond}) || costmodel_huge_peak({beyond}) != -1) return 2;\n"
    source = f'#include "huge.h"\nint main(void)\n{{\n{source}    return 0;\n}}\n'
    program = compile_c(source, {"huge.h": FORMATS["c"]([cell], EVERYTHING)}, tmp_path)
    assert subprocess.run([str(program)]).returncode == 0


def test_numbers_that_64_bits_never_hold_are_refused() -> None:
    cell = ClosedForms("astronomical", (formula([], Domain({"N": Free(1)}), N * 2**70),))
    with pytest.raises(InputError, match="astronomical: the numbers do not fit 64 bits"):
        FORMATS["c"]([cell], EVERYTHING)


@pytest.mark.parametrize(("language", "word"), [("c", "register"), ("c", "int64_t"), ("python", "max")])
def test_a_name_that_the_language_needs_is_refused(language: str, word: str) -> None:
    cell = ClosedForms("net", (formula([], Domain({word: Free(1)}), Polynomial.symbol(word)),))
    with pytest.raises(InputError, match=f"{word}: this name has a meaning"):
        FORMATS[language]([cell], EVERYTHING)


def test_two_cells_of_one_name_are_refused() -> None:
    cell = CELLS["text"]
    with pytest.raises(InputError, match="net bert and net-bert: their functions would have one name"):
        FORMATS["c"]([cell, ClosedForms("net-bert", cell.formulas)], EVERYTHING)


def test_headers_can_be_included_together_and_twice(tmp_path: Path) -> None:
    names = ("square tokens", "bands of rank", "hostile")
    headers = {f"{at}.h": FORMATS["c"]([CELLS[name]], EVERYTHING) for at, name in enumerate(names)}
    includes = "".join(f'#include "{name}"\n' for name in (*headers, "0.h"))
    compile_c(f"{includes}int main(void)\n{{\n    return 0;\n}}\n", headers, tmp_path)


def test_the_table_of_several_cells_points_to_their_functions(tmp_path: Path) -> None:
    cells = [CELLS["square tokens"], CELLS["capped rank"]]
    source = """
#include "made.h"
#include <stdio.h>
int main(void)
{
    for (int i = 0; i < COSTMODEL_NET_CELLS; i++)
        printf("%s|%d|%lld|%lld\\n", costmodel_net_cells[i].name, costmodel_net_cells[i].covers(2, 48, 7),
               (long long)costmodel_net_cells[i].peak(2, 48, 7),
               (long long)costmodel_net_cells[i].flops_arithmetic_backward(2, 48, 7));
    return 0;
}
"""
    program = compile_c(source, {"made.h": FORMATS["c"](cells, EVERYTHING)}, tmp_path)
    keys = (PEAK, flops_key("arithmetic", "backward"))
    point = {"N": 2, "H": 48, "r": 7}
    want = [f"{cell.name}|{'|'.join(map(str, expected(cell, point, keys)))}" for cell in cells]
    assert subprocess.run([str(program)], capture_output=True, text=True).stdout.splitlines() == want


@pytest.mark.parametrize("selection", SELECTIONS)
def test_only_what_is_asked_for(selection: str, tmp_path: Path) -> None:
    keys = SELECTIONS[selection]
    cells = [CELLS["bands of rank"], CELLS["capped rank"]]
    check(cells, tmp_path, keys, number=60)
    header = FORMATS["c"](cells, keys)
    assert ("_flops_torch_forward(" in header) == (selection in ("all", "flops"))
    assert ("_opt(" in header) == (selection in ("all", "memory"))
    text = FORMATS["text"](cells, keys)
    assert ("FLOPs, torch" in text) == (selection in ("all", "flops"))
    assert "floor((H - 1)/32) + 1" in text


@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_json_reads_back(cell: ClosedForms) -> None:
    data = json.loads(FORMATS["json"]([cell], EVERYTHING))
    assert data["schema"] == "costmodel.formula/1"
    (read,) = data["cells"]
    assert (read["name"], read["heading"], read["versions"]) == (cell.name, cell.heading, dict(cell.versions))
    assert (
        tuple(CostFormula.from_dict(region["formula"], region["domain"]) for region in read["regions"]) == cell.formulas
    )
    for region, made in zip(read["regions"], cell.formulas, strict=True):
        assert region["domain"] == made.domain.describe()
        assert region["texts"] == {key: made.text(key) for key in QUANTITIES} | {
            "memory.sum_of_group_peaks": made.sum_of_group_peaks()
        }
        assert region["symbols"] == made.symbols()


@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_text_has_every_formula_size_and_condition(cell: ClosedForms) -> None:
    text = FORMATS["text"]([cell], EVERYTHING)
    assert text.startswith(cell.heading or cell.name)
    for made in cell.formulas:
        lines = [*map(made.text, QUANTITIES), made.sum_of_group_peaks(), *made.symbols().values()]
        assert all(f"= {line}\n" in text for line in lines)
        assert all(condition in text for condition in made.domain.describe().values())


def read_back(cell: ClosedForms) -> None:
    """Read LaTeX as numbers and compare them with the formula, at points of each region."""
    for made in cell.formulas:
        alone = ClosedForms(cell.name, (made,))
        read = latex_values(FORMATS["latex"]([alone], EVERYTHING))
        for point in points([alone], list(made.domain.free), 5, 1000):
            whole = complete(made, point)
            symbols = whole | {name: size.at(whole) for name, size in made.sizes.items()}
            assert [found(symbols) for found in read] == [value(made, whole, key) for key in EVERYTHING]


@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_latex_says_the_same(cell: ClosedForms) -> None:
    read_back(cell)


@pytest.mark.each(4)
@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_latex_renders(cell: ClosedForms) -> None:
    fragment = FORMATS["latex"]([cell], EVERYTHING)
    parser = MathTextParser("path")
    for row in dict.fromkeys(latex_rows(fragment)):
        parser.parse(f"${row}$")


def test_latex_defines_sizes_and_says_where_it_holds() -> None:
    rows = latex_rows(
        FORMATS["latex"]([CELLS["square tokens"], CELLS["capped rank"], CELLS["bands of rank"]], EVERYTHING)
    )
    assert r"t_{1} = \left\lfloor \frac{H}{16} \right\rfloor^{2} + 1" in rows
    assert r"h_{1} = \left\lfloor \frac{H + 31}{32} \right\rfloor" in rows
    assert r"r_{40} = \min(r, 40)" in rows
    assert r"N \geq 2,\quad H \geq 32,\quad 16 \mid H,\quad W = H" in rows
    assert r"N \geq 1,\quad H \geq 33,\quad 2 \leq r \leq 64" in rows


def test_latex_is_balanced_and_stands_alone() -> None:
    fragment = FORMATS["latex"](list(CELLS.values()), EVERYTHING)
    code = re.sub(r"(?m)^%.*$", "", fragment)
    assert code.count(r"\begin{align*}") == code.count(r"\end{align*}")
    assert code.replace(r"\{", "").count("{") == code.replace(r"\}", "").count("}")
    whole = document(fragment)
    assert whole.index(r"\usepackage{amsmath}") < whole.index(r"\begin{document}") < whole.index(r"\begin{align*}")
    assert whole.endswith("\\end{document}\n")


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_says_where_it_comes_from(name: str) -> None:
    cell = CELLS["hostile"]
    text = FORMATS[name]([cell], EVERYTHING)
    assert "torch" in text or name == "text"
    assert text.endswith("\n")
    assert not re.search(r"[ \t]$", text, re.MULTILINE)


def test_a_python_module_is_documented_and_stands_alone() -> None:
    made = FORMATS["python"](list(CELLS.values()), EVERYTHING)
    assert re.findall(r"^(?:import|from) .*$", made, re.MULTILINE) == ["from collections.abc import Callable"]
    assert max(map(len, made.splitlines())) <= 130
    namespace: dict[str, object] = {}
    exec(made, namespace)
    assert {*namespace["CELLS"]} == {cell.name for cell in CELLS.values()}
    assert namespace["CELLS"]["net lora"]["peak"] is namespace["net_lora_peak"]
    assert all(f.__doc__ for name, f in namespace.items() if inspect.isfunction(f) and name[0] != "_")


def test_exporting_needs_neither_torch_nor_sympy() -> None:
    code = "import sys, costmodel.output.export; sys.exit(bool({'torch', 'sympy', 'numpy'} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
