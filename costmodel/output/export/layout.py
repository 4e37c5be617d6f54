"""Pieces of text as lines that are not too long."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from costmodel.algebra.notation import leading


def lines(written: Sequence[str], width: int, measure: Callable[[str], int] = len) -> list[str]:
    """Join pieces to lines of at most ``width``, where no piece alone is longer.

    Args:
        written: what `Notation.pieces` returns.
        width: how long a line may be.
        measure: how long a text is.
    """
    first, *rest = written
    return packed([leading(first), *rest], width, measure)


def packed(words: Sequence[str], width: int, measure: Callable[[str], int] = len) -> list[str]:
    """Join words to lines of at most ``width``, where no word alone is longer."""
    joined = [words[0]]
    for word in words[1:]:
        longer = f"{joined[-1]} {word}"
        if measure(longer) <= width:
            joined[-1] = longer
        else:
            joined.append(word)
    return joined
