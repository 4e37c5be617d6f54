"""A small formula as it lies in a file, and what somebody may have made of it: by the name of what is tried."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from costmodel.algebra.domain import Domain, Fixed, Free
from costmodel.algebra.formula import QUANTITIES, CostFormula, Derivation
from costmodel.algebra.polynomial import Polynomial
from costmodel.algebra.sizes import Capped, Strided

CODE = "__import__('pathlib').Path('executed').touch()"
"""Where anything evaluates it, a file is there."""

ESCAPE = "\x1b]0;title\x07\x1b[2J"


def small() -> Derivation:
    """Return a formula with a strided size and a capped rank."""
    term = 3 * Polynomial.symbol("N") * Polynomial.symbol("h1") + Polynomial.symbol("r9") + 7
    sizes = {"h1": Strided("H", 2, 1), "r9": Capped("r", 9)}
    domain = Domain({"N": Free(1), "H": Free(33), "r": Free(2, 64), "W": Fixed(4)})
    return Derivation(CostFormula(dict.fromkeys(QUANTITIES, (term,)), sizes, domain), {"odd": 2}, 5, overcounted=True)


Data = dict[str, Any]


def named(name: str) -> Callable[[Data], None]:
    """Give the first size another name, wherever it occurs."""

    def change(data: Data) -> None:
        formula = data["formula"]
        formula["sizes"] = {name if old == "h1" else old: size for old, size in formula["sizes"].items()}
        formula["monomials"] = [[name if old == "h1" else old for old in each] for each in formula["monomials"]]

    return change


def put(*keys: Any, to: Any) -> Callable[[Data], None]:
    """Put something else in a place of the formula; ``first`` is whatever key comes first."""

    def change(data: Data) -> None:
        place: Any = data
        for key in keys[:-1]:
            place = place[next(iter(place)) if key == "first" else key]
        place[keys[-1]] = to

    return change


TERM = ("formula", "quantities", "memory.peak", 0)

CHANGES: dict[str, Callable[[Data], None]] = {
    "code as the name of a size": named(CODE),
    "a lambda as the name of a size": named("(lambda:0).__globals__"),
    "a name that Python has": named("print"),
    "a name that sympy has": named("S"),
    "a name that ends a comment": named('*/ system("touch executed"); /*'),
    "a name with a line end": named("h1\nimport os"),
    "escape codes in a name": named(ESCAPE),
    "a letter of another alphabet": named("\uff481"),
    "another direction in a name": named("h1\u202e"),
    "a size of another kind of name": named("r7"),
    "code as an axis of a size": put("formula", "sizes", "h1", to=["strided", CODE, 2, 1]),
    "code as a factor": put("formula", "monomials", 0, to=["N", CODE]),
    "code as an axis of the domain": put("formula", "domain", "lower", to={CODE: 1}),
    "code as the axis that one is tied to": put("formula", "domain", "tied", to={"W": CODE}),
    "another part of the domain": put("formula", "domain", "__class__", to={}),
    "a bound that is text": put("formula", "domain", "lower", "N", to="1"),
    "a kind of size that there is not": put("formula", "sizes", "h1", to=["__init__", "H", 2, 1]),
    "a size divided by nothing": put("formula", "sizes", "h1", to=["strided", "H", 0, 1]),
    "a coefficient that is text": put(*TERM, 1, to=CODE),
    "a coefficient that is a truth": put(*TERM, 1, to=True),
    "a coefficient that is a fraction": put(*TERM, 1, to=1.5),
    "a coefficient of 4,000 digits": put(*TERM, 1, to=10**4000),
    "a product counted from the end": put(*TERM, 0, to=-1),
    "a product that there is not": put(*TERM, 0, to=10**6),
    "a power of a thousand": put("formula", "monomials", 0, to=["N"] * 1000),
    "a quantity without a term": put("formula", "quantities", "memory.peak", to=[]),
    "a quantity more": put("formula", "quantities", CODE, to=[[0, 1]]),
    "escape codes as the name of an operator": put("unknown", to={f"odd{ESCAPE}": 2}),
    "a formula that is a list": put("formula", to=[]),
}
"""What is changed in the data of a formula; the checksums are right afterwards."""


def texts(whole: bytes) -> dict[str, bytes]:
    """Return what else may stand in the place of a file's text."""
    return {
        "nothing": b"",
        "no text": b"\xff\xfe\x00\x80" * 99,
        "zeros": b"\0" * 10**6,
        "nested 200,000 deep": b"[" * 200_000,
        "objects nested 100,000 deep": b'{"a":' * 100_000,
        "a number of a million digits": b"9" * 10**6,
        "a number larger than any": whole.replace(b"3", b"1e999", 1),
        "not a number": whole.replace(b"3", b"NaN", 1),
        "infinity": whole.replace(b"3", b"-Infinity", 1),
        "half of it": whole[: len(whole) // 2],
        "a byte order mark": b"\xef\xbb\xbf" + whole,
        "UTF-16": whole.decode().encode("utf-16"),
        "a pickle": b"cposix\nsystem\n(S'touch executed'\ntR.",
        "YAML that makes objects": b"!!python/object/apply:os.system ['touch executed']",
    }


PLACES = {
    "a folder in its place": lambda path: (path.unlink(), path.mkdir()),
    "a pipe in its place": lambda path: (path.unlink(), os.mkfifo(path)),
    "a link to itself": lambda path: (path.unlink(), path.symlink_to(path)),
    "a link to an endless file": lambda path: (path.unlink(), path.symlink_to("/dev/zero")),
    "a file without an end": lambda path: os.truncate(path, 2**40),
}
"""What may be in the place of a file."""
