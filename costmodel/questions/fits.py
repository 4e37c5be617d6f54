"""What fits a budget, method by method, and which of them to take."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from costmodel.cell.axes import AXIS, RESOLUTION
from costmodel.cell.request import Request, numbers_only
from costmodel.questions.size import Budget, Fit, fit
from costmodel.questions.tradeoff import recommend
from costmodel.results import INTEGER, TEXT, LeftOut, Several, frame
from costmodel.sources.source import Source

if TYPE_CHECKING:
    import pandas as pd

SIZES = {"r": AXIS["r"].option, "N": AXIS["N"].option, "side": RESOLUTION.option, "S": AXIS["S"].option}
"""The axes along which a largest value is looked for, by the words they are asked for with."""

Cell = tuple[Source, Request]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the methods of one model are to one budget.

    Attributes:
        model: its name.
        budget: what there is.
        fits: method by method.
    """

    model: str
    budget: Budget
    fits: tuple[Fit, ...]

    @property
    def advice(self) -> tuple[str | None, str]:
        """The method to take, ``None`` where none fits, and why."""
        return recommend(self.fits, self.budget)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, with the advice."""
        method, reason = self.advice
        return {
            "model": self.model,
            "budget": asdict(self.budget),
            "methods": [_plain(found) for found in self.fits],
            "recommended": method,
            "reason": reason,
        }


def _plain(found: Fit) -> dict[str, Any]:
    return {
        "method": found.method,
        "point": dict(found.point),
        "fits": found.fits,
        "peak": found.cost.peak,
        "step": found.cost.step,
        "lower_bound": found.cost.lower_bound,
        "largest": {SIZES[largest.axis]: None if largest.unlimited else largest.value for largest in found.largest},
        "unlimited": [SIZES[largest.axis] for largest in found.largest if largest.unlimited],
        "steps": {SIZES[largest.axis]: largest.step for largest in found.largest},
    }


@dataclass(frozen=True)
class Fits(Several[Fit]):
    """What fits, for every budget and model: a sequence of `Fit`, all methods of the first answer first.

    Attributes:
        answers: the same by budget and model.
        left_out: default methods that do not apply, with the reason.
    """

    SCHEMA: ClassVar[str] = "costmodel.size/1"

    answers: tuple[Answer, ...]
    left_out: tuple[LeftOut, ...] = ()

    def content(self) -> dict[str, Any]:
        """Return what fits by budget and model, with the method to take."""
        left_out = [one._asdict() for one in self.left_out]
        return {"answers": [one.to_dict() for one in self.answers], "left_out": left_out}

    def to_frame(self) -> pd.DataFrame:
        """Return one row for each method of each answer; a rank that is ``unlimited`` has no largest value."""
        integers = ("memory", "flops", "peak", "step", *(f"largest_{name}" for name in SIZES.values()))
        words = ("model", "method", "convention", "fits", "unlimited", "lower_bound")
        return frame(self._rows(), {**dict.fromkeys(words, TEXT), **dict.fromkeys(integers, INTEGER)})

    def _rows(self) -> Iterator[dict[str, Any]]:
        for one in self.answers:
            for found in one.fits:
                told = _plain(found)
                largest = {f"largest_{name}": value for name, value in told["largest"].items()}
                unlimited = ", ".join(told["unlimited"])
                yield {**told, **asdict(one.budget), **largest, "model": one.model, "unlimited": unlimited}


def fits(
    cells: Sequence[Sequence[Cell]],
    budgets: Sequence[Budget],
    say: Callable[[str], None] = lambda _: None,
    left_out: tuple[LeftOut, ...] = (),
) -> Fits:
    """Find out how cells stand to budgets.

    Args:
        cells: for each model its methods, each with its point, numbers only.
        budgets: what there is; each is compared with every cell.
        say: told what is being fitted.
        left_out: default methods that do not apply.

    Raises:
        InputError: for a name where a number is needed, and as `fit`.
    """
    for of in cells:
        for _, asked in of:
            numbers_only(asked, "a budget is compared at one point")
    answers = []
    for budget in budgets:
        for of in cells:
            found = []
            for source, asked in of:
                say(f"fitting {source.setup.label}")
                found.append(fit(source, asked, budget))
            answers.append(Answer(of[0][0].setup.subject.name, budget, tuple(found)))
    return Fits(tuple(found for one in answers for found in one.fits), tuple(answers), left_out)
