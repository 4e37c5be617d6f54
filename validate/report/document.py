"""A report as data: blocks that are written as HTML and as Markdown alike, so that both say the same.

Text is a line in which ``code`` stands between backquotes and ``[label](target)`` is a link; a line end is a break. A
letter after a backslash is that letter. Words that come out of a file are made `literal` first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

INLINE = re.compile(
    r"\\(?P<letter>[\\`\[\]])|`(?P<code>[^`]+)`"
    r"|\[(?P<label>[^\]]+)\]\((?P<target>https://[^)\s]+|[\w./-]+(?:#[\w-]+)?)\)|\n"
)
"""What is more than letters in a text. Links lead to the network or to a file beside the report, and run nothing."""


def literal(words: object) -> str:
    """Return words of whatever origin as text that shows them on one line, letter by letter."""
    line = " ".join(str(words).split())
    shown = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in line)
    return re.sub(r"[\\`\[\]]", r"\\\g<0>", shown)


@dataclass(frozen=True, slots=True)
class Heading:
    """The head of a section; the name leads to it."""

    text: str
    name: str
    level: int = 2


@dataclass(frozen=True, slots=True)
class Prose:
    """A paragraph."""

    text: str


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Listing:
    """Lines as typed or printed."""

    text: str


@dataclass(frozen=True, slots=True)
class Grid:
    """A table.

    Attributes:
        caption: what it shows.
        columns: their names.
        rows: a text for each column.
        numeric: which columns are flush right.
        notes: for each row a text below it, across all columns; empty for a table without.
        noted: what the notes are called.
        marks: look of a cell by its text: ``good``, ``half``, ``bad``, ``none``.
        cards: whether a narrow screen shows each row as a card; other tables are scrolled sideways.
    """

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: frozenset[int] = frozenset()
    notes: tuple[str, ...] = ()
    noted: str = ""
    marks: Mapping[str, str] = field(default_factory=dict)
    cards: bool = False


@dataclass(frozen=True, slots=True)
class Tally:
    """Large numbers: label, number and look (as a `Grid` marks its cells) of each."""

    parts: tuple[tuple[str, int, str], ...]


@dataclass(frozen=True, slots=True)
class Picture:
    """A drawing.

    Attributes:
        name: of its file, without an ending.
        title: what it is.
        svg: the drawing, as `validate.report.drawing` makes it.
        alt: what it shows, for those who do not see it.
        wide: whether a narrow screen scrolls it sideways; others are made narrow enough.
    """

    name: str
    title: str
    svg: str
    alt: str
    wide: bool = False


@dataclass(frozen=True, slots=True)
class Gallery:
    """Drawings beside each other, where there is room."""

    pictures: tuple[Picture, ...]


Block = Heading | Prose | Items | Listing | Grid | Tally | Gallery


@dataclass(frozen=True, slots=True)
class Document:
    """A whole report.

    Attributes:
        title: its name.
        lead: what it is, in a sentence or two.
        blocks: in order.
    """

    title: str
    lead: str
    blocks: tuple[Block, ...]

    @property
    def pictures(self) -> tuple[Picture, ...]:
        """All drawings."""
        return tuple(picture for block in self.blocks if isinstance(block, Gallery) for picture in block.pictures)
