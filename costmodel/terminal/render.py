"""Estimates as tables for people: units that read well, symbols where asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from costmodel.contract import CONVENTIONS, GROUPS, PHASE_LABELS, STEP_PHASES
from costmodel.questions.estimate import Estimate
from costmodel.terminal.tables import Block, Line, Row, Table
from costmodel.units import size, work

if TYPE_CHECKING:
    from costmodel.machine.resident import ResidentEstimate
    from costmodel.machine.seconds.answer import Seconds


AT_LEAST = "At least: some operators have no rule and are not counted; estimate names them. Memory is exact."


def estimate_blocks(estimate: Estimate, formulas: bool) -> list[Block]:
    """Lay out an estimate.

    Args:
        estimate: what to print.
        formulas: print the closed forms too; a symbolic estimate always prints them.
    """
    blocks: list[Block] = [Line(estimate.title, "bold"), Line(), _flops(estimate)]
    blocks += [*map(Line, _remarks(estimate)), Line(), _memory(estimate)]
    if formulas or estimate.symbolic:
        blocks += [Line(), *formula_blocks(estimate)]
    return blocks


def _number(value: int | None, unit: str, *, at_least: bool = False) -> str:
    if value is None:
        return "at least formula" if at_least else "formula"
    return size(value) if unit == "B" else work(value, at_least=at_least)


def _flops(estimate: Estimate) -> Table:
    rows: list[Row] = []
    bound = estimate.lower_bound
    for phase in estimate.flops["torch"]:
        label = PHASE_LABELS.get(phase) or f"{phase.removesuffix('_first')}, step 0"
        kinds = estimate.flops["arithmetic"]["by_kind"][phase]
        counted = [_number(estimate.flops["arithmetic"][phase], "FLOP", at_least=bound)]
        counted += [_number(value, "FLOP", at_least=bound and kind == "other") for kind, value in kinds.items()]
        others = [_number(estimate.flops[convention][phase], "FLOP") for convention in ("torch", "paper")]
        rows.append(Row((label, *counted, *others)))
    if estimate.setup.method.refreshes:
        cells = [estimate.amortised(convention) for convention in CONVENTIONS]
        shown = ["formula" if value is None else work(value) for value in cells]
        shown[0] = f"at least {shown[0]}" if bound else shown[0]
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
        lines.append(
            f"Operators without a rule, not in arithmetic, which is at least what is shown: {named}. Memory is exact."
        )
    else:
        lines.append("Unknown operators: none.")
    lines += [f"{words} {_counted(estimate.found[name])}." for name, words in _FOUND.items() if name in estimate.found]
    if estimate.rehearsal:
        lines.append(_rehearsal(estimate.rehearsal))
    if "atlas" in estimate.versions:
        lines.append(f"The formulas that ship do not answer: {estimate.versions['atlas']}.")
    return lines


_FOUND = {
    "adapted": "Layers that got an adapter:",
    "eval": "Left in eval mode, as the model has it (--train-mode train changes that):",
    "frozen": "Parameters that the model itself has frozen:",
}


def _counted(kinds: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in kinds.items())


def _rehearsal(held: Mapping[str, Any]) -> str:
    if not held["equal"]:
        return f"Not rehearsed: {held['reason']}."
    sizes = ", ".join(f"{axis} = {value}" for axis, value in held["point"].items())
    return f"Rehearsed: the real step at {sizes} is equal to its trace in every byte."


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


def seconds_blocks(found: Seconds) -> list[Block]:
    """Lay out the seconds of a step on a calibrated host."""
    names = (*STEP_PHASES, "step")
    rows = tuple(Row((name, f"{found.seconds[name] * 1e3:.1f} ms"), rule=name == "step") for name in names)
    known, error = found.host.identity, found.host.error
    number = known["threads"]
    host = f"{known['cpu']}, {number} {'thread' if number == 1 else 'threads'}, torch {known['torch']}"
    off = (
        f"On {error.cells} models that it was not calibrated on it was off by {error.median:.0%} (median), "
        f"{error.worst:.0%} at worst."
        if error
        else "Its error here was not measured."
    )
    return [
        Line(),
        Table(("Time of a later step", "estimate"), rows),
        Line(f"An estimate for this host: {host}. {off}"),
    ]
