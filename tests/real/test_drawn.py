"""Modules drawn from seeds are equal on the real step, in every number, or refused in one line."""

from __future__ import annotations

import warnings

import pytest

import costmodel
from tests.real.drawn import Drawn

COUNT = 200
"""Seeds 0 to 199: docs/own-modules.md has the same number."""


def verdict(seed: int) -> str:
    """Say what becomes of a seed's module: equal, refused with the reason, or the numbers that differ."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = costmodel.validate(lambda: Drawn(seed), "fft", inputs="3x12x15", batch=2 + seed % 3)
        except costmodel.CostModelError as refused:
            return f"refused: {refused}"
    wrong = [f"{row.quantity} {row.predicted} for {row.measured}" for row in found.rows if row.difference]
    return f"different: {wrong}" if wrong else "equal"


@pytest.mark.each(50)
@pytest.mark.parametrize("seed", range(COUNT))
def test_a_drawn_module_is_equal_or_refused(seed: int) -> None:
    found = verdict(seed)
    assert found == "equal" or (found.startswith("refused: ") and "\n" not in found), f"{Drawn(seed).names}: {found}"
