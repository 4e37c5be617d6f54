"""Pictures show the numbers they are given, and no text covers another or leaves the picture."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction
from functools import partial
from io import StringIO
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_svg import RendererSVG
from matplotlib.collections import PathCollection, PolyCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.text import Text

from costmodel.contract import GROUPS
from costmodel.errors import InputError
from costmodel.files import PICTURES
from costmodel.methods import METHODS as ALL_METHODS
from costmodel.methods import PAPER
from costmodel.output import plots
from costmodel.output.plots import style
from costmodel.units import size, work

MIB = 2**20
MODELS = [
    "mobilenet_v2",
    "deeplabv3_mobilenet_v3_large",
    "timm:vit_base_patch16_clip_quickgelu_224.metaclip_2pt5b",
    "./a$b/net.py:factory_$x",
    "resnet18",
    "r3d_18",
]
METHODS = [*style.METHODS, "my_own_method_for_the_last_block"]
PHASES = ("forward", "backward", "optimizer")
slow = partial(pytest.param, marks=pytest.mark.full)
"""A picture with so much in it that laying it out takes seconds."""


def texts(figure: Figure) -> list[Text]:
    """Every text that is drawn: ticks outside an axis' limits exist but are not."""
    found = [*figure.texts]
    for legend in figure.legends:
        found += [*legend.get_texts(), legend.get_title()]
    for panel in figure.axes:
        found += [*panel.texts, panel.title, panel._left_title, panel.xaxis.label, panel.yaxis.label]
        for axis in (panel.xaxis, panel.yaxis):
            low, high = sorted(axis.get_view_interval())
            found += [tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
    return [text for text in found if text.get_visible() and text.get_text().strip()]


def assert_legible(figure: Figure) -> None:
    """No text is cut off or covers another, as PNG and as SVG, whose letters are not as wide to the pixel."""
    for dpi, svg in ((160, False), (72, True)):
        figure.dpi = dpi
        figure.draw_without_rendering()
        width, height = figure.bbox.size
        renderer = RendererSVG(width, height, StringIO(), image_dpi=dpi) if svg else None
        drawn = texts(figure)
        boxes = np.array([Text.get_window_extent(text, renderer).extents for text in drawn])
        assert len(boxes) > 5
        left, low, right, high = boxes.T
        assert (high - low > 5 * dpi / 72).all()
        for cut in np.flatnonzero((left < 0) | (low < 0) | (right > width) | (high > height)):
            raise AssertionError(f"cut off at {dpi} dpi: {drawn[cut].get_text()}")
        # Lines of text have blank space above and below: a pixel of it may touch.
        overlap = (np.minimum.outer(right, right) - np.maximum.outer(left, left) > 1.4) & (
            np.minimum.outer(high, high) - np.maximum.outer(low, low) > 1.4
        )
        for one, other in np.argwhere(np.triu(overlap, 1)):
            raise AssertionError(f"{drawn[one].get_text()!r} and {drawn[other].get_text()!r} overlap at {dpi} dpi")


def stacks(models: int, methods: int, parts: tuple[str, ...], scale: int) -> dict[str, dict[str, dict[str, int]]]:
    values = np.random.default_rng(7).lognormal(0, 1.5, (models, methods, len(parts)))
    return {
        model: {
            method: {part: int(values[i, j, k] * scale) + k for k, part in enumerate(parts)}
            for j, method in enumerate(METHODS[-methods:])
        }
        for i, model in enumerate(MODELS[-models:])
    }


def widths(figure: Figure, panel: int, part: str) -> list[float]:
    return [
        bar.get_width() for bar in figure.axes[panel].patches if isinstance(bar, Rectangle) and bar.get_gid() == part
    ]


@pytest.mark.parametrize(("models", "methods"), [(1, 1), (1, 12), (2, 5), slow(3, 2), slow(4, 5), slow(6, 12)])
def test_memory_bars(models: int, methods: int) -> None:
    groups = stacks(models, methods, GROUPS, 30 * MIB)
    title = "N = 1, H = 224, W = 224, r = 4, 10 classes, loss cross_entropy, --optimizer sgd_momentum" * (models % 2)
    peaks = {
        model: {name: sum(parts.values()) * 4 // 5 for name, parts in row.items()} for model, row in groups.items()
    }
    figure = plots.memory_bars(groups, peaks, title)
    assert " ".join(figure.legends[0].get_title().get_text().split()) == title
    assert len(figure.axes) == models
    for place, (model, row) in enumerate(groups.items()):
        panel = figure.axes[place]
        for group in GROUPS:
            assert widths(figure, place, group) == [parts[group] for parts in row.values()]
        marks = [line for line in panel.lines if line.get_gid() == "peak"]
        assert [line.get_xdata()[0] for line in marks] == list(peaks[model].values())
        beside = [f"sum {size(sum(parts.values()))}\npeak {size(peaks[model][name])}" for name, parts in row.items()]
        assert [text.get_text() for text in panel.texts] == beside
        assert panel.get_xlabel().endswith("(MiB)")
        assert panel._left_title.get_text().replace("\n", "") == model
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [*GROUPS, "peak: must fit in RAM"]
    assert_legible(figure)


def test_bars_are_stacked_in_the_order_of_the_legend_each_part_in_its_colour() -> None:
    (panel,) = plots.memory_bars(stacks(1, 2, GROUPS[::-1], MIB), {}).axes
    ends = [0.0, 0.0]
    for group in GROUPS:
        bars = [bar for bar in panel.patches if bar.get_gid() == group]
        assert [bar.get_x() for bar in bars] == ends
        assert {matplotlib.colors.to_hex(bar.get_facecolor()).upper() for bar in bars} == {style.GROUP_COLOURS[group]}
        ends = [bar.get_x() + bar.get_width() for bar in bars]


@pytest.mark.parametrize(("models", "methods"), [(1, 3), (2, 5), slow(4, 12)])
def test_flops_bars(models: int, methods: int) -> None:
    flops = stacks(models, methods, PHASES, 10**9)
    figure = plots.flops_bars(flops, "paper")
    for place, row in enumerate(flops.values()):
        for phase in PHASES:
            assert widths(figure, place, phase) == [parts[phase] for parts in row.values()]
        assert figure.axes[place].get_xlabel() == "one step, paper convention (GFLOPs)"
        for text, (method, parts) in zip(figure.axes[place].texts, row.items(), strict=True):
            total = sum(parts.values())
            ratio = f"\n{total / sum(row['fft'].values()):.2f} \u00d7 fft" if "fft" in row and method != "fft" else ""
            assert text.get_text() == work(total) + ratio
    assert_legible(figure)


def test_one_unit_for_all_panels() -> None:
    groups = {"small": {"fft": {"act": 90 * MIB}}, "large": {"fft": {"act": 3000 * MIB}}}
    assert {panel.get_xlabel()[-5:] for panel in plots.memory_bars(groups, {}).axes} == {"(MiB)"}
    assert plots.memory_bars({"large": groups["large"]}, {}).axes[0].get_xlabel()[-5:] == "(GiB)"


def test_a_part_that_is_in_no_stack_is_noticed() -> None:
    with pytest.raises(AssertionError, match="workspace"):
        plots.memory_bars({"m": {"fft": {"workspace": 1}}}, {})


@pytest.mark.parametrize("data", [{}, {"m": {}}])
def test_bars_of_nothing(data: dict) -> None:
    with pytest.raises(InputError, match="nothing to draw"):
        plots.flops_bars(data, "torch")


def sweep(methods: int, models: int, points: list[int], growth: float = 1.3) -> pd.DataFrame:
    rows = [
        {"method": method, "model": model, "r": r, "peak": int((i * 5 + j + 10 + r) * growth ** (i * j) * MIB)}
        for i, method in enumerate(METHODS[:methods])
        for j, model in enumerate(MODELS[:models])
        for r in points
    ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("methods", "models", "points", "growth"),
    [
        (1, 1, [1, 2, 4, 8, 16, 32], 1.3),
        (5, 2, [1, 2, 4, 8, 16, 32], 1.3),
        slow(12, 1, list(range(1, 300)), 1.3),
        (6, 2, list(range(7, 200)), 3.0),
        slow(3, 4, [1000, 1001, 1002, 2048], 3.0),
        (2, 2, [8], 1.3),
    ],
)
def test_curves(methods: int, models: int, points: list[int], growth: float) -> None:
    frame = sweep(methods, models, points, growth)
    figure = plots.curves(frame.sample(frac=1, random_state=1), "r", "peak", "bytes", ["method", "model"])
    (panel,) = figure.axes
    drawn = {line.get_gid(): line for line in panel.lines}
    for (method, model), rows in frame.groupby(["method", "model"]):
        line = drawn.pop(f"{method}, {model}")
        assert list(line.get_xdata()) == points
        assert list(line.get_ydata()) == list(rows["peak"])
    assert not drawn
    looks = {(line.get_color(), line.get_marker(), str(line._dash_pattern)) for line in panel.lines}
    assert len(looks) == methods * models
    assert panel.get_xlabel() == "rank r"
    assert_legible(figure)


def test_a_line_without_the_axis_is_level() -> None:
    frame = sweep(2, 1, [1, 4, 9]).astype({"r": object})
    frame = frame[(frame.method != "fft") | (frame.r == 1)]
    frame.loc[frame.method == "fft", "r"] = None
    (panel,) = plots.curves(frame, "r", "peak", "bytes", ["method"]).axes
    level, _ = panel.lines
    assert (list(level.get_xdata()), list(level.get_ydata())) == ([1, 9], [11 * MIB] * 2)


def test_curves_name_axes_units_and_lines() -> None:
    frame = pd.DataFrame({"N": [1, 2] * 2, "r": [4.0, 4.0, 8.0, 8.0], "flops_a_step": [Fraction(10**9, 3)] * 4})
    (panel,) = plots.curves(frame, "N", "flops_a_step", "FLOP", ["r"]).axes
    assert (panel.get_xlabel(), panel.get_ylabel()) == ("batch N", "flops a step (MFLOPs)")
    assert [text.get_text() for text in panel.texts] == ["r = 4", "r = 8"]
    assert panel.get_ylim()[0] == 0


@pytest.mark.parametrize(
    ("column", "name"),
    [
        ("memory.peak", "peak memory"),
        ("memory.act", "memory, own peak of act"),
        ("flops.paper.optimizer_first", "optimizer, step 0, paper convention"),
        ("flops.paper.optimizer", "optimizer, later, paper convention"),
        ("kind.svd.backward", "backward, svd part of arithmetic"),
    ],
)
def test_columns_of_a_sweep_have_names_in_plain_words(column: str, name: str) -> None:
    frame = pd.DataFrame({"H = W": [32, 64], column: [5, 6], "H": [1, 1]})
    figure = plots.curves(frame, "H = W", column, "FLOP", [], "my model: N = 1")
    (panel,) = figure.axes
    assert (panel.get_xlabel(), panel.get_ylabel()) == ("height and width, H = W (pixels)", f"{name} (FLOPs)")
    assert "my model: N = 1" in [text.get_text() for text in figure.texts]
    assert_legible(figure)


def test_values_far_apart_get_a_logarithmic_axis_with_units_at_its_ticks() -> None:
    frame = pd.DataFrame({"N": [1, 10, 100], "peak": [MIB, 30 * MIB, 1000 * MIB]})
    figure = plots.curves(frame, "N", "peak", "bytes", [])
    (panel,) = figure.axes
    assert (panel.get_xscale(), panel.get_yscale()) == ("log", "log")
    ticks = [label.get_text() for label in panel.get_yticklabels()]
    assert ticks == ["1 MiB", "4 MiB", "16 MiB", "64 MiB", "256 MiB", "1 GiB"]
    assert_legible(figure)


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (pd.DataFrame({"N": [1, 1], "peak": [1, 2]}), "several values of 'peak' at one 'N'"),
        (pd.DataFrame({"N": [1], "peak": [None]}), "nothing to draw"),
        (pd.DataFrame({"N": [None], "peak": [1]}), "nothing to draw"),
    ],
)
def test_curves_refuse(frame: pd.DataFrame, message: str) -> None:
    with pytest.raises(InputError, match=message):
        plots.curves(frame, "N", "peak", "bytes", [])


def test_a_method_has_its_colour_in_every_picture() -> None:
    frame = sweep(5, 1, [1, 2])
    (all_of_them,) = plots.curves(frame, "r", "peak", "bytes", ["method"]).axes
    (one,) = plots.curves(frame[frame.method == "dora"], "r", "peak", "bytes", ["method"]).axes
    colours = {line.get_gid(): line.get_color() for line in all_of_them.lines}
    assert one.lines[0].get_color() == colours["dora"]
    assert len(set(colours.values())) == 5


def configurations(count: int, on: int) -> pd.DataFrame:
    random = np.random.default_rng(3)
    peak = np.sort(random.uniform(1, 60, count)) * MIB
    flops = 9e9 - np.linspace(0, 8e9, count) + np.where(np.arange(count) < on, 0, 3e9)
    labels = [f"{METHODS[i % 6]} r={i} N=1 H=224 checkpoint={i % 7}" for i in range(count)]
    methods = [METHODS[i % 6] for i in range(count)]
    return pd.DataFrame(
        {
            "peak": peak.astype(int),
            "flops": flops.astype(int),
            "method": methods,
            "label": labels,
            "on": np.arange(count) < on,
        }
    )


@pytest.mark.parametrize(("count", "on"), [(1, 1), (5, 0), slow(12, 5), (300, 20), slow(400, 64), slow(500, 300)])
def test_frontier(count: int, on: int) -> None:
    frame = configurations(count, on)
    figure = plots.frontier(frame.sample(frac=1, random_state=1), "peak", "flops", "label", "on")
    (panel,) = figure.axes
    points = [
        tuple(point)
        for cloud in panel.collections
        if isinstance(cloud, PathCollection) and cloud.get_gid().endswith("all")
        for point in cloud.get_offsets()
    ]
    assert sorted(points) == sorted(zip(frame.peak, frame.flops, strict=True))
    strong = [c for c in panel.collections if isinstance(c, PathCollection) and c.get_gid().endswith("frontier")]
    assert sum(len(c.get_offsets()) for c in strong) == frame.on.sum()
    listed = [text.get_text() for legend in figure.legends[1:] for text in legend.get_texts()]
    assert len(listed) == min(on, 64)
    if 0 < on <= 64:
        assert [text.split("  ", 1)[1].replace("\n", " ") for text in listed] == list(frame.label[frame.on])
    numbers = [int(text.get_text()) for text in panel.texts]
    assert numbers == sorted(set(numbers))
    assert len(numbers) >= min(on, 12) / 2
    if on <= 5:
        assert numbers == list(range(1, on + 1))
    assert_legible(figure)


@pytest.mark.parametrize(("methods", "title"), [(2, ""), (6, "a model, another model: " * 8)])
def test_budgets_are_lines_where_they_are_within_the_axes(methods: int, title: str) -> None:
    frame = configurations(12, 5)
    frame["method"] = [f"quite_a_long_model_name {METHODS[i % methods]}" for i in range(12)]
    budgets = [(30 * MIB, None), (30 * MIB, 4 * 10**9), (2**50, 10**15)]
    figure = plots.frontier(frame, "peak", "flops", "label", "on", title, budgets)
    (panel,) = figure.axes
    drawn = [line for line in panel.lines if line.get_gid() == "budget"]
    assert [(line.get_xdata()[0], line.get_ydata()[0]) for line in drawn] == [(30 * MIB, 0), (0, 4 * 10**9)]
    legend = figure.legends[0]
    assert legend.get_texts()[-1].get_text() == "budget"
    assert "".join(legend.get_title().get_text().split()) == "".join(title.split())
    assert_legible(figure)


def test_frontier_of_nothing() -> None:
    with pytest.raises(InputError, match="nothing to draw"):
        plots.frontier(configurations(2, 1).assign(peak=None), "peak", "flops", "label", "on")


def live(length: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(5)
    return {group: random.integers(0, 10 * MIB, length) for group in GROUPS}


def two_steps(length: int, shares: tuple[int, ...]) -> list[tuple[str, int, int]]:
    edges = np.cumsum([0, *shares * 2]) * length // (2 * sum(shares))
    names = [f"step {step} {phase}" for step in (0, 1) for phase in PHASES]
    return [(name, int(start), int(end)) for name, start, end in zip(names, edges[:-1], edges[1:], strict=True)]


@pytest.mark.parametrize(
    ("length", "shares"),
    [(1, (1, 1, 1)), (7, (1, 1, 50)), slow(590, (44, 2, 4)), slow(3001, (1, 1, 50)), (20_000, (1, 1, 4))],
)
def test_timeline(length: int, shares: tuple[int, ...]) -> None:
    groups = live(length)
    figure = plots.timeline(groups, two_steps(length, shares), f"{MODELS[2]}, my_own_method: N = 1, H = 224, " * 2)
    (panel,) = figure.axes
    totals = sum(groups.values())
    top = [area for area in panel.collections if isinstance(area, PolyCollection)][-1]
    assert top.get_paths()[0].vertices[:, 1].max() == totals.max()
    (mark,) = [line for line in panel.lines if line.get_gid() == "peak"]
    assert (mark.get_xdata()[0], mark.get_ydata()[0]) == (totals.argmax(), totals.max())
    (peak,) = [text.get_text() for text in panel.texts if text.get_text().startswith("peak")]
    assert peak.startswith(f"peak {size(int(totals.max()))}, step ")
    assert panel.get_ylabel() == "live memory (MiB)"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == list(GROUPS[::-1])
    if length > 7:
        assert sum(text.get_gid() == "phase" for text in panel.texts) == 6
    assert_legible(figure)


def test_a_timeline_that_needs_no_thinning_shows_every_instant() -> None:
    groups = {"act": np.array([3, 9, 4, 1]) * MIB, "param": np.array([2, 2, 2, 2]) * MIB}
    (panel,) = plots.timeline(groups, [], "title").axes
    areas = [area.get_paths()[0].vertices for area in panel.collections if isinstance(area, PolyCollection)]
    act = areas[GROUPS.index("act")]
    for instant, total in enumerate([5, 11, 6, 3]):
        assert {total * MIB, 2 * MIB} <= set(act[(act[:, 0] == instant) | (act[:, 0] == instant + 1), 1])


def test_a_timeline_leaves_out_what_cannot_be_seen_but_never_the_peak() -> None:
    act = np.full(1000, 2000 * MIB) + np.arange(1000) % 2
    act[700] += 7
    (panel,) = plots.timeline({"act": act}, [], "title").axes
    top = [area for area in panel.collections if isinstance(area, PolyCollection)][-1].get_paths()[0].vertices
    assert top[:, 1].max() == act.max()
    assert len(top) < 20


def test_many_phases_keep_apart() -> None:
    phases = [(PHASES[i % 2] + f" {i}", i * 100, (i + 1) * 100) for i in range(40)]
    assert_legible(plots.timeline(live(4000), phases, "accumulated"))


def test_a_timeline_of_nothing() -> None:
    with pytest.raises(InputError, match="nothing to draw"):
        plots.timeline({"act": np.array([], dtype=np.int64)}, [], "title")


@pytest.fixture(scope="module")
def picture() -> Figure:
    return plots.memory_bars(stacks(1, 2, GROUPS, MIB), {})


@pytest.mark.parametrize(("name", "start"), [("a.svg", b"<?xml"), ("new/a.PNG", b"\x89PNG"), ("a.b.pdf", b"%PDF")])
def test_save(picture: Figure, tmp_path: Path, name: str, start: bytes) -> None:
    plots.save(picture, str(tmp_path / name))
    assert (tmp_path / name).read_bytes().startswith(start)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [tmp_path / name]


@pytest.mark.parametrize("name", ["a.jpg", "a", ".svg", "a.svg.gz"])
def test_save_refuses_other_endings(picture: Figure, tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"accepted: \.svg, \.png, \.pdf$") as refused:
        plots.save(picture, tmp_path / "new" / name)
    assert name in str(refused.value)
    assert "\n" not in str(refused.value)
    assert not list(tmp_path.iterdir())


def test_a_picture_cut_short_leaves_the_old_one(
    picture: Figure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = tmp_path / "a.png"
    old.write_bytes(b"old")

    write = Path.write_bytes

    def half(path: Path, data: bytes) -> int:
        write(path, data[: len(data) // 2])
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "write_bytes", half)
    with pytest.raises(KeyboardInterrupt):
        plots.save(picture, old)
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
    assert old.read_bytes() == b"old"


@pytest.mark.each(3)
@pytest.mark.parametrize("ending", PICTURES)
def test_the_same_data_give_the_same_bytes_whatever_the_users_settings(tmp_path: Path, ending: str) -> None:
    def draw(name: str) -> bytes:
        path = tmp_path / f"{name}{ending}"
        figure = plots.timeline(live(300), two_steps(300, (1, 1, 1)), "title")
        plots.save(figure, path)
        first = path.read_bytes()
        plots.save(figure, path)
        assert path.read_bytes() == first
        return first

    first = draw("one")
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "black", "svg.hashsalt": "another"}):
        assert draw("another") == first
        assert matplotlib.rcParams["font.size"] == 30
    assert b"<dc:date>" not in first
    assert b"CreationDate" not in first


def test_neither_torch_nor_pyplot_is_needed() -> None:
    code = "import sys, costmodel.output.plots; sys.exit('torch' in sys.modules or 'matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2]).returncode == 0


def test_each_method_has_a_place_of_its_own_in_pictures() -> None:
    """The order that pictures have had since the first of them: the same method, the same colour."""
    assert sorted(method.look for method in ALL_METHODS.values()) == list(range(len(ALL_METHODS)))
    assert style.METHODS[:5] == PAPER
    assert style.METHODS[5:] == ("bitfit", "bn_only", "loha", "lokr", "ia3", "vera")
