"""The report's pages: valid, self-contained, both twins of one mind; and a report that is interrupted goes on."""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from dataclasses import astuple, replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from costmodel.errors import InputError
from costmodel.terminal.cli import main
from tests.claimed import committed, predicted
from tests.lines import assert_refused
from validate.claims import claims, layers
from validate.claims.quantity import LAYER
from validate.depths import DEPTHS
from validate.host.kernels import PRODUCTS, KernelStudy, ProductRow, SvdRow
from validate.report import build, depth_part, device_part, drawing, html, kernels_part, markdown
from validate.report.document import Document, Gallery, Grid, Heading, Items, Listing, Picture, Prose, Tally
from validate.report.numbers import MODELS, RANKED, RANKS, cells
from validate.report.pages import document, judgements
from validate.report.sections import Section
from validate.suites.journal import Journal

VOID = {"meta", "br", "link", "img", "hr", "input"}
SELF_CLOSED = {"rect", "circle", "line", "path", "polyline"}


class Checker(HTMLParser):
    """Collects what a page is made of, and fails where its tags do not balance."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes.append((tag, dict(attrs)))
        assert len(dict(attrs)) == len(attrs), f"an attribute twice in <{tag}>"
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in SELF_CLOSED
        self.tags[tag] += 1

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "svg" not in self.open and "style" not in self.open and "title" not in self.open and "nav" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def ranks() -> list[dict[str, Any]]:
    places = range(min(RANKS), max(RANKS) + 1)
    return [
        {
            "model": model,
            "method": method,
            "total": [2**20 * (50 + rank) for rank in places],
            "step": [10**9 + 10**7 * rank for rank in places],
            "formula": "1048576*r + 52428800",
            "borders": [16] if method == "galore" else [],
        }
        for model in MODELS
        for method in RANKED
    ]


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    """A report of formulas: what has no shipped one counts as a cell that failed."""
    rows = []
    for cell in cells(claims()):
        known = predicted(cell)
        if cell.method == LAYER:
            measured = layers.measured(layers.LAYERS[cell])
        else:
            measured = committed().measured.get(cell, known)
        fault = "" if known else "failed: not tried"
        rows.append({"cell": list(astuple(cell)), "predicted": known, "measured": measured, "fault": fault})
    return {
        "schema": build.SCHEMA,
        "made": "2026-01-01 00:00 UTC",
        "machine": {"processor": "a <fast> & small one", "cores": 2, "memory": 2**33, "system": "Linux"},
        "packages": {"python": "3.11", "torch": "2.13.0+cpu"},
        "jobs": 2,
        "sections": {
            "claims": {"data": {"cells": rows, "ranks": ranks()}, "seconds": 12.0},
            "device": {"data": {"device": None}, "seconds": 0.1},
            "time": {"left_out": "there is no CUDA device here", "seconds": 0.0},
        },
    }


@pytest.fixture(scope="module")
def page(report: dict[str, Any]) -> str:
    return html.page(document(report))


def test_the_page_is_whole_and_needs_nothing_else(page: str) -> None:
    found = Checker(page)
    assert page.startswith("<!doctype html>")
    assert found.tags["h1"] == found.tags["main"] == page.partition("</head>")[0].count("<title>") == 1
    assert not {"script", "link", "img", "iframe", "object", "embed"} & set(found.tags)
    assert "@import" not in page
    assert "url(" not in page
    for tag, attributes in found.attributes:
        assert not any(name.startswith("on") for name in attributes), tag
        assert tag == "a" or not {"src", "href", "xlink:href", "srcset"} & set(attributes), tag
        if tag == "svg":
            assert attributes["role"] == "img"
            assert len(attributes["aria-label"] or "") > 50
        if tag == "th":
            assert attributes["scope"] in ("col", "row")
    assert found.tags["svg"] == 5
    ids = [attributes["id"] for _, attributes in found.attributes if "id" in attributes]
    assert len(set(ids)) == len(ids)
    places = [attributes["href"] or "" for tag, attributes in found.attributes if tag == "a"]
    assert {place[1:] for place in places if place.startswith("#")} <= set(ids)
    assert [attributes for tag, attributes in found.attributes if tag == "html"] == [{"lang": "en"}]
    assert 'name="viewport" content="width=device-width, initial-scale=1"' in page
    for query in ("(prefers-color-scheme: dark)", "@media print", "@page { size: A4", "max-width: 46rem"):
        assert query in page


def test_headings_go_down_step_by_step(page: str) -> None:
    levels = [int(tag[1]) for tag, _ in Checker(page).attributes if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_every_claim_is_there_with_its_verdict_and_reason(page: str, report: dict[str, Any]) -> None:
    text = Checker(page).text
    twin = " ".join(markdown.text(document(report), "report").replace("<br>", " ").split())
    judged = judgements(report)
    assert len(judged) == len(claims())
    for one in judged:
        for part in (one.claim.quote, one.claim.place, one.claim.about, one.verdict, one.reason):
            for place in (text, twin):
                assert " ".join(part.split()) in place, (one.claim.id, part)


def test_the_twin_says_the_same_numbers(page: str, report: dict[str, Any]) -> None:
    twin = markdown.text(document(report), "report")
    twin = re.sub(r"!\[[^\]]*\]\([^)]*\)", "", twin)  # drawings have their words in an attribute
    twin = re.sub(r"\]\([^)]*\)", "]", twin)
    numbers = re.compile(r"\d[\d,.]*")
    said, written = (Counter(numbers.findall(text)) for text in (Checker(page).text, twin.replace("<br>", " ")))
    assert said == written
    assert sum(said.values()) > 500


def test_a_report_says_what_it_was_made_with(page: str) -> None:
    text = Checker(page).text
    for part in (
        "a <fast> & small one, 2 cores, 8.00 GiB",
        "2.13.0+cpu",
        "2026-01-01 00:00 UTC",
        "12 s",
        "not asked for",
    ):
        assert part in text
    assert "Left out: there is no CUDA device here." in text
    assert "Skipped: this machine has no CUDA device." in text
    assert "failed: not tried" in text


def test_predicted_bars_end_where_the_marks_are(report: dict[str, Any]) -> None:
    (figure,) = [picture for picture in document(report).pictures if picture.name == "figure2"]
    ends = {
        float(x) + float(wide) for x, wide in re.findall(r'<rect x="([\d.]+)" y="[\d.]+" width="([\d.]+)"', figure.svg)
    }
    marks = [float(x) for x in re.findall(r'<circle cx="([\d.]+)"', figure.svg) if float(x) > 6]
    assert len(marks) == 45
    assert all(min(abs(mark - end) for end in ends) < 0.2 for mark in marks)


@pytest.mark.parametrize(
    ("largest", "wanted"), [(0, [0.0]), (7, [0, 2, 4, 6]), (218.7, [0, 100, 200]), (0.38, [0, 0.1, 0.2, 0.3])]
)
def test_ticks_are_round(largest: float, wanted: list[float]) -> None:
    assert drawing.ticks(largest, 4) == pytest.approx(wanted)


def test_every_block_has_both_forms() -> None:
    svg = drawing.bars(
        {"m|odel": [drawing.Bar("a<b", {"act": 3.0}, (3.0,), (2.0,), "3")]}, {"act": "#56B4E9"}, ("sum",), "MiB"
    )
    blocks = (
        Heading("Head & more", "head"),
        Prose("one\ntwo `a|b` [here](x.md)"),
        Items(("a", "b")),
        Listing("<x>"),
        Tally((("good ones", 3, "good"),)),
        Grid("what", ("a", "b"), (("x|y", "1"),), frozenset({1}), ("because",), "why", {"1": "bad"}),
        Gallery((Picture("p", "Title", svg, 'says "this"'),)),
    )
    made = Document("T & T", "lead", blocks)
    found = Checker(html.page(made))
    assert found.tags["svg"] == 1
    assert "Head & more" in found.text
    assert 'href="x.html"' in html.page(made)
    twin = markdown.text(made, "pictures")
    assert "| x\\|y | 1 | because |" in twin
    assert '![says "this"](pictures/p.svg)' in twin
    assert "1. " not in twin
    assert drawing.alone(svg).count("<style>") == 1


# -- measuring -----------------------------------------------------------------------------------------------


@pytest.fixture
def sections(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Three sections that count how often they are measured; the second one is stopped the first time."""
    calls = dict.fromkeys(("claims", "device", "time"), 0)
    monkeypatch.setattr(sys, "stdout", sys.stdout)  # an interrupted command closes it

    def claimed(_: object) -> dict[str, Any]:
        calls["claims"] += 1
        return {"cells": [], "ranks": []}

    def stopped(_: object) -> dict[str, Any]:
        calls["device"] += 1
        if calls["device"] == 1:
            raise KeyboardInterrupt
        return {"device": None}

    def missing(_: object) -> dict[str, Any]:
        calls["time"] += 1
        raise InputError("no clock here")

    made = (
        Section("claims", "Claims", "a", claimed, None),
        Section("device", "Device", "b", stopped, device_part.blocks),
        Section("time", "Time", "c", missing, lambda _: ()),
    )
    monkeypatch.setattr(build, "SECTIONS", {section.name: section for section in made})
    return calls


def test_an_interrupted_report_goes_on(sections: dict[str, int], tmp_path: Path) -> None:
    line = ["report", "--output", str(tmp_path)]
    assert main(line) == 130
    assert list(tmp_path.iterdir()) == [tmp_path / build.JOURNAL]
    assert main(line) == 1, "a section is left out"
    assert sections == {"claims": 1, "device": 2, "time": 1}
    assert "Left out: no clock here." in (tmp_path / "report.md").read_text(encoding="utf-8")
    assert main(line) == 1
    assert sections == {"claims": 1, "device": 2, "time": 2}, "what was left out is tried again"
    assert {path.name for path in tmp_path.iterdir()} == {build.JOURNAL, "report.html", "report.md", "report.json"}


def test_a_finished_report_leaves_no_journal_and_is_measured_anew(sections: dict[str, int], tmp_path: Path) -> None:
    sections["device"] = 1
    line = ["report", "--output", str(tmp_path), "--section", "claims", "--section", "device"]
    with Journal(tmp_path / build.JOURNAL / "claims.jsonl", {}).taken():
        pass
    assert main(line) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"report.html", "report.md", "report.json"}
    assert main(line) == 0
    assert sections == {"claims": 2, "device": 3, "time": 0}


def test_what_other_versions_measured_does_not_count(
    sections: dict[str, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = ["report", "--output", str(tmp_path)]
    assert main(line) == 130
    monkeypatch.setattr(build, "packages", lambda: {"torch": "another"})
    assert main(line) == 1
    assert sections["claims"] == 2
    kept = tmp_path / build.JOURNAL / "claims.json"
    foreign = json.dumps({"packages": {"torch": "another"}, "result": {"seconds": 1.0, "data": {"cells": "<script>"}}})
    for times, text in enumerate(("{", foreign), start=3):
        kept.write_text(text, encoding="utf-8")
        assert main(line) == 1
        assert sections["claims"] == times


def test_pages_are_made_again_from_the_numbers(report: dict[str, Any], tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    build.write(report, first)
    assert main(["report", "--from", str(first / "report.json"), "--output", str(second)]) == 1, "cells have failed"
    for path in (*first.glob("*.*"), *first.glob("report/*.svg")):
        assert path.read_bytes() == (second / path.relative_to(first)).read_bytes()
    assert len(list(second.glob("report/*.svg"))) == 5
    assert json.loads((second / "report.json").read_text(encoding="utf-8")) == report


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("report --section weather --output {folder}", "unknown section 'weather'"),
        ("report --from {folder}/none.json --output {folder}", "cannot be read"),
        ("report --from {page} --output {folder}", "expected the report.json of an earlier report"),
        ("report --section device --output {page}/inside", "cannot be written"),
        ("report --jobs 0", "--jobs"),
    ],
)
def test_bad_input_is_one_line(line: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "page.html"
    page.write_text("<p>", encoding="utf-8")
    assert_refused(line.format(folder=tmp_path, page=page), message, capsys)


# -- parts that others measure ---------------------------------------------------------------------------------


def test_an_exact_depth_shows_what_is_equal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(DEPTHS, "allocator", replace(DEPTHS["allocator"], exact=True))
    row = {
        "cell": "resnet18 fft",
        "point": "N=1",
        "predicted": {"allocator.peak": 2048},
        "measured": {"allocator.peak": 2048},
    }
    data = {
        "rows": [
            {**row, "verdict": "equal"},
            {**row, "measured": {"allocator.peak": 4096}, "verdict": "differs: allocator.peak 2048 for 4096"},
            {**row, "measured": None, "verdict": "failed: killed"},
        ],
        "errors": {},
        "summary": "1 equal, 1 differs, 1 failed",
    }
    _, grid, failed = depth_part.blocks("allocator", data)
    assert failed == Items(("resnet18 fft N=1: failed: killed",))
    assert isinstance(grid, Grid)
    assert grid.columns == ("cell", "peak, predicted", "measured", "verdict")
    assert [row[1:] for row in grid.rows] == [
        ("2,048", "2,048", "equal"),
        ("2,048", "4,096", "differs"),
        ("2,048", "", "failed"),
    ]


def test_an_estimated_depth_shows_its_errors() -> None:
    numbers = {
        "predicted": {"time.step": 0.1, "time.forward": 0.03},
        "measured": {"time.step": 0.08, "time.forward": 0.03},
    }
    data = {
        "rows": [{"cell": "resnet18 fft", "point": "N=1", "verdict": "measured: ...", **numbers}],
        "errors": {"time.step": [1, 0.25, 0.25, 0.25], "time.forward": [1, 0.0, 0.0, 0.0]},
        "summary": "1 measured",
    }
    prose, errors, grid = depth_part.blocks("time", data)
    assert isinstance(prose, Prose)
    assert isinstance(errors, Grid)
    assert errors.rows[0] == ("time.step", "1", "25.0%", "25.0%", "25.0%")
    assert isinstance(grid, Grid)
    assert grid.rows == (("resnet18 fft", "100.0 ms", "80.0 ms", "+25.0%", "30.0 ms", "30.0 ms", "+0.0%"),)


def test_the_kernel_study_is_a_table_and_a_drawing() -> None:
    flops = {"arithmetic": 100, "torch": 900, "paper": 910}
    products = tuple(
        ProductRow(
            "m",
            "depthwise",
            "a layer",
            9,
            product,
            1e-6,
            **(flops if product == "weight" else dict.fromkeys(flops, 100)),
        )
        for product in PRODUCTS
    )
    svds = tuple(SvdRow("m", 8, columns, 1e-3, 1e-4, 40, 10) for columns in range(10, 30))
    blocks = tuple(kernels_part.blocks(KernelStudy(1e9, products, svds).to_dict()))
    made = Document("T", "lead", blocks)
    page = html.page(made)
    assert len([block for block in blocks if isinstance(block, Grid)]) == 2
    assert page.count("<svg") == 1
    assert "<?xml" not in page
    assert "<metadata" not in page
    assert 'src="' not in page
    assert "http" not in re.sub(r'xmlns(:\w+)?="[^"]*"', "", page)
    assert "the 10 largest of 20 matrices" in page
