"""Costs of models by a few timed blocks."""

from collections.abc import Generator, Sequence
from dataclasses import replace

import numpy as np
import pytest

from bench.backends.fake import FakeBackend
from bench.devices.fake import FakeDevice
from bench.protocol.backend import Backend
from bench.protocol.device import ModelCosts, ReplicatePlan, RoundResult, Workload
from bench.protocol.target import Target
from bench.sweep.memory_batching import estimated_ns
from bench.sweep.timed_costs import ONE_SAMPLE, timed_costs
from supernet.space.space import SearchSpace

BLOCKS = SearchSpace.load("tiny").unique_blocks()


class SlowDevice(FakeDevice):
    """A device that takes six times its usual costs, and more in one round."""

    def model_costs(self) -> ModelCosts:
        return ModelCosts(ns_per_mac=0.2, ns_per_inference=1000.0, inner_shared=True)

    def run_replicate(
        self, work: Sequence[Workload], backend: Backend, target: Target, plan: ReplicatePlan
    ) -> Generator[RoundResult]:
        each_ns = [
            6 * estimated_ns(item, ONE_SAMPLE, target.batch, self.model_costs()) for item in work
        ]
        for number in range(plan.rounds):
            samples_ns = np.repeat(np.array(each_ns)[:, None], plan.samples, axis=1)
            disturbed = 10 if number == 1 else 1
            yield RoundResult(samples_ns=disturbed * samples_ns, order=np.arange(len(work)))


def test_costs_are_scaled_to_the_time_of_timed_blocks() -> None:
    device = SlowDevice()
    target = Target(device="d", backend="fake", backend_version="1", precision="int8", batch=2)

    costs = timed_costs(device, FakeBackend(), target, BLOCKS)

    usual = device.model_costs()
    assert costs.ns_per_mac == pytest.approx(6 * usual.ns_per_mac)
    assert costs == replace(
        usual, ns_per_mac=costs.ns_per_mac, ns_per_inference=costs.ns_per_inference
    )
    assert costs.ns_per_inference == pytest.approx(6 * usual.ns_per_inference)
