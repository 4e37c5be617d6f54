"""A record added up at its own point, in plain integers: nothing lifted, nothing pruned. What a formula must equal."""

from __future__ import annotations

from itertools import islice

from costmodel.algebra.formula import INPUT, PEAK, flops_key, kind_key, memory_key, without_first
from costmodel.contract import CONVENTIONS, FIRST, GROUPS, KINDS, PHASES, phase_of
from costmodel.rules import arithmetic
from costmodel.rules.call import whole
from costmodel.rules.counters import COUNTERS
from costmodel.tracing.live import follow, memory_event
from costmodel.tracing.record import StepRecord


def add_up(record: StepRecord) -> dict[str, int]:
    """Return every quantity of a formula, by name, as the record at hand has it."""
    return {**_flops(record), **_memory(record), INPUT: sum(record.input_sizes)}


def _flops(record: StepRecord) -> dict[str, int]:
    phases = (*PHASES, *FIRST.values())
    totals = {flops_key(convention, phase): 0 for convention in CONVENTIONS for phase in phases}
    totals |= {kind_key(kind, phase): 0 for kind in KINDS for phase in phases}
    for call in record.calls:
        phase = phase_of(call.step, call.phase)
        seen = call.seen
        for kind, flops in (arithmetic.count(seen) or {}).items():
            totals[kind_key(kind, phase)] += whole(flops)
        for convention, count in COUNTERS.items():
            totals[flops_key(convention, phase)] += whole(count(seen))
    return without_first(totals)


def _memory(record: StepRecord) -> dict[str, int]:
    now = dict.fromkeys(GROUPS, 0)
    peaks = dict.fromkeys(GROUPS, 0)
    peak = done = 0
    changes = follow(map(memory_event, record.events))
    for call in record.calls:
        for before, after in islice(changes, call.events - done):
            if before:
                now[before.group] -= before.nbytes
            if after:
                now[after.group] += after.nbytes
        done = call.events
        peaks = {group: max(peaks[group], now[group]) for group in GROUPS}
        peak = max(peak, sum(now.values()))
    return {memory_key(group): value for group, value in peaks.items()} | {PEAK: peak}
