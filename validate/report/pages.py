"""The report's pages, made of its numbers alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from costmodel.units import size
from validate.claims import Judgement, claims, judge
from validate.claims.verdict import COUNTING, NOT, OUT, REPRODUCED
from validate.report import claims_part, figures
from validate.report.document import Block, Document, Grid, Heading, Items, Listing, Prose, literal
from validate.report.numbers import evidence, faults
from validate.report.sections import SECTIONS

PAPER = "https://arxiv.org/abs/2507.23536"
SITE = "https://github.com/gslama12/pytorch-model-profiler"

Report = Mapping[str, Any]
"""``schema``, ``made``, ``machine``, ``packages``, ``jobs``, and in ``sections`` the result of each by name."""


def document(report: Report) -> Document:
    """Lay a report out."""
    lead = (
        f"What [From LLMs to Edge: Parameter-Efficient Fine-Tuning on Edge Devices]({PAPER}) claims in numbers, "
        "measured anew on the real step with the published rules, predicted by closed forms, and beside both what "
        "arithmetic and the memory that has to fit say."
    )
    return Document("The paper's claims, measured", lead, tuple(_blocks(report)))


def judgements(report: Report) -> list[Judgement]:
    """Judge every claim by a report's numbers; none where they are left out."""
    data = _data(report, "claims")
    if data is None:
        return []
    found = evidence(data)
    return [judge(claim, found) for claim in claims()]


def _data(report: Report, name: str) -> Mapping[str, Any] | None:
    data: Mapping[str, Any] | None = report["sections"].get(name, {}).get("data")
    return data


def _blocks(report: Report) -> Iterator[Block]:
    judged = judgements(report)
    data = _data(report, "claims")
    yield Heading("Summary", "summary")
    if data is not None:
        yield claims_part.tally(judged)
        yield Prose(_summary(judged, data))
        for fault in faults(data):
            yield Prose(f"Not equal: {literal(fault)}.")
        yield from claims_part.blocks(judged)
        yield from figures.blocks(evidence(data), data["ranks"])
        yield from _depthwise(judged)
    for name, section in SECTIONS.items():
        result = report["sections"].get(name)
        if result is None or section.render is None:
            continue
        yield Heading(section.title, name)
        if "data" in result:
            yield from section.render(result["data"])
        else:
            yield Prose(f"Left out: {literal(result['left_out'])}.")
    yield from _how(report)


def _summary(judged: list[Judgement], data: Mapping[str, Any]) -> str:
    count = {verdict: sum(one.verdict == verdict for one in judged) for verdict in (REPRODUCED, COUNTING, NOT, OUT)}
    cells = len(data["cells"])
    wrong = len(faults(data))
    equal = "all are equal to their predictions, every number an integer" if not wrong else f"{wrong} are not equal"
    return (
        f"{len(judged)} claims with a number or a comparison: {count[REPRODUCED]} hold, {count[COUNTING]} hold only as"
        f" the paper counts, {count[NOT]} do not hold, {count[OUT]} no cost model can decide. {cells} cells were "
        f"measured; {equal}."
    )


def _depthwise(judged: list[Judgement]) -> Iterator[Block]:
    of = {one.claim.id: one for one in judged}
    yield Heading("The depthwise finding", "depthwise")
    yield Prose(
        "The paper finds that the backward pass of a depthwise model costs 20 times its forward pass. That is a rule "
        "of its counter, which multiplies the weight gradient of a grouped convolution by its groups "
        "([docs/depthwise.md](depthwise.md)); `torch.utils.flop_counter` has the same rule. What follows from it "
        "falls with it:"
    )
    about = ("depthwise-20-v2", "depthwise-20-v3", "adapters-95", "adapters-flops-v3", "depthwise-10")
    yield Items(tuple(f"“{of[name].claim.quote}”: {of[name].verdict}. {of[name].reason}" for name in about))


def _how(report: Report) -> Iterator[Block]:
    yield Heading("How this was made", "made")
    machine = report["machine"]
    memory = f", {size(machine['memory'])}" if machine["memory"] else ""
    yield Grid(
        "Versions and machine",
        ("what", "which"),
        (
            *((literal(name), literal(version)) for name, version in report["packages"].items()),
            ("processor", literal(f"{machine['processor']}, {machine['cores']} cores{memory}")),
            ("system", literal(machine["system"])),
            ("made", literal(report["made"])),
        ),
    )
    rows = []
    for name, section in SECTIONS.items():
        result = report["sections"].get(name)
        if result is None:
            rows.append((section.title, "not asked for", "", f"`{section.command}`"))
        else:
            state = "measured" if "data" in result else f"left out: {literal(result['left_out'])}"
            rows.append((section.title, state, f"{result['seconds']:.0f} s", f"`{section.command}`"))
    yield Grid("Sections", ("section", "state", "took", "command"), tuple(rows), frozenset({2}), cards=True)
    whole = sum(result["seconds"] for result in report["sections"].values())
    yield Prose(f"In all {whole / 60:.1f} minutes, {report['jobs']} processes at a time. Everything again:")
    yield Listing(f"costmodel report --jobs {report['jobs']} --output report")
    yield Prose(
        f"The published rules are those of the [paper's profiler]({SITE}), commit 26c8e01; the claims and the rule "
        "that decides on them are data, `specs/claims.toml`. All numbers of this page are in `report.json` beside it."
    )
