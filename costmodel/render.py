"""Estimates and comparisons as tables for people: units that read well, symbols where asked."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from costmodel.api import Estimate
from costmodel.contract import CONVENTIONS, GROUPS, PHASES

if TYPE_CHECKING:
    from validate.compare import Comparison
    from validate.table import SuiteTable

_BINARY = ("B", "KiB", "MiB", "GiB", "TiB")
_DECIMAL = ("FLOPs", "kFLOPs", "MFLOPs", "GFLOPs", "TFLOPs", "PFLOPs")


def _scaled(value: float, step: int, units: tuple[str, ...]) -> str:
    index = 0
    while abs(value) >= step and index < len(units) - 1:
        value, index = value / step, index + 1
    return f"{value:.0f} {units[0]}" if index == 0 else f"{value:.2f} {units[index]}"


def size(nbytes: int) -> str:
    """Write bytes with a binary unit: ``102.42 MiB``."""
    return _scaled(nbytes, 1024, _BINARY)


def work(flops: int | Fraction) -> str:
    """Write FLOPs with a decimal unit: ``1.18 GFLOPs``."""
    return _scaled(float(flops), 1000, _DECIMAL)


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for index, column in enumerate(columns):
        table.add_column(column, justify="right" if index else "left", overflow="fold")
    return table


def heading(estimate: Estimate) -> str:
    """Say which cell an estimate is of."""
    alias = f" ({estimate.alias})" if estimate.alias else ""
    sizes = ", ".join(f"{axis} = {value}" for axis, value in estimate.point.items() if value is not None)
    left = f", symbolic in {', '.join(dict.fromkeys(estimate.symbolic.values()))}" if estimate.symbolic else ""
    classes = f", {estimate.classes} classes" if estimate.classes else ""
    setting = f"{estimate.optimizer}, loss {estimate.loss}"
    setup = estimate.setup
    told = "".join(f", {label}" for label in (setup.options.label, setup.training.label) if label)
    return f"{estimate.model}{alias}, {estimate.method}: {sizes}{left}{classes}, {setting}{told}"


def show_estimate(console: Console, estimate: Estimate, formulas: bool) -> None:
    """Print an estimate.

    Args:
        console: where to.
        estimate: what to print.
        formulas: print the closed forms too; a symbolic estimate always prints them.
    """
    console.print(Text(heading(estimate), style="bold"))
    console.print()
    console.print(_flops(estimate))
    for line in _remarks(estimate):
        console.print(Text(line), soft_wrap=True)
    console.print()
    console.print(_memory(estimate))
    if formulas or estimate.symbolic:
        console.print()
        show_formulas(console, estimate)


def _number(value: int | None, unit: str) -> str:
    if value is None:
        return "formula"
    return size(value) if unit == "B" else work(value)


def _flops(estimate: Estimate) -> Table:
    table = _table("FLOPs", "arithmetic", "= matmul", "+ svd", "+ other", "torch", "paper")
    names = {"optimizer_first": "optimizer, step 0", "optimizer": "optimizer, later"}
    for phase in PHASES:
        kinds = estimate.flops["arithmetic"]["by_kind"][phase]
        values = [estimate.flops["arithmetic"][phase], *kinds.values()]
        values += [estimate.flops[convention][phase] for convention in ("torch", "paper")]
        table.add_row(names.get(phase, phase), *(_number(value, "FLOP") for value in values))
    if "amortised" in estimate.formulas:
        cells = [estimate.amortised(convention) for convention in CONVENTIONS]
        shown = ["formula" if value is None else work(value) for value in cells]
        table.add_row(f"optimizer, over T = {estimate.setup.options.update_gap}", shown[0], "", "", "", *shown[1:])
    return table


def _remarks(estimate: Estimate) -> list[str]:
    lines = []
    if estimate.grouped_convolutions:
        lines.append(
            f"paper and torch multiply the weight gradient of the {estimate.grouped_convolutions} grouped convolutions "
            "by their number of groups; arithmetic divides all three products of a convolution by it."
            + ("" if estimate.overcounted else " Here those weights are frozen: there is no such gradient.")
        )
    if "amortised" in estimate.formulas:
        lines.append(
            "GaLore's thin SVD is counted by LAPACK gesdd's operation count (docs/conventions.md); torch and paper "
            "have no rule for it and count 0."
        )
    if estimate.unknown:
        named = ", ".join(f"{name} ({times} calls)" for name, times in sorted(estimate.unknown.items()))
        lines.append(f"Unknown operators, not in arithmetic: {named}.")
    else:
        lines.append("Unknown operators: none.")
    return lines


def _memory(estimate: Estimate) -> Table:
    table = _table("Memory", "peak", "bytes")
    groups = {
        "param": "param: parameters",
        "buffer": "buffer: BatchNorm statistics",
        "grad": "grad: gradients",
        "act": "act: activations",
        "temp": "temp: backward temporaries",
        "opt": "opt: optimizer state and temporaries",
    }
    values: list[tuple[str, int | None]] = [
        (label, estimate.memory["groups"][group]) for group, label in groups.items()
    ]
    values.append(("sum of group peaks (the paper's total)", estimate.memory["sum_of_group_peaks"]))
    values.append(("peak: must fit in RAM", estimate.memory["peak"]))
    values.append(("input batch, in no group", estimate.memory["input"]))
    for index, (label, value) in enumerate(values):
        if index in (len(groups), len(values) - 1):
            table.add_section()
        style = "bold" if label.startswith("peak") else None
        table.add_row(label, _number(value, "B"), "formula" if value is None else f"{value:,}", style=style)
    return table


def show_formulas(console: Console, estimate: Estimate) -> None:
    """Print the closed forms, the definitions of their sizes, and where they hold."""

    def block(title: str, rows: Mapping[str, str]) -> None:
        console.print(Text(title, style="bold"))
        width = max(map(len, rows), default=0)
        for name, text in rows.items():
            console.print(Text(f"  {name:{width}} = {text}"), soft_wrap=True)

    texts = estimate.formulas
    block("Memory, bytes", {name: texts["memory"][name] for name in (*GROUPS, "sum_of_group_peaks", "peak")})
    for convention in CONVENTIONS:
        rows = dict(texts["flops"][convention])
        if "amortised" in texts:
            rows["amortised"] = "optimizer + (optimizer_first - optimizer)/T"
        block(f"FLOPs, {convention}", rows)
    block("FLOPs, arithmetic: its matmul part", texts["arithmetic_matmul"])
    if estimate.symbols:
        block("where", estimate.symbols)
    conditions = [*estimate.domain.values(), *(["T >= 2"] if "amortised" in texts else [])]
    if conditions:
        console.print(Text(f"valid for {', '.join(conditions)}, all integers"), soft_wrap=True)


def show_comparison(console: Console, comparison: Comparison) -> None:
    """Print predicted, measured and difference for every number, and the verdict."""
    console.print(Text(heading(comparison.estimate), style="bold"))
    console.print()
    table = _table("quantity", "instrument", "predicted", "measured", "difference")
    for row in comparison.rows:
        style = None if row.difference == 0 else "bold red"
        numbers = [f"{value:,}" for value in (row.predicted, row.measured, row.difference)]
        table.add_row(row.quantity, row.instrument, *numbers, style=style)
    console.print(table)
    for note in comparison.notes:
        console.print(Text(note), soft_wrap=True)
    wrong = [row for row in comparison.rows if row.difference]
    verdict = (
        f"{len(wrong)} of {len(comparison.rows)} numbers differ"
        if wrong
        else f"equal: all {len(comparison.rows)} numbers"
    )
    console.print(Text(verdict, style="bold red" if wrong else "bold green"))


def show_suite(console: Console, suite: SuiteTable) -> None:
    """Print one line for each cell of a suite."""
    table = _table("cell", "point", "verdict", "numbers", "peak predicted", "peak measured")
    for row in suite.rows:
        peaks = ("" if value is None else f"{value:,}" for value in (row.predicted, row.measured))
        point = " ".join(f"{axis}={value}" for axis, value in row.spec.point.items())
        style = None if row.verdict == "equal" else "bold red"
        table.add_row(row.spec.setup.label, point, row.verdict, str(row.numbers), *peaks, style=style)
    console.print(table)
    console.print(Text(suite.summary, style="bold"))


def show_names(console: Console, title: str, rows: Mapping[str, str]) -> None:
    """Print names with a line about each."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column(title, no_wrap=True)
    table.add_column("")
    for name, about in rows.items():
        table.add_row(name, about)
    console.print(table)
