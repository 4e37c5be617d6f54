"""A record added up at its own point, in plain integers: nothing lifted, nothing pruned. What a formula must equal."""

from __future__ import annotations

from costmodel.algebra.formula import INPUT, PEAK, flops_key, kind_key, memory_key
from costmodel.contract import CONVENTIONS, GROUPS, KINDS, PHASES
from costmodel.rules import arithmetic, paper, torch_counter
from costmodel.rules.call import Extent
from costmodel.tracing.record import BIRTH, DEATH, StepRecord
from costmodel.tracing.trace import as_rule_call


def add_up(record: StepRecord) -> dict[str, int]:
    """Return every quantity of a formula, by name, as the record at hand has it."""
    return {**_flops(record), **_memory(record), INPUT: sum(record.input_sizes)}


def _flops(record: StepRecord) -> dict[str, int]:
    totals = {flops_key(convention, phase): 0 for convention in CONVENTIONS for phase in PHASES}
    totals |= {kind_key(kind, phase): 0 for kind in KINDS for phase in PHASES}
    for call in record.calls:
        if call.step == 1 and call.phase != "optimizer":
            continue
        phase = "optimizer_first" if call.phase == "optimizer" and call.step == 0 else call.phase
        seen = as_rule_call(call)
        for kind, flops in (arithmetic.count(seen) or {}).items():
            totals[kind_key(kind, phase)] += _integer(flops)
            totals[flops_key("arithmetic", phase)] += _integer(flops)
        totals[flops_key("torch", phase)] += _integer(torch_counter.count(seen))
        totals[flops_key("paper", phase)] += _integer(paper.count(seen))
    return totals


def _integer(flops: Extent) -> int:
    assert isinstance(flops, int), "the shapes of a record are integers"
    return flops


def _memory(record: StepRecord) -> dict[str, int]:
    live: dict[int, tuple[int, str]] = {}
    now = dict.fromkeys(GROUPS, 0)
    peaks = dict.fromkeys(GROUPS, 0)
    peak = done = 0
    for call in record.calls:
        for event in record.events[done : call.events]:
            nbytes, group = live.pop(event.storage, (0, ""))
            if group:
                now[group] -= nbytes
            if event.kind == BIRTH:
                nbytes = event.nbytes
            if event.kind != DEATH:
                live[event.storage] = (nbytes, event.group)
                now[event.group] += nbytes
        done = call.events
        peaks = {group: max(peaks[group], now[group]) for group in GROUPS}
        peak = max(peak, sum(now.values()))
    return {memory_key(group): value for group, value in peaks.items()} | {PEAK: peak}
