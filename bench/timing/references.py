"""Reference workloads in every replicate: one compute-bound, one memory-bound.

They bring replicates, groups, sessions and resumed sweeps to a common scale, and show when compute
and memory drift apart. Working sets decide which is which: a 3x3 convolution with 147 KB of weights
that are used 784 times stays in the second-level cache; a matrix of 16 MB is read once per
inference, and no core's cache holds it.
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
COPIES = 3  # of each, with separate memory, at separate places: one burst is too noisy


def with_references(work: list[Workload]) -> list[Workload]:
    """Return the workloads of a replicate with the references added."""
    return [*work, *([COMPUTE, MEMORY] * COPIES)]


def reference_places(work: list[Workload]) -> tuple[list[int], list[int]]:
    """Return the places of the compute and the memory reference among a replicate's workloads."""
    compute = [place for place, workload in enumerate(work) if workload == COMPUTE]
    memory = [place for place, workload in enumerate(work) if workload == MEMORY]
    return compute, memory
