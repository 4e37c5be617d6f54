"""A document as one HTML page that needs nothing else: no script, no file, no network."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import singledispatch
from html import escape
from pathlib import Path

from validate.report.document import Document, Gallery, Grid, Heading, Items, Listing, Picture, Prose, Tally

STYLE = Path(__file__).with_name("style.css")

_SHORT = 16
"""Rows up to which a printed table stays on one page."""

_INLINE = re.compile(r"`([^`]+)`|\[([^\]]+)\]\(([^)\s]+)\)|\n")


def page(document: Document) -> str:
    """Write a document as a page."""
    heads = [block for block in document.blocks if isinstance(block, Heading) and block.level == 2]
    contents = "\n".join(f'<li><a href="#{head.name}">{inline(head.text)}</a></li>' for head in heads)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(document.title)}</title>
<style>
{STYLE.read_text(encoding="utf-8").strip()}
</style>
</head>
<body>
<header>
<h1>{escape(document.title)}</h1>
<p class="lead">{inline(document.lead)}</p>
</header>
<nav aria-label="Contents">
<ul>
{contents}
</ul>
</nav>
<main>
{"".join(_sections(document))}</main>
</body>
</html>
"""


def inline(text: str) -> str:
    """Write a text with its code, links and breaks."""
    written, end = [], 0
    for match in _INLINE.finditer(text):
        written.append(escape(text[end : match.start()], quote=False))
        end = match.end()
        if match[1]:
            written.append(f"<code>{escape(match[1], quote=False)}</code>")
        elif match[2]:
            written.append(f'<a href="{escape(_target(match[3]))}">{inline(match[2])}</a>')
        else:
            written.append("<br>")
    return "".join(written) + escape(text[end:], quote=False)


def _target(link: str) -> str:
    """Lead to the page that the site makes of a Markdown file beside this one."""
    return link if "://" in link else re.sub(r"\.md\b", ".html", link)


def _sections(document: Document) -> Iterator[str]:
    is_open = False
    for block in document.blocks:
        if isinstance(block, Heading) and block.level == 2:
            yield "</section>\n" if is_open else ""
            yield f'<section aria-labelledby="{block.name}">\n'
            is_open = True
        yield _written(block)
    yield "</section>\n" if is_open else ""


@singledispatch
def _written(block: object) -> str:
    raise AssertionError(f"no way to write {type(block).__name__}")


@_written.register
def _heading(block: Heading) -> str:
    return f'<h{block.level} id="{block.name}">{inline(block.text)}</h{block.level}>\n'


@_written.register
def _prose(block: Prose) -> str:
    return f"<p>{inline(block.text)}</p>\n"


@_written.register
def _items(block: Items) -> str:
    lines = "\n".join(f"<li>{inline(line)}</li>" for line in block.lines)
    return f"<ul>\n{lines}\n</ul>\n"


@_written.register
def _listing(block: Listing) -> str:
    return f'<pre tabindex="0"><code>{escape(block.text, quote=False)}</code></pre>\n'


@_written.register
def _tally(block: Tally) -> str:
    parts = "\n".join(
        f'<li class="{look}"><strong>{number:,}</strong> <span>{inline(label)}</span></li>'
        for label, number, look in block.parts
    )
    return f'<ul class="tally">\n{parts}\n</ul>\n'


@_written.register
def _grid(block: Grid) -> str:
    head = "".join(f'<th scope="col"{_right(at, block)}>{inline(name)}</th>' for at, name in enumerate(block.columns))
    bodies = []
    for place, row in enumerate(block.rows):
        cells = "".join(_cell(at, text, block) for at, text in enumerate(row))
        note = ""
        if block.notes:
            note = f'\n<tr class="note"><td colspan="{len(row)}">{inline(block.notes[place])}</td></tr>'
        bodies.append(f"<tr>{cells}</tr>{note}")
    joined = "\n".join(f"<tbody>\n{body}\n</tbody>" for body in bodies) if block.notes else ""
    joined = joined or "<tbody>\n" + "\n".join(bodies) + "\n</tbody>"
    name = escape(re.sub(r"[`\n]", " ", block.caption))
    kind = "cards" if block.cards else "scroll short" if len(block.rows) <= _SHORT else "scroll"
    return (
        f'<p class="caption">{inline(block.caption)}</p>\n'  # outside: a wide table is scrolled, its caption is not
        f'<div class="{kind}" role="region" aria-label="{name}" tabindex="0">\n'
        f"<table>\n<thead><tr>{head}</tr></thead>\n{joined}\n</table>\n</div>\n"
    )


def _cell(at: int, text: str, block: Grid) -> str:
    shown = inline(text)
    if text in block.marks:
        shown = f'<span class="mark {block.marks[text]}">{shown}</span>'
    label = f' data-label="{escape(block.columns[at])}"' if block.cards else ""
    if at == 0:
        first, line_end, rest = shown.partition("<br>")
        return f'<th scope="row"{label}>{first}{f"<small>{rest}</small>" if line_end else ""}</th>'
    return f"<td{label}{_right(at, block)}>{shown}</td>"


def _right(at: int, block: Grid) -> str:
    return ' class="number"' if at in block.numeric else ""


@_written.register
def _gallery(block: Gallery) -> str:
    return '<div class="gallery">\n' + "".join(map(_picture, block.pictures)) + "</div>\n"


def _picture(picture: Picture) -> str:
    drawing = picture.svg.replace("<svg", f'<svg role="img" aria-label="{escape(picture.alt)}"', 1)
    kind = ' class="wide" tabindex="0"' if picture.wide else ""
    return f"<figure{kind}>\n{drawing}\n<figcaption>{inline(picture.title)}</figcaption>\n</figure>\n"
