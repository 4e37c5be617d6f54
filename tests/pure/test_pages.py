"""A page that shows something else than its cells print is found out."""

from __future__ import annotations

import pytest

import costmodel
from tests import pages

PAGE = """\
# A page

```python
import sys

a = 2
```

```python
print("first")
a * 21
```

```text
first
42
```

Prose with `code`.

```console
$ costmodel --version
costmodel 0.0.1
```
"""


def test_a_page_is_rerun_in_one_namespace() -> None:
    now = pages.rerun(PAGE)
    assert "costmodel 0.0.1" not in now
    assert pages.rerun(now) == now
    assert now.partition("$ costmodel")[0] == PAGE.partition("$ costmodel")[0]


@pytest.mark.parametrize(
    ("right", "wrong"),
    [("42\n", "43\n"), ("first\n", ""), ("first\n", "first\n\n"), ("a = 2", "a = 3"), ("42\n", "...\n42\n")],
)
def test_what_is_wrong_is_put_right(right: str, wrong: str) -> None:
    page = PAGE.replace("costmodel 0.0.1\n", "...\n")
    assert pages.rerun(page) == page
    assert pages.rerun(page.replace(right, wrong)) != page.replace(right, wrong)


def test_output_that_is_not_shown_is_added() -> None:
    page = PAGE.replace("\n```text\nfirst\n42\n```\n", "")
    assert "```text" not in page
    assert pages.rerun(page) == pages.rerun(PAGE)


PRINTED = "head\na 1.5 MiB\nb 2\nc 3\nfoot\n"


@pytest.mark.parametrize(
    ("shown", "fits"),
    [
        (PRINTED, True),
        ("head\n...\nfoot\n", True),
        ("...\nc 3\n...\n", True),
        ("...\n", True),
        ("head\n...\n", True),
        ("head\nfoot\n", False),
        ("head\n...\nb 3\n...\nfoot\n", False),
        ("head\n...\nc 3\nb 2\n...\n", False),
        (PRINTED + "...\n", False),
        ("", False),
    ],
)
def test_left_out_lines(shown: str, fits: bool) -> None:
    assert pages.fits(shown, PRINTED) is fits


def test_renewed_output_leaves_the_same_lines_out() -> None:
    assert pages.renewed("head\n...\nb 3\n...\nfoot\n", PRINTED) == "head\n...\nb 2\n...\nfoot\n"
    assert pages.renewed("...\na 1,024.0 MiB\nb 3\n...\n", PRINTED) == "...\na 1.5 MiB\nb 2\n...\n"
    assert pages.renewed("head\n...\nz 3\n", PRINTED) == PRINTED


def test_blocks_without_a_language_and_pages_whose_python_stays() -> None:
    page = PAGE.replace("```console", "```").replace("42", "43")
    assert pages.rerun(page, python=False) == page.replace("costmodel 0.0.1", f"costmodel {costmodel.__version__}")


def test_commands_in_one_block() -> None:
    page = "```console\n$ costmodel --version\n$ costmodel --version\n...\n```\n\n```bash\n$ costmodel x\n```\n"
    version = f"costmodel {costmodel.__version__}\n"
    assert pages.rerun(page) == page.replace("--version\n$", f"--version\n{version}$")
