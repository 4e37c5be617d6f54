"""The tests run with the versions that are pinned, whatever came out since: each package they need is among them."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from costmodel.sources import atlas
from costmodel.sources.versions import release

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
NEEDED = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["dev"]]
PINS = re.findall(r"^([\w.-]+)==(\S+)$", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.MULTILINE)
PINNED = {canonicalize_name(name): version for name, version in PINS}


@pytest.mark.parametrize("needed", NEEDED)
def test_each_package_has_a_version_in_its_range(needed: str) -> None:
    requirement = Requirement(needed)
    assert requirement.specifier.contains(PINNED[canonicalize_name(requirement.name)]), needed


def test_no_pin_is_of_one_build_or_twice() -> None:
    assert len(PINNED) == len(PINS)
    assert all(release(version) == version for version in PINNED.values())


def test_what_ships_was_derived_with_the_pinned_versions() -> None:
    for name, version in atlas.stored("resnet18")["versions"].items():
        assert PINNED[name] == release(version)


@pytest.mark.parametrize("file", ["README.md", ".ci/run", "CONTRIBUTING.md"])
def test_who_installs_what_the_tests_need_takes_the_pins(file: str) -> None:
    lines = [line for line in (ROOT / file).read_text(encoding="utf-8").splitlines() if "'.[dev]'" in line]
    assert lines
    assert all("-c constraints.txt" in line for line in lines)
