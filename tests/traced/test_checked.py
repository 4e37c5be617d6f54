"""Which formulas are checked before they answer, and what is said where none can be derived."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

import costmodel
from costmodel.algebra.formula import PEAK
from costmodel.cell.request import request
from costmodel.cell.setup import Setup, setup_of
from costmodel.cell.training import Training
from costmodel.errors import LiftError
from costmodel.methods import Options
from costmodel.sources import derive
from costmodel.sources.known import Known
from costmodel.sources.source import Source
from tests.cells import fresh

CELL = ("squeezenet1_1", "fft")


def setups() -> dict[str, tuple[Setup, bool, bool]]:
    """Cells, whether they are known by name, and whether the tests and the suites compare them."""
    lora = setup_of("resnet18", "lora")
    return {
        "defaults": (lora, True, True),
        "another task": (setup_of("fcn_resnet50"), True, True),
        "another method": (setup_of("resnet18", "bitfit"), True, False),
        "classes": (setup_of("resnet18", "lora", classes=11), True, False),
        "inputs": (setup_of("resnet18", "lora", inputs="3x96x96"), True, False),
        "auxiliary heads": (setup_of("googlenet", aux=True), True, False),
        "targets": (setup_of("resnet18", "lora", options=Options(targets=".*conv1")), True, False),
        "training": (setup_of("resnet18", "lora", training=Training(autocast="bfloat16")), True, False),
        "a method of the same name": (replace(lora, method=replace(lora.method, rank=8)), False, False),
        "a factory": (setup_of("torchvision.models:resnet18"), False, False),
    }


@pytest.mark.parametrize("name", setups())
def test_what_is_verified(name: str) -> None:
    setup, by_name, verified = setups()[name]
    assert (setup.by_name, setup.verified) == (by_name, verified)


def test_a_formula_that_is_not_verified_is_checked_where_it_answers(
    empty_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another optimizer than the contract's: a wrong formula on disk is found out, once for each point."""
    setup = setup_of(*CELL, training=Training(optimizer="sgd"))
    asked = request(setup, batch=2, resolution=64)
    right = Source(setup).derivation(asked)
    assert right.formula.evaluate(asked.numbers) == fresh(setup, asked.representative())
    terms = tuple(term + 48 for term in right.formula.quantities[PEAK])
    wrong = replace(right.formula, quantities={**right.formula.quantities, PEAK: terms})
    disk = Source(setup)._disk()
    assert disk is not None
    disk.store([Known(replace(right, formula=wrong)), Known(right)])
    assert Source(setup).derivation(asked).formula == right.formula
    monkeypatch.setattr(derive, "record_step", lambda *_: pytest.fail("traced"))
    assert Source(setup).derivation(asked).formula == right.formula  # what came of it is remembered
    with pytest.raises(pytest.fail.Exception, match="traced"):
        Source(setup).derivation(request(setup, batch=3, resolution=64))


def test_a_verified_formula_is_not_traced_again(empty_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COSTMODEL_ATLAS", "off")
    setup = setup_of(*CELL)
    made = Source(setup).derivation(request(setup, resolution=64))
    monkeypatch.setattr(derive, "record_step", lambda *_: pytest.fail("traced"))
    assert Source(setup).derivation(request(setup, batch=3, resolution=65)) == made


class Shrinking(nn.Module):
    """Resamples to 0.6 of the sides, which has no closed form; with the sides held there is one."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 4, 1), nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(nn.functional.interpolate(self.conv(x), scale_factor=0.6).mean((2, 3)))


def test_where_no_formula_can_be_had_the_point_itself_answers() -> None:
    """Two such images are no storage too many; the 211 that a formula in N is traced at are."""
    assert costmodel.estimate(Shrinking(), batch=2, resolution=64).domain["H"] == "H = 64"
    assert costmodel.estimate(Shrinking(), batch=2, resolution=2**26).domain["N"] == "N = 2"
    with pytest.raises(LiftError, match="an input of 211x3x67108864x67108864 is larger than any memory"):
        costmodel.estimate(Shrinking(), batch="N", resolution=2**26)
