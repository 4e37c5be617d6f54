"""Numbers of a report that somebody else wrote: refused in one line, or shown letter by letter."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from costmodel.terminal.cli import main
from tests.robust.formulas import CODE, ESCAPE, texts
from validate.report import html, markdown
from validate.report.document import Document, Grid, Heading, Items, Listing, Prose, Tally, literal
from validate.report.received import SCHEMA

SCRIPT = "<script>alert(1)</script>"


def report() -> dict[str, Any]:
    numbers = {"time.step": 0.1}
    row = {"cell": "resnet18 fft", "point": "N=1", "verdict": "measured", "predicted": numbers, "measured": numbers}
    product = {"model": "m", "kind": "depthwise", "layer": "3x3", "groups": 9, "seconds": 1e-3}
    flops = {"arithmetic": 100, "torch": 900, "paper": 910}
    matrix = {"model": "m", "rows": 8, "columns": 9, "svd_seconds": 1e-3, "product_seconds": 1e-4}
    return {
        "schema": SCHEMA,
        "made": "2026-01-01 00:00 UTC",
        "machine": {"processor": "one", "cores": 2, "memory": 2**33, "system": "Linux"},
        "packages": {"torch": "2.13.0"},
        "jobs": 2,
        "sections": {
            "kernels": {
                "seconds": 1.0,
                "data": {
                    "peak": 1e9,
                    "products": [{**product, "product": name, **flops} for name in ("forward", "input", "weight")],
                    "svds": [{**matrix, "svd_flops": 40, "product_flops": 10}],
                },
            },
            "time": {
                "seconds": 1.0,
                "data": {"rows": [row], "errors": {"time.step": [1, 0.0, 0.0, 0.0]}, "summary": "1 measured"},
            },
            "device": {"seconds": 0.1, "data": {"device": None}},
        },
    }


def put(*keys: Any, to: Any) -> Callable[[dict[str, Any]], None]:
    def change(data: dict[str, Any]) -> None:
        place: Any = data
        for key in keys[:-1]:
            place = place[key]
        place[keys[-1]] = to

    return change


KERNELS, TIME = ("sections", "kernels", "data"), ("sections", "time", "data")

REFUSED: dict[str, Callable[[dict[str, Any]], None]] = {
    "another schema": put("schema", to="costmodel.report/2"),
    "a schema that is code": put("schema", to=CODE),
    "sections that are a list": put("sections", to=[]),
    "a section that is text": put("sections", "time", to=SCRIPT),
    "a section of another path": put("sections", "../../etc/passwd<", to={"seconds": 1.0, "left_out": ""}),
    "a section with neither data nor a reason": put("sections", "time", to={"seconds": 1.0}),
    "a section of negative seconds": put("sections", "time", "seconds", to=-1),
    "processes that are text": put("jobs", to="2; touch executed"),
    "memory that is text": put("machine", "memory", to=SCRIPT),
    "no machine": put("machine", to=None),
    "script as the name of a package": put("packages", SCRIPT, to="1"),
    "script in a cell": put(*TIME, "rows", 0, "cell", to=SCRIPT),
    "a link in a cell": put(*TIME, "rows", 0, "cell", to="[a](javascript:alert(1))"),
    "an attribute in a cell": put(*TIME, "rows", 0, "cell", to='a" onload="alert(1)'),
    "escape codes in a point": put(*TIME, "rows", 0, "point", to=ESCAPE),
    "script as a quantity": put(*TIME, "rows", 0, "measured", to={SCRIPT: 1}),
    "a number that is text": put(*TIME, "rows", 0, "measured", "time.step", to=CODE),
    "a number that is a truth": put(*TIME, "rows", 0, "measured", "time.step", to=True),
    "a number of 4,000 digits": put(*TIME, "rows", 0, "measured", "time.step", to=10**4000),
    "errors that are a list": put(*TIME, "errors", to=[1]),
    "no rows": put(*TIME, "rows", to=[]),
    "a rate of nothing": put(*KERNELS, "peak", to=0),
    "a million groups of millions": put(*KERNELS, "products", 0, "groups", to=10**40),
    "no time": put(*KERNELS, "products", 0, "seconds", to=0),
    "mathematics in a kind": put(*KERNELS, "products", 0, "kind", to="$\\frac{"),
    "script in a layer": put(*KERNELS, "products", 0, "layer", to=SCRIPT),
    "a product more": put(*KERNELS, "products", 0, "product", to={"__class__": 1}),
    "a claim's cell that is code": put(
        "sections", "claims", to={"seconds": 1.0, "data": {"cells": [{"cell": [CODE, "fft", None, 224]}], "ranks": []}}
    ),
    "a formula that is code": put(
        "sections",
        "claims",
        to={"seconds": 1.0, "data": {"cells": [], "ranks": [{"model": "a", "method": "b", "formula": SCRIPT}]}},
    ),
}


@pytest.fixture(autouse=True)
def nothing_is_executed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)
    yield
    assert not (tmp_path / "executed").exists()


def refused(path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["report", "--from", str(path), "--output", str(path.parent / "out")]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert err[:-1].isprintable()
    assert path.name in err
    assert not (path.parent / "out").exists()
    return err


@pytest.mark.parametrize("what", REFUSED)
def test_a_report_that_is_none_is_one_line(tmp_path: Path, what: str, capsys: pytest.CaptureFixture[str]) -> None:
    data = report()
    REFUSED[what](data)
    path = tmp_path / "report.json"
    path.write_text(json.dumps(data))
    refused(path, capsys)


@pytest.mark.parametrize("what", texts(b""))
def test_a_text_that_is_none_is_one_line(tmp_path: Path, what: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "report.json"
    path.write_bytes(texts(json.dumps(report()).encode())[what])
    assert "expected the report.json of an earlier report" in refused(path, capsys)


def test_a_file_without_an_end_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "report.json"
    path.touch()
    os.truncate(path, 2**42)
    assert "more than" in refused(path, capsys)


class Page(HTMLParser):
    """What a browser sees: the tags, the places that links lead to, and the words."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.places: list[str] = []
        self.attributes: set[str] = set()
        self.words = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.places += [value or "" for name, value in attrs if name in ("href", "src", "xlink:href")]

    def handle_data(self, data: str) -> None:
        self.words += data


WORDS = [
    SCRIPT,
    "<img src=x onerror=alert(1)>",
    "[click](javascript:alert(1))",
    "[click](https://example.invalid)",
    "![picture](https://example.invalid/a.png)",
    "`code` & `more`",
    '" onmouseover="alert(1)',
    "</table></main><h1>Another report</h1>",
    "{{ 7 * 7 }} {% for a in () %}",
    "a | b | c",
    "&lt;b&gt; &#60;b&#62;",
    "back\\slash \\` \\[x\\]",
    "escape \x1b[2J \u202e other",
    "two\nlines",
]


@pytest.mark.parametrize("words", WORDS)
def test_what_is_said_in_a_report_is_shown_letter_by_letter(words: str) -> None:
    told = literal(words)
    grid = Grid(told, (told, "b"), ((told, told),), notes=(told,), noted="n", cards=True)
    blocks = (Heading(told, "a"), Prose(told), Items((told,)), Tally(((told, 1, "good"),)), grid, Listing(words))
    page = Page(html.page(Document("T", told, blocks)))
    assert not page.tags & {"script", "img"}
    assert {place for place in page.places if place != "#a"} == set()
    assert not {name for name in page.attributes if name.startswith("on")}
    shown = " ".join(words.replace("\x1b", "\\x1b").replace("\u202e", "\\u202e").split())
    assert page.words.count(shown) >= 9
    twin = markdown.text(Document("T", told, blocks[:-1]), "report")
    assert "<script" not in twin
    assert "<img" not in twin
    assert "](h" not in twin.replace("\\](h", "")
    assert "](j" not in twin.replace("\\](j", "")


def test_pages_are_made_of_what_is_one(tmp_path: Path) -> None:
    data = report()
    del data["sections"]["kernels"]
    data["machine"]["processor"] = f"{SCRIPT}[a](https://example.invalid)"
    data["sections"]["time"]["data"]["summary"] = SCRIPT
    (tmp_path / "report.json").write_text(json.dumps(data))
    assert main(["report", "--from", "report.json", "--output", "out"]) == 0
    for name in ("report.html", "report.md"):
        assert "<script" not in (tmp_path / "out" / name).read_text()
    page = Page((tmp_path / "out" / "report.html").read_text())
    assert not any("example.invalid" in place for place in page.places)
    assert page.words.count(SCRIPT) == 2


def test_links_in_the_folder_are_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text(json.dumps(report()))
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "out" / "report").mkdir(parents=True)
    for name in ("report.html", "report.md", "report.json", "report/kernels.svg"):
        (tmp_path / "out" / name).symlink_to(tmp_path / "mine")
    assert main(["report", "--from", "report.json", "--output", "out"]) == 0
    assert (tmp_path / "mine").read_text() == "mine"
