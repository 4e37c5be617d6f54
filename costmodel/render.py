"""Estimates and comparisons as tables for people: units that read well, symbols where asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from costmodel.api import Estimate
from costmodel.cells import title
from costmodel.contract import CONVENTIONS, GROUPS, PHASES
from costmodel.tables import Block, Line, Row, Table
from costmodel.units import size, work

if TYPE_CHECKING:
    from costmodel.resident import ResidentEstimate
    from validate.compare import Comparison
    from validate.deep import Sounding
    from validate.drift import Drift
    from validate.rows import SuiteTable


def heading(estimate: Estimate) -> str:
    """Say which cell an estimate is of."""
    sizes = {axis: value for axis, value in estimate.point.items() if value is not None}
    return title(estimate.setup, sizes, estimate.alias, estimate.symbolic.values())


def estimate_blocks(estimate: Estimate, formulas: bool) -> list[Block]:
    """Lay out an estimate.

    Args:
        estimate: what to print.
        formulas: print the closed forms too; a symbolic estimate always prints them.
    """
    blocks: list[Block] = [Line(heading(estimate), "bold"), Line(), _flops(estimate)]
    blocks += [*map(Line, _remarks(estimate)), Line(), _memory(estimate)]
    if formulas or estimate.symbolic:
        blocks += [Line(), *formula_blocks(estimate)]
    return blocks


def _number(value: int | None, unit: str) -> str:
    if value is None:
        return "formula"
    return size(value) if unit == "B" else work(value)


def _flops(estimate: Estimate) -> Table:
    names = {"optimizer_first": "optimizer, step 0", "optimizer": "optimizer, later"}
    rows: list[Row] = []
    for phase in PHASES:
        kinds = estimate.flops["arithmetic"]["by_kind"][phase]
        values = [estimate.flops["arithmetic"][phase], *kinds.values()]
        values += [estimate.flops[convention][phase] for convention in ("torch", "paper")]
        rows.append(Row((names.get(phase, phase), *(_number(value, "FLOP") for value in values))))
    if estimate.setup.method.refreshes:
        cells = [estimate.amortised(convention) for convention in CONVENTIONS]
        shown = ["formula" if value is None else work(value) for value in cells]
        label = f"optimizer, over T = {estimate.setup.options.update_gap}"
        rows.append(Row((label, shown[0], "", "", "", *shown[1:])))
    return Table(("FLOPs", "arithmetic", "= matmul", "+ svd", "+ other", "torch", "paper"), tuple(rows))


def _remarks(estimate: Estimate) -> list[str]:
    lines = []
    if estimate.grouped_convolutions:
        lines.append(
            f"paper and torch multiply the weight gradient of the {estimate.grouped_convolutions} grouped convolutions "
            "by their number of groups; arithmetic divides all three products of a convolution by it."
            + ("" if estimate.overcounted else " Here those weights are frozen: there is no such gradient.")
        )
    if estimate.setup.method.refreshes:
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
    groups = {
        "param": "param: parameters",
        "buffer": "buffer: BatchNorm statistics",
        "grad": "grad: gradients",
        "act": "act: activations",
        "temp": "temp: backward temporaries",
        "opt": "opt: optimizer state and temporaries",
    }
    values = [(label, estimate.memory["groups"][group], "", False) for group, label in groups.items()]
    values += [
        ("sum of group peaks (the paper's total)", estimate.memory["sum_of_group_peaks"], "", True),
        ("peak: must fit in RAM", estimate.memory["peak"], "bold", False),
        ("input batch, in no group", estimate.memory["input"], "", True),
    ]
    rows = [
        Row((label, _number(value, "B"), "formula" if value is None else f"{value:,}"), style, rule)
        for label, value, style, rule in values
    ]
    return Table(("Memory", "peak", "bytes"), tuple(rows))


def formula_blocks(estimate: Estimate) -> list[Block]:
    """Lay out the closed forms, the definitions of their sizes, and where they hold."""
    blocks: list[Block] = []

    def block(title: str, rows: Mapping[str, str]) -> None:
        blocks.append(Line(title, "bold"))
        width = max(map(len, rows), default=0)
        blocks.extend(Line(f"  {name:{width}} = {text}") for name, text in rows.items())

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
        blocks.append(Line(f"valid for {', '.join(conditions)}, all integers"))
    return blocks


def comparison_blocks(comparison: Comparison) -> list[Block]:
    """Lay out predicted, measured and difference for every number, and the verdict."""
    rows = [
        Row(
            (row.quantity, row.instrument, *(f"{value:,}" for value in (row.predicted, row.measured, row.difference))),
            "bold red" if row.difference else "",
        )
        for row in comparison.rows
    ]
    wrong = [row for row in comparison.rows if row.difference]
    verdict = f"{len(wrong)} of {len(rows)} numbers differ" if wrong else f"equal: all {len(rows)} numbers"
    return [
        Line(heading(comparison.estimate), "bold"),
        Line(),
        Table(("quantity", "instrument", "predicted", "measured", "difference"), tuple(rows), left=2),
        *map(Line, comparison.notes),
        Line(verdict, "bold red" if wrong else "bold green"),
    ]


def sounding_blocks(sounding: Sounding) -> list[Block]:
    """Lay out predicted and measured at one depth: the difference where they can be equal, else the relative error."""
    exact, unit = sounding.depth.exact, sounding.depth.unit
    rows = []
    for one in sounding.quantities:
        numbers = (
            f"{value:,}" if isinstance(value, int) else f"{value:.4g}" for value in (one.predicted, one.measured)
        )
        last = f"{one.difference:,}" if exact else percent(one.error)
        rows.append(Row((one.name, *numbers, last), "bold red" if exact and one.difference else ""))
    columns = ("quantity", *(f"{word}, {unit}" if unit else word for word in ("predicted", "measured")))
    verdict = {
        True: Line(f"equal: all {len(rows)} numbers", "bold green"),
        False: Line(
            f"{sum(one.difference != 0 for one in sounding.quantities)} of {len(rows)} numbers differ", "bold red"
        ),
        None: Line("An estimate: there is no equal, only its error.", "bold"),
    }[sounding.equal]
    return [
        Line(title(sounding.setup, sounding.point.values(), sounding.alias), "bold"),
        Line(f"{sounding.depth.name}: {sounding.depth.about}"),
        Line(),
        Table((*columns, "difference" if exact else "error"), tuple(rows)),
        *map(Line, sounding.notes),
        verdict,
    ]


def percent(error: float | None) -> str:
    """Write a relative error: ``+1.2%``; empty where there is none."""
    return "" if error is None else f"{100 * error:+.1f}%"


def suite_blocks(suite: SuiteTable) -> list[Block]:
    """Lay out one line for each cell of a suite, and the errors of what was estimated."""
    rows: list[Row] = []
    for row in suite.rows:
        numbers = ("" if value is None else _measured(value) for value in row.headline)
        point = " ".join(f"{axis}={value}" for axis, value in row.spec.point.items())
        cells = (row.spec.setup.label, point, row.verdict, str(row.numbers), *numbers)
        rows.append(Row(cells, "" if row.kind in ("equal", "measured") else "bold red"))
    word = "" if suite.errors else "peak "
    columns = ("cell", "point", "verdict", "numbers", f"{word}predicted", f"{word}measured")
    errors = [
        Row((name, str(cells), *(f"{100 * error:.1f}%" for error in sizes)))
        for name, (cells, *sizes) in suite.errors.items()
    ]
    estimated = Table(("estimate", "cells", "median error", "90% within", "largest error"), tuple(errors))
    between: list[Block] = [Line(), estimated, Line()] if errors else []
    return [
        Table(columns, tuple(rows), left=3),
        *between,
        Line(suite.summary, "bold"),
    ]


def resident_blocks(found: ResidentEstimate) -> list[Block]:
    """Lay out what a process of its own would hold."""
    low, high = (size(round(share * found.default)) for share in found.span)
    rows = (
        Row(("tensors at the peak", size(found.peak.tensors))),
        Row((f"workspaces of {found.peak.operator}", size(found.peak.nbytes - found.peak.tensors))),
        Row(("input batch", size(found.inputs))),
        Row(("code and compiled kernels", size(found.code))),
        Row(("resident, with MALLOC_MMAP_THRESHOLD_=65536", size(found.controlled)), "bold", rule=True),
        Row(("resident, allocator as it is", size(found.default)), "bold"),
    )
    controlled, default = (f"{100 * error:.1f} %" for error in found.error)
    return [
        Line(),
        Table(("Process memory", "estimate"), rows),
        Line(
            f"An estimate for Linux on x86, one thread, above an interpreter that has imported torch and peft: off by "
            f"{controlled} and {default} (median) where it was measured. The second lies between {low} and {high} in "
            f"nine of ten."
        ),
    ]


def _measured(value: float) -> str:
    """Write an integer in full, and a fraction to four digits."""
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"


def drift_blocks(drift: Drift) -> list[Block]:
    """Lay out what has changed between two result files."""
    from validate.cellkey import label
    from validate.drift import stated

    blocks: list[Block] = []
    for name, side in (("old", drift.old), ("new", drift.new)):
        blocks.append(Line(f"{name}: {side.path}, {len(side.cells)} cells", "bold"))
        blocks += [Line(f"  {stated(versions)}") for versions in side.versions]
    for name, cells in (("added", drift.added), ("removed", drift.removed)):
        blocks += [Line(f"{name}: {label(cell)}") for cell in cells]
    for cell in drift.changed:
        old, new = cell.verdicts
        blocks.append(Line(f"changed: {label(cell.cell)}: {old if old == new else f'{old} -> {new}'}", "bold"))
        for change in cell.changes:
            numbers = ("nothing" if value is None else _measured(value) for value in (change.old, change.new))
            relative = f" ({percent(change.relative)})" if change.relative is not None else ""
            blocks.append(Line(f"  {change.quantity} {change.kind}: {' -> '.join(numbers)}{relative}"))
    counts = (len(drift.changed), len(drift.added), len(drift.removed), drift.unchanged)
    words = ("changed", "added", "removed", "unchanged")
    summary = ", ".join(f"{count} {word}" for count, word in zip(counts, words, strict=True))
    return [*blocks, Line(summary, "bold green" if drift.same else "bold red")]
