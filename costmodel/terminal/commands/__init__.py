"""The commands, one file each: a file ``NAME.py`` with a function ``NAME``. To add one, add its row here.

Those that run real steps, or read what they measured, are the validator's own: it is named here, and imported when one
is run.
"""

from __future__ import annotations

import importlib
from typing import Any, NamedTuple


class Command(NamedTuple):
    """A command as ``costmodel --help`` lists it; its file is imported when it is run.

    Attributes:
        name: as typed.
        about: what it does, in one line.
        example: a command line that shows it.
        module: where its function is; the file of its name in this folder where left out.
    """

    name: str
    about: str
    example: str
    module: str = ""

    @property
    def place(self) -> str:
        """The module to import."""
        return self.module or f"{__name__}.{self.name}"

    def load(self) -> Any:
        """Import its file, and return its function, or typer's group of them."""
        return getattr(importlib.import_module(self.place), self.name)


COMMANDS = {
    command.name: command
    for command in (
        Command(
            "estimate",
            "FLOPs and memory of one fine-tuning step, exactly, without running it.",
            "costmodel estimate mobilenet_v2 --method lora --rank 4 --batch 8 --resolution 192",
        ),
        Command(
            "compare",
            "Methods, and models, side by side.",
            "costmodel compare mobilenet_v2 resnet18 --batch 8 --plot compare.svg",
        ),
        Command(
            "sweep",
            "Ranges of rank, resolution, batch, methods and models, to a CSV, Parquet or JSON Lines file.",
            "costmodel sweep mobilenet_v2 --method lora --rank 1:64 --resolution 96:256:32 --output sweep.csv",
        ),
        Command(
            "size",
            "What fits a budget: the largest rank, batch and resolution of each method.",
            "costmodel size mobilenet_v3 --memory 64MiB --flops 5G",
        ),
        Command(
            "formula",
            "The closed forms as text, LaTeX, Python, C99 or JSON.",
            "costmodel formula mobilenet_v2 --method lora --format c --output lora.h",
        ),
        Command(
            "peak",
            "Why the peak is where it is: the instant, what is alive, and the memory timeline.",
            "costmodel peak mobilenet_v2 --method lora --plot timeline.svg",
        ),
        Command(
            "layers",
            "Cost of each module, to any depth.",
            "costmodel layers mobilenet_v2 --method lora --depth 2 --sort saved",
        ),
        Command(
            "validate",
            "Run the real step: predicted, measured and difference for every number.",
            "costmodel validate mobilenet_v2 --method galore --rank 8 --batch 2 --height 97 --width 161",
            "validate.commands.validate",
        ),
        Command(
            "merge",
            "Join the runs of one suite on several machines, and write its tables.",
            "costmodel merge paper first/ second/ --output both/",
            "validate.commands.merge",
        ),
        Command(
            "drift",
            "Compare two result files: which cells changed, and with which versions.",
            "costmodel drift old/paper.jsonl new/paper.jsonl",
            "validate.commands.drift",
        ),
        Command(
            "report",
            "Measure the paper's claims anew: one HTML page, its Markdown twin, all numbers.",
            "costmodel report --jobs 2 --output report",
            "validate.commands.report",
        ),
        Command("models", "List the models known by name.", "costmodel models", f"{__name__}.names"),
        Command("methods", "List the fine-tuning methods.", "costmodel methods", f"{__name__}.names"),
        Command(
            "atlas",
            "Build and check the formulas that ship with the package.",
            "costmodel atlas check --sample 5",
        ),
    )
}


def calibrator() -> Any:
    """Import what measures this host: like the commands that run steps it is the validator's, above all of this."""
    return importlib.import_module("validate.host.calibrate")
