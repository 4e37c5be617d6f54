"""Drawings of the report as SVG: narrow enough for a phone, in the page's own colours, light and dark."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from math import floor, log10
from textwrap import dedent

WIDTH = 400
_LEFT, _RIGHT = 66, 92
"""Room for the methods' names, and for the number at a bar's end."""
_BAR, _STEP = 20, 30
_PANEL = 150
"""Height of a panel of lines."""

ALONE = dedent("""\
    <style>
    svg { color: #1b1b1b; font: 13px system-ui, sans-serif }
    .soft { stroke: #8c8c8c; opacity: .35 }
    .halo { stroke: #fff }
    @media (prefers-color-scheme: dark) { svg { color: #e8e8e8 } .halo { stroke: #111 } }
    </style>""")
"""What a drawing needs where there is no page around it."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A stacked bar.

    Attributes:
        name: what stands before it.
        parts: predicted value by part, in the order of the stack.
        ends: measured values at which parts should end.
        marks: measured values of another kind.
        text: what stands behind it.
    """

    name: str
    parts: Mapping[str, float]
    ends: tuple[float, ...]
    marks: tuple[float, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Line:
    """A predicted line, and measured points.

    Attributes:
        name: for the key.
        colour: an HTML colour; ``currentColor`` is the text's.
        predicted: places and heights.
        measured: places and heights.
    """

    name: str
    colour: str
    predicted: tuple[tuple[float, float], ...]
    measured: tuple[tuple[float, float], ...]


def alone(svg: str) -> str:
    """Return a drawing as a file of its own."""
    return svg.replace(">", f">\n{ALONE}", 1) + "\n"


def bars(panels: Mapping[str, Sequence[Bar]], colours: Mapping[str, str], key: Sequence[str], unit: str) -> str:
    """Draw a panel of stacked bars for each name, below each other, each with an axis of its own.

    Args:
        panels: bars by the panel's title.
        colours: of the parts, by name.
        key: what the measured marks mean: of `Bar.ends`, and of `Bar.marks` where there are any.
        unit: of the values.
    """
    pieces: list[str] = []
    top = 8.0
    for title, stack in panels.items():
        pieces.append(_text(0, top + 12, title, weight="bold"))
        largest = max(max(sum(bar.parts.values()), *bar.ends, *bar.marks) for bar in stack)
        wide = WIDTH - _LEFT - _RIGHT
        bottom = top + 22 + _STEP * len(stack)
        place = _scale(0, largest, _LEFT, _LEFT + wide)
        for tick in ticks(largest, 4):
            pieces.append(_rule(place(tick), top + 20, place(tick), bottom, "soft"))
            pieces.append(_text(place(tick), bottom + 14, f"{tick:,.6g}", "middle"))
        pieces.append(_text(WIDTH, bottom + 14, unit, "end"))
        for at, bar in enumerate(stack):
            pieces += _bar(bar, top + 24 + _STEP * at, place, colours)
        top = bottom + 30
    swatches = [(f'<rect width="12" height="12" rx="2" fill="{colour}"/>', name) for name, colour in colours.items()]
    symbols = (_dot(6, 6, "currentColor"), _diamond(6, 6))
    swatches += list(zip(symbols, key, strict=False))
    return _svg(pieces, swatches, top)


def lines(panels: Mapping[str, Sequence[Line]], x: str, unit: str) -> str:
    """Draw a panel of lines for each name, below each other, each with a vertical axis of its own from 0.

    Args:
        panels: lines by the panel's title.
        x: what the horizontal axis is.
        unit: of the vertical axis.
    """
    pieces: list[str] = []
    top = 8.0
    for title, drawn in panels.items():
        pieces.append(_text(0, top + 12, title, weight="bold"))
        high = max(height for line in drawn for _, height in (*line.predicted, *line.measured))
        far = max(place for line in drawn for place, _ in line.predicted)
        across = _scale(0, far, 52, WIDTH - 12)
        up = _scale(0, high * 1.05, top + 24 + _PANEL, top + 24)
        for tick in ticks(high, 4):
            pieces.append(_rule(52, up(tick), WIDTH - 12, up(tick), "soft"))
            pieces.append(_text(46, up(tick) + 4, f"{tick:,.6g}", "end"))
        for tick in (far * quarter / 4 for quarter in range(5)):
            pieces.append(_text(across(tick), up(0) + 16, f"{tick:,.6g}", "middle"))
        pieces += [_text(0, up(0) + 32, unit), _text(WIDTH - 12, up(0) + 32, x, "end")]
        for line in drawn:
            points = " ".join(f"{across(a):.1f},{up(b):.1f}" for a, b in line.predicted)
            pieces.append(f'<polyline points="{points}" fill="none" stroke="{line.colour}" stroke-width="2"/>')
            pieces += [_dot(across(a), up(b), line.colour) for a, b in line.measured]
        top = up(0) + 46
    first = next(iter(panels.values()))
    swatches = [
        (f'<path d="M0 6H12" stroke="{line.colour}" stroke-width="3"/>', f"{line.name}, predicted") for line in first
    ]
    swatches.append((_dot(6, 6, "currentColor"), "measured"))
    return _svg(pieces, swatches, top)


def ticks(largest: float, about: int) -> list[float]:
    """Return round numbers from 0 to ``largest``, some ``about`` of them."""
    if largest <= 0:
        return [0.0]
    raw = largest / about
    power = 10.0 ** floor(log10(raw))
    step = next(digit * power for digit in (1, 2, 2.5, 5, 10) if digit * power >= raw)
    return [step * at for at in range(floor(largest / step * (1 + 1e-9)) + 1)]


def _scale(low: float, high: float, start: float, end: float) -> Callable[[float], float]:
    return lambda value: start + (value - low) / (high - low or 1) * (end - start)


def _bar(bar: Bar, top: float, place: Callable[[float], float], colours: Mapping[str, str]) -> Iterator[str]:
    yield _text(_LEFT - 6, top + 15, bar.name, "end")
    start = 0.0
    for part, colour in colours.items():
        value = bar.parts.get(part, 0)
        left, right = place(start), place(start + value)
        start += value
        if right - left > 0.05:
            yield (
                f'<rect x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" height="{_BAR}" fill="{colour}">'
                f"<title>{escape(part)}</title></rect>"
            )
    for value in bar.ends:
        yield _dot(place(value), top + _BAR / 2, "currentColor")
    for value in bar.marks:
        yield _diamond(place(value), top + _BAR / 2)
    yield _text(max(place(value) for value in (start, *bar.ends, *bar.marks)) + 9, top + 15, bar.text)


def _svg(pieces: Sequence[str], swatches: Sequence[tuple[str, str]], top: float) -> str:
    """Put a drawing together: its pieces, and below them the key in as many rows as it takes."""
    key, across, down = [], 0.0, top - 4
    for symbol, name in swatches:
        wide = 32 + 7.8 * len(name)
        if across and across + wide > WIDTH:
            across, down = 0.0, down + 20
        key.append(f'<g transform="translate({across:.1f} {down:.1f})">{symbol}{_text(18, 11, name)}</g>')
        across += wide
    inside = "\n".join([*pieces, *key])
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {down + 20:.0f}">\n{inside}\n</svg>'


def _text(x: float, y: float, words: str, anchor: str = "start", weight: str = "normal") -> str:
    more = ("" if anchor == "start" else f' text-anchor="{anchor}"') + (
        "" if weight == "normal" else f' font-weight="{weight}"'
    )
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="currentColor"{more}>{escape(words, quote=False)}</text>'


def _rule(x1: float, y1: float, x2: float, y2: float, look: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{look}"/>'


def _dot(x: float, y: float, colour: str) -> str:
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}" class="halo" stroke-width="1.5"/>'


def _diamond(x: float, y: float) -> str:
    return f'<path d="M{x:.1f} {y - 6:.1f}l6 6l-6 6l-6 -6z" fill="currentColor" class="halo" stroke-width="1.5"/>'
