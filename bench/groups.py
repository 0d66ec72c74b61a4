"""Which workloads are in memory together: as many as memory holds and about a minute measures."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from bench.devices.base import Workload
from bench.layers import layers_of
from bench.planner import SweepPlan
from bench.references import with_references

ANCHORS = 8  # blocks of the first group that all others repeat, to be tied by more than references
# A processor nobody has measured yet: 10 GMAC/s, 50 us a call. Only the groups' sizes follow.
NS_PER_MAC, NS_PER_CALL = 0.1, 50_000.0
# Runtimes repack weights and keep both; sessions have arenas and graphs of their own.
WEIGHT_COPIES, MODEL_BYTES = 2.5, 1_500_000


def lay_groups(
    work: Sequence[Workload], plan: SweepPlan, batch: int, memory_bytes: int
) -> list[list[Workload]]:
    """Split `work` into groups of equal weight, shuffled so that all are alike; references added.

    `memory_bytes` is what a load's models may take together.
    """
    rng = np.random.default_rng([plan.seed, len(work)])
    shuffled = [work[i] for i in rng.permutation(len(work)).tolist()]
    fixed = with_references([])
    count = max(
        _groups_for([footprint_bytes(w, batch) for w in shuffled], memory_bytes, fixed, batch),
        math.ceil(sum(estimated_ns(w, plan, batch) for w in shuffled) / (plan.group_s * 1e9)),
    )
    count = min(count, len(shuffled))
    groups = [shuffled[start::count] for start in range(count)]
    anchors = [workload for workload in groups[0] if workload.role == "block"][:ANCHORS]
    return [
        with_references(group if number == 0 else group + anchors)
        for number, group in enumerate(groups)
    ]


def footprint_bytes(workload: Workload, batch: int) -> int:
    """About what a loaded model takes: weights, activations, the runtime's own."""
    weights = 4 * sum(block.params for block in workload.blocks)
    activations = max(
        block.in_bytes + block.out_bytes + 2 * 4 * block.in_size**2 * block.mid_channels
        for block in workload.blocks
    )
    return int(MODEL_BYTES + WEIGHT_COPIES * weights + batch * activations)


def estimated_ns(workload: Workload, plan: SweepPlan, batch: int) -> float:
    """About what one load spends on a workload."""
    macs = sum(layers_of(block).macs for block in workload.blocks)
    return plan.passes * plan.calls * (NS_PER_CALL + batch * macs * NS_PER_MAC)


def free_memory_bytes(facts: Mapping[str, object], plan: SweepPlan) -> int:
    """What models may take: the plan's bound, else half of what the device says is free."""
    if plan.memory_bytes is not None:
        return plan.memory_bytes
    available = facts.get("memory_available_bytes")
    return available // 2 if isinstance(available, int) else 1_000_000_000


def _groups_for(
    sizes: Sequence[int], memory_bytes: int, fixed: Sequence[Workload], batch: int
) -> int:
    room = memory_bytes - sum(footprint_bytes(workload, batch) for workload in fixed)
    return math.ceil(sum(sizes) / max(room, *sizes))
