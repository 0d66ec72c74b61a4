"""Costs of models on a device, from a few timed blocks: for precisions far from the usual ones."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from bench.blocks.spec import BlockSpec
from bench.protocol.backend import Backend
from bench.protocol.device import Device, ModelCosts, ReplicatePlan, Workload
from bench.protocol.target import Target
from bench.sweep.form_choice import spread_over_sizes
from bench.sweep.memory_batching import estimated_ns
from bench.timing.plan import SweepPlan

ROUNDS, SAMPLES = 3, 3
ONE_SAMPLE = SweepPlan(replicates=1, rounds=1, samples=1)


def timed_costs(
    device: Device, backend: Backend, target: Target, blocks: Sequence[BlockSpec]
) -> ModelCosts:
    """Return the device's costs, scaled to the time that a few of the blocks take.

    The device must not be in use by another measurement.
    """
    costs = device.model_costs()
    work = [Workload(role="block", blocks=(spec,)) for spec in spread_over_sizes(blocks)]
    plan = ReplicatePlan(rounds=ROUNDS, samples=SAMPLES, seed=0)
    rounds = list(device.run_replicate(work, backend, target, plan))
    samples_ns = np.concatenate([result.samples_ns for result in rounds], axis=1)
    measured_ns = float(np.nanmedian(samples_ns, axis=1).sum())
    expected_ns = sum(estimated_ns(item, ONE_SAMPLE, target.batch, costs) for item in work)
    ratio = measured_ns / expected_ns
    return replace(
        costs,
        ns_per_mac=costs.ns_per_mac * ratio,
        ns_per_inference=costs.ns_per_inference * ratio,
    )
