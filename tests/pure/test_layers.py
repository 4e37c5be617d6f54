"""Imports point one way, and nothing from the formula down needs torch."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PURE = [
    "costmodel",
    "costmodel.cache",
    "costmodel.cli",
    "costmodel.contract",
    "costmodel.domain",
    "costmodel.dominance",
    "costmodel.errors",
    "costmodel.formula",
    "costmodel.memory",
    "costmodel.methods",
    "costmodel.polynomial",
    "costmodel.render",
    "costmodel.request",
    "costmodel.rules.arithmetic",
    "costmodel.rules.paper",
    "costmodel.sizes",
    "costmodel.subjects",
    "costmodel.tracing.record",
    "costmodel.tracing.lift",
]
LAYERS = ["contract", "errors", "polynomial", "sizes", "domain", "dominance", "memory", "formula"]
"""From the bottom up; each may import only what stands before it."""


@pytest.mark.parametrize("module", PURE)
def test_imports_without_torch(module: str) -> None:
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_a_cached_estimate_needs_no_torch() -> None:
    code = (
        "import sys, costmodel; costmodel.estimate('resnet18', 'lora', batch=3);"
        "sys.exit('torch' in sys.modules and 'second' in sys.argv)"
    )
    subprocess.run([sys.executable, "-c", code, "first"], cwd=ROOT, check=True)
    assert subprocess.run([sys.executable, "-c", code, "second"], cwd=ROOT).returncode == 0


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
        elif isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
    return names


@pytest.mark.parametrize("layer", LAYERS)
def test_lower_layers_do_not_know_higher_ones(layer: str) -> None:
    allowed = {f"costmodel.{name}" for name in LAYERS[: LAYERS.index(layer)]}
    own = {name for name in imported(ROOT / "costmodel" / f"{layer}.py") if name.startswith("costmodel")}
    assert own <= allowed


def test_the_estimator_does_not_know_the_validator() -> None:
    """But for the commands that run it, and what prints its answers."""
    commands = ("drift", "estimate", "merge", "report", "validate")
    knows = {ROOT / "costmodel" / "render.py", *(ROOT / "costmodel" / "commands" / f"{name}.py" for name in commands)}
    for path in (ROOT / "costmodel").rglob("*.py"):
        if path not in knows:
            assert not any(name.split(".")[0] == "validate" for name in imported(path)), path


def test_the_instruments_share_no_code_with_the_estimator() -> None:
    assert not any(name.startswith("costmodel") for name in imported(ROOT / "validate" / "instruments.py"))
