"""Compare what other tools say of one training step with what the real step measures, ours in the same table.

    .venv/bin/pip install -e '.[peers]'
    .venv/bin/python benchmarks/peers.py --output docs

Each tool answers for each cell of the paper (four models at N=1, 224x224, r=4) in a process of its own. Writes
``peers.csv`` and the generated part of ``peers.md``; without ``--output`` that part is printed.
"""

from __future__ import annotations

import argparse
import csv
import io
import os
import platform
import re
import sys
import tempfile
import textwrap
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext, redirect_stdout
from dataclasses import dataclass
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter
from types import SimpleNamespace as Given
from typing import Any

# Nothing else is imported up here: each tool's import is timed in a process that has none yet.

Numbers = Mapping[str, int]
"""Which of `QUANTITIES` a tool says; what it does not offer is left out."""

QUANTITIES = {"forward": "Forward FLOPs", "backward": "Backward FLOPs", "peak": "Peak bytes of training"}
COVERS = {
    **QUANTITIES,
    "optimizer": "Optimizer FLOPs",
    "groups": "Memory groups",
    "adapted": "Adapted models",
    "free": "Symbolic in",
}
COLUMNS = ("tool", "model", "method", *QUANTITIES, "failed", "seconds", "import_seconds", "threads", "versions")
REAL = "the real step"
BLOCK = re.compile(r"(<!-- generated [^\n]*-->\n).*(<!-- /generated -->)", re.DOTALL)


@dataclass(frozen=True)
class Tool:
    """One way to answer, a row of the page.

    Attributes:
        name: of the row.
        package: the distribution whose version is told.
        imports: modules whose import is timed.
        prepare: makes what the tool is given, not timed.
        ask: the call, timed; its docstring says on the page what is called and how its answer is read.
        covers: a few words on each of `COVERS` that it has.
    """

    name: str
    package: str
    imports: str
    prepare: Callable[[Any], Given]
    ask: Callable[[Given], Numbers]
    covers: Mapping[str, str]


def by_name(spec: Any) -> Given:
    return Given(spec=spec)


def real_model(spec: Any) -> Given:
    """The adapted module in train mode and a batch, real tensors on the CPU."""
    from costmodel.tracing.protocol import adapted_model, batch, some_tensor

    model = adapted_model(spec.setup, spec.at, "cpu")
    return Given(model=model, x=batch(spec.setup, spec.at, some_tensor, model=model).positional[0])


def fake_model(spec: Any) -> Given:
    """Model, optimizer and batch on fake tensors. peft cannot adapt a fake module: it is made fake afterwards."""
    import torch

    from costmodel.tracing.fakes import Fakes
    from costmodel.tracing.protocol import adapted_model, batch, optimizer_of

    model = adapted_model(spec.setup, spec.at, "meta")
    fakes = Fakes()
    with fakes.mode as mode:
        fakes.of_model(model)
        optimizer = optimizer_of(model, spec.setup, spec.at)
        made = batch(spec.setup, spec.at, torch.empty, model=model)
    return Given(model=model, batch=made, optimizer=optimizer, mode=mode, setup=spec.setup)


def real_step(given: Given) -> Numbers:
    """`validate.depths.operators`: both steps for real, under the instruments of `costmodel validate`."""
    from validate.depths.operators import DEPTH

    measured = DEPTH.measure(given.spec)
    flops = {phase: measured[f"kind.matmul.{phase}"] for phase in ("forward", "backward")}
    return {**flops, "peak": measured["memory.peak"]}


def derived(given: Given, cache: bool = False) -> Numbers:
    """`costmodel.estimate(NAME, METHOD, rank=4, cache=False)`: `matmul` of `arithmetic`, and `peak`."""
    import costmodel

    spec = given.spec
    estimate = costmodel.estimate(spec.model, spec.method, rank=spec.point.get("r"), cache=cache)
    kinds = estimate.flops["arithmetic"]["by_kind"]
    return {phase: kinds[phase]["matmul"] for phase in ("forward", "backward")} | {"peak": estimate.memory["peak"]}


def known(given: Given) -> Numbers:
    """The same without `cache=False`, once the cell's formula has been derived."""
    return derived(given, cache=True)


def flop_counter_mode(given: Given) -> Numbers:
    """`torch.utils.flop_counter.FlopCounterMode` around the forward and around the backward pass, on fake tensors."""
    from torch.utils.flop_counter import FlopCounterMode

    with given.mode:
        with FlopCounterMode(display=False) as forward:
            loss = given.model(*given.batch.positional).sum()
        with FlopCounterMode(display=False) as backward:
            loss.backward()
    return {"forward": forward.get_total_flops(), "backward": backward.get_total_flops()}


def mem_tracker(given: Given) -> Numbers:
    """`torch.distributed._tools.mem_tracker.MemTracker` around both steps on fake tensors.

    Model, optimizer and batch are given to `track_external`; the peak snapshot's `Total` less its `Other`, the batch.
    """
    from torch.distributed._tools.mem_tracker import MemTracker

    return tracked(given, MemTracker())


def guarded_mem_tracker(given: Given) -> Numbers:
    """The same through `validate.step.instruments.SecondOpinion`, a subclass that hooks trainable parameters only."""
    from validate.step.instruments import SecondOpinion

    return tracked(given, SecondOpinion())


def tracked(given: Given, tracker: Any) -> Numbers:
    from torch.distributed._tools.mem_tracker import _MemRefType

    from costmodel.tracing.protocol import two_steps

    def begins(_: int, phase: str) -> None:
        if phase == "forward":
            tracker.reset_mod_stats()  # it wants to be told that another step begins

    with given.mode:
        tracker.track_external(given.model, given.optimizer, *given.batch.tensors)
        with tracker:
            two_steps(given.model, given.optimizer, given.batch, given.setup, begins)
    (groups,) = tracker.get_tracker_snapshot("peak").values()
    return {"peak": groups["Total"] - groups[_MemRefType.OTH]}


def fvcore(given: Given) -> Numbers:
    """`fvcore.nn.FlopCountAnalysis(model, x).by_operator()`: 2 x what it has for convolutions and matrix products."""
    from fvcore.nn import FlopCountAnalysis

    macs = FlopCountAnalysis(given.model, given.x).unsupported_ops_warnings(False).by_operator()
    return {"forward": 2 * sum(int(macs[name]) for name in ("conv", "linear", "addmm", "matmul", "mm", "bmm"))}


def ptflops(given: Given) -> Numbers:
    """`ptflops.get_model_complexity_info(model, (3, 224, 224), backend='aten')`, as its README recommends: 2 x MACs."""
    from ptflops import get_model_complexity_info

    shape = tuple(given.x.shape[1:])
    macs, _ = get_model_complexity_info(
        given.model, shape, backend="aten", as_strings=False, print_per_layer_stat=False
    )
    if macs is None:
        raise RuntimeError("it returns None")
    return {"forward": 2 * int(macs)}


def thop(given: Given) -> Numbers:
    """`thop.profile(model, inputs=(x,))`: 2 x MACs.

    It trips over peft's outermost wrapper, which shows attributes of what it wraps as its own, so under `lora` it is
    given `model.get_base_model()`, adapters inside.
    """
    from thop import profile

    model = given.model.get_base_model() if hasattr(given.model, "get_base_model") else given.model
    macs, _ = profile(model, inputs=(given.x,), verbose=False)
    return {"forward": 2 * int(macs)}


def torchinfo(given: Given) -> Numbers:
    """`torchinfo.summary(model, input_data=x, mode='train')`: 2 x `total_mult_adds`.

    Peak is its estimated total size less the input: `total_param_bytes` + `total_output_bytes` (forward/backward pass).
    """
    from torchinfo import summary

    said = summary(given.model, input_data=given.x, mode="train", verbose=0)
    return {"forward": 2 * said.total_mult_adds, "peak": said.total_param_bytes + said.total_output_bytes}


def calflops(given: Given) -> Numbers:
    """`calflops.calculate_flops(model, input_shape=(1, 3, 224, 224), include_backPropagation=True)`: 2 x MACs.

    Two thirds of them are the backward pass, by its default `compute_bp_factor=2.0`.
    """
    from calflops import calculate_flops

    silent = {"print_results": False, "output_as_string": False}
    _, macs, _ = calculate_flops(
        given.model, tuple(given.x.shape), include_backPropagation=True, compute_bp_factor=2.0, **silent
    )
    return {"forward": round(2 * macs / 3), "backward": round(4 * macs / 3)}


def accelerate(given: Given) -> Numbers:
    """`accelerate estimate-memory` takes names on the Hub, so the two functions under it are called.

    `estimate_training_usage(calculate_maximum_sizes(model)[0], 'float32')`; the largest is its "Training using Adam".
    """
    from accelerate.commands.estimate import estimate_training_usage
    from accelerate.utils import calculate_maximum_sizes

    return {"peak": max(estimate_training_usage(calculate_maximum_sizes(given.model)[0], "float32").values())}


STEP = {name: "yes" for name in COVERS if name != "free"} | {"groups": "six"}
OURS = STEP | {"free": "N, H, W, r"}
COUNTER = {"forward": "products", "backward": "products", "optimizer": "products", "adapted": "yes"}
TRACKER = {"peak": "yes", "groups": "six, by module"}
ADAPTED = {"adapted": "forward"}
FACTOR = ADAPTED | {"forward": "products, others apart", "backward": "2 x forward"}
OUTPUTS = {"peak": "parameters, outputs twice", "groups": "these two", "adapted": "forward; lists what is frozen"}
ADAM = {"peak": "4 x parameters", "groups": "weights, gradients, Adam's state", "adapted": "takes all for trained"}
TRACKER_IMPORTS = "torch torch.distributed._tools.mem_tracker"
TOOLS = (
    Tool(REAL, "peft", "torch validate.step.run validate.step.instruments", by_name, real_step, STEP),
    Tool("costmodel, from nothing", "", "costmodel.api costmodel.sources.derive", by_name, derived, OURS),
    Tool("costmodel, formula known", "", "costmodel.api", by_name, known, OURS),
    Tool("torch FlopCounterMode", "", "torch torch.utils.flop_counter", fake_model, flop_counter_mode, COUNTER),
    Tool("torch MemTracker", "", TRACKER_IMPORTS, fake_model, mem_tracker, TRACKER | {"adapted": "fails"}),
    Tool("MemTracker, guarded", "", TRACKER_IMPORTS, fake_model, guarded_mem_tracker, TRACKER | {"adapted": "yes"}),
    Tool("fvcore", "fvcore", "torch fvcore.nn", real_model, fvcore, ADAPTED | {"forward": "products, others apart"}),
    Tool("ptflops", "ptflops", "torch ptflops", real_model, ptflops, ADAPTED | {"forward": "products, biases"}),
    Tool("thop", "thop", "torch thop", real_model, thop, ADAPTED | {"forward": "layers, norms, pooling"}),
    Tool("torchinfo", "torchinfo", "torch torchinfo", real_model, torchinfo, OUTPUTS | {"forward": "layers"}),
    Tool("calflops", "calflops", "torch calflops", real_model, calflops, FACTOR),
    Tool("accelerate", "accelerate", "torch accelerate.commands.estimate", real_model, accelerate, ADAM),
)


def cells() -> dict[tuple[str, str], Any]:
    """The paper's cells, by model and method."""
    from validate.suites import suite

    return {(spec.model, spec.method): spec for spec in suite.cells("paper")}


def answer(place: int, cell: tuple[str, str]) -> dict[str, Any]:
    """Ask one tool about one cell: numbers and seconds, or why there are none."""
    from costmodel.compat import careful_imports

    warnings.simplefilter("ignore")  # in this process only
    tool = TOOLS[place]
    try:
        with careful_imports():
            for name in tool.imports.split():
                import_module(name)
        given = tool.prepare(cells()[cell])
        with redirect_stdout(io.StringIO()):
            start = perf_counter()
            numbers = tool.ask(given)
            seconds = perf_counter() - start
        return {**numbers, "seconds": round(seconds, 4), "threads": sys.modules["torch"].get_num_threads()}
    except Exception as error:  # whatever stops a tool is its answer
        return {"failed": " ".join(str(error).split())[:80] or type(error).__name__}


def import_seconds(place: int) -> float | None:
    """Seconds to import a tool. torchvision, which some import in turn, follows torch untimed, for all alike."""
    spent = 0.0
    for name in TOOLS[place].imports.split():
        beforehand: Any = nullcontext()
        if "torch" in sys.modules:
            from costmodel.compat import careful_imports

            beforehand = careful_imports()
        with beforehand:
            start = perf_counter()
            try:
                import_module(name)
            except ImportError:
                return None
            spent += perf_counter() - start
    return round(spent, 3)


def in_new_process(start: str, work: Callable[..., Any], *given: Any) -> Any:
    context = get_context(start)
    if start == "forkserver":
        context.set_forkserver_preload(["validate.workers.preload"])  # torch, torchvision, peft: what every cell needs
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(work, *given).result()


def run(asked: Sequence[tuple[str, str]]) -> Iterator[dict[str, Any]]:
    """Yield a row for each tool and cell, their imports timed last, when all files have been read once."""
    from rich.console import Console
    from rich.progress import track

    from costmodel.sources.versions import installed

    console = Console(stderr=True)
    jobs = [(place, cell) for cell in asked for place in range(len(TOOLS))]
    answers = [in_new_process("forkserver", answer, *job) for job in track(jobs, "asking", console=console)]
    places = track(range(len(TOOLS)), "importing", console=console)
    imports = [in_new_process("spawn", import_seconds, place) for place in places]
    for (place, (model, method)), said in zip(jobs, answers, strict=True):
        found = {"Python": platform.python_version(), **installed(tuple(TOOLS[place].package.split()))}
        told = ", ".join(f"{name} {version}" for name, version in found.items())
        if TOOLS[place].name == REAL and "failed" in said:
            raise SystemExit(f"{REAL} of {model} {method} fails: {said['failed']}")
        row = {"tool": TOOLS[place].name, "model": model, "method": method, "versions": told}
        yield dict.fromkeys(COLUMNS, "") | row | {"import_seconds": imports[place]} | said


def to_csv(rows: Iterable[Mapping[str, Any]]) -> str:
    text = io.StringIO()
    sheet = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    sheet.writeheader()
    sheet.writerows(rows)
    return text.getvalue()


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], align: str = "---:") -> str:
    lines = [columns, ["---", *[align] * (len(columns) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def error(said: int, true: int) -> str:
    """The signed error in percent, never rounded to 0."""
    if said == true:
        return "equal"
    percent = 100 * (said - true) / true
    digits = 0 if abs(percent) >= 100 else 1 if abs(percent) >= 1 else 2
    return f"{percent:+.{digits}f} %" if abs(percent) >= 0.005 else f"{percent:+.0e} %"


def duration(seconds: str) -> str:
    return (
        "fails"
        if not seconds
        else f"{float(seconds):.2f} s"
        if float(seconds) >= 0.1
        else f"{1000 * float(seconds):.0f} ms"
    )


def page(text: str) -> str:
    """The generated part of the page, from nothing but the CSV file."""
    rows = list(csv.DictReader(io.StringIO(text)))
    asked = list(dict.fromkeys((row["model"], row["method"]) for row in rows))
    columns = ["", *map(" ".join, asked)]
    by_cell = {(row["tool"], row["model"], row["method"]): row for row in rows}
    of = {tool.name: [by_cell[tool.name, *cell] for cell in asked] for tool in TOOLS}

    def errors(tool: Tool, quantity: str) -> Iterator[str]:
        for row, true in zip(of[tool.name], of[REAL], strict=True):
            if tool.name == REAL:
                yield f"{int(row[quantity]):,}"
            elif quantity not in tool.covers:
                yield "-"
            else:
                yield f"fails: {row['failed']}" if row["failed"] else error(int(row[quantity]), int(true[quantity]))

    versions = dict.fromkeys(version for row in rows for version in row["versions"].split(", "))
    parts = [
        _wrapped(f"{', '.join(versions)}. Threads of torch: {of[REAL][0]['threads']}.\n"),
        "\n## What each covers\n",
    ]
    covers = ([tool.name, *(tool.covers.get(name, "-") for name in COVERS)] for tool in TOOLS)
    parts.append(table(["", *COVERS.values()], covers, align="---"))
    for quantity, title in QUANTITIES.items():
        parts += [f"## {title}\n", table(columns, ([tool.name, *errors(tool, quantity)] for tool in TOOLS))]
    times = ([name, *map(duration, [r[0]["import_seconds"], *(row["seconds"] for row in r)])] for name, r in of.items())
    parts += ["## Seconds\n", table(["", "import", *columns[1:]], times)]
    calls = (_wrapped(f"* {tool.name}: {tool.ask.__doc__}") for tool in TOOLS)
    return "\n".join([*parts, "## What is called\n", *calls, ""])


def _wrapped(text: str) -> str:
    return textwrap.fill(
        " ".join(text.split()),
        120,
        subsequent_indent="  " * text.startswith("*"),
        break_long_words=False,
        break_on_hyphens=False,
    )


def main() -> None:
    from costmodel.files import write_whole

    paper = cells()
    parser = argparse.ArgumentParser(description="Compare other tools with the real step and with costmodel.")
    parser.add_argument("--models", nargs="+", choices=sorted({model for model, _ in paper}), metavar="MODEL")
    parser.add_argument("--methods", nargs="+", choices=sorted({how for _, how in paper}), default=["fft", "lora"])
    parser.add_argument("--output", type=Path, help="folder to write peers.csv and peers.md to")
    parser.add_argument("--smallest", action="store_true", help="one small cell, once: to see that all of this runs")
    given = parser.parse_args()
    if given.smallest:
        given.models, given.methods = ["resnet18"], ["fft"]
    asked = [cell for cell in paper if cell[1] in given.methods and (not given.models or cell[0] in given.models)]
    with tempfile.TemporaryDirectory() as folder:
        os.environ["COSTMODEL_CACHE_DIR"] = folder
        for cell in asked:
            in_new_process("forkserver", known, by_name(paper[cell]))  # now it is
        text = to_csv(run(asked))
    made = page(text)
    if not given.output:
        print(made)
        return
    target = given.output / "peers.md"
    before = target.read_text(encoding="utf-8") if target.exists() else "<!-- generated -->\n<!-- /generated -->\n"
    write_whole(given.output / "peers.csv", text)
    write_whole(target, BLOCK.sub(lambda match: match[1] + made + match[2], before))


if __name__ == "__main__":
    main()
