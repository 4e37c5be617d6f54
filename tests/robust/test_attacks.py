"""Some tries of each attack; `-m full` runs thousands. What was tried is in `docs/robustness.md`."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from benchmarks.attacks import caches, interrupts, lines, outputs
from benchmarks.attacks.outcome import Try
from benchmarks.robustness import BEGIN, END, markdown, read
from costmodel.terminal.commands import COMMANDS

ROOT = Path(__file__).parents[2]
ATTACKS: dict[str, tuple[Callable[[int, int], Iterator[Try]], int, int]] = {
    "lines": (lines.attack, 80, 3000),
    "processes": (lines.processes, 4, 100),
    "caches": (caches.attack, 60, 900),
    "outputs": (outputs.attack, 14, 168),
    "disk": (outputs.full, 7, 280),
    "interrupts": (interrupts.attack, 2, 104),
}
"""Each attack with its tries by default and in full. Interrupts take seconds each, the first of them the least."""


def tried(name: str, tries: int) -> list[Try]:
    attack, *_ = ATTACKS[name]
    return list(attack(tries, 7))


@pytest.mark.parametrize("name", ATTACKS)
def test_nothing_breaks(name: str, empty_cache: Path) -> None:
    made = tried(name, ATTACKS[name][1])
    assert len(made) >= ATTACKS[name][1] // 2
    assert [found for found in made if found.faults] == []


@pytest.mark.full
@pytest.mark.parametrize("name", ATTACKS)
def test_nothing_breaks_in_thousands_of_tries(name: str, empty_cache: Path) -> None:
    assert [found for found in tried(name, ATTACKS[name][2]) if found.faults] == []


def test_every_command_is_attacked() -> None:
    attacked = {form.name.split(" ")[0] for form in lines.forms()}
    assert attacked >= COMMANDS.keys()


def test_every_option_that_writes_is_attacked() -> None:
    """Options whose name or value is a file to write, apart from folders of a suite and reports."""
    writing = {"output", "plot"}
    found = {
        (form.name, f"--{parameter.name}")
        for form in lines.forms()
        for parameter in form.parameters
        if parameter.name in writing and form.name not in lines.JUDGES
    }
    tried = {(writer.words[0], writer.words[-1]) for writer in outputs.WRITERS}
    assert found <= tried


def test_a_fault_is_seen(monkeypatch: pytest.MonkeyPatch, empty_cache: Path) -> None:
    """What each attack looks for: with the checksum of the shipped formulas not compared, wrong answers come out."""
    from costmodel.sources import atlas

    monkeypatch.setattr(atlas, "intact", lambda text: True)
    made = list(caches.shipped(40, __import__("random").Random(1)))
    assert any("another answer" in fault for found in made for fault in found.faults)


def test_the_page_has_the_numbers() -> None:
    page = (ROOT / "docs" / "robustness.md").read_text(encoding="utf-8")
    shown = page.partition(BEGIN)[2].partition(END)[0]
    assert shown == markdown(read(ROOT / "docs" / "validation" / "robustness.csv"))


def test_disks_are_mounted_where_they_can_be() -> None:
    if shutil.which("mount") is None:
        pytest.skip("no mount here: a read-only and a full disk are left out")
