"""A document as one HTML page that needs nothing else: no script, no file, no network."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup, escape

from validate.report.document import INLINE, Block, Document, Heading, Picture

STYLE = Path(__file__).with_name("style.css")
TEMPLATE = Path(__file__).with_name("page.html.jinja")

_SHORT = 16
"""Rows up to which a printed table stays on one page."""


def page(document: Document) -> str:
    """Write a document as a page."""
    style = Markup(STYLE.read_text(encoding="utf-8").strip())  # noqa: S704  # our own file
    return _template().render(document=document, sections=_sections(document), style=style)


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATE.parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"inline": inline, "drawn": _drawn, "kind": lambda block: type(block).__name__}
    environment.globals["short"] = _SHORT
    return environment.get_template(TEMPLATE.name)


def inline(text: str) -> Markup:
    """Write a text with its code, links and breaks; everything else of it is escaped."""
    written, end = [], 0
    for match in INLINE.finditer(text):
        written.append(escape(text[end : match.start()]))
        end = match.end()
        if match["letter"]:
            written.append(escape(match["letter"]))
        elif match["code"]:
            written.append(Markup("<code>{}</code>").format(match["code"]))
        elif match["label"]:
            written.append(Markup('<a href="{}">{}</a>').format(_target(match["target"]), inline(match["label"])))
        else:
            written.append(Markup("<br>"))
    return Markup().join([*written, escape(text[end:])])


def _target(link: str) -> str:
    """Lead to the page that the site makes of a Markdown file beside this one."""
    return link if "://" in link else re.sub(r"\.md\b", ".html", link)


def _sections(document: Document) -> list[tuple[str, list[Block]]]:
    """Part the blocks at the large headings; each part has the name of its own, or none."""
    parts: list[tuple[str, list[Block]]] = [("", [])]
    for block in document.blocks:
        if isinstance(block, Heading) and block.level == 2:
            parts.append((block.name, []))
        parts[-1][1].append(block)
    return parts


def _drawn(picture: Picture) -> Markup:
    """Take a drawing as it is, with words for those who do not see it."""
    start, end = picture.svg.split("<svg", 1)
    alt = Markup('<svg role="img" aria-label="{}"').format(picture.alt)
    return Markup(start) + alt + Markup(end)  # noqa: S704  # `drawing` and matplotlib escape what they write
