"""Grouping of workloads by memory: as many as fit, and as about a minute measures."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from bench.blocks.layers import layers_of
from bench.protocol.device import ModelCosts, Workload
from bench.timing.plan import SweepPlan
from bench.timing.references import with_references

# Blocks of the first group that all others repeat, to link groups by more than references.
ANCHORS = 8
USUAL = ModelCosts()
BYTES = {"fp16": 2, "bf16": 2, "int8": 1}  # bytes of a number; 4 in all other precisions
# Runtimes repack weights and keep both copies; each session has its own arena and graph.
WEIGHT_COPIES, MODEL_BYTES = 2.5, 1_500_000


def lay_groups(  # noqa: PLR0913, PLR0917
    work: Sequence[Workload],
    plan: SweepPlan,
    batch: int,
    memory_bytes: int,
    costs: ModelCosts = USUAL,
    precision: str = "fp32",
) -> list[list[Workload]]:
    """Split `work` into random groups of equal size, and add the references to each.

    `memory_bytes` limits the memory of a replicate's models, `costs` are the device's.
    """

    def size(workload: Workload) -> int:
        return footprint_bytes(workload, batch, costs, precision)

    rng = np.random.default_rng([plan.seed, len(work)])
    shuffled = [work[i] for i in rng.permutation(len(work)).tolist()]
    fixed = with_references([])
    count = max(
        _groups_for(
            [size(workload) for workload in shuffled],
            memory_bytes - sum(size(workload) for workload in fixed),
        ),
        math.ceil(
            sum(estimated_ns(workload, plan, batch, costs) for workload in shuffled)
            / (plan.group_s * 1e9)
        ),
    )
    count = min(count, len(shuffled))
    groups = [shuffled[start::count] for start in range(count)]
    anchors = [each for each in groups[0] if each.role in {"block", "operator"}][:ANCHORS]
    return [
        with_references(group if number == 0 else group + anchors)
        for number, group in enumerate(groups)
    ]


def footprint_bytes(
    workload: Workload, batch: int, costs: ModelCosts = USUAL, precision: str = "fp32"
) -> int:
    """Return the approximate memory of a loaded model: weights, activations, the runtime's."""
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
    workload: Workload, plan: SweepPlan, batch: int, costs: ModelCosts = USUAL
) -> float:
    """Return about how long one replicate measures a workload."""
    if workload.file:
        return plan.rounds * plan.samples * workload.estimate_ns
    macs = sum(layers_of(block).macs for block in workload.blocks)
    return plan.rounds * plan.samples * (costs.ns_per_inference + batch * macs * costs.ns_per_mac)


def free_memory_bytes(facts: Mapping[str, object], plan: SweepPlan) -> int:
    """Return the memory for models: the plan's limit, else half of the device's free memory."""
    if plan.memory_bytes is not None:
        return plan.memory_bytes
    available = facts.get("memory_available_bytes")
    return available // 2 if isinstance(available, int) else 1_000_000_000


def _groups_for(sizes: Sequence[int], room_bytes: int) -> int:
    return math.ceil(sum(sizes) / max(room_bytes, *sizes))
