"""What is known by name: models and methods, with a line about each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from costmodel.cell.subjects import model_table
from costmodel.methods import METHODS, Method
from costmodel.results import TEXT, Result, frame

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Names(Result, Mapping[str, str]):
    """Names, each with a line about it.

    Attributes:
        KIND: what they are names of, in the singular.
        about: the line of each name.
    """

    KIND: ClassVar[str]

    about: Mapping[str, str]

    def __getitem__(self, name: str) -> str:
        return self.about[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.about)

    def __len__(self) -> int:
        return len(self.about)

    def content(self) -> dict[str, Any]:
        """Return the line of each name."""
        return {f"{self.KIND}s": dict(self.about)}

    def to_frame(self) -> pd.DataFrame:
        """Return one row for each name: the name and the line about it."""
        rows = ({self.KIND: name, "about": line} for name, line in self.about.items())
        return frame(rows, {self.KIND: TEXT, "about": TEXT})


class Models(Names):
    """The models known by name."""

    SCHEMA: ClassVar[str] = "costmodel.models/1"
    KIND: ClassVar[str] = "model"


class Methods(Names):
    """The methods known by name."""

    SCHEMA: ClassVar[str] = "costmodel.methods/1"
    KIND: ClassVar[str] = "method"


def models() -> Models:
    """Return the models known by name; of an alias, what it stands for."""
    return Models(
        {
            name: f"alias of {row['alias_of']}: {row['about']}" if "alias_of" in row else row["about"]
            for name, row in model_table().items()
        }
    )


def methods() -> Methods:
    """Return the methods known by name, those of other packages last, with what each trains and the code that does it.

    What other packages bring and cannot be used is left out; it says why when it is asked for by name.
    """
    from costmodel.methods.packages import all_brought

    known = [*METHODS.values(), *(found for found in all_brought(METHODS) if isinstance(found, Method))]
    return Methods({method.name: f"{method.trains} ({method.how})" for method in known})
