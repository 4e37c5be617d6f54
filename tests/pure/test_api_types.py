"""Every function of the Python API given a wrong type, or a wrong word: one line that says so, as an InputError."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any, get_type_hints

import numpy as np
import pytest
from torch import nn

import costmodel
from costmodel.cell.axes import WORDS
from costmodel.cell.keywords import Cell

ASKED: dict[str, Callable[..., Any]] = {
    name: getattr(costmodel, name)
    for name in ("estimate", "trace", "compare", "sweep", "size", "formula", "peak", "layers", "validate")
}
NEEDED: dict[str, dict[str, Any]] = {"size": {"memory": 2**30}}
THINGS = (object(), 3.5, -1, 0, True, b"4", "a b", "4x", "", [], (), {}, [None], [[1]], lambda: 3, int, math.nan, 1j)
SIZES = (*THINGS, np.zeros((2, 2)), np.array(2.5), "1:", range(0), {8: 16}, bytearray(b"4"))
WRONG: dict[str, tuple[Any, ...]] = {
    "model": (*THINGS, None, "no", "no/such.py:f", "no.such:f", "a\0b", np.zeros(3)),
    "models": ([], (), None, 3, [3], [None], ["resnet18", 3.5], {}, "no", b"resnet18", np.zeros((2, 2))),
    "method": (*THINGS, None, "loro", nn.ReLU(), np.zeros(3)),
    "methods": ([], (), None, 3, [3], ["lora", None], {}, "loro", b"lora", np.zeros((2, 2)), lambda: "lora"),
    "convention": (*THINGS, None, "paper "),
    "point": (3, "N", [1], [("N", 1)], {"bacth": 1}, {3: 1}, {None: 1}, {"batch": 0}, {"N": object()}, {"H": [[1]]}),
    "memory": (*(thing for thing in THINGS if thing != 3.5 and thing is not True), True, "64", "64 miles", math.inf),
    "flops": (*(thing for thing in THINGS if thing != 3.5 and thing is not True), True, "5 apples", math.inf, b"5G"),
    "classes": (*THINGS, None, "ten", np.array(2.5)),
    "inputs": (*(thing for thing in THINGS), ["3x96x96"], "3yy", "0x0"),
    "aux": (*(thing for thing in THINGS if thing is not True), None, "yes", np.bool_(True)),
    "options": (*THINGS, costmodel.Training(), {"alpha": 3}),
    "training": (*THINGS, costmodel.Options(), {"loss": "sum"}),
    "rehearsal": (*THINGS, costmodel.Options(), {"no_rehearsal": True}),
    "cache": (*(thing for thing in THINGS if thing is not True), None, "no"),
    "quantity": (*THINGS, None, "peaks"),
    "depth": (*THINGS, "deep"),
    "top": (*(thing for thing in THINGS if thing != 0 or thing is False), None, "2", -1),
    "where": (*(thing for thing in THINGS if thing is not True), None),
    "sort": (*THINGS, "weight"),
    "tree": (*(thing for thing in THINGS if thing is not True), "flat"),
    "working": (3, "yes", None, [], {}),
    **dict.fromkeys(WORDS, SIZES),
}
DEFAULTS: dict[str, Any] = {"model": "resnet18", "method": "lora", "models": "resnet18", "methods": "lora"}


def keywords(name: str) -> list[str]:
    """Return every keyword that a function takes, those of its typed dictionaries included."""
    found = [each.name for each in inspect.signature(ASKED[name]).parameters.values() if each.kind != each.VAR_KEYWORD]
    return [*found, *(word for word in get_type_hints(Cell) if word not in found)]


def refusal(ask: Callable[[], Any]) -> str:
    with pytest.raises(costmodel.InputError) as refused:
        ask()
    text = str(refused.value)
    assert text
    assert "\n" not in text
    return text


@pytest.mark.parametrize(("name", "word"), [(name, word) for name in ASKED for word in keywords(name)])
def test_wrong_types_are_refused_in_one_line(name: str, word: str) -> None:
    given = {key: value for key, value in DEFAULTS.items() if key in inspect.signature(ASKED[name]).parameters}
    for value in WRONG[word]:
        told = {**given, **NEEDED.get(name, {}), word: value}
        refusal(lambda told=told: ASKED[name](**told))


@pytest.mark.parametrize("name", ASKED)
def test_unknown_keywords_are_refused_with_those_there_are(name: str) -> None:
    said = refusal(lambda: ASKED[name]("resnet18", "lora", **NEEDED.get(name, {}), bacth=2))
    assert said.startswith("unknown keyword 'bacth': did you mean batch")
    assert all(word in said for word in keywords(name)[2:])
    assert refusal(lambda: ASKED[name]("resnet18", "lora", **NEEDED.get(name, {}), point={"bacth": 2})).startswith(
        "unknown size 'bacth': did you mean batch"
    )


@pytest.mark.parametrize("name", ASKED)
@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"point": {"rank": 8}, "rank": 4}, "--rank 8 and --rank 4: r is given twice; give one of them"),
        ({"rank": 8, "r": 4}, "--rank 8 and --rank 4: r is given twice; give one of them"),
        ({"point": {"H": 64}, "resolution": 64}, "--height 64 and --resolution 64: H is given twice; give one of them"),
        ({"resolution": 64, "W": 32}, "--resolution 64 and --width 32: W is given twice; give one of them"),
    ],
)
def test_what_is_given_twice_is_refused_alike(name: str, given: dict[str, Any], message: str) -> None:
    assert refusal(lambda: ASKED[name]("resnet18", "lora", **NEEDED.get(name, {}), **given)) == message


def test_a_rank_is_refused_where_no_method_has_one() -> None:
    for name, ask in ASKED.items():
        for given in ({"rank": 8}, {"point": {"r": 8}}, {"point": {"rank": 8}}):
            said = refusal(
                lambda ask=ask, name=name, given=given: ask("resnet18", "fft", **NEEDED.get(name, {}), **given)
            )
            assert said.startswith("--rank 8: method 'fft' has no rank")
