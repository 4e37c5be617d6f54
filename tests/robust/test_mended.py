"""Each fault that an attack has found, once mended."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import costmodel
from costmodel.errors import InputError, unknown
from costmodel.files import replacing, write_whole
from costmodel.sources import atlas
from costmodel.terminal.cli import main
from costmodel.terminal.console import LONGEST_WORD, one_line
from tests.lines import assert_refused

ROOT = Path(__file__).parents[2]


# -- messages ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["\x1b[31mred", "\x9b2J", "\u202eabc", "a\x07b", "\udcff"])
def test_what_a_terminal_would_obey_is_written_out(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["estimate", word]) == 2
    err = capsys.readouterr().err
    assert word not in err
    assert err.rstrip("\n").isprintable()


def test_a_long_word_is_cut() -> None:
    assert one_line("a " + "9" * 5000) == "a " + "9" * LONGEST_WORD + "..."
    assert len(str(unknown("model", "zzz", [f"name{at}" for at in range(5000)]))) < 3000


def test_an_error_after_points_were_written_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = f"sweep resnet18 --batch 2 --output {tmp_path}/a.csv --plot {tmp_path}/a.svg"
    assert_refused(line, "one point is no curve", capsys)


def test_a_zero_byte_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert_refused("estimate a\0b", "zero byte", capsys)
    with pytest.raises(InputError, match="zero byte"):
        write_whole(tmp_path / "a\0b", "")


@pytest.mark.parametrize("word", ["--show-completion", "--install-completion"])
def test_an_unknown_shell_is_bad_input(
    word: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    import shellingham

    def fail(*_: object) -> None:
        raise shellingham.ShellDetectionFailure

    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(shellingham, "detect_shell", fail)
    assert main([word]) == 2


def test_a_file_that_leaves_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "net.py").write_text("import sys\ndef make():\n    sys.exit(7)\n")
    (tmp_path / "at_once.py").write_text("import sys\nsys.exit(0)\n")
    assert_refused(f"layers {tmp_path}/net.py:make", "SystemExit: 7", capsys)
    assert_refused(f"layers {tmp_path}/at_once.py:make", "SystemExit: 0", capsys)


def test_an_input_of_more_bytes_than_there_are_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert_refused("layers alexnet --resolution 2147483647", "larger than any memory", capsys)


@pytest.mark.full
def test_a_name_that_no_encoding_has_is_written_out() -> None:
    """In a heading on standard output, which has the encoding of the caller's locale."""
    done = subprocess.run(
        [sys.executable, "-m", "costmodel", "estimate", "resnet18", "--method", "lora", "--targets", ".*|\u00fc"],
        capture_output=True, cwd=ROOT, env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )  # fmt: skip
    assert done.returncode == 0
    assert b"\\xfc" in done.stdout
    assert done.stderr == b""


# -- files -------------------------------------------------------------------------------------------------------------


def test_a_device_is_written_to_and_stays() -> None:
    write_whole(Path("/dev/null"), "text")
    assert Path("/dev/null").is_char_device()
    with pytest.raises(OSError, match="No space left"):
        write_whole(Path("/dev/full"), "text")
    assert Path("/dev/full").is_char_device()


def test_standard_output_is_a_file_to_write_to() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "costmodel", *"formula resnet18 --method fft --output /dev/stdout".split()],
        capture_output=True, text=True, cwd=ROOT,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert "resnet18" in done.stdout
    assert Path("/dev/stdout").is_symlink()


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "target")
    write_whole(tmp_path / "link", "text")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_text() == "text"


@pytest.mark.parametrize("name", ["a" * 251 + ".csv", "\u00fc" * 127])
def test_a_name_of_the_greatest_length_is_written(name: str, tmp_path: Path) -> None:
    write_whole(tmp_path / name, "text")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_an_error_names_the_file_and_leaves_no_folder(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No space left") as raised, replacing(tmp_path / "new" / "folder" / "a"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert raised.value.filename == str(tmp_path / "new" / "folder" / "a")
    assert list(tmp_path.iterdir()) == []


def test_a_picture_on_a_full_disk_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "full.pdf").symlink_to("/dev/full")
    assert_refused(f"compare resnet18 --plot {tmp_path}/full.pdf", "No space left on device", capsys)


# -- shipped formulas --------------------------------------------------------------------------------------------------


def damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one shipped file, in which one coefficient is another; what it was is read from nowhere else."""
    whole = (atlas.FOLDER / "squeezenet1_1.json").read_text(encoding="utf-8")
    path = tmp_path / "squeezenet1_1.json"
    path.write_text(whole.replace(',12]]}},"unknown"', ',13]]}},"unknown"'), encoding="utf-8")
    assert json.loads(path.read_text()) != json.loads(whole)
    monkeypatch.setattr(atlas, "FOLDER", tmp_path)
    monkeypatch.setattr(atlas, "stored", atlas.stored.__wrapped__)
    return path


def test_every_shipped_file_is_as_it_was_written() -> None:
    from costmodel.sources.survey import damaged

    assert damaged() == []


def test_a_changed_digit_in_a_shipped_file_changes_no_answer(
    tmp_path: Path, empty_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = costmodel.estimate("squeezenet1_1", "bn_head").to_dict()
    damaged(tmp_path, monkeypatch)
    assert dict(atlas.stored("squeezenet1_1")["cells"]) == {}
    assert costmodel.estimate("squeezenet1_1", "bn_head").to_dict() == right


def test_line_ends_of_another_system_are_no_damage() -> None:
    text = (atlas.FOLDER / "alexnet.json").read_bytes()
    assert atlas.intact(text.replace(b"\n", b"\r\n"))
    assert not atlas.intact(b"")
    assert not atlas.intact(text[:-1])


def test_the_check_says_which_file_is_damaged(monkeypatch: pytest.MonkeyPatch, capsys, tmp_path: Path) -> None:
    from costmodel.sources import survey

    monkeypatch.setattr(survey, "stale", lambda entry: "")
    (tmp_path / "alexnet.json").write_text("{}")
    monkeypatch.setattr(survey, "models", lambda: ["alexnet", "vgg11"])
    monkeypatch.setattr(survey, "FOLDER", tmp_path)
    assert main("atlas check --sample 1".split()) == 1
    out = capsys.readouterr().out
    assert f"alexnet: {tmp_path}/alexnet.json is not as it was written" in out
    assert f"vgg11: {tmp_path}/vgg11.json cannot be read" in out


# -- signals -----------------------------------------------------------------------------------------------------------

SLOW = """
import sys, time
import costmodel.questions.frames as frames, costmodel.terminal.cli as cli
frames.rows = lambda chunk: (print("writing", flush=True), time.sleep(60))
sys.argv = ["costmodel", *"sweep resnet18 --method fft --batch 1:2000 --output new/out.csv".split()]
cli.run()
"""


@pytest.mark.parametrize(
    ("number", "status", "word"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")]
)
def test_a_signal_leaves_nothing_behind(number: int, status: int, word: str, tmp_path: Path) -> None:
    """While a file is being written."""
    running = subprocess.Popen(
        [sys.executable, "-c", SLOW], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert running.stdout is not None
    assert running.stdout.readline() == "writing\n"
    running.send_signal(number)
    _, err = running.communicate(timeout=60)
    assert (running.returncode, err) == (status, f"costmodel: {word}\n")
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_where_nothing_can_be_raised_is_raised_later() -> None:
    """Python drops what a destructor raises."""
    program = """
import os, signal, time
from costmodel.signals import raised
class Late:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.01)
with raised():
    try:
        late = Late()
        del late
        time.sleep(60)
    except KeyboardInterrupt:
        print("interrupted")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT)
    assert (done.returncode, done.stdout, done.stderr) == (0, "interrupted\n", "")


def test_an_interrupt_while_processes_are_started_is_raised_then_and_not_in_them() -> None:
    program = """
import os, signal, subprocess, sys
from costmodel.signals import ignored_by_children, raised
with raised():
    try:
        with ignored_by_children():
            child = subprocess.Popen([sys.executable, "-c", "input(); print('goes on')"], stdin=subprocess.PIPE)
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(child.pid, signal.SIGINT)
            print("still here", flush=True)
    except KeyboardInterrupt:
        print("interrupted", flush=True)
    child.communicate(b"now")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT)
    assert (done.returncode, done.stdout, done.stderr) == (0, "still here\ninterrupted\ngoes on\n", "")


def test_only_the_program_itself_has_its_signals_changed() -> None:
    program = "import signal, costmodel; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout == "True\n"
