"""What a step asks its data: is this larger than that, how many are there? A trace has no data and has to answer."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

import torch

from costmodel.errors import CostModelError, TraceError
from costmodel.tracing.record import OpCall, TensorRef

_READERS = frozenset({"aten._local_scalar_dense.default", "aten.equal.default"})
"""Operators that return a number or an answer of a tensor's data."""

NUMBERS: tuple[Mapping[type, Any], ...] = ({int: 1, float: 1.0}, {int: 3, float: -25_000.0})
"""Stand-ins for numbers that a step reads; with the second ones it has to do the same."""


class Question(NamedTuple):
    """Something that a step asked.

    Attributes:
        kind: ``bool``, ``int`` or ``float``.
        site: the line of code that asked, and which of its questions it was where it asked several in a row.
        where: the operator and its module, for a message.
    """

    kind: type
    site: str
    where: str


class Answers:
    """Answers what one run of a step asks, and remembers what was asked.

    Attributes:
        asked: the questions in order.
    """

    def __init__(self, yes: Mapping[str, bool], numbers: Mapping[type, Any] = NUMBERS[0]) -> None:
        self.asked: list[Question] = []
        self._yes = yes
        self._numbers = numbers
        self._asker: tuple[int, int] | None = None
        self._times = 0

    def answer(self, kind: type, where: str) -> Any:
        """Answer a question: yes where the line that asks is known to want it, otherwise no."""
        site = self._site()
        self.asked.append(Question(kind, site, where))
        return self._yes.get(site, False) if kind is bool else self._numbers[kind]

    def _site(self) -> str:
        """Return the line of code that asks: the innermost one outside of this folder and torch's dispatcher."""
        frame = sys._getframe(2)
        while frame.f_back is not None and any(part in frame.f_code.co_filename for part in _BETWEEN):
            frame = frame.f_back
        asker = id(frame), frame.f_lasti
        self._times = self._times + 1 if asker == self._asker else 0
        self._asker = asker
        again = f" ({self._times + 1})" if self._times else ""
        return f"{frame.f_code.co_filename}:{frame.f_lineno}{again}"


def asks(name: str, given: list[torch.Tensor]) -> type | None:
    """Return the kind of number that an operator reads from its tensors, ``None`` where it reads none."""
    if name not in _READERS:
        return None
    if name == "aten.equal.default" or given[0].dtype == torch.bool:
        return bool
    return float if given[0].dtype.is_floating_point else int


_BETWEEN = (
    "/costmodel/tracing/",
    "/torch/_dynamo/",
    "/torch/_compile.py",
    "/torch/_tensor.py",
    "/torch/_subclasses/",
    "/torch/utils/",
)


Run = TypeVar("Run")


def settled(run: Callable[[Answers], Run], same: Callable[[Run, Run], bool], name: str) -> Run:
    """Run a step with some answers, and with others, and make sure that it does the same.

    A step that ends with an error for one answer, such as a check of its input, is no other step.

    Args:
        run: runs the step with answers to what it asks.
        same: whether two runs did the same.
        name: of what is run, for a message.

    Raises:
        TraceError: where a step depends on what only data could tell.
        CostModelError: what a run ends with, whatever is answered.
    """
    first, answers, yes = _completed(run, {}, NUMBERS[0])
    for question in {question.site: question for question in answers.asked if question.kind is bool}.values():
        other = _tried(run, {**yes, question.site: not yes.get(question.site, False)}, NUMBERS[0])
        if other is not None and not same(first, other):
            raise _depends(name, question)
    if numbers := [question for question in answers.asked if question.kind is not bool]:
        other = _tried(run, yes, NUMBERS[1])
        if other is None or not same(first, other):
            raise _depends(name, numbers[0])
    return first


def _completed(
    run: Callable[[Answers], Run], fixed: Mapping[str, bool], numbers: Mapping[type, Any]
) -> tuple[Run, Answers, Mapping[str, bool]]:
    """Run a step, and where an answer ends it, again with another answer to the last question."""
    yes = dict(fixed)
    while True:
        answers = Answers(yes, numbers)
        try:
            return run(answers), answers, yes
        except CostModelError:
            last = next((asked.site for asked in reversed(answers.asked) if asked.kind is bool), None)
            if last is None or last in yes:
                raise
            yes[last] = True


def _tried(run: Callable[[Answers], Run], yes: Mapping[str, bool], numbers: Mapping[type, Any]) -> Run | None:
    try:
        return _completed(run, yes, numbers)[0]
    except CostModelError:
        return None


def _depends(name: str, question: Question) -> TraceError:
    return TraceError(
        f"{name} cannot be costed: what it does depends on data, which {question.where} reads at {question.site}"
    )


class Certain:
    """Answers that need no data, because numbers are finite: nothing equals infinity, everything equals itself."""

    def __init__(self) -> None:
        self._known: dict[int, bool] = {}

    def note(self, call: OpCall) -> None:
        """Note what is certain of a call's result."""
        out = call.outputs[0] if call.outputs else None
        if out is None or (out.dtype != "bool" and out.storage not in self._known):
            return
        answer = self._answer(call)
        if answer is None:
            self._known.pop(out.storage, None)
        else:
            self._known[out.storage] = answer

    def of(self, ref: TensorRef) -> bool | None:
        """Return what all elements of a tensor are, where that is certain."""
        return self._known.get(ref.storage)

    def _answer(self, call: OpCall) -> bool | None:
        packet = call.packet
        given = [self.of(value) if isinstance(value, TensorRef) else value for value in call.args]
        if packet in ("eq", "ne") and len(call.args) == 2:
            one, other = call.args
            same = bool(one == other)
            if same or (isinstance(other, float) and math.isinf(other)):
                return (packet == "eq") == same
        if packet in ("isinf", "isnan"):
            return False
        if packet in _SAME:
            known = given[0]
            return known if isinstance(known, bool) else None
        if packet in ("logical_not", "bitwise_not"):
            return None if given[0] is None else not given[0]
        if packet in _BOTH:
            return all(given[:2]) if None not in given[:2] else None
        if packet in ("logical_or", "bitwise_or", "__or__"):
            return any(given[:2]) if None not in given[:2] else None
        return None


_SAME = frozenset(
    {"all", "any", "detach", "alias", "view", "reshape", "clone", "_to_copy", "select", "squeeze", "unsqueeze"}
)
_BOTH = frozenset({"mul", "logical_and", "bitwise_and", "__and__"})
