"""What CPU kernels allocate for themselves while they run: memory that no tracker of tensors sees."""

from costmodel.machine.workspaces.convolution import primitives
from costmodel.machine.workspaces.kernel import THREADS, Host, Kernel, Step, this_host
from costmodel.machine.workspaces.replay import Allocation, AllocatorPeak, allocations, allocator_peak
from costmodel.machine.workspaces.rules import RULES, steps

__all__ = [
    "RULES",
    "THREADS",
    "Allocation",
    "AllocatorPeak",
    "Host",
    "Kernel",
    "Step",
    "allocations",
    "allocator_peak",
    "primitives",
    "steps",
    "this_host",
]
