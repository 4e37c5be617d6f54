"""Which cells a run is about: a suite by name or from a file, whole or a part of it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from costmodel.cell.subjects import model_table
from costmodel.errors import InputError, unknown
from validate.cell import CellSpec
from validate.depths import depth_named
from validate.suites.suite import SUITES, cells
from validate.suites.suite_file import read


@dataclass(frozen=True, slots=True)
class Plan:
    """Cells to validate.

    Attributes:
        name: of the journal and the tables.
        words: what ``costmodel validate`` is told to get it.
        cells: in order, each once.
        whole: whether these are all cells of the suite: only then are its tables written.
    """

    name: str
    words: tuple[str, ...]
    cells: tuple[CellSpec, ...]
    whole: bool = True

    def of_model(self, model: str) -> Plan:
        """Leave all other models out.

        Raises:
            InputError: where none is left.
        """
        known = model_table().get(model, {}).get("alias_of")
        kept = tuple(spec for spec in self.cells if spec.model in (model, known))
        if not kept:
            raise InputError(f"suite '{self.name}' has no cell of model '{model}'")
        return replace(self, cells=kept, whole=False)

    def at_depth(self, depth: str) -> Plan:
        """Measure all cells at one depth, under a name of their own.

        Raises:
            InputError: for a depth that is not known.
        """
        name = depth_named(depth).name
        moved = {spec.key: spec for spec in (replace(spec, depth=name) for spec in self.cells)}
        return replace(
            self, name=f"{self.name}-{name}", words=(*self.words, "--depth", name), cells=tuple(moved.values())
        )

    def part(self, text: str) -> Plan:
        """Keep every n-th cell, from the k-th on: ``2/3``. The n parts of a suite are all of it, none twice.

        Raises:
            InputError: for anything else.
        """
        match = re.fullmatch(r"(\d{1,5})/(\d{1,5})", text, re.ASCII)
        number, parts = (int(match[1]), int(match[2])) if match else (0, 0)
        if not 1 <= number <= parts:
            raise InputError(f"--part {text}: expected K/N with 1 <= K <= N, such as 1/3")
        return replace(self, cells=self.cells[number - 1 :: parts], whole=self.whole and parts == 1)


def plan_of(suite: str, code: bool = True) -> Plan:
    """Return the cells of a suite: a name in `validate.suites.suite.SUITES`, or a path that ends in ``.toml``.

    Args:
        suite: which.
        code: whether a file's models that are addresses of code are imported, which runs it.

    Raises:
        InputError: for a suite that is not known, or a file that is wrong.
    """
    if suite in SUITES:
        return Plan(suite, ("--suite", suite), cells(suite))
    if suite.endswith(".toml"):
        name, listed = read(Path(suite), tuple(SUITES), code)
        return Plan(name, ("--suite", suite), listed)
    error = unknown("suite", suite, SUITES)
    raise InputError(f"{error}; or a file that ends in .toml")
