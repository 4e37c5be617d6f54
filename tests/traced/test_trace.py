"""The trace a user gets: a graph to print, and nodes that lead to their cost."""

from __future__ import annotations

import doctest
import resource
from pathlib import Path

import pytest
import torch

import costmodel
from costmodel.cell.setup import setup_of
from costmodel.contract import Point
from costmodel.tracing.step import record_step


@pytest.fixture(scope="module")
def trace():
    return costmodel.trace("mobilenet_v2", method="lora", rank=4)


def test_the_graph_is_well_formed(trace) -> None:
    trace.graph.lint()
    assert isinstance(trace.graph, torch.fx.Graph)
    calls = [node for node in trace.graph.nodes if "call" in node.meta]
    assert len(calls) == len(trace.record.calls)
    assert "aten.convolution_backward" in str(trace.graph)
    assert "convolution_backward" in str(trace)


def test_every_node_has_its_place(trace) -> None:
    for node in trace.graph.nodes:
        if node.op == "call_function":
            assert node.meta["phase"] in ("forward", "backward", "optimizer")
            assert node.meta["step"] in (0, 1)
            assert len(node.meta["shapes"]) == len(node.meta["storages"])


def test_costs_of_the_nodes_add_up_to_the_estimate(trace) -> None:
    estimate = costmodel.estimate("mobilenet_v2", method="lora", rank=4)
    forward = [n for n in trace.graph.nodes if n.meta.get("phase") == "forward" and n.meta.get("step") == 0]
    costs = [trace.cost(node) for node in forward]
    assert sum(cost["torch"] for cost in costs) == estimate.flops["torch"]["forward"]
    assert sum(cost["paper"] for cost in costs) == estimate.flops["paper"]["forward"]
    assert sum(sum(cost["arithmetic"].values()) for cost in costs) == estimate.flops["arithmetic"]["forward"]


def test_a_gradient_is_attributed_to_the_module_that_made_the_activation(trace) -> None:
    def modules(phase: str, packet: str) -> set[str]:
        calls = trace.record.calls
        return {call.module for call in calls if call.step == 0 and call.phase == phase and call.packet == packet}

    # The very first convolution is frozen and its input needs no gradient: it alone has no backward call.
    assert modules("forward", "convolution") - modules("backward", "convolution_backward") == {
        "features.0.0.base_layer"
    }
    assert "classifier.1.lora_A.default.weight" in {c.module for c in trace.record.calls if c.phase == "optimizer"}


def test_the_edges_of_the_graph_follow_the_data(trace) -> None:
    nodes = {node.name: node for node in trace.graph.nodes}
    first = next(node for node in nodes.values() if node.meta.get("call") and node.meta["call"].packet == "convolution")
    assert [argument.name for argument in first.args[:2]] == ["input_1", "features_0_0_base_layer_weight"]


def test_the_second_step_repeats_the_first(trace) -> None:
    names = [[c.name for c in trace.record.calls if c.step == step and c.phase != "optimizer"] for step in (0, 1)]
    assert names[0] == names[1]


def test_the_page_that_leads_from_a_call_to_a_symbol_is_true() -> None:
    page = Path(costmodel.__file__).parent / "tracing" / "README.md"
    failed, tried = doctest.testfile(str(page), module_relative=False)
    assert failed == 0
    assert tried > 15


def test_memory_does_not_depend_on_the_sizes() -> None:
    model = setup_of(torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.Flatten(2), torch.nn.Linear(62, 2)).eval())
    huge = Point(N=10**6, H=10**6, W=64, r=None)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(costmodel.TraceError):  # the linear layer does not fit, after the convolution was traced
        record_step(model, huge)
    convolution = setup_of(torch.nn.Conv2d(3, 8, 3))
    record = record_step(convolution, huge)
    assert sum(record.input_sizes) == 4 * 3 * 64 * 10**12  # 768 TB
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert after - before < 100 * 1024  # kilobytes; of the terabytes, nothing


def test_a_trace_leaves_random_numbers_as_they_were() -> None:
    def drawn() -> torch.nn.Module:
        """A model whose constructor draws numbers, as those do that cannot be made without data."""
        torch.randn(3)
        return torch.nn.Conv2d(3, 8, 3)

    before = torch.get_rng_state()
    record_step(setup_of(drawn), Point(N=1, H=8, W=8, r=None))
    assert torch.equal(torch.get_rng_state(), before)
