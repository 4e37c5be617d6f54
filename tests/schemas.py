"""The JSON Schemas that ship with the package, and the check that every JSON object in the tests goes through."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from specs import FOLDER

SCHEMAS = FOLDER / "schemas"


@cache
def schemas() -> dict[str, dict[str, Any]]:
    """Every schema by the name of its file, and what they share as ``common``."""
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(SCHEMAS.glob("*.json"))}


@cache
def validator(name: str) -> Draft202012Validator:
    """What checks the objects of one schema."""
    shared = Registry().with_resources((f"{stem}.json", Resource.from_contents(one)) for stem, one in schemas().items())
    return Draft202012Validator(schemas()[name], registry=shared)


def file_of(schema: str) -> str:
    """``costmodel.atlas.check/1`` is described by ``atlas.check.json``."""
    return schema.removeprefix("costmodel.").partition("/")[0]


def check(data: dict[str, Any], name: str | None = None) -> None:
    """Fail where an object is not as its schema says; ``name`` is of those that name none."""
    error = next(validator(name or file_of(data["schema"])).iter_errors(data), None)
    assert error is None, f"{error.json_path}: {error.message}"


def read(text: str) -> dict[str, Any]:
    """Read a JSON object that the program printed, and check it."""
    data = json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    check(data)
    return data
