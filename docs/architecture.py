"""Draws the layers of ``docs/architecture.md`` from import-linter's contract: ``python docs/architecture.py``.

What a room is for is the first line of its own docstring.
"""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path
from xml.sax.saxutils import escape

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "architecture.md"
PICTURE = ROOT / "docs" / "architecture.svg"
BLOCK = re.compile(r"(<!-- generated [^\n]*-->\n)(.*?)(<!-- /generated -->)", re.DOTALL)

WIDTH, ROW, GAP, MARGIN, LETTER = 960, 44, 14, 16, 5.9
STYLE = (
    "rect{fill:#e6f2f1;stroke:#00796b}.v rect{fill:#fdf1e3;stroke:#b26a00}text{fill:#1c2b2a;font-size:12px}"
    ".n{font-weight:bold;font-size:13px}path{stroke:#777;fill:none}"
)


def layers() -> list[list[str]]:
    """Return the rooms from the top down, those of one layer together."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    found = next(contract["layers"] for contract in settings["contracts"] if contract["type"] == "layers")
    return [re.split(r"\s*[:|]\s*", layer) for layer in found]


def purpose(room: str) -> str:
    """Return the first line of a room's docstring."""
    place = ROOT / room.replace(".", "/")
    text = (place / "__init__.py" if place.is_dir() else place.with_suffix(".py")).read_text(encoding="utf-8")
    return (ast.get_docstring(ast.parse(text)) or "").splitlines()[0]


def table() -> str:
    """Write the layers as a Markdown table."""
    rows = ["| layer | room | for |", "| --- | --- | --- |"]
    for number, layer in enumerate(layers(), start=1):
        rows += [f"| {number} | `{room}` | {purpose(room)} |" for room in layer]
    return "\n".join([*rows, ""])


def picture() -> str:
    """Draw the layers as SVG, the top one first: a box a room, with what it is for."""
    stack = layers()
    height = len(stack) * (ROW + GAP) - GAP + 2 * MARGIN
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" font-family="sans-serif"'
    lines = [
        f'{head} aria-label="The layers, from the commands down to the ground">',
        f"<style>{STYLE}</style>",
        f'<rect width="{WIDTH}" height="{height}" style="fill:#fff;stroke:none"/>',
    ]
    for number, layer in enumerate(stack):
        top = MARGIN + number * (ROW + GAP)
        width = (WIDTH - 2 * MARGIN - GAP * (len(layer) - 1)) / len(layer)
        if number:
            middle = WIDTH / 2
            lines.append(f'<path d="M{middle} {top - GAP}v{GAP - 3}m-4 -5l4 5l4 -5"/>')
        for place, room in enumerate(layer):
            left = MARGIN + place * (width + GAP)
            kind = ' class="v"' if room.startswith("validate") else ""
            name = f'<text class="n" x="{left + 10:g}" y="{top + 18}">{escape(room)}</text>'
            about = escape(_short(purpose(room), int((width - 20) / LETTER)))
            box = f'<rect x="{left:g}" y="{top}" width="{width:g}" height="{ROW}" rx="5"/>'
            lines.append(f'<g{kind}>{box}{name}<text x="{left + 10:g}" y="{top + 35}">{about}</text></g>')
    return "\n".join([*lines, "</svg>", ""])


def _short(text: str, most: int) -> str:
    """Cut a text at a word, where it is too long for its box."""
    return text if len(text) <= most else f"{text[: most - 1].rsplit(' ', 1)[0]} …"


def page() -> str:
    """Return the page with its generated part as the code has it now."""
    return BLOCK.sub(lambda match: match[1] + table() + match[3], PAGE.read_text(encoding="utf-8"))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    PICTURE.write_text(picture(), encoding="utf-8")
