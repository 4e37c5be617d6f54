"""The report: measure again what the paper claims, and write one HTML page, its Markdown twin and the numbers.

`sections` lists what is measured; `pages` lays out what was found; `html` and `markdown` write it.
"""

from __future__ import annotations

from validate.report.build import finish, measure_all, read, write

__all__ = ["finish", "measure_all", "read", "write"]
