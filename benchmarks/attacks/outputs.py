"""Every option that writes a file, given a place where none can be written, or a disk that fills up."""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from benchmarks.attacks.caches import CELL
from benchmarks.attacks.outcome import Try, inside, left_in, tried, within
from costmodel.errors import InputError
from validate.suites.journal import Journal

RECORD = '{"cell": "c", "measured": {"memory.peak": 3}, "versions": {"torch": "1"}}'


@dataclass(frozen=True)
class Writer:
    """Something that writes a file.

    Attributes:
        name: of it.
        words: the command line up to the file's name.
        ending: of the file's name.
    """

    name: str
    words: tuple[str, ...]
    ending: str


_SWEEP = ("sweep", "resnet18", "--method", "fft", "--batch", "1:2000")
WRITERS = (
    Writer("sweep --output .csv", (*_SWEEP, "--output"), ".csv"),
    Writer("sweep --output .parquet", (*_SWEEP, "--output"), ".parquet"),
    Writer("sweep --output .jsonl", (*_SWEEP, "--output"), ".jsonl"),
    Writer("sweep --plot", (*_SWEEP, "--plot"), ".svg"),
    Writer("compare --plot .svg", ("compare", "resnet18", "--plot"), ".svg"),
    Writer("compare --plot .png", ("compare", "resnet18", "--plot"), ".png"),
    Writer("compare --plot .pdf", ("compare", "resnet18", "--plot"), ".pdf"),
    Writer("size --plot", ("size", "resnet18", "--method", "fft", "--memory", "1GiB", "--plot"), ".svg"),
    Writer("peak --plot", ("peak", "alexnet", "--method", "bn_head", "--no-where", "--plot"), ".svg"),
    *(
        Writer(f"formula --format {form}", ("formula", "resnet18", "--method", "fft", "--format", form, "--output"), "")
        for form in ("text", "latex", "python", "c", "json")
    ),
)
"""Every option that writes, with each kind of file that it writes."""


# -- places ------------------------------------------------------------------------------------------------------------

PLACES: Mapping[str, Callable[[Path, str], str]] = {
    "below a file": lambda folder, ending: str(folder / "file" / f"a{ending}"),
    "a folder in its place": lambda folder, ending: str(folder / f"folder{ending}"),
    "below a link to nowhere": lambda folder, ending: str(folder / "dead" / f"a{ending}"),
    "below a link to itself": lambda folder, ending: str(folder / "loop" / f"a{ending}"),
    "a full device": lambda folder, ending: str(folder / f"full{ending}"),
    "below a device": lambda _, ending: f"/dev/null/a{ending}",
    "in /proc": lambda _, ending: f"/proc/a{ending}",
    "in /sys": lambda _, ending: f"/sys/a{ending}",
    "a name too long": lambda folder, ending: str(folder / ("a" * 300 + ending)),
    "a path too long": lambda folder, ending: str(folder / "/".join(["a" * 200] * 30) / f"a{ending}"),
    "a zero byte in the name": lambda folder, ending: str(folder / f"a\0b{ending}"),
    "a disk that cannot be written": lambda folder, ending: str(folder / "readonly" / f"a{ending}"),
}
"""Where no file can be written."""


def attack(tries: int, seed: int) -> Iterator[Try]:
    """Give every writer every place in turn."""
    chooser = random.Random(seed)  # noqa: S311  # tries, no secrets
    pairs = [(writer, place) for writer in WRITERS for place in PLACES]
    chooser.shuffle(pairs)
    with tempfile.TemporaryDirectory() as name, within(Path(name)), _disk(Path(name, "readonly"), "ro") as mounted:
        folder = Path(name)
        for number in range(tries):
            writer, place = pairs[number % len(pairs)]
            if "cannot be written" in place and not mounted:
                continue
            _lay_out(folder, writer.ending)
            before = left_in(folder)
            path = PLACES[place](folder, writer.ending)
            found = inside((*writer.words, path))
            wrong = [] if found.status == 2 else ["no error"]
            if _beginning(path) not in found.err:
                wrong.append("the path is not named")
            if left_in(folder) != before:
                wrong.append(f"left behind: {sorted(left_in(folder) - before)}")
            yield tried(f"unwritable: {place}", found, wrong)


def _beginning(path: str) -> str:
    """What a message says of a path however long it is."""
    return path.replace("\0", "\\x00")[:100]


def _lay_out(folder: Path, ending: str) -> None:
    (folder / "file").write_text("")
    (folder / f"folder{ending}").mkdir(exist_ok=True)
    for name, target in (("dead", "nowhere/at/all"), ("loop", "loop"), (f"full{ending}", "/dev/full")):
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(target)


@contextmanager
def _disk(folder: Path, options: str) -> Iterator[bool]:
    """Mount a disk in memory, where this process may; yields whether it may."""
    folder.mkdir()
    mounted = _mount("-t", "tmpfs", "-o", options, "tmpfs", str(folder))
    try:
        yield mounted
    finally:
        if mounted:  # lazily: what failed may still have a file open
            subprocess.run([shutil.which("umount") or "umount", "-l", folder], check=True)  # noqa: S603  # a program of the system, words of our own


def _mount(*words: str) -> bool:
    mount = shutil.which("mount")
    return bool(mount) and subprocess.run([str(mount), *words], capture_output=True).returncode == 0  # noqa: S603  # a program of the system, words of our own


# -- a disk that fills up ----------------------------------------------------------------------------------------------


def full(tries: int, seed: int) -> Iterator[Try]:
    """Let the disk end at a random byte of what each writer writes: a small disk, or a limit of the process."""
    chooser = random.Random(seed)  # noqa: S311  # tries, no secrets
    sizes: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as name, within(Path(name)), _disk(Path(name, "small"), "size=256k") as mounted:
        folder = Path(name)
        for number in range(tries):
            writer = WRITERS[number % len(WRITERS)]
            for left in (folder / "small").iterdir():
                left.unlink()
            on_disk = mounted and chooser.random() < 0.5
            target = folder / ("small" if on_disk else ".") / f"out{writer.ending}"
            if writer.name not in sizes:
                whole = folder / f"whole{writer.ending}"
                inside((*writer.words, str(whole)))
                sizes[writer.name] = whole.stat().st_size
                whole.unlink()
            old = chooser.random() < 0.3
            if old:
                target.write_text("old")
            at = chooser.randrange(sizes[writer.name])
            before = left_in(folder)
            with _pages(folder / "small", at) if on_disk else _limit(at):
                found = inside((*writer.words, str(target)))
            whole_now = target.exists() and target.stat().st_size == sizes[writer.name]
            wrong = []
            if found.status == 0 and not whole_now:
                wrong.append("no error, and no whole file")
            if found.status == 2 and str(target) not in found.err and target.name not in found.err:
                wrong.append("the path is not named")
            if found.status == 2 and (left_in(folder) != before or (old and target.read_text() != "old")):
                wrong.append(f"left behind: {sorted(left_in(folder) - before) or 'not the old file'}")
            target.unlink(missing_ok=True)
            yield tried(f"full disk: {writer.name}", found, wrong)
        yield from _remembering(chooser, tries // 4)


@contextmanager
def _limit(size: int) -> Iterator[None]:
    """Let no file grow beyond a size: the write that would fails."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def _pages(folder: Path, size: int) -> Iterator[None]:
    """Let so many bytes, in whole pages, fit on the small disk beside what is on it."""
    used = sum(-(-path.stat().st_size // 4096) for path in folder.iterdir())
    _mount("-o", f"remount,size={max(used + size // 4096, 1) * 4}k", str(folder))
    try:
        yield
    finally:
        _mount("-o", "remount,size=256k", str(folder))


def _remembering(chooser: random.Random, tries: int) -> Iterator[Try]:
    """A cache that cannot be written may not stop an answer; a journal that cannot says so in one line."""
    expected = inside(CELL).out
    for number in range(tries):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            if number % 4 == 0:
                at = chooser.randrange(20_000)
                with patch.dict(os.environ, COSTMODEL_CACHE_DIR=name, COSTMODEL_ATLAS="off"), _limit(at):
                    found = inside(CELL)
                wrong = [] if found.out == expected else ["another answer"]
                stray = {path for path in left_in(folder) if not path.endswith(".json") or "/." in path}
                yield tried("full disk: formula cache", found, [*wrong, *(f"left behind: {path}" for path in stray)])
                continue
            yield _journal_on_full_disk(Journal(folder / "suite.jsonl", {"torch": "1"}), chooser)


def _journal_on_full_disk(journal: Journal, chooser: random.Random) -> Try:
    records = [{"cell": f"c{at}", "measured": {"memory.peak": at}} for at in range(9)]
    kept: list[str] = []
    with _limit(chooser.randrange(9 * len(RECORD))), suppress(InputError):
        for record in records:
            journal.append(record)
            kept.append(str(record["cell"]))
    faults = [] if list(journal.load()) == kept else ["what is read is not what was written"]
    journal.append(records[-1])
    if "c8" not in journal.load() or not {*kept} <= journal.load().keys():
        faults.append("it cannot be gone on with")
    status = 0 if len(kept) == len(records) else 2
    return Try("full disk: journal", status, tuple(faults), json.dumps({"kept": kept}))
