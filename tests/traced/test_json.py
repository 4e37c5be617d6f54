"""Every command's JSON is of its schema and is what Python gives; what is broken is refused."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch
from jsonschema import Draft202012Validator

import costmodel
from costmodel.contract import CONVENTIONS, FIRST, GROUPS, KINDS, PHASES
from costmodel.errors import InputError
from costmodel.methods.method import PROJECTIONS
from costmodel.questions.sweep import COLUMNS
from costmodel.results import Result, Several
from costmodel.sources import survey
from costmodel.terminal.commands import COMMANDS
from tests.lines import printed
from tests.schemas import check, file_of, schemas, validator

ROOT = Path(__file__).parents[2]
JOURNALS = sorted((ROOT / "docs" / "validation").glob("*.jsonl"))
PAPER = ROOT / "docs" / "validation" / "paper.jsonl"

SAME: dict[str, Callable[[], Result]] = {
    "estimate mobilenet_v3 --method galore": lambda: costmodel.estimate("mobilenet_v3", "galore"),
    "estimate mobilenet_v2 --method lora --rank r --batch N": lambda: costmodel.estimate(
        "mobilenet_v2", "lora", rank="r", batch="N"
    ),
    "compare resnet18 --method fft,lora --rank 8 --batch 2 --convention paper": lambda: costmodel.compare(
        "resnet18", ["fft", "lora"], rank=8, point={"batch": 2}, convention="paper"
    ),
    "sweep resnet18 --method fft,lora --rank 1:2 --batch 1:2": lambda: costmodel.sweep(
        "resnet18", ["fft", "lora"], rank=[1, 2], batch=[1, 2]
    ),
    "size resnet18 alexnet --method fft,lora --memory 300MiB": lambda: costmodel.size(
        ["resnet18", "alexnet"], ["fft", "lora"], memory=300 * 2**20
    ),
    "formula resnet18 --method lora": lambda: costmodel.formula("resnet18", "lora"),
    "formula alexnet -m fft -m bn_head --batch B --resolution 64 --loss cross_entropy --quantity peak": lambda: (
        costmodel.formula(
            "alexnet",
            ["fft", "bn_head"],
            quantity="peak",
            point={"N": "B", "resolution": 64},
            training=costmodel.Training(loss="cross_entropy"),
        )
    ),
    "peak alexnet --method bn_head": lambda: costmodel.peak("alexnet", "bn_head"),
    "peak mobilenet_v3 --method bn_head --top 1 --no-where --batch 2": lambda: costmodel.peak(
        "mobilenet_v3", "bn_head", top=1, where=False, N=2
    ),
    "layers alexnet --method bn_head --depth all --sort param --convention torch": lambda: costmodel.layers(
        "alexnet", "bn_head", depth=None, sort="param", convention="torch"
    ),
    "validate resnet18 --method bn_head --batch 2 --resolution 40": lambda: costmodel.validate(
        "resnet18", "bn_head", batch=2, resolution=40
    ),
    "models": costmodel.models,
    "methods": costmodel.methods,
}
"""Command lines, and what gives the same in Python."""

LINES = {
    **dict.fromkeys(SAME, 0),
    "layers alexnet --method bn_head": 0,
    "estimate alexnet --method bn_head --process": 0,
    "merge paper {folder} --output {folder}": 1,  # all but one are missing
    f"drift {PAPER} {PAPER}": 0,
    "atlas check --sample 2": 0,
}


@pytest.mark.parametrize("line", LINES)
def test_each_command_prints_one_object_of_its_schema(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "paper.jsonl").write_text(PAPER.read_text(encoding="utf-8").splitlines()[0], encoding="utf-8")
    monkeypatch.setattr(survey, "stale", lambda entry: "")  # whether it is one is another test's question
    data = printed(line.format(folder=tmp_path), capsys, LINES[line])
    if line in SAME:
        assert data == json.loads(SAME[line]().to_json())


def test_every_command_that_has_json_is_among_them() -> None:
    assert {line.split()[0] for line in LINES} == {*COMMANDS} - {"report"}


def results() -> Iterator[type[Result]]:
    """Every kind of result, those of the validator included, whatever was imported before."""
    for file in (file for package in ("costmodel", "validate") for file in (ROOT / package).rglob("*.py")):
        if "SCHEMA: ClassVar" in file.read_text(encoding="utf-8"):
            import_module(".".join(file.relative_to(ROOT).with_suffix("").parts))
    left: list[type[Result]] = [Result]
    while left:
        one = left.pop()
        left += one.__subclasses__()
        if one.__module__.startswith(("costmodel", "validate")) and hasattr(one, "SCHEMA"):
            yield one


def test_each_kind_of_result_has_a_schema_and_each_schema_a_result() -> None:
    named = {file_of(one.SCHEMA) for one in results()}
    assert named == {*schemas()} - {"common", "report", "journal"}


def test_tables_are_frames() -> None:
    """All but what has no rows; nullable integers stay integers."""
    assert {one.__name__ for one in results() if not hasattr(one, "to_frame")} == {"OnHost", "Checked", "Built"}
    frame = costmodel.compare("resnet18", ["fft", "lora"]).to_frame()
    assert frame["peak"].dtype == "Int64"
    assert costmodel.size("resnet18", ["fft"], memory=2**20).to_frame()["largest_rank"].isna().all()


def test_the_timeline_of_a_peak_is_a_frame() -> None:
    found = costmodel.peak("alexnet", "bn_head", where=False)
    frame = found.to_frame()
    assert frame["total"].max() == found.peak.bytes == frame["total"][found.peak.instant.index]
    assert (frame[[*GROUPS]].sum(axis=1) == frame["total"]).all()


def test_each_module_is_a_row() -> None:
    found = costmodel.layers("alexnet", "bn_head", depth=None, tree=False)
    assert found.to_frame()["param"].sum() == found.total.param == sum(row.param for row in found)


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda: costmodel.peak("alexnet", batch="N"), "--batch N: the peak is explained at one point"),
        (lambda: costmodel.layers("alexnet", depth=0), "--depth 0: expected a positive integer"),
        (lambda: costmodel.layers("alexnet", sort="weight"), "unknown column 'weight'"),
        (lambda: costmodel.layers("alexnet", convention="flops"), "unknown convention 'flops'"),
        (lambda: costmodel.compare("alexnet", batch="N"), "--batch N: methods are compared at one point"),
        (lambda: costmodel.validate("alexnet", batch="N"), "--batch N: the real step needs a number"),
        (lambda: costmodel.validate("alexnet", batch="N", depth="process"), "--batch N: the real step needs a number"),
        (lambda: costmodel.validate("alexnet", depth="deep"), "unknown depth 'deep'"),
        (
            lambda: costmodel.validate(lambda: torch.nn.Linear(2, 2), inputs="2", depth="process"),
            "depth process measures in a process of its own, which needs it by name",
        ),
    ],
)
def test_bad_calls(ask: Callable[[], Result], said: str) -> None:
    with pytest.raises(InputError) as refused:
        ask()
    assert said in str(refused.value)


@pytest.mark.parametrize("name", schemas())
def test_schemas_are_schemas(name: str) -> None:
    Draft202012Validator.check_schema(schemas()[name])
    assert schemas()[name]["$id"] == f"{name}.json"


def test_schemas_speak_the_words_of_the_contract() -> None:
    words = schemas()["common"]["$defs"]
    for name, known in (("phase", PHASES), ("convention", CONVENTIONS), ("group", GROUPS), ("kind", KINDS)):
        assert tuple(words[name]["enum"]) == known
    assert tuple(words["by_phase"]["properties"]) == (*PHASES, *FIRST.values())
    for name, known in (("by_phase", PHASES), ("by_group", GROUPS), ("by_kind", KINDS)):
        assert tuple(words[name]["properties"])[: len(known)] == tuple(words[name]["required"]) == known
    assert {*words["options"]["properties"]["projection"]["enum"]} == {*PROJECTIONS}
    assert [*schemas()["sweep"]["properties"]["rows"]["items"]["properties"]][-len(COLUMNS) - 1 : -1] == [*COLUMNS]
    from validate.depths import DEPTHS

    assert words["depth"]["enum"] == [*DEPTHS]


@pytest.mark.parametrize("path", JOURNALS, ids=[path.stem for path in JOURNALS])
def test_committed_journals_are_of_their_schema(path: Path) -> None:
    for line in path.read_text(encoding="utf-8").splitlines():
        check(json.loads(line), "journal")


def test_the_committed_report_is_of_its_schema() -> None:
    check(json.loads((ROOT / "docs" / "report.json").read_text(encoding="utf-8")))


def broken(data: Any) -> Iterator[tuple[str, Any]]:
    """Yield an object with one thing wrong: an integer that is a fraction or a word, an object with a name too many."""
    places: list[list[Any]] = [[]]
    while places:
        place = places.pop()
        at = data
        for step in place:
            at = at[step]
        if isinstance(at, dict):
            places += [[*place, key] for key in at]
        elif isinstance(at, list):
            places += [[*place, 0]] * bool(at)
        elif isinstance(at, int) and not isinstance(at, bool):
            yield f"{place}: a fraction", changed(data, place, lambda value: value + 0.5)
            yield f"{place}: words", changed(data, place, str)
        if isinstance(at, dict):
            yield f"{place}: one more", changed(data, place, lambda value: {**value, 7 * "x": []})


def changed(data: Any, place: list[Any], change: Callable[[Any], Any]) -> Any:
    """Return data with another value at a place."""
    if not place:
        return change(data)
    made = copy.copy(data)
    made[place[0]] = changed(data[place[0]], place[1:], change)
    return made


@pytest.mark.parametrize("line", SAME)
def test_what_is_broken_is_refused(line: str) -> None:
    """Each integer by itself made a fraction or a word, each object given a name too many, each name left out."""
    data = json.loads(SAME[line]().to_json())
    checks = validator(file_of(data["schema"]))
    assert checks.is_valid(data)
    for about, wrong in broken(data):
        assert not checks.is_valid(wrong), about
    for name in data:
        assert not checks.is_valid({key: value for key, value in data.items() if key != name}), name
    assert not checks.is_valid({**data, "schema": data["schema"].replace("/1", "/0")})


def test_a_series_is_a_sequence() -> None:
    sides = costmodel.compare("resnet18", ["fft", "lora"])
    assert isinstance(sides, Several)
    assert len(sides) == 2
    assert sides[-1] is list(sides)[1]
    assert sides[:1] == (sides[0],)
    assert sides[1] in sides
