"""What `costmodel estimate --json` printed before the house was put in order is what it prints now, byte for byte.

The lines go through models, methods, options and symbolic sizes; ``shipped`` are those that no step is traced for.
"""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from costmodel.files import write_whole
from costmodel.terminal.cli import main

FILE = Path(__file__).parents[1] / "goldens" / "estimates.jsonl"
GOLDENS = [json.loads(text) for text in FILE.read_text(encoding="utf-8").splitlines()]


def printed(line: str, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    assert main(["estimate", *shlex.split(line), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    del told["versions"]  # of what is installed
    return told


@pytest.mark.parametrize(
    "golden",
    [
        pytest.param(golden, marks=() if golden["shipped"] else pytest.mark.full, id=golden["line"])
        for golden in GOLDENS
    ],
)
def test_an_estimate_prints_what_it_printed(
    golden: dict[str, Any], capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest
) -> None:
    """To write all of them anew: ``pytest tests/traced/test_goldens.py -m 'full or not full' --regenerate``."""
    told = printed(golden["line"], capsys)
    if request.config.getoption("--regenerate"):
        golden["estimate"] = told
        write_whole(FILE, "".join(f"{json.dumps(each)}\n" for each in GOLDENS))
    else:
        assert json.dumps(told) == json.dumps(golden["estimate"])  # the order too


def test_they_go_through_what_can_be_asked() -> None:
    words = {word for golden in GOLDENS for word in shlex.split(golden["line"])}
    told = [golden["estimate"] for golden in GOLDENS]
    assert len(GOLDENS) >= 40
    assert len({each["model"] for each in told}) >= 12
    assert {each["method"] for each in told} >= set(
        "fft bn_head lora dora galore bitfit bn_only loha lokr ia3 vera".split()
    )
    assert {each["training"]["optimizer"] for each in told if each["method"] != "galore"} >= set(
        "adamw sgd sgd_momentum adam adafactor rmsprop adagrad".split()
    )
    assert words >= set(
        "--targets --alpha --rank-pattern --train-head --update-gap --projection --scale --loss --dtype --autocast "
        "--accumulate --checkpoint --aux --input --classes".split()
    )
    assert any(golden["estimate"]["symbols"] for golden in GOLDENS)
