"""Draw the pictures of the gallery and write the page that shows them.

    .venv/bin/python benchmarks/gallery.py --output docs/gallery

Each picture is drawn by a real command line. What the page says of it is read from the numbers that the same run prints
as JSON; claims that are not numbers are asserted here. ``--png FOLDER`` draws each a second time, to look at.
"""

from __future__ import annotations

import argparse
import io
import json
import shlex
import textwrap
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from costmodel.terminal.cli import main as command_line
from costmodel.units import size, work

MODELS = ("mobilenet_v2", "mobilenet_v3_small", "resnet18")
OPENING = """\
# Gallery

Each picture is drawn by the command above it. What is said below it is computed from the numbers of the same run. All
of them are made by

```bash
.venv/bin/python benchmarks/gallery.py --output docs/gallery
```
"""


@dataclass(frozen=True)
class Picture:
    """A picture of the gallery.

    Attributes:
        name: of its file.
        title: of its section.
        command: what draws it.
        about: makes the sentences below it of what the command prints as JSON.
    """

    name: str
    title: str
    command: str
    about: Callable[[Any], str]

    def words(self, ending: str = "svg", folder: Path | None = None) -> list[str]:
        """The command line without the program's name, drawing into a folder."""
        file = f"{self.name}.{ending}"
        return [*shlex.split(self.command)[1:], "--plot", str(folder / file) if folder else file]


def run(words: Sequence[str]) -> Any:
    """Run a command line and return what it prints as JSON."""
    text = io.StringIO()
    with redirect_stdout(text):
        status = command_line([*words, "--json"])
    if status:
        raise SystemExit(f"costmodel {shlex.join(words)}: exit status {status}")
    return json.loads(text.getvalue())


def percent(part: float, whole: float = 1) -> str:
    return f"{100 * part / whole:.1f}%"


def listed(parts: Sequence[str]) -> str:
    return f"{', '.join(parts[:-1])} and {parts[-1]}"


def by_cell(compared: Any) -> dict[tuple[str, str], Any]:
    return {(cell["model"], cell["method"]): cell for cell in compared["cells"]}


def along(swept: Any, axis: str, quantity: str) -> dict[str, dict[int, int]]:
    """The values of a quantity by method and place on the axis."""
    found: dict[str, dict[int, int]] = {}
    for row in swept["rows"]:
        found.setdefault(row["method"], {})[row[axis]] = row[quantity]
    return found


def ends(values: Mapping[int, int], unit: Callable[[int], str]) -> str:
    return f"from {unit(values[min(values)])} to {unit(values[max(values)])}"


# -- what is said of each ------------------------------------------------------------------------------------------


def memory_of_methods(compared: Any) -> str:
    cells = by_cell(compared)
    full = [cells[model, "fft"]["memory"] for model in MODELS]
    activations = [memory["groups"]["act"] / memory["sum_of_group_peaks"] for memory in full]
    peaks = [cells[model, "lora"]["ratios"]["peak"] for model in MODELS]
    dora = [cells[model, "dora"]["ratios"]["peak"] for model in MODELS]
    assert sorted(activations) == activations[::-1]
    assert sorted(peaks) == peaks[::-1]
    return (
        "The bars are the memory groups' own peaks, whose sum is the paper's total; the mark is the simultaneous peak, "
        "which is what has to fit. In the order of the panels, activations are "
        f"{listed([*map(percent, activations)])} of the sum of `fft`. The smaller that share, the more `lora` saves: "
        f"its peak is {listed([*map(percent, peaks)])} of that of `fft`, the peak of `dora` "
        f"{listed([*map(percent, dora)])}."
    )


def backward_to_forward(cell: Any, convention: str) -> str:
    flops = cell["flops"][convention]
    return f"{flops['backward'] / flops['forward']:.2f}"


def flops_as_published(compared: Any) -> str:
    cells = by_cell(compared)
    small, plain = (backward_to_forward(cells[model, "fft"], "paper") for model in ("mobilenet_v2", "resnet18"))
    share = percent(cells["mobilenet_v2", "lora"]["ratios"]["step"])
    return (
        "Counted as the paper's profiler does, the backward pass of a depthwise model dwarfs its forward pass: with "
        f"`fft` it is {small} times as much for `mobilenet_v2`, and {plain} times for `resnet18`, which has no grouped "
        f"convolution. By that count, a step of `lora` on `mobilenet_v2` is {share} of one of `fft`."
    )


def flops_as_needed(compared: Any) -> str:
    cells = by_cell(compared)
    small, plain = (backward_to_forward(cells[model, "fft"], "arithmetic") for model in ("mobilenet_v2", "resnet18"))
    share = percent(cells["mobilenet_v2", "lora"]["ratios"]["step"])
    return (
        "The same steps, counting the operations that are needed. Without the factor of groups in the gradient of "
        f"depthwise weights ([why](conventions.md)) the two ratios are {small} and {plain}, and a step of `lora` on "
        f"`mobilenet_v2` is {share} of one of `fft`."
    )


def peak_over_batch(swept: Any) -> str:
    peaks = along(swept, "N", "memory.peak")
    fft, lora = peaks["fft"], peaks["lora"]
    last = max(fft)
    more = [n for n in fft if lora[n] > fft[n]]
    assert more
    assert more == [n for n in fft if n >= more[0]], "above from there on"
    together = [peaks[method][last] for method in ("fft", "lora", "galore")]
    return (
        f"With one image, `lora` needs {percent(lora[1], fft[1])} of the peak of `fft`. Activations grow with the "
        f"batch; gradients and optimizer state, on which it saves, do not: with {last} images, `fft`, `lora` and "
        f"`galore` are within {percent(max(together) - min(together), min(together))} of each other, and from "
        f"{more[0]} on `lora` needs more than `fft`. `bn_head`, whose backward pass ends at the head, grows "
        f"{ends(peaks['bn_head'], size)}."
    )


def peak_over_rank(swept: Any) -> str:
    peaks = along(swept, "r", "memory.peak")
    less = [r for r in peaks["lora"] if peaks["lora"][r] < peaks["galore"][r]]
    assert less == list(range(1, len(less) + 1)), "less up to there"
    grown = [f"`{method}` {ends(values, size)}" for method, values in peaks.items()]
    return (
        f"The peak grows with the rank: {listed(grown)}. The rank of `lora` and `dora` is in parameters, gradients, "
        "activations and optimizer state, that of `galore` in the optimizer only. Up to rank "
        f"{less[-1]}, `lora` needs less than `galore`."
    )


def backward_over_rank(swept: Any) -> str:
    flops = along(swept, "r", "flops.arithmetic.backward")
    assert len({*flops["galore"].values()}) == 1
    equal = next(r for r in flops["lora"] if flops["lora"][r] > flops["galore"][r])
    later = along(swept, "r", "flops.arithmetic.optimizer")["galore"]
    return (
        f"The backward pass of `lora` grows {ends(flops['lora'], work)} and that of `dora` "
        f"{ends(flops['dora'], work)}. From rank {equal} on, that of `lora` is more than the one of `galore`, which "
        f"computes every gradient in full, {work(flops['galore'][1])} at any rank; there the rank is in the optimizer, "
        f"whose later steps grow {ends(later, work)}."
    )


def peak_over_resolution(swept: Any) -> str:
    peaks = along(swept, "H", "memory.peak")
    sides = [min(peaks["fft"]), max(peaks["fft"])]
    phases = {}
    for side in (*peaks["fft"],):
        explained = run(["peak", "vit_b_16", "--resolution", str(side), "--no-where", "--top", "0"])
        phases[side] = explained["instant"]["phase"]
        assert explained["peak"] == peaks["fft"][side]
    flat = [side for side, phase in phases.items() if phase == "optimizer"]
    assert flat == [side for side in phases if side <= flat[-1]]
    assert flat[-1] < sides[1]
    grown = peaks["fft"][flat[-1]] - peaks["fft"][sides[0]]
    return (
        f"Up to {flat[-1]} pixels the peak of `fft`, {size(peaks['fft'][flat[-1]])}, is in the optimizer, where no "
        f"activations are alive; from {sides[0]} pixels on it grows by {size(grown)}, the position embeddings. Beyond, "
        f"it is in the {phases[sides[1]]} pass. `lora` has next to no optimizer state; its peak grows all the way, "
        f"{ends(peaks['lora'], size)}."
    )


def trade_off(sized: Any) -> str:
    from costmodel.cell.request import request
    from costmodel.cell.setup import setup_of
    from costmodel.questions.tradeoff import frontier
    from costmodel.sources.source import Source

    (answer,) = sized["answers"]
    fits = answer["methods"]
    setups = [setup_of(answer["model"], found["method"]) for found in fits]
    points = frontier([(Source(setup), request(setup)) for setup in setups])
    strong = [f"`{it.method}`" + (f" at rank {it.rank}" if it.rank else "") for it in points if it.on_frontier]
    fitting = [f"`{found['method']}`" for found in fits if found["fits"]]
    largest = [f"{found['largest']['batch']} with `{found['method']}`" for found in fits]
    assert [found["method"] for found in fits if found["fits"]] == [found["method"] for found in fits]
    return (
        f"Each of the {len(points)} points is a method at a rank. The strong ones are those to which no other is "
        f"preferable in peak, FLOPs and rank of the update at once: {listed(strong)}. In the budget of "
        f"{size(answer['budget']['memory'])}, the dashed line, {listed(fitting)} fit with one image; the largest batch "
        f"that fits is {listed(largest)}."
    )


def memory_over_time(explained: Any) -> str:
    at, groups = explained["instant"], explained["by_group"]
    others = {group: value for group, value in groups.items() if group != "act"}
    second = max(others, key=others.__getitem__)
    assert (at["step"], at["phase"]) == (1, "backward"), "so what is in opt is what step 0 has left"
    return (
        f"The peak of {size(explained['peak'])} is in the {at['phase']} pass of step {at['step']}, at "
        f"`{at['operator']}` of `{at['module']}`. Activations are {percent(groups['act'], explained['peak'])} of what "
        f"is alive then, `{second}` {percent(groups[second], explained['peak'])}. The optimizer's state, "
        f"{size(groups['opt'])}, is made at the end of step 0; that is why step 1 needs more."
    )


PICTURES = (
    Picture(
        "figure1",
        "Memory of methods: the paper's Figure 1",
        "costmodel compare mobilenet_v2 mobilenet_v3 resnet18",
        memory_of_methods,
    ),
    Picture(
        "figure2",
        "FLOPs of methods: the paper's Figure 2",
        "costmodel compare mobilenet_v2 mobilenet_v3 resnet18 --figure flops --convention paper",
        flops_as_published,
    ),
    Picture(
        "figure2_arithmetic",
        "The same in arithmetic",
        "costmodel compare mobilenet_v2 mobilenet_v3 resnet18 --figure flops --convention arithmetic",
        flops_as_needed,
    ),
    Picture(
        "batch",
        "Peak memory against batch",
        "costmodel sweep mobilenet_v3 --batch 1:64",
        peak_over_batch,
    ),
    Picture(
        "rank",
        "Peak memory against rank, as in the paper's Figure 5",
        "costmodel sweep mobilenet_v2 --method lora,dora,galore --rank 1:128",
        peak_over_rank,
    ),
    Picture(
        "rank_backward",
        "FLOPs against rank, as in the paper's Figure 5",
        "costmodel sweep mobilenet_v2 --method lora,dora,galore --rank 1:128 --quantity flops.arithmetic.backward",
        backward_over_rank,
    ),
    Picture(
        "resolution",
        "Peak memory against resolution, a transformer",
        "costmodel sweep vit_b_16 --method fft,lora --resolution 224:448:32",
        peak_over_resolution,
    ),
    Picture(
        "frontier",
        "The trade-off of memory and FLOPs",
        "costmodel size mobilenet_v3 --memory 64MiB",
        trade_off,
    ),
    Picture(
        "timeline",
        "Memory over the two steps",
        "costmodel peak mobilenet_v2 --method lora",
        memory_over_time,
    ),
)


def section(picture: Picture, printed: Any, folder: str) -> str:
    """A picture's part of the page."""
    command = shlex.join(["costmodel", *picture.words()])
    about = textwrap.fill(picture.about(printed), 120, break_long_words=False, break_on_hyphens=False)
    return (
        f"## {picture.title}\n\n```bash\n{command}\n```\n\n![{picture.title}]({folder}/{picture.name}.svg)\n\n{about}\n"
    )


def main() -> None:
    from costmodel.files import write_whole

    parser = argparse.ArgumentParser(description="Draw the pictures of the gallery and write its page.")
    parser.add_argument("--output", type=Path, required=True, help="folder of the pictures; the page stands beside it")
    parser.add_argument("--png", type=Path, help="folder to draw them as PNG too")
    parser.add_argument("--smallest", action="store_true", help="one small cell, once: to see that all of this runs")
    given = parser.parse_args()
    parts = [OPENING]
    for picture in PICTURES[:1] if given.smallest else PICTURES:
        print(picture.name, flush=True)
        printed = run(picture.words(folder=given.output))
        parts.append(section(picture, printed, given.output.name))
        if given.png:
            run(picture.words("png", given.png))
    write_whole(given.output.with_suffix(".md"), "\n".join(parts))


if __name__ == "__main__":
    main()
