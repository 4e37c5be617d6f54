"""Which methods a model can be adapted with at all, where nobody named them."""

from __future__ import annotations

from collections.abc import Sequence

from costmodel.cell.request import request
from costmodel.cell.setup import Setup
from costmodel.errors import NotApplicableError
from costmodel.results import LeftOut


def applicable(setups: Sequence[Setup], *, named: bool) -> tuple[list[Setup], tuple[LeftOut, ...]]:
    """Leave out default methods that do not apply: the model has no head, or no layer that gets an adapter.

    Args:
        setups: models with methods.
        named: whether the methods were asked for by name; then none is left out.

    Raises:
        NotApplicableError: where none is left of a model, with the first reason.
        InputError: where a model cannot be made.
    """
    kept: list[Setup] = []
    left_out: list[LeftOut] = []
    for setup in setups:
        reason = None if named or setup.subject.by_name else _reason(setup)
        if reason is None:
            kept.append(setup)
        else:
            left_out.append(LeftOut(setup.subject.name, setup.method.name, reason))
    for name, _, reason in left_out:
        if all(setup.subject.name != name for setup in kept):
            raise NotApplicableError(reason)
    return kept, tuple(left_out)


def _reason(setup: Setup) -> str | None:
    from costmodel.tracing.protocol import adapted_model

    try:
        adapted_model(setup, request(setup).representative(), "meta")
    except NotApplicableError as error:
        return str(error)
    return None
