"""Imports point one way, and nothing from the formula down needs torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import costmodel

ROOT = Path(__file__).parents[2]
PURE = [
    "costmodel",
    "costmodel.sources.cache",
    "costmodel.terminal.cli",
    "costmodel.contract",
    "costmodel.algebra.domain",
    "costmodel.algebra.dominance",
    "costmodel.errors",
    "costmodel.algebra.formula",
    "costmodel.tracing.replay",
    "costmodel.methods",
    "costmodel.algebra.polynomial",
    "costmodel.terminal.render",
    "costmodel.cell.request",
    "costmodel.rules.arithmetic",
    "costmodel.rules.paper",
    "costmodel.algebra.sizes",
    "costmodel.cell.subjects",
    "costmodel.tracing.record",
    "costmodel.tracing.lift",
]


@pytest.mark.parametrize("module", PURE)
def test_imports_without_torch(module: str) -> None:
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_a_misspelt_name_is_not_there() -> None:
    with pytest.raises(AttributeError, match="module 'costmodel' has no attribute 'validated'"):
        costmodel.validated  # noqa: B018  # reading the name is the test


def test_a_cached_estimate_needs_no_torch() -> None:
    code = (
        "import sys, costmodel; costmodel.estimate('resnet18', 'lora', batch=3);"
        "sys.exit('torch' in sys.modules and 'second' in sys.argv)"
    )
    subprocess.run([sys.executable, "-c", code, "first"], cwd=ROOT, check=True)
    assert subprocess.run([sys.executable, "-c", code, "second"], cwd=ROOT).returncode == 0


def test_imports_go_down_only() -> None:
    """The contracts of ``pyproject.toml``: layers, no circle, instruments that share no code with the estimator."""
    script = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([script, "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert "0 broken" in done.stdout


@pytest.mark.parametrize(
    ("code", "left_out"),
    [
        ("import costmodel", {"costmodel.api", "costmodel.algebra"}),
        ("from costmodel.terminal.cli import main; main(['models'])", {"costmodel.api", "costmodel.algebra", "email"}),
        ("import costmodel; costmodel.estimate", {"validate", "costmodel.questions.compare"}),
    ],
)
def test_only_what_is_asked_for_is_imported(code: str, left_out: set[str]) -> None:
    check = f"import sys; {code}; sys.exit(bool({left_out} & {{*sys.modules}}))"
    assert subprocess.run([sys.executable, "-c", check], cwd=ROOT, stdout=subprocess.DEVNULL).returncode == 0
