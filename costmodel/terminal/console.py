"""What a command says on standard error while it works, and the one JSON object it prints."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from costmodel.results import Result

LONGEST_WORD = 300
"""Characters of a word that a message repeats; of a longer one only the beginning is said."""


def one_line(text: str) -> str:
    """Write a message on one line of which a terminal shows everything and obeys nothing."""
    words = (word if len(word) <= LONGEST_WORD else f"{word[:LONGEST_WORD]}..." for word in text.split())
    return visible(" ".join(words))


def visible(text: str) -> str:
    """Write out what is no character to see, line ends included: an escape code of the caller's stays text."""
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii") for letter in text
    )


def plain_text(text: str) -> str:
    """Write text for rich, which would take words in brackets for styles and links."""
    from rich.markup import escape

    return escape(visible(text))


def print_json(result: Result) -> None:
    """Print a result as one JSON object with exact integers on standard output."""
    print(result.to_json())


def note(text: str) -> None:
    """Say a line on standard error."""
    print(f"costmodel: {one_line(text)}", file=sys.stderr)


@contextmanager
def working() -> Iterator[Callable[[str], None]]:
    """Show on standard error what is being worked on, from the first word on, where that is a terminal."""
    status: Any = None

    def say(text: str) -> None:
        nonlocal status
        if status is None and sys.stderr.isatty():
            from rich.console import Console

            status = Console(stderr=True).status(plain_text(text))
            status.start()
        elif status is not None:
            status.update(plain_text(text))

    try:
        yield say
    finally:
        if status is not None:
            status.stop()


@contextmanager
def progress() -> Iterator[Callable[[str, int, int], None]]:
    """Show a bar on standard error, where that is a terminal.

    Yields:
        A function to tell what is being worked on, how much is done and how much there is.
    """
    if not sys.stderr.isatty():  # whatever the environment says: what is not a terminal gets no escape codes
        yield lambda *_: None
        return
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress, TimeElapsedColumn, TimeRemainingColumn

    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)

        def say(text: str, done: int, total: int) -> None:
            bar.update(task, description=plain_text(text), completed=done, total=total)

        yield say
