"""Loops on a fake device with known costs, with predictors that have known errors."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from bench.backends.fake import FakeModel, block_cost_ns
from bench.blocks.model import Model
from bench.blocks.spec import BlockSpec
from bench.devices.fake import FakeDevice
from bench.drift.log import Anchor, AnchorSession, DriftLog
from bench.errors import DeviceLostError
from bench.protocol.backend import Backend
from bench.protocol.device import ReplicatePlan, RoundResult, Workload
from bench.protocol.target import Target
from bench.sweep.store import SweepStore
from latency_models.drift.provenance import DRIFT
from latency_models.networks.network_calibration import CalibrationChoice, NetworkCalibration
from latency_models.predictors.predictor import LatencyPredictor
from latency_models.predictors.refit import scaled
from ofabench.options.measured_search import MeasuringOptions
from ofabench.options.search import SearchOptions
from ofabench.workflows.search.limits import latency_limit
from ofabench.workflows.search.loop.measuring import measure
from ofabench.workflows.search.loop.result import MeasuredSearch
from ofabench.workflows.search.loop.search import loop_task, run_loop
from supernet.space.arch import ArchConfig
from supernet.space.space import SearchSpace

SMALL = SearchSpace.load("tiny").with_resolutions((32,))
BLOCKS = SMALL.unique_blocks()
TARGET = Target(device="fake", backend="fake", backend_version="1", options=(("cache", "warm"),))
QUICK = SearchOptions(budget=1500, patience=8)
FEW = MeasuringOptions(candidates=6, replicates=2, rounds=2)


def truth_ms(blocks: Sequence[BlockSpec]) -> float:
    """Return the warm latency of a network on the fake device without disturbances."""
    return FakeModel(Model(tuple(blocks), ({},) * len(blocks)), TARGET).cost_ns / 1e6


def exact() -> LatencyPredictor:
    """Return a predictor without error: 3 us a network, and blocks at 0.92 of their cost."""
    alone = {block: (3000 + block_cost_ns(block)) / 1e6 for block in BLOCKS}
    return LatencyPredictor(
        target=TARGET,
        provenance={},
        known={block: (ms, ms) for block, ms in alone.items()},
        models={},
        composition=NetworkCalibration(
            overhead_ms=0.003, slope=0.92, block_ms=-0.92 * 0.003, spread=0.01
        ),
        composition_choice=CalibrationChoice(form="sum", networks=20, errors=(("sum", 0.01),)),
    )


def anchors(count: int = 5) -> tuple[Anchor, ...]:
    """Return networks of the space with their latencies on the device."""
    archs = SMALL.sample(np.random.default_rng(7), count)
    nets = [SMALL.blocks(arch) for arch in archs]
    return tuple(
        Anchor(blocks=net, label=SMALL.to_line(arch), ms=truth_ms(net))
        for arch, net in zip(archs, nets, strict=True)
    )


def predictor(bias: float = 0.9, *, with_anchors: bool = True) -> LatencyPredictor:
    """Return a predictor that is wrong by a factor; its anchors were measured in its sweep."""
    result = scaled(exact(), bias, BLOCKS)
    if not with_anchors:
        return result
    own = anchors()
    at = AnchorSession(started_at="2019-12-31T00:00:00+00:00", ms=tuple(item.ms for item in own))
    log = DriftLog(anchors=own, sessions=(at,))
    return replace(result, provenance={DRIFT: log.to_json()})


def deep(archs: list[ArchConfig]) -> list[float]:
    """Return accuracies that rise most with depth, then with kernels and expansion."""
    return [
        0.5 + sum(arch.depths) / 100 + (sum(arch.kernels) + sum(arch.expands)) / 1000
        for arch in archs
    ]


@dataclass(frozen=True, kw_only=True)
class SlowDevice(FakeDevice):
    """A fake device that is slower by the factor `factors` of a replicate's number.

    The last factor is for all later replicates. `break_at` raises `error` before that round,
    counted over all replicates from 0.
    """

    factors: tuple[float, ...] = (1.0,)
    break_at: int | None = None
    error: BaseException = field(default_factory=lambda: DeviceLostError("the cable is out"))
    done: dict[str, int] = field(default_factory=lambda: {"loads": 0, "passes": 0})

    def run_replicate(
        self, work: Sequence[Workload], backend: Backend, target: Target, plan: ReplicatePlan
    ) -> Generator[RoundResult]:
        factor = self.factors[min(self.done["loads"], len(self.factors) - 1)]
        self.done["loads"] += 1
        for item in super().run_replicate(work, backend, target, plan):
            if self.break_at is not None and self.done["passes"] >= self.break_at:
                raise self.error
            self.done["passes"] += 1
            yield replace(item, samples_ns=np.asarray(item.samples_ns) * factor)


def deciding_on(device: FakeDevice) -> Callable[[Path], None]:
    """Run the deciding measurement in this process, so that its clock can be set."""

    def decide(path: Path) -> None:
        from bench.protocol.progress import NoProgress

        with SweepStore.open(path) as store:
            target, plan = store.target, store.plan
        with SweepStore.resume(path, target, plan) as store:
            measure(store, device, NoProgress())

    return decide


def loop(
    folder: Path,
    constraints: Any = None,
    *,
    device: FakeDevice | None = None,
    deciding: FakeDevice | None = None,
    measuring: MeasuringOptions = FEW,
) -> MeasuredSearch:
    """Run a loop on fake devices; by default without disturbances, with a limit of 0.3 ms."""
    if constraints is None:
        constraints = latency_limit(predictor(), 0.3)
    task, limits = loop_task(SMALL, deep, constraints, QUICK, measuring)
    decider = deciding_on(deciding or FakeDevice())
    return run_loop(task, limits, device or FakeDevice(), folder, decider)
