"""A document as Markdown; its drawings are files beside it."""

from __future__ import annotations

from functools import singledispatch

from validate.report.document import Block, Document, Gallery, Grid, Heading, Items, Listing, Prose, Tally


def text(document: Document, folder: str) -> str:
    """Write a document as Markdown.

    Args:
        document: what to write.
        folder: where its drawings are, relative to the text.
    """
    parts = [f"# {document.title}", document.lead, *(_block(block, folder) for block in document.blocks)]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def _block(block: Block, folder: str) -> str:
    if isinstance(block, Gallery):
        return "\n\n".join(
            f"![{picture.alt}]({folder}/{picture.name}.svg)\n\n{picture.title}" for picture in block.pictures
        )
    return _written(block)


@singledispatch
def _written(block: object) -> str:
    raise AssertionError(f"no way to write {type(block).__name__}")


@_written.register
def _heading(block: Heading) -> str:
    return f"{'#' * block.level} {block.text}"


@_written.register
def _prose(block: Prose) -> str:
    return block.text.replace("\n", "  \n")


@_written.register
def _items(block: Items) -> str:
    return "\n".join(f"* {line}" for line in block.lines)


@_written.register
def _listing(block: Listing) -> str:
    return f"```text\n{block.text}\n```"


@_written.register
def _tally(block: Tally) -> str:
    return "\n".join(f"* **{number:,}** {label}" for label, number, _ in block.parts)


@_written.register
def _grid(block: Grid) -> str:
    columns = (*block.columns, *((block.noted,) if block.notes else ()))
    rules = ["---:" if at in block.numeric else "---" for at in range(len(columns))]
    lines = [columns, rules]
    for place, row in enumerate(block.rows):
        lines.append((*row, *((block.notes[place],) if block.notes else ())))
    table = "\n".join(f"| {' | '.join(map(_inside, line))} |" for line in lines)
    return f"{block.caption}\n\n{table}"


def _inside(cell: str) -> str:
    return cell.replace("|", "\\|").replace("\n", "<br>")
