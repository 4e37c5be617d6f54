"""A user's suite: what a file means, and what is said of a wrong one."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from costmodel.errors import InputError
from costmodel.sources.versions import release
from costmodel.terminal.cli import main
from validate.cell import CellSpec
from validate.suites.journal import Journal, records
from validate.suites.plan import plan_of
from validate.suites.rows import command
from validate.suites.suite import TEXT_MODELS
from validate.suites.suite_file import read

DOCS = Path(__file__).parents[2] / "docs"


def written(folder: Path, text: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(text)
    return path


def table(**lines: str) -> str:
    told = {"models": '"resnet18"', "methods": '"fft"'} | lines
    return 'name = "mine"\n[[cells]]\n' + "".join(f"{key} = {value}\n" for key, value in told.items())


def test_the_example_of_the_docs_means_what_they_say(tmp_path: Path) -> None:
    page = (DOCS / "suites.md").read_text()
    (text,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    path = written(tmp_path, text)
    plan = plan_of(str(path))
    claimed = re.search(r"`mine\.toml` has (\d+) cells", page)
    assert claimed is not None
    assert (plan.name, len(plan.cells)) == ("mine", int(claimed[1]))
    assert len({spec.key for spec in plan.cells}) == len(plan.cells)


def test_a_table_is_the_product_of_its_lists(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        table(
            models='["resnet18", "squeezenet1_1"]',
            methods='["fft", "lora"]',
            rank="[2, 4]",
            batch='"1:3:2"',
            resolution="64",
        ),
    )
    name, cells = read(path)
    assert name == "mine"
    assert len(cells) == 2 * (2 + 2 * 2)  # fft has no rank
    assert {spec.point.get("r") for spec in cells if spec.method == "lora"} == {2, 4}
    assert {(spec.point["N"], spec.point["H"], spec.point["W"]) for spec in cells} == {(1, 64, 64), (3, 64, 64)}
    assert command(cells[0]) == "costmodel validate resnet18 --method fft --batch 1 --height 64 --width 64"


def test_settings_of_a_table_reach_its_cells(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        table(
            methods='["fft", "lora"]',
            rank="8",
            height="97",
            width="[129, 65]",
            classes="100",
            options='{ targets = "layer4.*", rank_pattern = { "fc" = 2 } }',
            training='{ loss = "cross_entropy", optimizer = "adamw" }',
            depth='["operators", "time"]',
        ),
    )
    _, cells = read(path)
    assert len(cells) == 8
    lora = cells[-1]
    assert lora.options == {"targets": "layer4.*", "rank_pattern": (("fc", 2),)}
    assert cells[0].options == {}  # told to the methods that know them
    assert lora.training == {"loss": "cross_entropy"}
    assert (lora.depth, lora.classes) == ("time", 100)
    assert command(lora).endswith(
        "--classes 100 --targets 'layer4.*' --rank-pattern fc=2 --loss cross_entropy --depth time"
    )


def test_what_two_tables_have_in_common_is_there_once(tmp_path: Path) -> None:
    text = table(batch="[1, 2]") + '[[cells]]\nmodels = "resnet18"\nmethods = "fft"\nbatch = [2, 3]\n'
    _, cells = read(written(tmp_path, text))
    assert [spec.point["N"] for spec in cells] == [1, 2, 3]


def test_defaults_are_those_of_a_single_cell(tmp_path: Path) -> None:
    _, cells = read(written(tmp_path, 'name = "mine"\n[[cells]]\nmodels = "resnet18"\n'))
    assert [spec.method for spec in cells] == ["fft", "bn_head", "lora", "dora", "galore"]
    assert cells[2].point == {"N": 1, "H": 224, "W": 224, "r": 4}


WRONG = [
    ("name = 'mine'", "cells = nothing: expected one [[cells]] table"),
    ("name = 'mine'\ncells = 3", "cells = 3: expected one [[cells]] table"),
    ("[[cells]]\nmodels = 'resnet18'", "name = nothing: expected letters"),
    (table().replace("mine", "paper"), "name = 'paper': expected letters, digits, '-', '_' and '.', other than"),
    (table().replace("mine", "../x"), "name = '../x': expected letters"),
    ("name = ", "is no TOML"),
    (table() + "ranks = 3\n", "[[cells]] table 1: unknown key 'ranks': did you mean rank?; keys: models"),
    ("title = 1\n" + table(), "unknown key 'title'"),
    (table(models="3"), "table 1: models = 3: expected a name in quotes, or a list of them"),
    (table(models="[]"), "models = []: expected a name"),
    (table(models='"resnet19"'), "resnet19 fft: unknown model 'resnet19': did you mean resnet18"),
    (table(methods='"loro"'), "methods = 'loro': unknown method 'loro': did you mean"),
    (table(rank="4"), "rank = 4: expected no rank, as none of the methods has one: fft"),
    (table(methods='"lora"', rank="0"), "rank = 0: expected a positive integer, a list of them, or a range"),
    (table(methods='"lora"', rank='"4:1"'), "rank = '4:1': expected a positive integer"),
    (table(batch="true"), "batch = True: expected a positive integer"),
    (table(batch="1.5"), "batch = 1.5: expected a positive integer"),
    (table(batch="[1, -2]"), "batch = [1, -2]: expected a positive integer"),
    (table(batch="99999999999"), "batch = 99999999999: expected a positive integer"),
    (table(batch='"1:999999"'), "at most 100000 values"),
    (table(resolution="64", height="32"), "--resolution 64 and --height 32: H is given twice; give one of them"),
    (table(batch="[1, 2]", N="3"), "--batch [1, 2] and --batch 3: N is given twice"),
    (table(length="4"), "resnet18 fft: --length: resnet18 takes 3xHxW, which has no S"),
    (table(models='"vit_b_16"', resolution="97"), "vit_b_16 fft: side 97: vit_b_16 takes multiples of"),
    (table(classes='"ten"'), "classes = 'ten': expected a positive integer"),
    (table(classes="0"), "classes = 0: expected a positive integer"),
    (table(input="3"), "input = 3: expected sizes in quotes"),
    (table(input='"3yy"'), "--input 3yy: expected"),
    (table(aux='"yes"'), "aux = 'yes': expected true or false"),
    (table(aux="true"), "--aux: resnet18 has no auxiliary classifier"),
    (table(options="3"), "options = 3: expected a table with keys of targets"),
    (table(options="{ target = 'x' }"), "table 1: options: unknown key 'target': did you mean targets"),
    (table(options="{ targets = 'x' }"), "--targets: method 'fft' has no such option"),
    (table(methods='"lora"', options="{ alpha = 'x' }"), "options.alpha = 'x': expected a positive integer"),
    (table(methods='"lora"', options="{ train_head = 1 }"), "options.train_head = 1: expected true or false"),
    (table(methods='"lora"', options="{ rank_pattern = { fc = 0 } }"), "options.rank_pattern = {'fc': 0}: expected"),
    (table(methods='"galore"', options="{ projection = 'up' }"), "unknown projection 'up'"),
    (table(methods='"galore"', options="{ scale = true }"), "options.scale = True: expected a number"),
    (table(training="{ optimiser = 'sgd' }"), "training: unknown key 'optimiser': did you mean optimizer"),
    (table(training="{ optimizer = 'sdg' }"), "unknown optimizer 'sdg'"),
    (table(training="{ accumulate = 0 }"), "training.accumulate = 0: expected a positive integer"),
    (table(training="{ checkpoint = 1 }"), "training.checkpoint = 1: expected true or false"),
    (table(depth='"deep"'), "depth = 'deep': unknown depth 'deep'"),
    (table() + "[[cells]]\nmodels = 'resnet18'\nbatch = 0\n", "[[cells]] table 2: batch = 0: expected"),
]


@pytest.mark.parametrize(("text", "said"), WRONG)
def test_what_is_wrong_is_said_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, said: str
) -> None:
    path = written(tmp_path, text)
    assert main(["validate", "--suite", str(path), "--output", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert str(path) in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read: No such file"):
        plan_of(str(tmp_path / "none.toml"))
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="is no TOML"):
        plan_of(str(tmp_path / "binary.toml"))
    with pytest.raises(InputError, match=r"unknown suite 'zo': .*or a file that ends in \.toml"):
        plan_of("zo")


def test_the_parts_of_a_suite_are_all_of_it() -> None:
    plan = plan_of("paper")
    parts = [plan.part(f"{number}/3") for number in (1, 2, 3)]
    assert sorted(spec.key for part in parts for spec in part.cells) == sorted(spec.key for spec in plan.cells)
    assert not any(part.whole for part in parts)
    assert plan.part("1/1") == plan


@pytest.mark.parametrize("text", ["0/3", "4/3", "1", "a/b", "1/0", "-1/2", ""])
def test_parts_that_are_none(text: str) -> None:
    with pytest.raises(InputError, match="expected K/N"):
        plan_of("paper").part(text)


def test_a_suite_at_another_depth_has_files_of_its_own(tmp_path: Path) -> None:
    plan = plan_of("paper").at_depth("process")
    assert plan.name == "paper-process"
    assert plan.words == ("--suite", "paper", "--depth", "process")
    assert {spec.depth for spec in plan.cells} == {"process"}


@pytest.mark.parametrize("name", ["paper", "settings", "tasks", "zoo"])
def test_the_committed_journals_are_those_of_the_suites(name: str) -> None:
    path = DOCS / "validation" / f"{name}.jsonl"
    had = next(iter(records(path)))["versions"]
    assert Journal(path, had).load().keys() == {spec.key for spec in plan_of(name).cells}


@pytest.mark.parametrize(
    ("package", "foreign"),
    [
        ("torch", lambda _: True),
        ("torchvision", lambda _: True),
        ("peft", lambda spec: spec.method not in ("fft", "bn_head", "bitfit", "bn_only", "galore")),
        ("galore-torch", lambda spec: spec.method == "galore"),
        ("transformers", lambda spec: spec.model in TEXT_MODELS),
        ("timm", lambda _: False),
        ("numpy", lambda _: False),
    ],
)
@pytest.mark.parametrize("name", ["settings", "tasks"])
def test_a_release_makes_those_records_foreign_whose_numbers_it_decides(
    name: str, package: str, foreign: Callable[[CellSpec], bool]
) -> None:
    path = DOCS / "validation" / f"{name}.jsonl"
    had = next(iter(records(path)))["versions"]
    read = Journal(path, {**had, package: "99.0"}).load()
    assert read.keys() == {spec.key for spec in plan_of(name).cells if not foreign(spec)}


def test_the_build_of_a_release_decides_no_exact_number() -> None:
    for name, whole in (("paper", 20), ("process", 0)):
        path = DOCS / "validation" / f"{name}.jsonl"
        had = next(iter(records(path)))["versions"]
        assert len(Journal(path, {**had, "torch": release(had["torch"])}).load()) == whole


def test_a_record_names_what_its_numbers_depend_on(tmp_path: Path) -> None:
    here = {"torch": "1", "torchvision": "2", "peft": "3", "galore-torch": "4", "transformers": "5", "timm": "6"}
    journal = Journal(tmp_path / "journal", here)
    at = {"N": 1, "H": 64, "W": 64}
    named = {
        ("resnet18", "fft"): (),
        ("resnet18", "lora"): ("peft",),
        ("resnet18", "galore"): ("galore-torch",),
        ("timm:resnet18", "vera"): ("peft", "timm"),
        ("validate.examples:llama", "fft"): ("transformers",),
        ("./net.py:factory", "galore"): ("galore-torch", "transformers"),
    }
    for model, method in named:
        journal.append({"cell": CellSpec(model, method, at).key, "measured": {"memory.peak": 1}})
    written = [set(record["versions"]) for record in records(journal.path)]
    assert written == [{"torch", "torchvision", *more} for more in named.values()]
