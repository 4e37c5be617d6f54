"""Making and checking the atlas: each region of each cell is derived from nothing."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import active_children, get_context
from pathlib import Path
from typing import Any, ClassVar

from costmodel.algebra.domain import Domain
from costmodel.algebra.formula import Derivation
from costmodel.cell.request import Request
from costmodel.cell.setup import Setup, setup_of
from costmodel.cell.subjects import model_table
from costmodel.errors import CostModelError, InputError, LiftError, unknown
from costmodel.files import write_whole
from costmodel.methods import PAPER
from costmodel.results import Result
from costmodel.signals import ignored_by_children
from costmodel.sources.atlas import CHECKED, FOLDER, SCHEMA, intact, row_checksum, seal, stored
from costmodel.sources.cache import source_digest
from costmodel.sources.derive import Tracer
from costmodel.sources.regions import of_model
from costmodel.sources.source import Source, covers
from costmodel.sources.versions import installed

Say = Callable[[str, int, int], None]
"""Told what was finished, how many are done and how many there are."""

JOURNAL = ".building.json"

POINTS = 50
"""Random points at which a stored formula is compared with a fresh one, where both are the largest of several terms."""


def models() -> list[str]:
    """Return the models of the atlas: torchvision's classification models, by name."""
    rows = model_table().items()
    return [name for name, row in rows if not {"alias_of", "refused", "kind"} & row.keys()]


@dataclass(frozen=True)
class Built(Result):
    """What a build has done.

    Attributes:
        written: models whose file was written.
        current: how many of those asked for an earlier, interrupted build had written already.
    """

    SCHEMA: ClassVar[str] = "costmodel.atlas.build/1"

    written: tuple[str, ...]
    current: int

    def content(self) -> dict[str, Any]:
        """Return the models written, and how many were current."""
        return {"written": list(self.written), "current": self.current}


@dataclass(frozen=True)
class Checked(Result):
    """What a check has found.

    Attributes:
        checked: how many formulas were derived again.
        stale: a line for each file that is damaged and each formula that is another now.
    """

    SCHEMA: ClassVar[str] = "costmodel.atlas.check/1"

    checked: int
    stale: tuple[str, ...]

    def content(self) -> dict[str, Any]:
        """Return how many were checked, and the complaints."""
        return {"checked": self.checked, "stale": list(self.stale)}


def build(chosen: Sequence[str], jobs: int, say: Say) -> Built:
    """Derive the formulas of models and write each model's file whole.

    Until a build is complete a journal beside the files says which ones are done, so that an interrupted one goes on
    if source and versions are still the same.

    Args:
        chosen: models by name; all where empty.
        jobs: processes at a time.
        say: told of each finished model.

    Raises:
        InputError: for a name that is not in the atlas, or a folder that cannot be written.
    """
    known = models()
    for name in chosen:
        if name not in known:
            raise unknown("model of the atlas", name, known)
    journal = FOLDER / JOURNAL
    made_by, done = _read(journal)
    wanted = list(chosen) or [name for name in known if name not in done]
    others = {*active_children()}
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=_one_thread) as pool:
        with ignored_by_children():
            running = {pool.submit(survey, name): name for name in wanted}
        try:
            for count, finished in enumerate(as_completed(running), start=1):
                name = running[finished]
                done.append(name)
                try:
                    write_whole(FOLDER / f"{name}.json", finished.result())
                    write_whole(journal, json.dumps({**made_by, "done": done}))
                    write_whole(FOLDER / CHECKED, _checked(name))
                except OSError as error:
                    raise InputError(f"the atlas in {FOLDER} cannot be written: {error.strerror or error}") from error
                say(name, count, len(wanted))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in {*active_children()} - others:  # minutes of work that nobody waits for
                process.kill()
            raise
    if not chosen:
        journal.unlink(missing_ok=True)
    return Built(tuple(wanted), len(chosen or known) - len(wanted))


def check(sample: int | None, seed: int, say: Say) -> Checked:
    """Derive stored formulas again and compare.

    Args:
        sample: how many, drawn at random; all if left out.
        seed: decides which ones are drawn.
        say: told what is derived, how many are done and how many there are.
    """
    chosen = entries()
    if sample is not None:
        chosen = random.Random(seed).sample(chosen, min(sample, len(chosen)))  # noqa: S311  # a sample, not a secret
    complaints = damaged()
    for done, entry in enumerate(chosen):
        say(str(entry), done, len(chosen))
        complaints += filter(None, [stale(entry)])
    return Checked(len(chosen), tuple(complaints))


def _read(journal: Path) -> tuple[dict[str, Any], list[str]]:
    """Return what a build is made by, and the models that an interrupted one of the same making has finished."""
    made_by = {"source": source_digest(), "versions": _versions("resnet18")}
    try:
        found = json.loads(journal.read_text(encoding="utf-8"))
        done = list(found["done"]) if {**made_by, "done": found["done"]} == found else []
    except (OSError, ValueError, TypeError, KeyError):
        done = []
    return made_by, done


def _checked(model: str) -> str:
    """Return the text of the file that says what the formulas were checked with, a model's row as it is now."""
    try:
        found = json.loads((FOLDER / CHECKED).read_text(encoding="utf-8"))
    except OSError:
        found = {"schema": "costmodel.checked/1", "releases": [], "rows": {}}
    found["rows"] = dict(sorted({**found["rows"], model: row_checksum(model)}.items()))
    return json.dumps(found, indent=1) + "\n"


def _one_thread() -> None:
    import torch

    torch.set_num_threads(1)


def _versions(model: str) -> dict[str, str]:
    packages = {name for method in PAPER for name in setup_of(model, method).method.packages}
    return installed(tuple(sorted(packages)))


def survey(model: str) -> str:
    """Derive all regions of a model with each method, and write them down as the text of its file."""
    head = json.dumps({"schema": SCHEMA, "model": model, "versions": _versions(model)}, indent=1)[:-2]
    cells = ",\n".join(
        f'  "{method}": [\n'
        + ",\n".join("   " + json.dumps(item.to_dict(), separators=(",", ":")) for item in regions(model, method))
        + "\n  ]"
        for method in PAPER
    )
    return seal(f'{head},\n "cells": {{\n{cells}\n }}\n}}\n')


def regions(model: str, method: str) -> list[Derivation]:
    """Derive a cell's formulas, each region once."""
    setup = setup_of(model, method)
    source, tracer = Source(setup, cached=False), Tracer(setup)
    found: list[Derivation] = []
    for asked in of_model(setup):
        try:
            made = source.derivation(asked, tracer=tracer)
        except (InputError, LiftError):
            if not asked.names.keys() & {"H", "W"}:
                raise
            continue  # no closed form in the sides: the model's own side follows
        if made not in found:
            found.append(made)
    return found


@dataclass(frozen=True, slots=True)
class Entry:
    """One stored formula: a region of a cell."""

    model: str
    method: str
    region: int

    def __str__(self) -> str:
        return f"{self.model} {self.method}, region {self.region}"


def entries() -> list[Entry]:
    """List every stored formula."""
    return [
        Entry(model, method, region)
        for model in models()
        for method, regions in stored(model)["cells"].items()
        for region in range(len(regions))
    ]


def damaged() -> list[str]:
    """Say of which models the file is missing or not as it was written."""
    return [f"{model}: {reason}" for model in models() if (reason := _damage(FOLDER / f"{model}.json"))]


def _damage(file: Path) -> str:
    try:
        return "" if intact(file.read_bytes()) else f"{file} is not as it was written; build it again"
    except OSError as error:
        return f"{file} cannot be read: {error.strerror or error}"


def stale(entry: Entry) -> str:
    """Derive one stored formula again and say how they differ; empty where they are the same.

    Where both hold for the same, quantities of one term have to be the same polynomial. Which of several terms were
    proved never to win may depend on how a linear program was solved: those are compared as numbers, at random points
    of the domain, and so is everything where the new one holds for smaller batches too.
    """
    setup = setup_of(entry.model, entry.method)
    old = Derivation.from_dict(stored(entry.model)["cells"][entry.method][entry.region])
    domain = old.formula.domain
    draw = random.Random(str(entry))  # noqa: S311  # points, not secrets
    try:
        new = Source(setup, cached=False).derivation(_asked(setup, entry))
    except CostModelError as error:
        return f"{entry}: cannot be derived any more: {error}"
    if not _holds_where(new.formula.domain, domain):
        return f"{entry}: holds for {new.formula.domain.describe()}, stored for {domain.describe()}"
    for key, terms in old.formula.quantities.items():
        if new.formula.domain == domain and len(terms) == 1 and new.formula.quantities[key] != terms:
            return f"{entry}: {key} is {new.formula.text(key)}, stored {old.formula.text(key)}"
    for _ in range(POINTS):
        point = domain.draw(draw)
        if (fresh := new.formula.evaluate(point)) != (kept := old.formula.evaluate(point)):
            wrong = next(key for key in fresh if fresh[key] != kept[key])
            return f"{entry}: {wrong} is {fresh[wrong]} at {point}, stored {kept[wrong]}"
    facts = ("unknown", "grouped", "overcounted")
    changed = [fact for fact in facts if getattr(new, fact) != getattr(old, fact)]
    return f"{entry}: {', '.join(changed)} changed" if changed else ""


def _holds_where(new: Domain, old: Domain) -> bool:
    """Tell whether a domain is another one, or that and smaller batches: such a formula is no other one."""
    held = all(new.fixed.get(axis, value) == value and new.allows(axis, value) for axis, value in old.fixed.items())
    if not held or new.tied != old.tied or not old.free.keys() <= new.free.keys():
        return False
    batch = new.free.get("N"), old.free.get("N")
    smaller = batch[0] is None or batch[1] is None or batch[0].lower <= batch[1].lower
    return smaller and all(new.free[axis] == free for axis, free in old.free.items() if axis != "N")


def _asked(setup: Setup, entry: Entry) -> Request:
    """Return what a region was derived for: the first request that it answers and none before it does."""
    held = [Derivation.from_dict(item).formula for item in stored(entry.model)["cells"][entry.method]]
    for asked in of_model(setup):
        if next((at for at, formula in enumerate(held) if covers(formula, asked)), None) == entry.region:
            return asked
    raise LiftError("no request leads to it")
