"""The documents say what the code does."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

from costmodel.rules.elementwise import MOVES, PER_ELEMENT, SPECIAL_WHY

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "conventions.md"
BLOCK = re.compile(r"(<!-- generated [^\n]*-->\n)(.*?)(<!-- /generated -->)", re.DOTALL)


def table() -> str:
    rows = ["| operator | FLOPs per output element | why |", "| --- | --- | --- |"]
    rows += [f"| `{name}` | {cost.flops} | {cost.why} |" for name, cost in sorted(PER_ELEMENT.items())]
    rows += [f"| `{name}` | | {why} |" for name, why in sorted(SPECIAL_WHY.items())]
    moves = ", ".join(f"`{name}`" for name in sorted(MOVES))
    return "\n".join(
        [
            *rows,
            "",
            "An in-place operator (`add_`) costs what its plain form does.",
            "",
            f"Moving data only: {moves}.",
            "",
        ]
    )


def test_the_table_of_costs_is_the_table_in_the_docs(request: pytest.FixtureRequest) -> None:
    text = PAGE.read_text(encoding="utf-8")
    if request.config.getoption("--regenerate"):
        PAGE.write_text(BLOCK.sub(lambda match: match[1] + table() + match[3], text), encoding="utf-8")
    else:
        assert BLOCK.search(text)[2] == table()


@pytest.mark.parametrize(
    "page", sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]), ids=lambda p: str(p.relative_to(ROOT))
)
def test_links_and_named_files_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", text):
        assert (page.parent / target).exists(), target
    for name in re.findall(r"`((?:costmodel|validate|tests|benchmarks|docs|specs)/[\w/.-]+)`", text):
        assert (ROOT / name).exists(), name


def test_the_layers_are_those_of_the_contract() -> None:
    """``python docs/architecture.py`` draws them anew."""
    drawn = runpy.run_path(str(ROOT / "docs" / "architecture.py"))
    assert drawn["page"]() == drawn["PAGE"].read_text(encoding="utf-8")
    assert drawn["picture"]() == drawn["PICTURE"].read_text(encoding="utf-8")
