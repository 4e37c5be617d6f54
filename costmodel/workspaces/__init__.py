"""What CPU kernels allocate for themselves while they run: memory that no tracker of tensors sees."""

from costmodel.workspaces.convolution import primitives
from costmodel.workspaces.kernel import Host, Kernel, Step
from costmodel.workspaces.replay import Allocation, AllocatorPeak, allocations, allocator_peak
from costmodel.workspaces.rules import RULES, steps

__all__ = [
    "RULES",
    "Allocation",
    "AllocatorPeak",
    "Host",
    "Kernel",
    "Step",
    "allocations",
    "allocator_peak",
    "primitives",
    "steps",
]
