"""A document as Markdown; its drawings are files beside it."""

from __future__ import annotations

import re
from functools import singledispatch

from validate.report.document import Block, Document, Gallery, Grid, Heading, Items, Listing, Prose, Tally

_HTML = re.compile(r"(?P<kept>\\.|`[^`]+`)|<|&(?=[#\w])")


def text(document: Document, folder: str) -> str:
    """Write a document as Markdown.

    Args:
        document: what to write.
        folder: where its drawings are, relative to the text.
    """
    parts = [f"# {document.title}", _shown(document.lead), *(_block(block, folder) for block in document.blocks)]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def _block(block: Block, folder: str) -> str:
    if isinstance(block, Gallery):
        return "\n\n".join(
            f"![{_shown(picture.alt)}]({folder}/{picture.name}.svg)\n\n{_shown(picture.title)}"
            for picture in block.pictures
        )
    return _written(block)


def _shown(words: str) -> str:
    """Keep a text from being HTML; its code, links and escaped letters are Markdown's too."""
    return _HTML.sub(lambda found: found["kept"] or {"<": "&lt;", "&": "&amp;"}[found[0]], words)


@singledispatch
def _written(block: object) -> str:
    raise AssertionError(f"no way to write {type(block).__name__}")


@_written.register
def _heading(block: Heading) -> str:
    return f"{'#' * block.level} {_shown(block.text)}"


@_written.register
def _prose(block: Prose) -> str:
    return _shown(block.text).replace("\n", "  \n")


@_written.register
def _items(block: Items) -> str:
    return "\n".join(f"* {_shown(line)}" for line in block.lines)


@_written.register
def _listing(block: Listing) -> str:
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", block.text)), default=0))
    return f"{fence}text\n{block.text}\n{fence}"


@_written.register
def _tally(block: Tally) -> str:
    return "\n".join(f"* **{number:,}** {_shown(label)}" for label, number, _ in block.parts)


@_written.register
def _grid(block: Grid) -> str:
    columns = (*block.columns, *((block.noted,) if block.notes else ()))
    rules = ["---:" if at in block.numeric else "---" for at in range(len(columns))]
    lines = [columns, rules]
    for place, row in enumerate(block.rows):
        lines.append((*row, *((block.notes[place],) if block.notes else ())))
    table = "\n".join(f"| {' | '.join(map(_inside, line))} |" for line in lines)
    return f"{_shown(block.caption)}\n\n{table}"


def _inside(cell: str) -> str:
    return _shown(cell).replace("|", "\\|").replace("\n", "<br>")
