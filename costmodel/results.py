"""Results as data: every answer says what it is as plain data, as JSON and, where it is a table, as a pandas frame.

The command line prints the same: ``--json`` is `Result.to_json` of the object that Python returns. The shape of each is
described in ``specs/schemas``, a file for each name in ``schema``.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic, NamedTuple, TypeVar, overload

if TYPE_CHECKING:
    import pandas as pd

Part = TypeVar("Part", covariant=True)

INTEGER, NUMBER, TEXT = "Int64", "float64", None
"""Types of a column: integers of which some may be missing, fractions, and what pandas makes of words."""


class Result(ABC):
    """What a question answers.

    Attributes:
        SCHEMA: name and version of its shape as data.
    """

    __slots__ = ()
    SCHEMA: ClassVar[str]

    @abstractmethod
    def content(self) -> dict[str, Any]:
        """Return what `to_dict` has after the name of its schema."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain data: the JSON object that the command line prints."""
        return {"schema": self.SCHEMA, **self.content()}

    def to_json(self, indent: int | None = None) -> str:
        """Return `to_dict` as text, integers exact."""
        return json.dumps(self.to_dict(), indent=indent)


@dataclass(frozen=True)
class Several(Result, Sequence[Part], Generic[Part]):
    """A result that is a sequence of parts.

    Attributes:
        parts: in the order asked for.
    """

    parts: tuple[Part, ...]

    @overload
    def __getitem__(self, place: int) -> Part: ...

    @overload
    def __getitem__(self, place: slice) -> tuple[Part, ...]: ...

    def __getitem__(self, place: int | slice) -> Part | tuple[Part, ...]:
        return self.parts[place]

    def __len__(self) -> int:
        return len(self.parts)


class LeftOut(NamedTuple):
    """A method that is left out.

    Attributes:
        model: name of the model.
        method: name of the method.
        reason: why it does not apply, in one line.
    """

    model: str
    method: str
    reason: str

    def __str__(self) -> str:
        return f"{self.method} is left out: {self.reason}"


def frame(rows: Iterable[Mapping[str, Any]], columns: Mapping[str, str | None]) -> pd.DataFrame:
    """Return rows as a pandas frame.

    Args:
        rows: a value for each column; ``None``, or left out, where there is none.
        columns: their names in order, with `INTEGER`, `NUMBER` or `TEXT`.
    """
    import pandas as pd

    rows = list(rows)
    # Column by column: a frame of rows would go through floats where one integer is missing.
    return pd.DataFrame(
        {name: pd.Series([row.get(name) for row in rows], dtype=dtype) for name, dtype in columns.items()}
    )
