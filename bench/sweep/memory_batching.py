"""Which workloads are in memory together: as many as fit and about a minute measures."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from bench.blocks.layers import layers_of
from bench.protocol.device import LoadCosts, Workload
from bench.timing.plan import SweepPlan
from bench.timing.references import with_references

ANCHORS = 8  # blocks of the first group that all others repeat, to be tied by more than references
USUAL = LoadCosts()
BYTES = {"fp16": 2, "bf16": 2}  # of a number; 4 in all other precisions
# Runtimes repack weights and keep both; sessions have arenas and graphs of their own.
WEIGHT_COPIES, MODEL_BYTES = 2.5, 1_500_000


def lay_groups(  # noqa: PLR0913, PLR0917
    work: Sequence[Workload],
    plan: SweepPlan,
    batch: int,
    memory_bytes: int,
    costs: LoadCosts = USUAL,
    precision: str = "fp32",
) -> list[list[Workload]]:
    """Split `work` into groups of equal weight, shuffled so that all are alike; references added.

    `memory_bytes` is what a load's models may take together, `costs` the device's.
    """

    def size(one: Workload) -> int:
        return footprint_bytes(one, batch, costs, precision)

    rng = np.random.default_rng([plan.seed, len(work)])
    shuffled = [work[i] for i in rng.permutation(len(work)).tolist()]
    fixed = with_references([])
    count = max(
        _groups_for([size(w) for w in shuffled], memory_bytes - sum(size(w) for w in fixed)),
        math.ceil(
            sum(estimated_ns(w, plan, batch, costs) for w in shuffled) / (plan.group_s * 1e9)
        ),
    )
    count = min(count, len(shuffled))
    groups = [shuffled[start::count] for start in range(count)]
    anchors = [workload for workload in groups[0] if workload.role == "block"][:ANCHORS]
    return [
        with_references(group if number == 0 else group + anchors)
        for number, group in enumerate(groups)
    ]


def footprint_bytes(
    workload: Workload, batch: int, costs: LoadCosts = USUAL, precision: str = "fp32"
) -> int:
    """About what a loaded model takes: weights, activations, the runtime's own."""
    if workload.file:
        return workload.footprint_bytes
    weights = 4 * sum(block.params for block in workload.blocks)
    if costs.inner_shared:
        activations = workload.blocks[0].in_bytes
    else:
        activations = max(
            block.in_bytes + block.out_bytes + 2 * 4 * block.in_size**2 * block.mid_channels
            for block in workload.blocks
        )
    share = BYTES.get(precision, 4) / 4
    return int(MODEL_BYTES + share * (WEIGHT_COPIES * weights + batch * activations))


def estimated_ns(
    workload: Workload, plan: SweepPlan, batch: int, costs: LoadCosts = USUAL
) -> float:
    """About what one load spends on a workload."""
    if workload.file:
        return plan.passes * plan.calls * workload.estimate_ns
    macs = sum(layers_of(block).macs for block in workload.blocks)
    return plan.passes * plan.calls * (costs.ns_per_call + batch * macs * costs.ns_per_mac)


def free_memory_bytes(facts: Mapping[str, object], plan: SweepPlan) -> int:
    """What models may take: the plan's bound, else half of what the device says is free."""
    if plan.memory_bytes is not None:
        return plan.memory_bytes
    available = facts.get("memory_available_bytes")
    return available // 2 if isinstance(available, int) else 1_000_000_000


def _groups_for(sizes: Sequence[int], room_bytes: int) -> int:
    return math.ceil(sum(sizes) / max(room_bytes, *sizes))
