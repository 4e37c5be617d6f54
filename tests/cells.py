"""The cells that the tests go through, and what a fresh trace at one point says of them."""

from __future__ import annotations

from costmodel.contract import CONVENTIONS, GROUPS, KINDS, PHASES, Point
from costmodel.formula import INPUT, PEAK, flops_key, kind_key, memory_key
from costmodel.methods import METHODS, Method
from costmodel.rules import arithmetic, paper, torch_counter
from costmodel.subjects import Subject
from costmodel.tracing.record import StepRecord
from costmodel.tracing.step import record_step
from costmodel.tracing.trace import as_rule_call

MODELS = ("mobilenet_v2", "mobilenet_v3_small", "mobilenet_v3_large", "resnet18")
CELLS = tuple((model, method) for model in MODELS for method in METHODS)


def point(method: str, N: int, H: int, W: int, r: int) -> Point:
    return Point(N, H, W, r if METHODS[method].ranked else None)


def fresh(subject: Subject, method: Method, at: Point) -> dict[str, int]:
    """Trace at one point and add everything up in plain integers, without lifting or pruning anything."""
    record = record_step(subject, method, at)
    return {**_flops(record), **_memory(record), INPUT: record.input_bytes}


def _flops(record: StepRecord) -> dict[str, int]:
    totals = {flops_key(c, p): 0 for c in CONVENTIONS for p in PHASES} | {
        kind_key(k, p): 0 for k in KINDS for p in PHASES
    }
    for call in record.calls:
        if call.step == 1 and call.phase != "optimizer":
            continue
        phase = "optimizer_first" if call.phase == "optimizer" and call.step == 0 else call.phase
        seen = as_rule_call(call)
        for kind, flops in (arithmetic.count(seen) or {}).items():
            totals[kind_key(kind, phase)] += flops
            totals[flops_key("arithmetic", phase)] += flops
        totals[flops_key("torch", phase)] += torch_counter.count(seen)
        totals[flops_key("paper", phase)] += paper.count(seen)
    return totals


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
            if event.kind == "birth":
                nbytes = event.nbytes
            if event.kind != "death":
                live[event.storage] = (nbytes, event.group)
                now[event.group] += nbytes
        done = call.events
        peaks = {group: max(peaks[group], now[group]) for group in GROUPS}
        peak = max(peak, sum(now.values()))
    return {memory_key(group): value for group, value in peaks.items()} | {PEAK: peak}
