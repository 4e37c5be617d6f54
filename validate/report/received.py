"""What a report's numbers have to be: a file that somebody else may have written, from which pages are made."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired, TypedDict, get_args

import msgspec
from msgspec import Meta

from costmodel.errors import InputError
from costmodel.files import read_json, read_whole

Schema = Literal["costmodel.report/1"]
(SCHEMA,) = get_args(Schema)

Words = Annotated[str, Meta(max_length=10_000)]
"""Whatever somebody said: pages show it letter by letter."""
Name = Annotated[str, Meta(pattern=r"\A[\w .:=*/+-]{1,200}\Z")]
"""Of a model, a method, a quantity, a layer: nothing that a page or a terminal takes for anything else."""
Formula = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9_+*/(), -]{1,20000}\Z")]
Count = Annotated[int, Meta(ge=0, le=2**62)]
Positive = Annotated[int, Meta(ge=1, le=2**62)]
Seconds = Annotated[float, Meta(gt=0, le=1e9)]
Number = Annotated[int, Meta(ge=-(2**62), le=2**62)] | Annotated[float, Meta(ge=-1e30, le=1e30)]
Numbers = dict[Name, Number]


class _Cell(TypedDict):
    cell: tuple[Name, Name, Positive | None, Positive]
    predicted: Numbers | None
    measured: Numbers | None
    fault: Words


class _Ranks(TypedDict):
    model: Name
    method: Name
    total: list[Count]
    step: list[Count]
    formula: Formula
    borders: list[Positive]


class _Claims(TypedDict):
    cells: list[_Cell]
    ranks: list[_Ranks]


class _Product(TypedDict):
    model: Name
    kind: Name
    layer: Name
    groups: Positive
    product: Name
    seconds: Seconds
    arithmetic: Positive
    torch: Positive
    paper: Positive


class _Svd(TypedDict):
    model: Name
    rows: Positive
    columns: Positive
    svd_seconds: Seconds
    product_seconds: Seconds
    svd_flops: Positive
    product_flops: Positive


class _Kernels(TypedDict):
    peak: Annotated[float, Meta(gt=0, le=1e30)]
    products: list[_Product]
    svds: list[_Svd]


class _Row(TypedDict):
    cell: Name
    point: Name
    verdict: Words
    predicted: Numbers | None
    measured: Numbers | None


class _Depth(TypedDict):
    rows: list[_Row]
    errors: dict[Name, tuple[Count, Number, Number, Number]]
    summary: Words


class _Device(TypedDict):
    device: Words | None
    rows: NotRequired[list[_Row]]
    errors: NotRequired[dict[Name, tuple[Count, Number, Number, Number]]]
    summary: NotRequired[Words]


class _Machine(TypedDict):
    processor: Words
    cores: Count | None
    memory: Count | None
    system: Words


class _Section(TypedDict):
    seconds: Annotated[float, Meta(ge=0, le=1e9)]
    data: NotRequired[dict[str, Any]]
    left_out: NotRequired[Words]


class _Report(TypedDict):
    schema: Schema
    made: Words
    machine: _Machine
    packages: dict[Name, Words]
    jobs: Count
    sections: dict[Name, _Section]


_DATA: dict[str, Any] = {"claims": _Claims, "kernels": _Kernels, "device": _Device}
"""What the data of a section is; of all others, a depth's."""


def check_section(name: str, result: Any) -> dict[str, Any]:
    """Return what was measured for a section, or why it was left out, as it is.

    Raises:
        msgspec.ValidationError: for anything else.
    """
    section = msgspec.convert(result, _Section)
    if ("data" in section) == ("left_out" in section):
        raise msgspec.ValidationError(f"section {name}: expected either data, or why it was left out")
    if "data" in section:
        msgspec.convert(section["data"], _DATA.get(name, _Depth))
    return result  # type: ignore[no-any-return]  # what `_Section` is


def received(path: Path) -> dict[str, Any]:
    """Read the numbers of an earlier report.

    Raises:
        InputError: for a file that cannot be read, or is none: where, and what is expected there.
    """
    try:
        report = read_json(read_whole(path))
    except OSError as error:
        raise InputError(f"report {path} cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise InputError(f"report {path}: expected the report.json of an earlier report: {error}") from error
    found = report.get("schema") if isinstance(report, dict) else None
    if found != SCHEMA:
        raise InputError(
            f"report {path}: expected the report.json of an earlier report, schema {SCHEMA}, got {found!r}"
        )
    try:
        checked = msgspec.convert(report, _Report)
        for name, section in checked["sections"].items():
            check_section(name, section)
    except msgspec.ValidationError as error:
        raise InputError(f"report {path}: damaged: {error}") from error
    return report  # type: ignore[no-any-return]  # what `_Report` is, and more that a later release has
