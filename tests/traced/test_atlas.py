"""Formulas that ship: there for every model and method, answering without torch, equal to what would be derived."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import costmodel
from costmodel.algebra.formula import PEAK
from costmodel.cell.inputs import parse
from costmodel.cell.request import request
from costmodel.cell.setup import Setup, setup_of
from costmodel.cell.subjects import model_table
from costmodel.cell.training import Training
from costmodel.errors import InputError
from costmodel.methods import PAPER, Options
from costmodel.questions.estimate import answer
from costmodel.sources import atlas, source, survey
from costmodel.sources.cache import source_digest
from costmodel.sources.source import Source, covers
from costmodel.sources.survey import Entry, entries, stale
from costmodel.sources.versions import MISSING
from costmodel.terminal.cli import main
from costmodel.terminal.render import estimate_blocks
from costmodel.terminal.tables import show
from tests.cells import MODELS, fresh, point

ROOT = Path(__file__).parents[2]
HEAVY = "torch torchvision peft galore_torch transformers sympy pandas numpy scipy pyarrow rich pydantic matplotlib "
HEAVY += "jinja2 msgspec filelock"
ABSENT = "torch torchvision peft galore_torch transformers sympy pandas"
CHEAP = (
    "alexnet",
    "mnasnet0_5",
    "resnet18",
    "resnet34",
    "shufflenet_v2_x0_5",
    "squeezenet1_0",
    "squeezenet1_1",
    "vgg11",
)
"""Models beside the paper's whose formulas are derived in seconds."""

# The imports of a command, in a process of its own. What is absent cannot be found, neither as a module nor as a
# distribution.
PROGRAM = """
import sys
absent = set(sys.argv[1].split())
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in absent:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Absent())
if absent:
    from costmodel.sources import versions
    known = versions._on_path()
    for name in absent:
        known.pop(name.replace("_", "-"), None)
    honest, versions._version = versions._version, lambda name: known.get(name, versions.MISSING)
from costmodel.terminal.cli import main
from costmodel.terminal.render import estimate_blocks
from costmodel.terminal.tables import show
status = main(sys.argv[2:])
print(*{name.split(".")[0] for name in sys.modules}, file=sys.stderr)
sys.exit(status)
"""

# -- what an answer imports --------------------------------------------------------------------------------------------


def run(line: str, absent: str, cache: Path) -> tuple[str, set[str]]:
    """Run a command in a process of its own: what it prints, and which packages it has imported."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, absent, *line.split()], capture_output=True, text=True, cwd=ROOT,
        env={"COSTMODEL_CACHE_DIR": str(cache), "PYTHONPATH": str(ROOT), "PATH": ""},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    *_, imported = done.stderr.splitlines()
    return done.stdout, {*imported.split()}


@pytest.mark.parametrize(
    "line",
    [
        "estimate mobilenet_v2 --method lora --rank 4",
        "estimate mobilenet_v3 --method galore --rank 99 --batch 1 --json",
        "estimate vit_b_16 --method dora --batch 8",
        "compare mobilenet_v2 resnet18 --batch 8",
        "size mobilenet_v2 --memory 200MiB",
        "models",
        "methods --json",
        "--help",
        "estimate --help",
        "--version",
    ],
)
def test_a_shipped_formula_answers_alone(line: str, tmp_path: Path) -> None:
    """Neither imports anything heavy nor misses it, and leaves no cache behind."""
    printed, imported = run(line, "", tmp_path)
    assert imported & {*HEAVY.split()} == set()
    assert "costmodel" in imported
    alone, imported = run(line, ABSENT, tmp_path)
    assert alone == printed.replace("+cpu", "+cpu") != ""
    assert [*tmp_path.iterdir()] == []


def test_a_sweep_to_a_file_needs_arrays_only(tmp_path: Path) -> None:
    _, imported = run(f"sweep resnet18 --rank 1:9 --batch 1:9 --output {tmp_path}/x.csv", ABSENT, tmp_path)
    assert imported & {*HEAVY.split()} <= {"numpy", "pyarrow"}
    assert len((tmp_path / "x.csv").read_text().splitlines()) == 1 + 9 * (2 + 3 * 9)


def test_without_torch_versions_are_those_of_the_formulas(tmp_path: Path) -> None:
    alone, _ = run("estimate resnet18 --method lora --json", ABSENT, tmp_path)
    had = atlas.stored("resnet18")["versions"]
    assert json.loads(alone)["versions"] == {name: had[name] for name in ("torch", "torchvision", "peft")}


# -- what is there -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", survey.models())
def test_every_model_ships_with_every_method(model: str, empty_cache: Path) -> None:
    """All that an answer with defaults is asked for is there: any batch, rank and size, and names for them."""

    def traced() -> None:
        pytest.fail("no shipped formula answers this")

    found = atlas.stored(model)
    assert (found["schema"], found["model"]) == (atlas.SCHEMA, model)
    assert [*found["cells"]] == [*PAPER]
    for method in PAPER:
        setup = setup_of(model, method)
        known = [item.formula for item in atlas.shipped(setup)]
        ranks: list[Any] = [1, 4, 64, "r"] if setup.method.ranked else [None]
        for rank in ranks:
            for batch in (1, 2, 8):
                assert any(covers(formula, request(setup, batch=batch, rank=rank)) for formula in known)
        if setup.subject.lattice.square or setup.subject.period > 1:
            side = 2 * setup.subject.closed.multiple * (-(-224 // setup.subject.closed.multiple))
            sizes: dict[str, Any] = {"resolution": side}
        else:
            sizes = {"height": 225, "width": 300}
        elsewhere = request(setup, batch=3, rank=64 if setup.method.ranked else None, **sizes)
        assert any(covers(formula, elsewhere) for formula in known)
        estimate = answer(Source(setup), request(setup), None, traced)
        assert estimate.memory["peak"] > 0
    assert [*empty_cache.iterdir()] == []


def test_all_80_models_and_nothing_else() -> None:
    assert len(survey.models()) == 80
    models = {path.stem for path in atlas.FOLDER.glob("*.json")} - {Path(atlas.CHECKED).stem}
    assert sorted(models) == sorted(survey.models())
    assert len(entries()) >= 80 * 5


def test_the_atlas_is_compact() -> None:
    assert sum(path.stat().st_size for path in atlas.FOLDER.iterdir()) < 8 * 2**20


def test_no_text_is_run_as_code() -> None:
    """Numbers, names of sizes and of kinds: nothing else."""
    words = {word for model in MODELS for word in words_of(atlas.stored(model)["cells"])}
    assert all(part.isidentifier() for word in words for part in word.split("."))


def words_of(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        yield from value
        value = [*value.values()]
    if isinstance(value, list):
        for item in value:
            yield from words_of(item)
    else:
        assert isinstance(value, (int, str, bool))
        if isinstance(value, str):
            yield value


# -- whether it is true ------------------------------------------------------------------------------------------------


def sample(models: tuple[str, ...], count: int) -> list[Entry]:
    """Draw entries anew for every state of the package's source, the same on every machine and in every worker."""
    chosen = [entry for entry in entries() if entry.model in models]
    return random.Random(source_digest()).sample(chosen, min(count, len(chosen)))


@pytest.mark.each(3)
@pytest.mark.parametrize("entry", [*sample(CHEAP, 4), *sample(MODELS, 2)], ids=str)
def test_a_sample_of_formulas_is_not_stale(entry: Entry) -> None:
    """Each change of the source draws another sample; all of them are derived again by ``costmodel atlas check``."""
    assert stale(entry) == ""


@pytest.mark.full
@pytest.mark.parametrize("entry", entries(), ids=str)
def test_no_formula_is_stale(entry: Entry) -> None:
    assert stale(entry) == ""


@pytest.mark.parametrize(
    ("model", "method", "sizes"),
    [
        ("squeezenet1_1", "galore", (3, 97, 65, 7)),
        ("shufflenet_v2_x0_5", "lora", (1, 70, 113, 1)),
        ("vgg11", "dora", (2, 64, 75, 64)),
        ("vit_b_32", "bn_head", (2, 96, 96, 1)),
    ],
)
def test_a_shipped_formula_gives_what_a_trace_adds_up_to(model: str, method: str, sizes: tuple[int, ...]) -> None:
    setup, at = setup_of(model, method), point(method, *sizes)
    (known, *_) = (known for known in atlas.shipped(setup) if known.formula.domain.contains(at.values()))
    assert known.formula.evaluate(at.values()) == fresh(setup, at)


CELL = ("squeezenet1_1", "bn_head")


@pytest.fixture
def falsify(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Change what is stored of a cheap cell; returns the data to change."""
    changed = deepcopy(dict(atlas.stored(CELL[0])))
    for module in (atlas, survey):
        monkeypatch.setattr(module, "stored", lambda model: changed if model == CELL[0] else atlas.NOWHERE)
    return changed["cells"][CELL[1]]


def complaint() -> str:
    return stale(Entry(*CELL, 0))


def test_what_is_stored_unchanged_is_not_stale(falsify: Any) -> None:
    assert complaint() == ""


@pytest.mark.parametrize("key", ["flops.paper.backward", "kind.other.forward", "memory.param", "memory.peak"])
def test_a_wrong_coefficient_is_stale(key: str, falsify: Any) -> None:
    """One too many in one term: found as a polynomial, or as a number at some point where it is one of a Max."""
    for term in falsify[0]["formula"]["quantities"][key]:
        term[-1] += 1
    assert key in complaint()


def test_a_wrong_size_is_stale(falsify: Any) -> None:
    falsify[0]["formula"]["sizes"]["h1"][-1] += 1
    assert complaint() != ""


def test_a_wrong_domain_is_stale(falsify: Any) -> None:
    falsify[0]["formula"]["domain"]["lower"]["H"] += 1
    assert "holds for" in complaint()


def test_a_wrong_fact_is_stale(falsify: Any) -> None:
    falsify[0]["unknown"] = {"aten.mystery": 3}
    falsify[0]["grouped"] += 1
    assert complaint() == "squeezenet1_1 bn_head, region 0: unknown, grouped changed"


def test_a_dropped_term_is_stale(falsify: Any) -> None:
    terms = falsify[0]["formula"]["quantities"]["memory.peak"]
    assert terms[0]
    terms[:] = [terms[0][:2]]
    assert complaint() != ""


def test_a_region_that_nothing_asks_for_is_stale(falsify: Any) -> None:
    falsify.append(deepcopy(falsify[0]))
    assert "no request leads to it" in stale(Entry(*CELL, len(falsify) - 1))


def test_the_command_says_which_are_stale(
    falsify: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(survey, "entries", lambda: [Entry(*CELL, region) for region in range(len(falsify))])
    assert main("atlas check --sample 99".split()) == 0
    assert capsys.readouterr().out == f"{len(falsify)} formulas derived again, 0 stale\n"
    falsify[0]["grouped"] += 1
    assert main("atlas check".split()) == 1
    assert capsys.readouterr().out.splitlines() == [
        "squeezenet1_1 bn_head, region 0: grouped changed",
        f"{len(falsify)} formulas derived again, 1 stale",
    ]


# -- when it answers ---------------------------------------------------------------------------------------------------


def test_no_cache_is_read_where_a_formula_ships(empty_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("costmodel.sources.cache.FormulaCache.load", lambda _: pytest.fail("the disk was read"))
    assert costmodel.estimate("resnet18", "lora", rank=3).memory["peak"] > 0


@pytest.mark.parametrize(
    ("package", "version", "ships"),
    [
        ("torch", "2.13.1", False),
        ("torch", "2.13.0", True),
        ("torch", "2.13.0+cu130", True),
        ("torchvision", "0.28.1", False),
        ("peft", "0.21.3", False),
        ("peft", "0.20.0", False),
        ("torch", MISSING, True),
        ("peft", MISSING, True),
    ],
)
def test_other_versions_are_derived_anew(
    package: str, version: str, ships: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    had = dict(atlas.stored("resnet18")["versions"])
    assert had["torch"].partition("+")[0] == "2.13.0"
    now = {**had, package: version}
    monkeypatch.setattr(atlas, "installed", lambda packages: {n: now[n] for n in ("torch", "torchvision", *packages)})
    assert bool(atlas.shipped(setup_of("resnet18", "lora"))) == ships
    assert atlas.shipped(setup_of("resnet18", "fft")) or package != "peft"  # peft decides nothing there


def test_releases_that_formulas_were_checked_with(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both of a pair, not one of each; what is not among them is derived, and the versions say so."""
    had = dict(atlas.stored("resnet18")["versions"])
    pair = {"torch": "2.14.1", "torchvision": "0.29.1"}
    monkeypatch.setattr(atlas, "checked", lambda: {**CHECKED, "releases": [pair]})
    setup = setup_of("resnet18", "lora")
    for given, other in (
        (pair, ""),
        ({"torch": "2.14.1+cu130", "torchvision": MISSING}, ""),
        ({"torch": "2.14.1"}, "torch 2.14.1"),
        ({"torch": "2.15.0", "torchvision": "0.29.1"}, "torch 2.15.0 and torchvision 0.29.1"),
        ({**pair, "peft": "0.22.0"}, "torch 2.14.1 and torchvision 0.29.1 and peft 0.22.0"),
    ):
        now = {**had, **given}
        for where in (atlas, source):
            monkeypatch.setattr(where, "installed", lambda packages: {n: now[n] for n in (*pair, *packages)})  # noqa: B023  # called at once
        assert atlas.unchecked(setup) == other
        assert bool(atlas.shipped(setup)) == (not other)
        said = f"derived here, not checked with {other}" if other else None
        assert Source(setup).versions.get("atlas") == said
        assert "atlas" not in Source(setup_of("resnet18", "lora", classes=11)).versions


def test_an_answer_under_another_release_says_that_it_is_derived(capsys: pytest.CaptureFixture[str]) -> None:
    known = costmodel.estimate("resnet18", method="bn_head")
    said = "derived here, not checked with torch 2.14.1"
    for versions in (known.versions, {**known.versions, "atlas": said}):
        show(estimate_blocks(replace(known, versions=versions), formulas=False))
    plain, derived = capsys.readouterr().out.split("resnet18, bn_head")[1:]
    assert "ship" not in plain
    assert f"The formulas that ship do not answer: {said}.\n" in derived


def test_a_model_whose_row_is_another_is_derived(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its arguments decide the numbers; the rows of others decide nothing here."""
    setup = setup_of("inception_v3", "bn_head")
    table = {**model_table(), "resnet18": {"about": "another"}}
    monkeypatch.setattr(atlas, "model_table", lambda: table)
    assert atlas.shipped(setup)
    table["inception_v3"] = {**table["inception_v3"], "arguments": {"transform_input": True}}
    assert atlas.shipped(setup) == ()


def test_the_rows_that_formulas_were_derived_for_are_the_ones_at_hand() -> None:
    assert CHECKED["rows"] == {name: atlas.row_checksum(name) for name in survey.models()}


CHECKED = atlas.checked()


def other_cells() -> dict[str, Setup]:
    resnet = setup_of("resnet18", "lora")
    return {
        "classes": setup_of("resnet18", "lora", classes=11),
        "options": replace(resnet, options=Options(train_head=True)),
        "alpha": replace(resnet, options=Options(alpha=4)),
        "optimizer": replace(resnet, training=Training(optimizer="sgd")),
        "loss": replace(resnet, training=Training(loss="cross_entropy")),
        "accumulate": replace(resnet, training=Training(accumulate=2)),
        "inputs": replace(resnet, subject=replace(resnet.subject, inputs=parse("3x96x96"))),
        "method": setup_of("resnet18", "bitfit"),
        "a method of the same name": replace(resnet, method=replace(resnet.method, rank=8)),
        "auxiliary heads": setup_of("googlenet", "fft", aux=True),
        "another task": setup_of("fcn_resnet50", "fft"),
        "a factory": setup_of("torchvision.models:resnet18", "fft"),
    }


@pytest.mark.parametrize("name", other_cells())
def test_other_cells_are_derived(name: str) -> None:
    assert atlas.shipped(other_cells()[name]) == ()
    assert dict(atlas.versions(other_cells()[name])) == {}


def test_the_atlas_can_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    setup = setup_of("resnet18", "fft")
    assert atlas.shipped(setup)
    monkeypatch.setenv("COSTMODEL_ATLAS", "off")
    assert atlas.shipped(setup) == ()


def test_a_model_without_a_file_is_derived(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(atlas, "FOLDER", tmp_path)
    monkeypatch.setattr(atlas, "stored", atlas.stored.__wrapped__)
    assert atlas.shipped(setup_of("resnet18", "fft")) == ()
    assert dict(atlas.versions(setup_of("resnet18", "fft"))) == {}


# -- building it -------------------------------------------------------------------------------------------------------


@pytest.fixture
def building(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """Build in a folder of its own, in this process, without deriving anything; returns the models surveyed."""
    surveyed: list[str] = []

    def survey_model(model: str) -> str:
        surveyed.append(model)
        if model == "alexnet" and len(surveyed) == 3:
            raise KeyboardInterrupt
        return f"formulas of {model}\n"

    monkeypatch.setattr(survey, "FOLDER", tmp_path)
    monkeypatch.setattr(survey, "survey", survey_model)
    monkeypatch.setattr(survey, "models", lambda: ["vgg11", "resnet18", "alexnet", "vgg13"])
    monkeypatch.setattr(survey, "ProcessPoolExecutor", lambda _, **__: ThreadPoolExecutor(1))
    return surveyed


def test_an_interrupted_build_goes_on(building: list[str], tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        survey.build([], 1, lambda *_: None)
    assert building[:3] == ["vgg11", "resnet18", "alexnet"]
    assert {"vgg11.json", "resnet18.json"} <= {path.name for path in tmp_path.iterdir()}
    done = json.loads((tmp_path / survey.JOURNAL).read_text())["done"]
    building.clear()
    again = survey.build([], 1, lambda *_: None)
    assert [*again.written] == [name for name in survey.models() if name not in done]
    assert again.current == len(done)
    assert {*building} == {*survey.models()} - {*done}
    assert (tmp_path / "alexnet.json").read_text() == "formulas of alexnet\n"
    names = [path.name for path in tmp_path.iterdir()]
    assert sorted(names) == sorted([*(f"{name}.json" for name in survey.models()), "checked.json"])
    rows = json.loads((tmp_path / "checked.json").read_text())["rows"]
    assert rows == {name: atlas.row_checksum(name) for name in sorted(survey.models())}


def test_another_source_begins_anew(building: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(KeyboardInterrupt):
        survey.build([], 1, lambda *_: None)
    building.clear()
    monkeypatch.setattr(survey, "source_digest", lambda: "another")
    building += ["nothing"] * 3
    assert [*survey.build([], 1, lambda *_: None).written] == survey.models()


def test_an_unknown_model_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main("atlas build resnet19".split()) == 2
    assert "unknown model of the atlas 'resnet19': did you mean resnet18" in capsys.readouterr().err
    with pytest.raises(InputError, match="unknown model of the atlas 'fcn_resnet50'"):
        survey.build(["fcn_resnet50"], 1, lambda *_: None)


def test_what_is_surveyed_is_what_is_stored() -> None:
    """The text of a file, all regions of a cheap cell, as the build would write it now."""
    made = [item.to_dict() for item in survey.regions(*CELL)]
    stored = atlas.stored(CELL[0])["cells"][CELL[1]]
    assert [item["formula"]["domain"] for item in made] == [item["formula"]["domain"] for item in stored]
    assert [item["formula"]["quantities"][PEAK] for item in made] == [i["formula"]["quantities"][PEAK] for i in stored]
