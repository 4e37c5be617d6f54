"""Command lines made at random from the real commands and options: what is added is attacked by itself."""

from __future__ import annotations

import os
import random
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import typer

from benchmarks.attacks.outcome import STATUSES, State, Try, inside, outside, tried, within
from costmodel.terminal.application import application

BAD = (
    *("", " ", "\t", "\n", "a\nb", "0", "-1", "1.5", "1e3", "nan", "inf", "-inf", "true", "None", "null", "[]", "{}"),
    *("2147483647", "2147483648", "9" * 30, "9" * 5000, "0x10", "1_000", "+4", "\u0664", "\u00b2", "\u2163", "1,2,,3"),
    *("1:", ":1", "3:1", "1:4:0", "1:4:-1", "1:9999999999", "1:4:1:1", "::", "1:2147483647", "-4:4", "1,1,1", "a:b"),
    *("N", "H", "W", "S", "r", "h1", "floor", "Min", "class", "batch", "x" * 300, "\u03b1", "na\u00efve", "\U0001f600"),
    *("--", "-", "-x", "--json", "--nonsense", "--batch", "-m", "--method=lora", "@file", "$HOME", "*", "%s%n", "{0}"),
    *("\x1b[31mred", "\x07", "\x9b2J", "\u2028", "\u202eabc", "a\rb", "\ufeff", "\udcff", "\udc80abc", "'", '"', "\\"),
    *("resnet18", "lora", "resnet18,lora", "all", "fft,", ",", "galore,nonsense", "RESNET18", " resnet18 "),
    *("/", ".", "..", "./", "missing/net.py:make", "broken.py:make", "net.py", "net.py:", ":make", "net.py:missing"),
    *("raising.py:make", "leaving.py:make", "number.py:make", "number.py:made", "binary.py:make", "os:getcwd"),
    *("json:loads", "math:pi", "costmodel:nothing", "no.such.module:make", "timm:nonsense", "timm:"),
    *("a:b:c", "folder"),
    *("folder.csv", "missing/a.csv", "file/a.csv", "a.csv", "a.txt", "a.SVG", "a", "a.svg", ".svg", ".csv", "a" * 300),
    *("(", "[", ".*", "(a+)+$", "x=4", "=4", "x=", ".*=0", "(=3", "a=b=3", "layer.*=r", "1KiB", "1e400G", "5 G"),
    *("-3MB", "\x00", "a\x00b"),
    *("0.0000001B", "999999999999999TB", "3x96x96", "3x", "x3", "3xHxW", "-1x3x4", "0x0x0", "S:int64", "S:nonsense"),
    *("a=S:int64,a=S:int64", "99999999999x99999999999x999999", "SxS", "input=3xHxW", "3xHxWxS:float99", "=", ":"),
)
"""Values that most options refuse; each is given to every option."""

GOOD = {
    "model": ("resnet18", "mobilenet_v2", "mobilenet_v3", "alexnet", "squeezenet1_1"),
    "models": ("resnet18", "mobilenet_v2", "mobilenet_v3"),
    "method": ("fft", "lora", "galore", "bn_head", "dora"),
    "methods": ("fft", "lora", "galore", "bn_head", "lora,galore", "all"),
    "rank": ("1", "2", "4", "16", "r"),
    "batch": ("1", "2", "3", "N"),
    "resolution": ("64", "224", "S"),
    "height": ("64", "97", "H"),
    "width": ("64", "97", "W"),
    "memory": ("64MiB", "1.5GB"),
    "flops": ("5G", "250M"),
    "convention": ("arithmetic", "torch", "paper"),
    "quantity": ("memory.peak", "peak", "memory"),
    "form": ("text", "latex", "python", "c", "json"),
    "output": ("out.csv", "out.parquet", "out.jsonl", "new/out.csv"),
    "plot": ("out.svg", "out.png"),
    "figure": ("memory", "flops"),
    "depth": ("1", "all"),
    "sort": ("forward", "path"),
    "sample": ("1",),
    "classes": ("10",),
    "loss": ("sum",),
    "optimizer": ("adamw",),
    "dtype": ("float32",),
    "accumulate": ("1",),
    "rank_pattern": (".*=4",),
    "targets": (".*",),
    "projection": ("std",),
    "top": ("3",),
    "length": ("64",),
    "inputs": ("3x96x96",),
}
"""Values that are right, by the name of the parameter; they let a line get past its first mistake."""

ALWAYS = {
    "atlas build": ("nonsense",),  # anything else would derive the atlas again
    "atlas check": ("--sample", "x"),
    "validate": ("--batch", "N"),  # no real step: those are measured elsewhere
}
"""Words that keep a line of a command that takes minutes from being right."""

TRACED = ("layers", "peak")
"""Commands that trace a step, which takes seconds: their lines have a mistake."""

UNSHIPPED = ("aux", "checkpoint", "train_head", "accumulate", "targets", "rank_pattern", "inputs", "projection")
"""Options whose formulas do not ship: given by mistake only, or tracing would take most of the time."""

MEASURING = ("calibrate",)
"""Options that measure this machine for a minute; left out."""

QUICK = frozenset({"estimate", "compare", "sweep", "size", "formula", "models", "methods", "drift", "merge", *TRACED})
"""Commands that answer in seconds whatever they are told. Of any other a line always has an unknown option."""

JUDGES = frozenset({"validate", "merge", "drift", "report", "atlas check"})
"""Commands whose exit status 1 says that something differs."""

FILES = {
    "broken.py": b"def make(:\n",
    "raising.py": b"def make():\n    raise ValueError('two\\nlines \\x1b[31m')\n",
    "leaving.py": b"import sys\nsys.exit(7)\n",
    "number.py": b"made = 3\ndef make():\n    return 3\n",
    "net.py": b"def make():\n    return None\n",
    "binary.py": bytes(range(256)),
    "file": b"",
}
"""What lies in the folder that lines are run in, beside ``folder`` and ``folder.csv``, which are folders."""


@dataclass(frozen=True)
class Parameter:
    """An option or an argument.

    Attributes:
        name: of the parameter.
        flags: how it is written; empty for an argument.
        takes: whether it takes a value.
        several: whether it may be given again.
    """

    name: str
    flags: tuple[str, ...]
    takes: bool
    several: bool


@dataclass(frozen=True)
class Form:
    """A command: its words and its parameters."""

    name: str
    parameters: tuple[Parameter, ...]


def forms() -> tuple[Form, ...]:
    """Return every command of the command line, those of groups included."""
    return tuple(_forms(typer.main.get_command(application()), ()))


def _forms(command: Any, path: tuple[str, ...]) -> Iterator[Form]:
    parameters = tuple(
        Parameter(
            found.name,
            (*found.opts, *found.secondary_opts) if found.param_type_name == "option" else (),
            not getattr(found, "is_flag", False),
            bool(getattr(found, "multiple", False)) or found.nargs == -1,
        )
        for found in command.params
    )
    yield Form(" ".join(path), (*parameters, Parameter("help", ("--help",), False, False)))
    if hasattr(command, "list_commands"):
        for name in command.list_commands(None):
            yield from _forms(command.get_command(None, name), (*path, name))


def line(form: Form, random: random.Random) -> list[str]:
    """Make a command line of a command, with no mistake, one, some, or nothing right."""
    mistakes = random.choices((0.0, 0.2, 1.0), (6, 3, 1))[0]
    spoilt = [found for found in form.parameters if found.takes or found.name not in UNSHIPPED]
    wrong = random.choice(spoilt).name if random.random() < 0.85 or form.name in TRACED else None
    words: list[str] = []
    for parameter in form.parameters:
        if parameter.name in MEASURING or (mistakes < 1 and parameter.name in UNSHIPPED and parameter.name != wrong):
            continue
        wanted = 0.97 if parameter.name in ("model", "models") else min(0.2, 3 / len(form.parameters))
        bad = 1.0 if parameter.name == wrong else mistakes
        while parameter.name == wrong or random.random() < wanted:
            words += _given(parameter, bad, random)
            if (not parameter.several or parameter.name == wrong) and random.random() > 0.05:
                break  # else given twice
            wanted /= 2
    if mistakes and random.random() < mistakes / 3:
        _spoil(words, random)
    guard = ALWAYS.get(form.name, () if not form.name or form.name in QUICK else ("--nonsense",))
    if guard:
        words = [*(word for word in words if word not in ("--", "--help")), *guard]
    return [*form.name.split(), *words]


def _given(parameter: Parameter, mistakes: float, random: random.Random) -> list[str]:
    good = GOOD.get(parameter.name)
    value = random.choice(good) if good and random.random() >= mistakes else random.choice(BAD)
    if not parameter.flags:
        return [value]
    flag = random.choice(parameter.flags)
    if flag == "--help" and random.random() < 0.9:
        return []
    if not parameter.takes:
        return [flag] if random.random() > mistakes / 3 else [f"{flag}={value}"]
    if random.random() < mistakes / 10:
        return [flag]  # its value is missing
    return [flag, value] if random.random() < 0.7 else [f"{flag}={value}"]


def _spoil(words: list[str], random: random.Random) -> None:
    """Put words in, leave words out, move them or cut them."""
    how = random.randrange(5)
    at = random.randrange(len(words) + 1)
    if how == 0:
        words.insert(at, random.choice(BAD))
    elif how == 1:
        words[at:] = words[at + 1 :]
    elif how == 2:
        random.shuffle(words)
    elif how == 3:
        words[at:at] = words[:3]
    elif words:
        at = min(at, len(words) - 1)
        words[at] = words[at][: random.randrange(len(words[at]) + 1)]


def first_word(random: random.Random) -> list[str]:
    """Make a line whose command is not one."""
    return [random.choice(BAD), *random.choices(BAD, k=random.randrange(3))]


def prepare(folder: Path) -> None:
    """Lay out what lines may name."""
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
    for name in ("folder", "folder.csv"):
        (folder / name).mkdir()


CANONICAL = ("estimate", "mobilenet_v3", "--method", "galore", "--json")
"""A line whose answer may not depend on what was run before it."""


def attack(tries: int, seed: int) -> Iterator[Try]:
    """Run lines in this process, and see after every hundred that a right line is answered as at first."""
    chooser = random.Random(seed)  # noqa: S311  # tries, no secrets
    known = forms()
    expected = inside(CANONICAL)
    with tempfile.TemporaryDirectory() as name, within(Path(name)), patch.dict(os.environ, HOME=name):
        prepare(Path(name))
        inside(("estimate", "net.py:make"))  # what is imported once has been
        before = State()
        for number in range(tries):
            form = chooser.choices(known, [len(form.parameters) + 1 for form in known])[0]
            words = line(form, chooser) if chooser.random() < 0.97 else first_word(chooser)
            allowed = STATUSES | ({1} if form.name in JUDGES else set())
            kind = f"command lines: {form.name or 'costmodel'}"
            yield tried(kind, inside(words), before.changes(), allowed)
            if number % 100 == 99:
                again = inside(CANONICAL)
                wrong = () if (again.status, again.out) == (expected.status, expected.out) else ("another answer",)
                yield tried("command lines: a right line after a hundred others", again, wrong)


def processes(tries: int, seed: int) -> Iterator[Try]:
    """Run lines in processes of their own, among them bytes that are no UTF-8."""
    chooser = random.Random(seed)  # noqa: S311  # tries, no secrets
    known = forms()
    with tempfile.TemporaryDirectory() as name:
        prepare(Path(name))
        for _ in range(tries):
            words: list[str | bytes] = [
                *(word.replace("\x00", "") for word in _fit(line(chooser.choice(known), chooser)))
            ]
            if chooser.random() < 0.3:
                words.insert(chooser.randrange(len(words) + 1), chooser.randbytes(6).replace(b"\0", b""))
            found = outside(words, folder=Path(name), environment={"HOME": name})
            yield tried("command lines: in processes of their own", found)


def _fit(words: Sequence[str]) -> list[str]:
    return [os.fsdecode(os.fsencode(word)) for word in words]
