"""Rules of the caller's own: for operators that the package does not know, or in place of its rules.

While any is registered, formulas that were derived without it do not answer: neither those that ship nor those on disk,
and every answer is compared with a fresh trace, as those of a caller's own module are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from costmodel.contract import CONVENTIONS, KINDS
from costmodel.errors import InputError, TraceError, unknown
from costmodel.rules import aten

if TYPE_CHECKING:
    from costmodel.rules.call import Call, Cost, Extent

    Rule = Callable[[Call], Extent | Mapping[str, Extent]]
    """Takes a call, gives its FLOPs; under ``arithmetic`` by kind, where they are not all ``other``."""

_NAME = r"(?:(?P<namespace>[A-Za-z]\w*)::)?(?P<operator>[A-Za-z_]\w*)"

_rules: dict[str, dict[str, Callable[[Call], Cost]]] = {convention: {} for convention in CONVENTIONS}
_changes = 0


def register(name: str, flops: Rule | int, *, convention: str = "arithmetic", arguments: str | None = None) -> None:
    """Add the cost of an operator, or put another in the place of the package's own, until `unregister`.

    >>> import costmodel
    >>> costmodel.rules.register("gelu", 7)  # FLOPs for each output element
    >>> costmodel.rules.register(
    ...     "mylib::scaled_matmul",
    ...     lambda call: {"matmul": 2 * call.out.numel * call.tensor("x").dims[-1], "other": call.out.numel},
    ...     arguments="x, weight, scale=1.0",
    ... )

    Args:
        name: of an ATen operator without overload, ``gelu``, or of another library's, ``mylib::scaled_matmul``. Its
            form in place, ``gelu_``, costs the same.
        flops: of one call: a whole number for each output element, or a function of the `costmodel.rules.call.Call`.
            The sizes that it sees are integers or polynomials: it may add and multiply them, not compare them.
        convention: one of the contract's.
        arguments: of the operator, as its schema has them, without types; needed where the function asks for one by
            name, and the package does not know it.

    Raises:
        InputError: for anything else.
    """
    global _changes  # one table for the process, as torch's own of operators
    operator = _operator(name)
    if convention not in CONVENTIONS:
        raise unknown("convention", str(convention), CONVENTIONS)
    whole = isinstance(flops, int) and not isinstance(flops, bool) and flops >= 0
    if not (whole or callable(flops)):
        raise InputError(
            f"flops of '{operator}': {flops!r} is neither a whole number from 0 on nor a function of a call"
        )
    if arguments is not None:
        _declare(operator, arguments)
    _rules[convention][operator] = _checked(operator, flops)
    _changes += 1


def unregister(name: str) -> None:
    """Take back every rule that was registered for an operator.

    Raises:
        InputError: where there is none.
    """
    global _changes  # see `register`
    operator = _operator(name)
    names = {name for rules in _rules.values() for name in rules}
    if operator not in names:
        raise unknown("registered operator", operator, names)
    for rules in _rules.values():
        rules.pop(operator, None)
    aten.OWN.pop(operator, None)
    _changes += 1


def registered(convention: str, packet: str) -> Callable[[Call], Cost] | None:
    """Return the rule that a caller has registered for an operator, if any."""
    return _rules[convention].get(aten.plain(packet)) if any_registered() else None


def any_registered() -> bool:
    """Tell whether any rule is registered."""
    return any(_rules.values())


def state() -> int:
    """Return a number that is another one after each change; 0 while only the package's own rules count."""
    return _changes if any_registered() else 0


def _operator(name: str) -> str:
    match = re.fullmatch(_NAME, name) if isinstance(name, str) else None
    if match is None:
        raise InputError(f"operator {name!r}: expected a name without overload, such as gelu or mylib::scaled_matmul")
    operator = aten.plain(match["operator"])
    return operator if match["namespace"] in (None, "aten") else f"{match['namespace']}::{operator}"


def _declare(operator: str, arguments: str) -> None:
    known = aten.SCHEMAS.get(operator)
    try:
        given = aten.signature(arguments)
    except (SyntaxError, ValueError, TypeError):
        raise InputError(f"arguments of '{operator}': expected names such as 'x, weight, scale=1.0'") from None
    if known is None:
        aten.OWN[operator] = arguments
    elif given != aten.signature(known):
        raise InputError(f"arguments of '{operator}': it takes {known}")


def _checked(operator: str, flops: Rule | int) -> Callable[[Call], Cost]:
    """Return a rule whose answer is FLOPs by kind, in whole numbers."""
    from costmodel.algebra.polynomial import Polynomial

    def cost(call: Call) -> Cost:
        try:
            found = flops(call) if callable(flops) else flops * call.out.numel
        except Exception as error:
            reason = " ".join(str(error).split())
            raise TraceError(f"the rule registered for '{operator}' fails: {type(error).__name__}: {reason}") from error
        kinds = dict(found) if isinstance(found, Mapping) else {"other": found}
        if not (kinds.keys() <= {*KINDS} and all(type(value) in (int, Polynomial) for value in kinds.values())):
            raise TraceError(
                f"the rule registered for '{operator}' gives {found!r}: expected a whole number of the sizes, or a "
                f"mapping of {', '.join(KINDS)} to such numbers"
            )
        return kinds

    return cost
