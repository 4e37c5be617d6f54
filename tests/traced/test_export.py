"""Formulas of real cells, written for other programs: the same integers, function by function."""

from __future__ import annotations

import json
import subprocess
from functools import cache
from pathlib import Path

import pytest
from matplotlib.mathtext import MathTextParser

import costmodel
from costmodel.algebra.formula import PEAK, QUANTITIES, CostFormula
from costmodel.cell.request import request
from costmodel.cell.setup import setup_of
from costmodel.contract import Point
from costmodel.output.export import EVERYTHING, FORMATS, ClosedForms
from costmodel.output.export.c import largest_argument
from costmodel.sources.partition import formulas
from costmodel.sources.source import Source
from costmodel.terminal.cli import main
from tests.exported import check, compile_c, complete, latex_rows, latex_values, points, value
from tests.lines import assert_refused

CELLS = {
    "mobilenet_v2 lora": {"height": "H", "width": "W", "batch": "N", "rank": "r"},
    "mobilenet_v2 galore": {"height": "H", "width": "W", "batch": "N", "rank": "r"},
    "mobilenet_v2 fft": {"height": "H", "width": "W", "batch": "N"},
    "resnet18 dora": {"height": "H", "width": "W", "batch": "N", "rank": "r"},
    "vit_b_16 fft": {"resolution": "S", "batch": "B"},
    "mobilenet_v2 bn_head": {"resolution": 224, "batch": "N"},
}


@cache
def cell(name: str) -> ClosedForms:
    model, method = name.split()
    setup = setup_of(model, method)
    return ClosedForms(name, formulas(Source(setup), request(setup, **CELLS[name])))


@pytest.mark.parametrize("name", CELLS)
def test_c_and_python_equal_the_formula(name: str, tmp_path: Path) -> None:
    check([cell(name)], tmp_path, number=240)


def test_the_methods_of_a_model_in_one_header(tmp_path: Path) -> None:
    check([cell(name) for name in CELLS if name.startswith("mobilenet_v2") and name[-1] != "d"], tmp_path, number=240)


def test_every_region_is_there_and_each_is_what_an_estimate_says() -> None:
    dora = cell("resnet18 dora")
    found = {(made.domain.describe()["N"], made.domain.describe()["r"]) for made in dora.formulas}
    assert found == {(n, r) for n in ("N = 1", "N >= 2") for r in ("r = 1", "2 <= r <= 64", "r >= 65")}
    namespace: dict[str, object] = {}
    exec(FORMATS["python"]([dora], EVERYTHING), namespace)
    for point in (Point(1, 224, 224, 4), Point(3, 97, 161, 1), Point(2, 64, 33, 100)):
        sides = {"batch": point.N, "height": point.H, "width": point.W, "rank": point.r}
        peak = costmodel.estimate("resnet18", "dora", **sides).memory["peak"]
        assert namespace["resnet18_dora_peak"](point.N, point.H, point.W, point.r) == peak
    assert namespace["resnet18_dora_peak"](1, 32, 32, 4) == -1


def test_the_own_side_of_a_model_that_has_a_form_at_multiples_only() -> None:
    setup = setup_of("swin_t", "bn_head")
    found = formulas(Source(setup), request(setup, batch="N", height="H", width="W"))
    assert [made.domain.describe()["H"] for made in found] == ["H >= 448, a multiple of 224", "H = 224", "H = 224"]


def test_no_two_regions_overlap() -> None:
    for name in CELLS:
        regions = [made.domain for made in cell(name).formulas]
        parameters = list(regions[0].free)
        for point in points([cell(name)], parameters, 100, 4096):
            holding = [made for made in cell(name).formulas if made.domain.contains(complete(made, point))]
            assert len(holding) <= 1, (name, point)


def test_what_was_asked_for_as_a_number_or_name_is_no_other_parameter() -> None:
    assert "costmodel_vit_b_16_fft_peak(int64_t B, int64_t S)" in FORMATS["c"]([cell("vit_b_16 fft")], EVERYTHING)
    assert "costmodel_mobilenet_v2_bn_head_peak(int64_t N)" in FORMATS["c"]([cell("mobilenet_v2 bn_head")], EVERYTHING)
    (head,) = cell("mobilenet_v2 bn_head").formulas
    assert head.domain.describe() == {"N": "N >= 1", "H": "H = 224", "W": "W = 224"}


@pytest.mark.each(2)
@pytest.mark.parametrize("name", ["mobilenet_v2 lora", "mobilenet_v2 galore", "vit_b_16 fft"])
def test_latex_says_the_same_and_renders(name: str) -> None:
    made = cell(name).formulas[0]
    alone = ClosedForms(name, (made,))
    fragment = FORMATS["latex"]([alone], EVERYTHING)
    read = latex_values(fragment)
    for point in points([alone], list(made.domain.free), 5, 1000):
        whole = complete(made, point)
        symbols = whole | {size: definition.at(whole) for size, definition in made.sizes.items()}
        assert [found(symbols) for found in read] == [value(made, whole, key) for key in EVERYTHING]
    parser = MathTextParser("path")
    for row in dict.fromkeys(latex_rows(fragment)):
        parser.parse(f"${row}$")


@pytest.mark.parametrize("name", CELLS)
def test_json_reads_back(name: str) -> None:
    data = json.loads(FORMATS["json"]([cell(name)], EVERYTHING))
    read = [CostFormula.from_dict(region["formula"], region["domain"]) for region in data["cells"][0]["regions"]]
    assert read == list(cell(name).formulas)


def test_text_is_what_an_estimate_prints() -> None:
    made = costmodel.estimate("mobilenet_v2", "lora", batch="N", height="H", width="W", rank="r")
    text = FORMATS["text"]([ClosedForms("mobilenet_v2 lora", (made.formula,))], EVERYTHING)
    for key in QUANTITIES:
        assert f"= {made.formula.text(key)}\n" in text
    assert f"= {made.formulas['memory']['sum_of_group_peaks']}\n" in text
    assert all(f"= {size}\n" in text for size in made.symbols.values())
    assert f"valid for {', '.join(made.domain.values())}, all integers\n" in text


@pytest.mark.parametrize("name", CELLS)
def test_c_covers_what_a_device_may_ask_for(name: str) -> None:
    assert largest_argument([cell(name)], [PEAK]) >= largest_argument([cell(name)]) >= 4096


def test_a_device_chooses_its_method(tmp_path: Path) -> None:
    cells = [cell("mobilenet_v2 fft"), cell("mobilenet_v2 lora"), cell("mobilenet_v2 galore")]
    source = """
#include "made.h"
#include <stdio.h>
int main(void)
{
    for (int64_t megabytes = 80; megabytes <= 160; megabytes += 20) {
        const char *chosen = "none";
        for (int i = 0; i < COSTMODEL_MOBILENET_V2_CELLS; i++) {
            const struct costmodel_mobilenet_v2_cell *cell = &costmodel_mobilenet_v2_cells[i];
            if (cell->covers(1, 224, 224, 4) && cell->peak(1, 224, 224, 4) <= megabytes * 1000000)
                chosen = cell->name;
        }
        printf("%s\\n", chosen);
    }
    return 0;
}
"""
    program = compile_c(source, {"made.h": FORMATS["c"](cells, [PEAK])}, tmp_path)
    chosen = subprocess.run([str(program)], capture_output=True, text=True, check=True).stdout.splitlines()
    peaks = {c.name: costmodel.estimate(*c.name.split()).memory["peak"] for c in cells}
    fits = [[name for name, peak in peaks.items() if peak <= limit * 10**6] for limit in range(80, 161, 20)]
    assert chosen == [(names or ["none"])[-1] for names in fits]
    assert len(set(chosen)) > 1


BAD = {
    "formula resnet18 --format C": "unknown format 'C': accepted: c, json, latex, python, text",
    "formula resnet18 --quantity peaks": "unknown quantity 'peaks': did you mean peak",
    "formula resnet18 --standalone --format c": "--standalone: only LaTeX has documents, not c; add --format latex",
    "formula resnet18 --method fft --rank 3": "--rank 3: method 'fft' has no rank",
    "formula resnet18 --method fft --batch int --format c": "int: this name has a meaning in the language",
    "formula resnet18 --method fft --batch H": "--batch H: this name has a meaning in formulas",
    "formula resnet18 --method fft --output /dev/null/made.txt": "cannot write /dev/null",
}


@pytest.mark.parametrize(("line", "message"), BAD.items(), ids=BAD)
def test_bad_input(line: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert_refused(line, message, capsys)


def test_the_command_leaves_symbolic_what_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    assert main("formula mobilenet_v2 --method lora,fft --rank 8 --format json".split()) == 0
    out, err = capsys.readouterr()
    assert err == ""
    lora, fft = json.loads(out)["cells"]
    assert (lora["name"], fft["name"]) == ("mobilenet_v2 lora", "mobilenet_v2 fft")
    assert lora["regions"][0]["domain"] == {"N": "N >= 1", "H": "H >= 33", "W": "W >= 33", "r": "r = 8"}
    assert fft["regions"][0]["domain"] == {"N": "N >= 1", "H": "H >= 33", "W": "W >= 33"}
    assert lora["versions"].keys() >= {"torch", "peft"}
    made = CostFormula.from_dict(lora["regions"][0]["formula"])
    peak = costmodel.estimate("mobilenet_v2", "lora", rank=8, batch=3, height=97, width=161).memory["peak"]
    assert made.evaluate({"N": 3, "H": 97, "W": 161})[PEAK] == peak


def test_the_command_writes_a_header_that_compiles_and_says_how_to_make_it(tmp_path: Path) -> None:
    line = ["formula", "resnet18", "--method", "all", "--resolution", "224", "--format", "c", "--quantity", "memory"]
    assert main([*line, "--output", str(tmp_path / "made.h")]) == 0
    header = (tmp_path / "made.h").read_text()
    said = "costmodel formula resnet18 --method all --resolution 224 --format c --quantity memory"
    assert said in header.replace("\n *     ", " ")
    assert str(tmp_path) not in header
    compile_c('#include "made.h"\nint main(void)\n{\n    return COSTMODEL_RESNET18_CELLS - 5;\n}\n', {}, tmp_path)
