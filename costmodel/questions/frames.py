"""Swept points as rows: plain data, a pandas frame, or a file written a chunk at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pyarrow as pa

from costmodel.contract import AXES
from costmodel.errors import InputError
from costmodel.files import FORMULA, replacing
from costmodel.questions.sweep import COLUMNS, Chunk, Grid, Refusal, Say, sweep
from costmodel.results import LeftOut, Result

if TYPE_CHECKING:
    import pandas as pd

SCHEMA = pa.schema(
    [
        *(pa.field(name, pa.string()) for name in ("model", "method")),
        *(pa.field(name, pa.int64()) for name in (*AXES, *COLUMNS)),
        pa.field("lower_bound", pa.bool_()),
    ]
)
"""A row for each point; an axis that the cell does not have is missing there."""

Append = Callable[[pa.Table], None]


def rows(chunk: Chunk) -> pa.Table:
    """Return a chunk as rows of `SCHEMA`."""
    length = len(chunk)
    numbers = {**chunk.points, **chunk.costs}
    columns: list[Any] = [pa.array(np.full(length, name)) for name in (chunk.model, chunk.method)]
    columns += [
        pa.array(numbers[name]) if name in numbers else pa.nulls(length, pa.int64()) for name in (*AXES, *COLUMNS)
    ]
    columns.append(pa.array(np.full(length, chunk.lower_bound)))
    return pa.table(columns, schema=SCHEMA)


@dataclass(frozen=True)
class Sweep(Result):
    """The points of a sweep that have a cost; its length is their number.

    Attributes:
        points: how many there are.
        chunks: the points with their costs, in the order of the grids; none where they were not to be kept.
        refusals: the points that have no cost, with the reason, for each cell that has any.
        left_out: default methods that do not apply, with the reason.
    """

    SCHEMA: ClassVar[str] = "costmodel.sweep/1"

    points: int
    chunks: tuple[Chunk, ...]
    refusals: tuple[Refusal, ...]
    left_out: tuple[LeftOut, ...] = ()

    def __len__(self) -> int:
        return self.points

    def content(self) -> dict[str, Any]:
        """Return one row for each point, FLOPs and bytes: `SCHEMA` has the columns."""
        return {"rows": self._table().to_pylist(), "left_out": [one._asdict() for one in self.left_out]}

    def to_frame(self) -> pd.DataFrame:
        """Return the same rows as one pandas frame; numbers have pandas' nullable integer type."""
        import pandas as pd

        made: pd.DataFrame = self._table().to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get)
        return made

    def _table(self) -> pa.Table:
        return pa.concat_tables([rows(chunk) for chunk in self.chunks]) if self.chunks else SCHEMA.empty_table()


def gathered(
    grids: Sequence[Grid],
    say: Say = lambda *_: None,
    use: Callable[[Chunk], object] | None = None,
    keep: bool = True,
    left_out: tuple[LeftOut, ...] = (),
) -> Sweep:
    """Evaluate grids and gather what comes of them.

    Args:
        grids: what to evaluate, in order.
        say: told what is being worked on, points done and points in all.
        use: gets each chunk as it is made.
        keep: whether the result has the chunks; without them memory does not grow with their number.
        left_out: default methods that do not apply.

    Raises:
        InputError: where no point has a cost.
    """
    points = 0
    chunks: list[Chunk] = []
    refusals: list[Refusal] = []
    for found in sweep(grids, say):
        if isinstance(found, Refusal):
            refusals.append(found)
            continue
        points += len(found)
        if use is not None:
            use(found)
        if keep:
            chunks.append(found)
    if not points:
        raise InputError(refusals[0].reason)
    return Sweep(points, tuple(chunks), tuple(refusals), left_out)


@contextmanager
def writer(path: Path) -> Iterator[Append]:
    """Open a file for rows: CSV, Parquet or JSON Lines by its ending; it appears when it is complete.

    Yields:
        A function that appends rows of `SCHEMA`.

    Raises:
        InputError: for another ending, or a file that cannot be written.
    """
    opened = _WRITERS.get(path.suffix.lower())
    if opened is None:
        raise InputError(f"--output {path}: expected a file that ends in {', '.join(_WRITERS)}")
    try:
        with replacing(path) as temporary:
            temporary.touch()  # says why it cannot be written in one word, where pyarrow has many
            with opened(temporary) as append:
                yield append
    except OSError as error:
        raise InputError(f"--output {path} cannot be written: {error.strerror or error}") from error


@contextmanager
def _csv(path: Path) -> Iterator[Append]:
    from pyarrow import csv

    with csv.CSVWriter(str(path), SCHEMA, write_options=csv.WriteOptions(quoting_style="needed")) as sink:
        yield lambda table: sink.write_table(_in_sheet(table))


def _in_sheet(table: pa.Table) -> pa.Table:
    """Do to the words of a table what `costmodel.files.in_sheet` does to one."""
    from pyarrow import compute

    for at, field in enumerate(table.schema):
        if pa.types.is_string(field.type):
            words = table.column(at)
            told = compute.match_substring_regex(words, FORMULA)
            table = table.set_column(
                at, field, compute.if_else(told, compute.binary_join_element_wise("'", words, ""), words)
            )
    return table


@contextmanager
def _parquet(path: Path) -> Iterator[Append]:
    from pyarrow import parquet

    with parquet.ParquetWriter(str(path), SCHEMA) as sink:
        yield sink.write_table


@contextmanager
def _json_lines(path: Path) -> Iterator[Append]:
    import pandas as pd

    with path.open("w", encoding="utf-8") as sink:

        def append(table: pa.Table) -> None:
            found = table.to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get)
            sink.write(found.to_json(orient="records", lines=True))

        yield append


_WRITERS: dict[str, Callable[[Path], AbstractContextManager[Append]]] = {
    ".csv": _csv,
    ".parquet": _parquet,
    ".jsonl": _json_lines,
}
