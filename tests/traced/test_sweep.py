"""Sweeps: each number of each point equals a single answer, in each format, in bounded memory, whole or not at all."""

from __future__ import annotations

import csv
import gc
import json
import os
import signal
import subprocess
import sys
import time
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pyarrow import parquet

import costmodel
from costmodel.algebra.formula import flops_key, kind_key, memory_key
from costmodel.cell.setup import setup_of
from costmodel.contract import AXES, CONVENTIONS, GROUPS, KINDS, PHASES
from costmodel.errors import InputError
from costmodel.methods import METHODS, PAPER
from costmodel.questions import frames
from costmodel.questions import sweep as chunks
from costmodel.questions.frames import Sweep
from costmodel.questions.sweep import CHUNK, COLUMNS, Chunk, Refusal, grid_of
from costmodel.sources.source import Source
from costmodel.terminal.cli import main
from tests.cells import fresh, point
from tests.lines import assert_refused
from tests.schemas import check

PAPER_LINE = "sweep mobilenet_v3 --rank 1:5:2 --batch 1:2 --resolution 33:97:64"
NAMES = {"N": "batch", "H": "height", "W": "width", "S": "length", "r": "rank"}


def numbers_of(estimate: costmodel.Estimate) -> dict[str, int]:
    """What one answer says, under the names of a sweep's columns."""
    flops, memory = estimate.flops, estimate.memory
    return {
        **{flops_key(c, phase): flops[c][phase] for c in CONVENTIONS for phase in PHASES},
        **{kind_key(kind, phase): flops["arithmetic"]["by_kind"][phase][kind] for kind in KINDS for phase in PHASES},
        **{memory_key(group): memory["groups"][group] for group in GROUPS},
        **{f"memory.{name}": memory[name] for name in ("peak", "input", "sum_of_group_peaks")},
    }


def rows(line: str, capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    assert main([*line.split(), "--json"]) == 0
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    data = json.loads(out, parse_float=no_float)
    check(data)
    assert data["schema"] == "costmodel.sweep/1"
    return data["rows"]


def check_against_single_answers(found: list[dict[str, Any]]) -> None:
    for row in found:
        sizes = {NAMES[axis]: row[axis] for axis in AXES if row[axis] is not None}
        single = costmodel.estimate(row["model"], row["method"], **sizes)
        assert {name: row[name] for name in COLUMNS} == numbers_of(single), row


@pytest.mark.parametrize("method", PAPER)
def test_every_point_across_regions_equals_a_single_answer(method: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Batch 1 and more, rank 1, 2 to 64 and beyond: each is a region of its own for one of the methods."""
    rank = " --rank 1,2,9,10,63:66" if METHODS[method].ranked else ""
    found = rows(f"sweep mobilenet_v3_small resnet18 --method {method} --batch 1:3{rank}", capsys)
    assert len(found) == 2 * 3 * (8 if rank else 1)
    assert {row["r"] for row in found} == ({1, 2, 9, 10, 63, 64, 65, 66} if rank else {None})
    check_against_single_answers(found)


def test_every_combination_of_sides_equals_a_single_answer(capsys: pytest.CaptureFixture[str]) -> None:
    found = rows("sweep mobilenet_v2 --rank 3 --batch 2,5 --height 33,64,97,224 --width 34,225", capsys)
    assert len(found) == 5 * 2 * 4 * 2
    assert [(row["method"], row["N"], row["H"], row["W"]) for row in found] == [
        (method, N, H, W) for method in PAPER for N in (2, 5) for H in (33, 64, 97, 224) for W in (34, 225)
    ]
    check_against_single_answers(found)


@pytest.mark.each(2)
@pytest.mark.parametrize(
    ("method", "N", "sides", "ranks"),
    [("fft", 2, range(31, 35), (4,)), ("dora", 1, (33, 40), (1, 2)), ("galore", 3, (33,), (64, 65))],
)
def test_points_equal_a_fresh_trace(method: str, N: int, sides: tuple[int, ...], ranks: tuple[int, ...]) -> None:
    """Sides below 33 have a formula each; what a trace adds up to at one point is nobody's formula."""
    ranked = METHODS[method].ranked
    swept = costmodel.sweep("resnet18", [method], batch=[N], resolution=sides, **({"rank": ranks} if ranked else {}))
    found = swept.to_frame()
    assert len(swept) == len(found)
    assert len(found) == len(sides) * (len(ranks) if ranked else 1)
    for _, row in found.iterrows():
        at = point(method, N, int(row["H"]), int(row["W"]), int(row["r"]) if ranked else 1)
        traced = fresh(setup_of("resnet18", method), at)
        assert {name: int(row[name]) for name in traced} == traced


def test_a_side_that_one_input_is_too_small_for_is_not_left_out_for_two(capsys: pytest.CaptureFixture[str]) -> None:
    """BatchNorm needs two values of a channel: at 32x32 resnet18 takes a batch of 2 and refuses one of 1."""
    assert main("sweep resnet18 --method fft --batch 1:3 --resolution 32:34 --json".split()) == 0
    out, err = capsys.readouterr()
    found = json.loads(out)["rows"]
    assert [(row["N"], row["H"]) for row in found] == [
        (1, 33),
        (1, 34),
        *((N, H) for N in (2, 3) for H in (32, 33, 34)),
    ]
    check_against_single_answers(found)
    (said,) = err.splitlines()
    assert said.startswith(
        "costmodel: resnet18 fft: 1 points left out, the first because: resolution 32x32 is too small for resnet18 at "
        "batch 1"
    )


def test_a_rank_that_groups_do_not_divide_leaves_the_others_in(capsys: pytest.CaptureFixture[str]) -> None:
    line = r"sweep shufflenet_v2_x0_5 --method lora --targets stage4\.3\.branch2\.3 --rank 5,96,6,192 --json"
    assert main(line.split()) == 0
    out, err = capsys.readouterr()
    assert [row["r"] for row in json.loads(out)["rows"]] == [96, 192]
    assert err.startswith(
        "costmodel: shufflenet_v2_x0_5 lora: 2 points left out, the first because: --rank 5: a grouped"
    )


def test_a_vision_transformer_has_costs_at_multiples_of_its_patches(capsys: pytest.CaptureFixture[str]) -> None:
    assert main("sweep vit_b_32 --method bn_head --resolution 30:130 --json".split()) == 0
    out, err = capsys.readouterr()
    found = json.loads(out)["rows"]
    assert [(row["H"], row["W"]) for row in found] == [(32, 32), (64, 64), (96, 96), (128, 128)]
    check_against_single_answers(found)
    assert err == (
        "costmodel: vit_b_32 bn_head: 97 points left out, the first because: side 30: vit_b_32 takes multiples of 32, "
        "such as 32\n"
    )


def test_swin_between_multiples_of_its_windows(capsys: pytest.CaptureFixture[str]) -> None:
    found = rows("sweep swin_t --method bn_head --batch 1,2 --resolution 200,224,448", capsys)
    assert [row["H"] for row in found] == [200, 224, 448] * 2
    check_against_single_answers(found)


def test_a_model_of_one_size_only(capsys: pytest.CaptureFixture[str]) -> None:
    assert main("sweep mvit_v2_s --method bn_head --resolution 224:448:224".split()) == 2
    assert "mvit_v2_s takes 224x224 only" in capsys.readouterr().err
    frame = chunks.grid_of(Source(setup_of("mvit_v2_s", "bn_head")), {"resolution": (224,)})
    assert len(frame) == 1
    from costmodel.terminal.arguments import CellArguments, CellsArguments
    from costmodel.terminal.commands.sweep import _grids

    (asked,), _ = _grids(CellsArguments(["mvit_v2_s"], ["bn_head"], CellArguments(None, "fft", {"resolution": "224"})))
    assert len(asked) == 1


# -- files -------------------------------------------------------------------------------------------------------------


def no_float(text: str) -> None:
    pytest.fail(f"{text} is no integer")


def read(path: Path) -> list[dict[str, Any]]:
    """Read a file of any kind back, numbers as integers, what is missing as None."""
    if path.suffix == ".parquet":
        table = parquet.read_table(path)
        assert table.schema.equals(frames.SCHEMA)
        return table.to_pylist()
    if path.suffix == ".jsonl":
        return [json.loads(line, parse_float=no_float) for line in path.read_text(encoding="utf-8").splitlines()]
    with path.open(newline="") as lines:
        found = [*csv.DictReader(lines)]
    reads = {"model": str, "method": str, "lower_bound": {"true": True, "false": False}.get}
    return [{key: reads.get(key, int)(v) if v else None for key, v in row.items()} for row in found]


ENDINGS = (".csv", ".parquet", ".jsonl")


def test_all_files_hold_what_json_prints(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    printed = rows(PAPER_LINE, capsys)
    assert len(printed) == 2 * 2 * (2 + 3 * 3)
    for ending in ENDINGS:
        path = tmp_path / f"made{ending}"
        assert main([*PAPER_LINE.split(), "--output", str(path)]) == 0
        out, err = capsys.readouterr()
        assert out == ""
        assert err == f"costmodel: {len(printed)} points written to {path}\n"
        assert read(path) == printed
        assert [*read(path)[0]] == ["model", "method", *AXES, *COLUMNS, "lower_bound"]
    assert sorted(path.suffix for path in tmp_path.iterdir()) == sorted(ENDINGS)


@pytest.mark.parametrize("ending", ENDINGS)
def test_numbers_that_no_float_holds_are_written_exactly(ending: str, tmp_path: Path) -> None:
    numbers = [2**53 + 1, 2**63 - 1, 0, 1]
    made = Chunk(
        'a "model", of mine',
        "m",
        {axis: np.arange(1, 5) for axis in ("N", "H", "W")},
        {name: np.array(numbers) + (0 if name == "memory.peak" else -1) * (np.array(numbers) > 0) for name in COLUMNS},
    )
    path = tmp_path / f"big{ending}"
    with frames.writer(path) as append:
        append(frames.rows(made))
        append(frames.rows(made))
    found = read(path)
    assert [row["memory.peak"] for row in found] == numbers * 2
    assert [row["memory.act"] for row in found] == [2**53, 2**63 - 2, 0, 0] * 2
    assert {(row["model"], row["r"], row["S"]) for row in found} == {('a "model", of mine', None, None)}
    frame = Sweep(len(made) * 2, (made, made), ()).to_frame()
    assert [int(value) for value in frame["memory.peak"]] == numbers * 2
    assert frame["r"].isna().all()


def test_json_prints_numbers_that_no_float_holds(capsys: pytest.CaptureFixture[str]) -> None:
    (found,) = rows("sweep resnet18 --method fft --batch 2147483 --resolution 33", capsys)
    check_against_single_answers([found])
    assert found["flops.arithmetic.backward"] > 2**48
    wide = rows("sweep resnet18 --method fft --batch 2147483 --resolution 2049", capsys)
    check_against_single_answers(wide)
    assert wide[0]["flops.arithmetic.backward"] > 2**60


def test_what_does_not_fit_into_64_bits_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = f"sweep resnet18 --method fft --batch 2147483647 --resolution 224:2147483647:2147483423 -o {tmp_path}/x.csv"
    assert main(line.split()) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err == (
        "costmodel: sizes up to N = 2147483647, H = 2147483647, W = 2147483647: "
        "a number of FLOPs or bytes does not fit into 64 bits\n"
    )
    assert [*tmp_path.iterdir()] == []


def test_an_ending_in_capitals_is_an_ending(tmp_path: Path) -> None:
    assert main([*"sweep resnet18 --method fft --output".split(), f"{tmp_path}/X.CSV"]) == 0
    assert (tmp_path / "X.CSV").read_text().count("\n") == 2


def test_a_folder_that_is_not_there_is_made(tmp_path: Path) -> None:
    assert main([*"sweep resnet18 --method fft --output".split(), f"{tmp_path}/new/folder/x.csv"]) == 0
    assert [path.name for path in (tmp_path / "new" / "folder").iterdir()] == ["x.csv"]


# -- memory ------------------------------------------------------------------------------------------------------------


def test_chunks_are_bounded_and_none_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file is written chunk by chunk: when one is written the one before it is gone."""
    seen: list[int] = []
    alive: list[weakref.ref[Any]] = []
    most: list[int] = []

    def watched(chunk: Chunk) -> Any:
        seen.append(len(chunk))
        alive.append(weakref.ref(chunk.costs["memory.peak"]))
        gc.collect()
        most.append(sum(ref() is not None for ref in alive))
        return honest(chunk).slice(0, 1)  # a file of a few rows

    honest = frames.rows
    monkeypatch.setattr(frames, "rows", watched)
    assert main(f"sweep resnet18 --method fft --batch 1:{6 * CHUNK} --output {tmp_path}/x.csv".split()) == 0
    # Batch 1 and more are one formula for full fine-tuning, so that a chunk is as long as it may be.
    assert seen == [CHUNK] * 6
    assert max(most) <= 2


def test_a_long_sweep_takes_no_more_memory_than_a_short_one() -> None:
    """Peak of numpy's and Python's allocations over 2 and over 12 chunks."""
    code = """
import sys, tracemalloc
from costmodel.cell.setup import setup_of
from costmodel.questions.sweep import CHUNK, grid_of, sweep
from costmodel.sources.source import Source
grid = grid_of(Source(setup_of("resnet18", "fft")), {"batch": range(1, int(sys.argv[1]) * CHUNK + 1)})
for _ in sweep([grid], lambda *_: None): tracemalloc.is_tracing() or tracemalloc.start()
print(tracemalloc.get_traced_memory()[1])
"""
    short, long = (
        int(subprocess.run([sys.executable, "-c", code, chunk], capture_output=True, check=True, text=True).stdout)
        for chunk in ("3", "12")
    )
    assert short > 2**20  # something was seen
    assert long < 1.2 * short


@pytest.mark.full
def test_chunks_of_any_length_hold_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a chunk ends does not show: every point in order, refused ones counted once."""
    grid = grid_of(Source(setup_of("resnet18", "bn_head")), {"batch": (3, 1, 2, 4), "resolution": (32, 33, 34)})

    def swept(chunk: int) -> tuple[dict[str, list[int]], int]:
        found = [*chunks.sweep([grid], lambda *_: None, chunk)]
        assert all(len(item) <= chunk for item in found if isinstance(item, Chunk))
        kept = tuple(item for item in found if isinstance(item, Chunk))
        frame = Sweep(sum(map(len, kept)), kept, ()).to_frame()
        (refused,) = (item.points for item in found if isinstance(item, Refusal))
        return {name: frame[name].tolist() for name in ("N", "H", *COLUMNS)}, refused

    whole, refused = swept(1000)
    assert refused == 1
    assert len(whole["N"]) == len(grid) - refused
    assert swept(5) == (whole, refused)
    assert swept(1) == (whole, refused)


def test_progress_goes_to_the_end() -> None:
    grids = [grid_of(Source(setup_of("resnet18", method)), {"batch": range(1, 8)}) for method in ("fft", "bn_head")]
    said: list[tuple[str, int, int]] = []
    list(chunks.sweep(grids, lambda *what: said.append(what), 3))
    assert said[0] == ("resnet18 fft", 0, 14)
    assert said[-1] == ("resnet18 bn_head", 14, 14)
    assert [done for _, done, _ in said] == sorted(done for _, done, _ in said)


# -- interrupted, refused ----------------------------------------------------------------------------------------------


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "sweep", lambda grids, say: chunks.sweep(grids, say, 2))


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("ending", ENDINGS)
def test_an_interrupt_leaves_no_file(
    ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    honest, written = frames.rows, []

    def interrupted(chunk: Chunk) -> Any:
        if len(written) == 2:
            assert len([*tmp_path.iterdir()]) == 1 + path.exists()  # a file is being written
            raise KeyboardInterrupt
        written.append(chunk)
        return honest(chunk)

    monkeypatch.setattr(frames, "rows", interrupted)
    path = tmp_path / f"x{ending}"
    line = [*"sweep resnet18 --method fft --batch 1:9 --output".split(), str(path)]
    assert main(line) == 130
    out, err = capsys.readouterr()
    assert out == ""
    assert "Traceback" not in err
    assert [*tmp_path.iterdir()] == []

    path.write_text("what was here before")
    written.clear()
    assert main(line) == 130
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    assert path.read_text() == "what was here before"


def test_a_real_interrupt_leaves_no_file(tmp_path: Path) -> None:
    running = subprocess.Popen(
        [sys.executable, "-m", "costmodel", "sweep", "resnet18", "--batch", "1:9999999", "-o", str(tmp_path / "x.csv")],
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    deadline = time.monotonic() + 60
    while not any(file.stat().st_size for file in tmp_path.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.02)
    (temporary,) = tmp_path.iterdir()
    assert temporary.name.startswith(f".x.{running.pid}.")
    os.kill(running.pid, signal.SIGINT)
    _, err = running.communicate(timeout=60)
    assert running.returncode == 130
    assert "Traceback" not in err
    assert [*tmp_path.iterdir()] == []


def test_a_file_that_fails_half_way_is_said_and_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(_: Chunk) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(frames, "rows", full)
    assert main(["sweep", "resnet18", "--output", f"{tmp_path}/x.parquet"]) == 2
    assert capsys.readouterr().err == (
        f"costmodel: --output {tmp_path}/x.parquet cannot be written: No space left on device\n"
    )
    assert [*tmp_path.iterdir()] == []


BAD = {
    "sweep": "Missing argument 'MODEL...'",
    "sweep nonsense": "unknown model 'nonsense'",
    "sweep resnet18 --method lorra": "unknown method 'lorra': did you mean lora",
    "sweep resnet18 --batch N": "--batch N: expected positive integers such as 8, 1:64, 96:256:32 (ends included)",
    "sweep resnet18 --batch 0:4": "--batch 0:4: expected positive integers",
    "sweep resnet18 --rank 4:1": "--rank 4:1: expected positive integers",
    "sweep resnet18 --batch 1:20000000": "--batch 1:20000000: more than 10000000 values",
    "sweep resnet18 --method fft,bn_head --rank 1:4": "--rank 1:4: method 'fft' has no rank",
    "sweep resnet18 --method fft --rank 4": "--rank 4: method 'fft' has no rank",
    "sweep resnet18 --resolution 64 --height 64": "--resolution 64 and --height 64: H is given twice",
    "sweep resnet18 --resolution 33:64 --width 1:2": "--resolution 33:64 and --width 1:2: W is given twice",
    "sweep resnet18 --length 8": "--length: resnet18 takes 3xHxW, which has no S",
    "sweep resnet18 --batch 1:101": "505 points: up to 100 are shown; give --output FILE, or a step as in 1:64:8",
    "sweep resnet18 --batch 1:100001 --json": "500,005 points: up to 100,000 are shown; give --output FILE",
    "sweep resnet18 --batch 1:1000000 --resolution 1:9999999": "9,999,999,000,000 points: a sweep has up to",
    "sweep resnet18 --quantity memory.peek": "unknown quantity 'memory.peek': did you mean memory.peak",
    "sweep resnet18 --output x.txt": "--output x.txt: expected a file that ends in .csv, .parquet, .jsonl",
    "sweep resnet18 --output x": "--output x: expected a file that ends in .csv, .parquet, .jsonl",
    "sweep resnet18 --output /dev/null/x.csv": "--output /dev/null/x.csv cannot be written: Not a directory",
    "sweep resnet18 --output /proc/x.parquet": "--output /proc/x.parquet cannot be written: No such file or directory",
    "sweep vit_b_32 --resolution 230": "side 230: vit_b_32 takes multiples of 32, such as 224 or 256",
    "sweep vit_b_32 --height 224 --width 256": "224x256: vit_b_32 takes square images",
    "sweep resnet18 --method fft --resolution 32": "resolution 32x32 is too small for resnet18 at batch 1",
    "sweep vit_b_32 --method fft --resolution 33:63": "side 33: vit_b_32 takes multiples of 32, such as 32 or 64",
}


@pytest.mark.parametrize(("line", "message"), BAD.items(), ids=list(BAD))
def test_bad_input(line: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert_refused(line, message, capsys)


def test_what_cannot_be_printed_is_refused_before_a_file_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(f"sweep resnet18 --batch 1:100001 --json --output {tmp_path}/x.csv".split()) == 2
    assert "give --output FILE alone" in capsys.readouterr().err
    assert [*tmp_path.iterdir()] == []


def test_a_folder_in_the_place_of_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x.csv").mkdir()
    assert main(f"sweep resnet18 --output {tmp_path}/x.csv".split()) == 2
    assert capsys.readouterr().err.endswith("cannot be written: Is a directory\n")
    assert [file.name for file in tmp_path.iterdir()] == ["x.csv"]


# -- tables and Python -------------------------------------------------------------------------------------------------


def test_a_table_shows_each_point(capsys: pytest.CaptureFixture[str]) -> None:
    assert main("sweep resnet18 mobilenet_v3 --method lora,fft --rank 4,8 --batch 2".split()) == 0
    head, *lines = capsys.readouterr().out.splitlines()
    assert head.split()[:6] == ["model", "method", "N", "H", "W", "r"]
    assert [line.split()[:2] for line in lines] == [
        [model, method] for model in ("resnet18", "mobilenet_v3_small") for method in ("lora", "lora", "fft")
    ]
    peak = costmodel.estimate("resnet18", "lora", rank=8, batch=2).memory["peak"]
    assert lines[1].split()[:8] == ["resnet18", "lora", "2", "224", "224", "8", f"{peak / 2**20:.2f}", "MiB"]
    assert lines[2].split()[:6] == ["resnet18", "fft", "2", "224", "224", f"{costmodel.estimate('resnet18', batch=2).memory['peak'] / 2**20:.2f}"]  # fmt: skip  # noqa: E501


def test_python_gives_the_same_rows(capsys: pytest.CaptureFixture[str]) -> None:
    swept = costmodel.sweep("mobilenet_v3", rank=range(1, 6, 2), batch=[1, 2], resolution=np.array([33, 97]))
    frame, told = swept.to_frame(), rows(PAPER_LINE, capsys)
    assert json.loads(swept.to_json())["rows"] == told
    printed = pd.DataFrame(told)
    assert [*frame.columns] == [*printed.columns]
    assert frame.astype(object).where(frame.notna(), None).to_dict("records") == printed.astype(object).where(
        printed.notna(), None
    ).to_dict("records")  # fmt: skip


BAD_CALLS: dict[str, tuple[dict[str, Any], str]] = {
    "no value": ({"batch": []}, "--batch: no values"),
    "zero": ({"batch": [1, 0]}, "--batch 0: expected a positive integer"),
    "a fraction": ({"batch": [2.5]}, "--batch 2.5: expected a positive integer"),
    "a huge one": ({"batch": [2**63]}, "--batch 9223372036854775808: expected a positive integer up to 2147483647"),
    "a range from 0": ({"batch": range(4)}, "--batch 0: expected a positive integer"),
    "both": ({"resolution": [64], "height": [64, 65]}, "--resolution [64] and --height [64, 65]: H is given twice"),
    "tokens of an image": ({"length": [8, 16]}, "--length: resnet18 takes 3xHxW, which has no S"),
    "a rank of none": ({"rank": [4, 8]}, "method 'fft' has no rank"),
    "nothing that fits": ({"resolution": [32]}, "resolution 32x32 is too small for resnet18 at batch 1"),
}


@pytest.mark.parametrize("name", BAD_CALLS)
def test_bad_calls(name: str) -> None:
    given, message = BAD_CALLS[name]
    with pytest.raises(InputError) as refusal:
        costmodel.sweep("resnet18", ["fft"], **given)
    assert message in str(refusal.value)
