"""Pages that are run like a notebook: what a cell shows below its code has to be what the code prints.

A cell is a block of ``python``, whose output stands in a block of ``text`` right below it, or one of ``console`` (or
of no language) that starts with ``$ costmodel ...``, the lines after each such line being its output. ``...`` on a line
of its own stands for lines left out. White space at the end of lines and of the output is not compared.
"""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from typing import Any

from costmodel.terminal.cli import main

LEFT_OUT = "..."
_PYTHON = r"```python\n(?P<code>.*?)^```\n(?:\n```text\n(?P<shown>.*?)^```\n)?"
_CONSOLE = r"```(?P<language>console)?\n(?P<session>\$ costmodel .*?)^```\n"
_CELL = re.compile(rf"^(?:{_PYTHON}|{_CONSOLE})", re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(r"^\$ (?P<line>[^\n]+)\n(?P<shown>(?:(?!\$ ).*\n)*)", re.MULTILINE)


def rerun(page: str, *, python: bool = True) -> str:
    """Return the page with the output that its cells have now, run in order.

    Output that is as shown stays as it stands, with its lines left out.

    Args:
        page: its Markdown.
        python: run the Python cells too, in one namespace; otherwise they stay as they are.
    """
    scope: dict[str, Any] = {"__name__": "__main__"}

    def cell(match: re.Match[str]) -> str:
        if match["session"]:
            return f"```{match['language'] or ''}\n{_COMMAND.sub(command, match['session'])}```\n"
        if not python:
            return match[0]
        output = renewed(match["shown"] or "", run_python(match["code"], scope))
        return f"```python\n{match['code']}```\n" + (f"\n```text\n{output}```\n" if output else "")

    def command(match: re.Match[str]) -> str:
        return f"$ {match['line']}\n{renewed(match['shown'], run_command(match['line']))}"

    return _CELL.sub(cell, page)


def run_command(line: str) -> str:
    """Run a command line in this process and return what it prints, errors included."""
    program, *words = shlex.split(line)
    assert program == "costmodel", line
    with _printed() as text:
        main(words)
    return _plain(text.getvalue())


def run_python(code: str, scope: dict[str, Any]) -> str:
    """Run a cell as a notebook does and return what it prints, the value of a last expression included."""
    tree = ast.parse(code)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    with _printed() as text:
        exec(compile(tree, "<cell>", "exec", dont_inherit=True), scope)
        if last is not None:
            value = eval(compile(ast.Expression(last.value), "<cell>", "eval", dont_inherit=True), scope)
            if value is not None:
                print(repr(value))
    return _plain(text.getvalue())


def fits(shown: str, printed: str) -> bool:
    """Tell whether output is as shown, line by line."""
    lines = (r"(?:.*\n)+?" if line == LEFT_OUT else re.escape(line) + r"\n" for line in shown.splitlines())
    return re.fullmatch("".join(lines), printed) is not None


def renewed(shown: str, printed: str) -> str:
    """Return what to show of an output: as before where that fits.

    Where only numbers have changed, the same lines are left out as before; otherwise none is.
    """
    if fits(shown, printed):
        return shown
    if LEFT_OUT not in shown.splitlines():
        return printed
    kept: list[str] = []
    lines = iter(printed.splitlines())
    for wanted in shown.splitlines():
        if wanted == LEFT_OUT:
            continue
        skipped = False
        for line in lines:
            if _shape(line) == _shape(wanted):
                kept += [LEFT_OUT, line] if skipped else [line]
                break
            skipped = True
        else:
            return printed
    kept += [LEFT_OUT for _ in list(lines)[:1]]
    return "".join(f"{line}\n" for line in kept)


def _shape(line: str) -> str:
    return re.sub(r"[\d.,\s]+", " ", line)


@contextmanager
def _printed() -> Iterator[StringIO]:
    text = StringIO()
    with redirect_stdout(text), redirect_stderr(text):
        yield text


def _plain(text: str) -> str:
    return "".join(f"{line.rstrip()}\n" for line in text.rstrip().splitlines())
