"""Reference workloads in every replicate: one compute-bound, one memory-bound.

They bring loads, groups, sessions and resumed sweeps to a common scale, and show when compute and
memory moved apart. Working sets decide which is which: a 3x3 convolution of 147 KB of weights used
784 times over stays in the second-level cache; a matrix of 16 MB is read once a call, and no
core's own cache holds it.
"""

from bench.blocks.spec import BlockSpec
from bench.protocol.device import Workload

COMPUTE = Workload(
    role="reference",
    blocks=(
        BlockSpec(kind="stem", in_size=28, in_channels=64, out_channels=64, kernel=3, act="relu"),
    ),
    label="compute",
)
MEMORY = Workload(
    role="reference",
    blocks=(BlockSpec(kind="classifier", in_size=1, in_channels=2048, out_channels=2048),),
    label="memory",
)
COPIES = 3  # of each, with memory of their own, at places of their own: one visit is too noisy


def with_references(work: list[Workload]) -> list[Workload]:
    """Add the references to the work of a load."""
    return [*work, *([COMPUTE, MEMORY] * COPIES)]


def reference_places(work: list[Workload]) -> tuple[list[int], list[int]]:
    """Where in a load's work the compute and the memory reference are."""
    compute = [place for place, workload in enumerate(work) if workload == COMPUTE]
    memory = [place for place, workload in enumerate(work) if workload == MEMORY]
    return compute, memory
