"""What fits a budget, exactly: the largest value fits, the next one does not, and none beyond it does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from torch import nn

import costmodel
from costmodel.algebra.domain import Domain, Free
from costmodel.algebra.formula import PEAK, CostFormula, flops_key, memory_key
from costmodel.algebra.polynomial import Polynomial
from costmodel.cell.request import Request, request
from costmodel.cell.setup import Setup, setup_of
from costmodel.contract import GROUPS
from costmodel.errors import InputError
from costmodel.methods import PAPER
from costmodel.options import LARGEST
from costmodel.questions.size import SCANNED, Budget, Cost, Fit, Largest, fit
from costmodel.questions.tradeoff import recommend
from costmodel.sources.source import Source
from costmodel.terminal.cli import main
from tests.cells import fresh, point
from tests.lines import assert_refused, printed

OPTION = {"rank": "r", "batch": "N", "resolution": "resolution", "length": "S"}
MIB = 2**20


def sized(line: str, capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    data = printed(line, capsys)
    assert data["schema"] == "costmodel.size/1"
    return data["answers"]


@dataclass
class Limits:
    """A budget, and whether an estimate is within it: written apart from the code that is tested."""

    memory: int | None = None
    flops: int | None = None
    convention: str = "arithmetic"

    def hold(self, cost: costmodel.Estimate) -> bool:
        flops = cost.flops[self.convention]
        step = flops["forward"] + flops["backward"] + flops["optimizer"]
        return (self.memory is None or cost.memory["peak"] <= self.memory) and (
            self.flops is None or step <= self.flops
        )

    @property
    def line(self) -> str:
        memory = f" --memory {self.memory}B" if self.memory else ""
        return f"{memory}{f' --flops {self.flops}' if self.flops else ''} --convention {self.convention}"


CASES = [
    ("mobilenet_v3_small", "", Limits(40 * MIB)),
    ("mobilenet_v3_small", "--batch 2 --resolution 160 --rank 9", Limits(36 * MIB)),
    ("mobilenet_v3_large", "--height 97 --width 161 --batch 3", Limits(flops=2 * 10**9)),
    ("mobilenet_v2", "--rank 1", Limits(90 * 10**6, 1_500_000_000)),
    ("mobilenet_v2", "--batch 4 --rank 70", Limits(400 * MIB, 12 * 10**9, "paper")),
    ("resnet18", "--resolution 64", Limits(150 * MIB, 10**10, "torch")),
    ("resnet18", "--batch 8 --rank 64", Limits(1234567890)),
]


@pytest.mark.each(2)
@pytest.mark.parametrize(("model", "options", "limits"), CASES)
def test_the_largest_fits_and_the_next_does_not(
    model: str, options: str, limits: Limits, capsys: pytest.CaptureFixture[str]
) -> None:
    (answer,) = sized(f"size {model} {options}{limits.line}", capsys)
    assert [found["method"] for found in answer["methods"]] == [*PAPER]
    checked = 0
    for found in answer["methods"]:
        sizes = {{"N": "batch", "H": "height", "W": "width", "r": "rank"}[a]: v for a, v in found["point"].items()}
        asked = costmodel.estimate(model, found["method"], **sizes)
        assert found["fits"] == limits.hold(asked)
        assert found["peak"] == asked.memory["peak"]
        assert {*found["largest"]} == {"batch", "resolution"} | ({"rank"} if "r" in found["point"] else set())
        for axis, value in found["largest"].items():
            if axis in found["unlimited"]:
                beyond = [asked.at(**{OPTION[axis]: far}) for far in (value or 10**4, 10**6, LARGEST)]
                assert all(map(limits.hold, beyond))
                continue
            if value is not None:
                assert limits.hold(asked.at(**{OPTION[axis]: value})), (found["method"], axis, value)
                checked += 1
            smallest = 33 if axis == "resolution" else 1
            for next_one in range(smallest if value is None else value + 1, (value or smallest) + 4):
                assert not limits.hold(asked.at(**{OPTION[axis]: next_one})), (found["method"], axis, next_one)
    assert checked >= 8


@pytest.mark.each(4)
@pytest.mark.parametrize("method", PAPER)
@pytest.mark.parametrize(
    "limits", [Limits(26 * MIB), Limits(flops=500 * 10**6), Limits(33 * MIB, 350 * 10**6, "torch")]
)
def test_against_every_integer(method: str, limits: Limits, capsys: pytest.CaptureFixture[str]) -> None:
    """The largest that fits among all integers up to well beyond what the budget allows for."""
    asked = costmodel.estimate("mobilenet_v3_small", method, resolution=128)
    (answer,) = sized(f"size mobilenet_v3 --method {method} --resolution 128{limits.line}", capsys)
    (found,) = answer["methods"]
    for axis, smallest, end in (("batch", 1, 150), ("resolution", 33, 1200), ("rank", 1, 1500)):
        if axis not in found["largest"]:
            assert axis == "rank"
            assert method in ("fft", "bn_head")
            continue
        fitting = [at for at in range(smallest, end) if limits.hold(asked.at(**{OPTION[axis]: at}))]
        if axis in found["unlimited"]:
            assert method == "galore"
            assert fitting == [*range(1, end)]
        else:
            assert found["largest"][axis] == (max(fitting) if fitting else None)
            assert not fitting or max(fitting) < end - 100 or axis == "batch"
            assert end - 1 not in fitting


def test_every_byte_counts(capsys: pytest.CaptureFixture[str]) -> None:
    """The peak of a batch of 7 is enough for 7, and one byte less for 6."""
    peak = costmodel.estimate("resnet18", "lora", batch=7).memory["peak"]
    for spare, largest in ((0, 7), (-1, 6), (1, 7)):
        ((found,),) = (a["methods"] for a in sized(f"size resnet18 --method lora --memory {peak + spare}B", capsys))
        assert found["largest"]["batch"] == largest


# -- below where the closed form begins --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "fitting"), [(33, 24), pytest.param(20, 24, marks=pytest.mark.full), (224, 28), (40, 32)]
)
def test_sides_below_the_closed_form(asked: int, fitting: int) -> None:
    """From 33 pixels on one formula holds; below, each side is traced. Where it was asked does not matter."""
    setup = setup_of("resnet18", "bn_head")
    peaks = {side: fresh(setup, point("bn_head", 20, side, side, 1))[PEAK] for side in (fitting, fitting + 1, 33)}
    assert peaks[fitting] < peaks[fitting + 1] <= peaks[33]
    budget = Budget(peaks[fitting + 1] - 1, None)
    found = fit(Source(setup), request(setup, batch=20, resolution=asked), budget)
    assert by_axis(found)["side"].value == fitting


@pytest.mark.full
def test_sides_that_are_not_equal_say_nothing_of_a_square() -> None:
    """Asked at 20x24, below the closed form, the largest square has the cost of a square."""
    setup = setup_of("resnet18", "bn_head")
    step, next_step = (
        Cost.of(fresh(setup, point("bn_head", 2, side, side, 1)), "arithmetic").step for side in (20, 21)
    )
    found = fit(Source(setup), request(setup, batch=2, height=20, width=24), Budget(None, step))
    assert step < min(next_step, found.cost.step)
    assert not found.fits
    assert by_axis(found)["side"].value == 20


def test_a_batch_of_one_that_the_model_refuses_is_no_hindrance() -> None:
    """At 32x32 resnet18 takes batches of 2 and more."""
    setup = setup_of("resnet18", "bn_head")
    peaks = [fresh(setup, point("bn_head", N, 32, 32, 1))[PEAK] for N in (50, 51)]
    found = fit(Source(setup), request(setup, batch=2, resolution=32), Budget(peaks[1] - 1, None))
    assert by_axis(found)["N"].value == 50
    assert peaks[0] < peaks[1]


def test_nothing_at_all(capsys: pytest.CaptureFixture[str]) -> None:
    """Parameters alone are too many: no side, batch or rank helps, and no side below 33 is tried."""
    (answer,) = sized("size resnet18 --memory 40MiB", capsys)
    for found in answer["methods"]:
        assert not found["fits"]
        assert {*found["largest"].values()} == {None}
        assert found["unlimited"] == []
    assert answer["recommended"] is None
    assert (
        answer["reason"]
        == "nothing fits as asked for, nor at another rank, batch or resolution with a closed form, each alone"
    )


# -- axes of other kinds -----------------------------------------------------------------------------------------------


def test_a_rank_that_saturates_is_any(capsys: pytest.CaptureFixture[str]) -> None:
    line = "size mobilenet_v3 --method galore --memory 64MiB"
    ((found,),) = (answer["methods"] for answer in sized(line, capsys))
    assert found["largest"]["rank"] is None
    assert found["unlimited"] == ["rank"]
    for rank in (1, 4, 576, 577, LARGEST):
        assert costmodel.estimate("mobilenet_v3", "galore", rank=rank).memory["peak"] <= 64 * MIB
    assert main(line.split()) == 0
    (row,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("galore"))
    assert " any " in row


def test_swin_has_sides_at_multiples_of_its_windows(capsys: pytest.CaptureFixture[str]) -> None:
    peaks = {side: costmodel.estimate("swin_t", "bn_head", resolution=side).memory["peak"] for side in (224, 448, 672)}
    line = "size swin_t --method bn_head --memory"
    for budget, largest in (
        (peaks[448] - 1, 224),
        (peaks[448], 448),
        (peaks[672] - 1, 448),
        (peaks[224] - 1, None),  # at once: no other side has a closed form
    ):
        ((found,),) = (answer["methods"] for answer in sized(f"{line} {budget}B", capsys))
        assert found["largest"]["resolution"] == largest
    assert main(f"{line} 1GiB".split()) == 0
    assert "Resolutions are multiples of 224, where the cost has a closed form." in capsys.readouterr().out


@pytest.mark.full
def test_a_rank_without_closed_form_has_no_largest(capsys: pytest.CaptureFixture[str]) -> None:
    """LoKr's factors change their form with the rank: each rank is a formula of its own, and the largest is unknown."""
    line = r"size squeezenet1_1 --method lokr,lora --targets features\.12.* --memory 200MiB"
    (answer,) = sized(line, capsys)
    lokr, lora = answer["methods"]
    assert {*lokr["largest"]} == {"batch", "resolution"}
    assert {*lora["largest"]} == {"batch", "resolution", "rank"}
    for axis, value in lokr["largest"].items():
        options = costmodel.Options(targets=r"features\.12.*")
        fits = [
            costmodel.estimate("squeezenet1_1", "lokr", options=options, **{axis: at}).memory["peak"] <= 200 * MIB
            for at in (value, value + 1)
        ]
        assert fits == [True, False]


def test_a_model_of_one_size_only() -> None:
    setup = replace_lattice(setup_of("resnet18", "bn_head"), 224)
    for budget, value in ((2**40, 224), (10**6, None)):
        found = fit(Source(setup), request(setup), Budget(budget, None))
        assert by_axis(found)["side"] == Largest("side", value)


def replace_lattice(setup: Any, only: int) -> Any:
    subject = replace(setup.subject, lattice=setup.subject.lattice._replace(only=only))
    return replace(setup, subject=subject)


class Words(nn.Module):
    """Takes up to 150 tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(20, 8), nn.Embedding(150, 8)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return (self.words(tokens) + self.places(torch.arange(tokens.shape[1]))).relu()


def test_tokens() -> None:
    asked = costmodel.estimate(Words(), "fft", inputs="S:int64", length=16)
    peaks = {length: asked.at(S=length).memory["peak"] for length in (1, 2, 24, 25, 150)}
    assert peaks[1] < peaks[2] < peaks[24] < peaks[25] < peaks[150]
    for memory, largest in ((peaks[25] - 1, 24), (peaks[25], 25), (10 * peaks[150], 150), (peaks[2] - 1, 1)):
        (found,) = costmodel.size(Words(), ["fft"], memory=memory, inputs="S:int64", point={"length": 16})
        assert by_axis(found)["S"] == Largest("S", largest)


def by_axis(found: Fit) -> dict[str, Largest]:
    return {largest.axis: largest for largest in found.largest}


# -- formulas by hand --------------------------------------------------------------------------------------------------


SETUPS = {
    "verified": setup_of("resnet18", "fft"),
    "by name": setup_of("resnet18", "fft", inputs="3x8x8"),
    "the caller's": setup_of(nn.Linear(4, 4), "fft", inputs="4"),
}


def by_hand(peak: Sequence[Polynomial], domain: Domain, setup: Setup = SETUPS["verified"]) -> Source:
    """A cell in the batch alone, whose peak is what it is said to be."""
    zero = (Polynomial({}),)
    quantities: Mapping[str, Any] = {
        **{flops_key("arithmetic", phase): zero for phase in ("forward", "backward", "optimizer")},
        **{memory_key(group): zero for group in GROUPS},
        PEAK: tuple(peak),
    }
    made = SimpleNamespace(formula=CostFormula(quantities, {}, domain))
    return cast(Source, SimpleNamespace(setup=setup, derivation=lambda _: made))


def largest_batch(
    peak: Sequence[Polynomial], memory: int, last: int | None = None, setup: Setup = SETUPS["verified"]
) -> Largest:
    source = by_hand(peak, Domain({"N": Free(1, last or None)}), setup)
    (found,) = fit(source, Request({"N": 1}, {"N": 2}), Budget(memory, None)).largest
    return found


N = Polynomial.symbol("N")


@pytest.mark.parametrize("setup", SETUPS.values(), ids=SETUPS)
@pytest.mark.parametrize("memory", [399, 600, 601, 699, 700, 701, 960, 961, 1000, 5000])
def test_a_cost_that_falls_and_rises_is_looked_at_value_by_value(memory: int, setup: Setup) -> None:
    """(N - 20)^2 + 600 falls up to N = 20: bisection from N = 1 would find nothing, or the wrong end."""
    peak = N * N - N * 40 + 1000
    fitting = [at for at in range(1, 4000) if at * at - 40 * at + 1000 <= memory]
    assert largest_batch([peak], memory, 4000, setup).value == max(fitting, default=None)
    assert max(fitting, default=0) < 3000


def test_the_largest_of_several_terms_one_of_which_falls() -> None:
    peaks = [N * -3 + 500, N * 7]
    fitting = [at for at in range(1, 4000) if max(500 - 3 * at, 7 * at) <= 470]
    assert largest_batch(peaks, 470, 4000).value == max(fitting) == 67


def test_a_cost_that_rises_is_bisected_over_all_integers() -> None:
    assert largest_batch([N * 3 + 1], 3 * 10**9).value == 999_999_999
    assert largest_batch([N * 3 + 1], 3).value is None
    assert largest_batch([N * 3 + 1], 4).value == 1
    assert largest_batch([N], LARGEST) == Largest("N", LARGEST)
    assert largest_batch([N], LARGEST - 1) == Largest("N", LARGEST - 1)
    assert SCANNED < 999_999_999


# -- several budgets, words --------------------------------------------------------------------------------------------


@pytest.mark.full
def test_several_budgets_are_several_answers(capsys: pytest.CaptureFixture[str]) -> None:
    line = "size mobilenet_v3 resnet18 --method fft,lora --memory 32MiB --memory 1GB --flops 1G --flops 400M"
    answers = sized(line, capsys)
    assert [(a["budget"]["memory"], a["budget"]["flops"], a["model"]) for a in answers] == [
        (memory, flops, model)
        for memory in (32 * MIB, 10**9)
        for flops in (10**9, 4 * 10**8)
        for model in ("mobilenet_v3_small", "resnet18")
    ]
    for answer in answers:
        (alone,) = sized(
            f"size {answer['model']} --method fft,lora --memory {answer['budget']['memory']}B "
            f"--flops {answer['budget']['flops']}",
            capsys,
        )
        assert alone == answer
    assert main(line.split()) == 0
    out = capsys.readouterr().out
    assert out.count("; budget: peak <= 32.00 MiB, step <= 1.00 GFLOPs\n") == 2
    assert out.count("method  fits ") == len(answers)


def test_the_table_says_what_json_says(capsys: pytest.CaptureFixture[str]) -> None:
    line = "size mobilenet_v3 --memory 32MiB"
    (answer,) = sized(line, capsys)
    assert main(line.split()) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "mobilenet_v3_small: N = 1, H = 224, W = 224, r = 4; budget: peak <= 32.00 MiB"
    for found in answer["methods"]:
        (row,) = (line for line in lines if line.startswith(f"{found['method']} "))
        limits = [found["largest"][axis] for axis in ("rank", "batch", "resolution") if axis in found["largest"]]
        said = ["none" if value is None else f"{value:,}" for value in limits]
        assert row.split() == [
            found["method"], "yes" if found["fits"] else "no", f"{found['peak'] / MIB:.2f}", "MiB",
            f"{found['step'] / 10**6:.2f}", "MFLOPs", *said,
        ]  # fmt: skip
    assert lines[-1 - (not lines[-1])] == f"Take {answer['recommended']}: {answer['reason']}."


def test_what_is_recommended() -> None:
    """The method that can change the most of the model, of those that fit."""

    def advice(memory: int | None = None, flops: int | None = None, **point: int) -> tuple[str | None, str]:
        fits = costmodel.size("mobilenet_v3", memory=memory, flops=flops, point=point)
        return recommend(fits, Budget(memory, flops))

    peak = {m: costmodel.estimate("mobilenet_v3", m).memory["peak"] for m in PAPER}
    assert peak["bn_head"] < peak["lora"] < peak["galore"] < peak["fft"] < peak["dora"]
    best = "it fits with {} to spare, and can change the most of the model of those that fit{}"
    beyond = "; {} would change more and {} not fit"
    assert advice(peak["fft"]) == ("fft", best.format("0 B of memory", ""))
    assert advice(peak["fft"] - 1)[0] == "galore"
    assert advice(peak["galore"]) == ("galore", best.format("0 B of memory", beyond.format("fft", "does")))
    assert advice(peak["galore"] - 1)[0] == "lora"
    assert advice(peak["lora"]) == ("lora", best.format("0 B of memory", beyond.format("fft, galore", "do")))
    assert advice(peak["lora"] - 1)[0] == "bn_head"
    method, reason = advice(peak["bn_head"] - 1)
    assert method is None
    lora = costmodel.estimate("mobilenet_v3", "lora")
    side = max(s for s in range(33, 224) if lora.at(resolution=s).memory["peak"] < peak["bn_head"])
    assert reason == f"nothing fits as asked for; lora does at up to {side}x{side} pixels"
    assert advice(None, 10**12)[1].startswith("it fits with 999.62 GFLOPs a step to spare")
    assert "GiB of memory and 999.62 GFLOPs a step" in advice(2**33, 10**12)[1]


@pytest.mark.full
def test_a_smaller_batch_is_advised_where_no_smaller_side_fits() -> None:
    budget = Budget(18 * MIB, None)
    fits = costmodel.size("mobilenet_v3", ["bn_head"], memory=18 * MIB, point={"batch": 100000, "resolution": 64})
    assert by_axis(fits[0])["side"].value is None
    batch = by_axis(fits[0])["N"].value
    assert batch is not None
    assert recommend(fits, budget) == (
        None,
        f"nothing fits as asked for; bn_head does at a batch of up to {batch:,}",
    )


def test_a_smaller_rank_is_advised_where_nothing_else_fits() -> None:
    cost = Cost(10, 10, 10)
    source = cast(Source, SimpleNamespace(setup=SimpleNamespace(method=SimpleNamespace(name="lora", reach=1))))
    found = Fit(source, {}, cost, False, (Largest("r", 1234), Largest("N", None), Largest("side", None)))
    assert recommend([found], Budget(5, None))[1] == "nothing fits as asked for; lora does at a rank of up to 1,234"


BAD = {
    "size": "Missing argument 'MODEL...'",
    "size resnet18": "which budget? give --memory, such as 64MiB, or --flops, such as 5G, or both",
    "size resnet18 --memory 64": "--memory 64: expected a positive number with a unit of B, KB,",
    "size resnet18 --memory 0MiB": "--memory 0MiB: expected a positive number",
    "size resnet18 --memory lots": "--memory lots: expected a positive number",
    "size resnet18 --flops 5GB": "--flops 5GB: expected a positive number with a unit of k, M, G, T",
    "size resnet18 --memory 1GiB --flops -1": "--flops -1: expected a positive number",
    "size nonsense --memory 1GiB": "unknown model 'nonsense'",
    "size resnet18 --memory 1GiB --method lorra": "unknown method 'lorra'",
    "size resnet18 --memory 1GiB --batch N": "--batch N: a budget is compared at one point",
    "size resnet18 --memory 1GiB --rank 0": "--rank 0: expected a positive integer",
    "size resnet18 --memory 1GiB --convention papper": "unknown convention 'papper'",
    "size resnet18 --memory 1GiB --resolution 32": "resolution 32x32 is too small for resnet18 at batch 1",
    "size vit_b_32 --memory 1GiB --resolution 100": "side 100: vit_b_32 takes multiples of 32",
}


@pytest.mark.parametrize(("line", "message"), BAD.items(), ids=list(BAD))
def test_bad_input(line: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert_refused(line, message, capsys)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "which budget?"),
        ({"memory": 0}, "memory 0: expected a positive number"),
        ({"memory": 10**9, "flops": -1}, "flops -1: expected a positive number"),
        ({"memory": 10**9, "convention": "papper"}, "unknown convention 'papper'"),
    ],
)
def test_bad_calls(given: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message.replace("?", r"\?")):
        costmodel.size("resnet18", ["fft"], **given)
