"""Timer comparison: our latencies of blocks against those of other timers, in one run.

`torch.utils.benchmark` times many inferences in a row by the host's clock: compare it with our
later samples. `triton.testing.do_bench` flushes the second-level cache before each inference:
compare it with our first samples.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.devices.cuda.device import CudaDevice
from bench.devices.cuda.driver import Driver
from bench.devices.cuda.event_timing import Queue
from bench.protocol.backend import Backend
from bench.protocol.device import ReplicatePlan, Workload
from bench.protocol.target import Target
from bench.timing.measurement import warm_ns

Floats = NDArray[np.float64]
Timer = Callable[[Driver, Queue], float]
LEAST_S = 0.1  # duration of each timing by torch, at least
OURS_WARM, OURS_COLD = "ofabench", "ofabench, first calls"


@dataclass(frozen=True, slots=True, kw_only=True)
class TimerFigures:
    """Figures of one timer. Differences from ours and spreads between runs are fractions.

    A spread is a block's standard deviation over the runs, over its mean.
    """

    name: str
    against: str
    difference_median: float
    difference_p95: float
    spread_median: float
    spread_p95: float


def torch_ms(driver: Driver, call: Queue) -> float:
    """Return the median time by `torch.utils.benchmark`."""
    from torch.utils.benchmark import Timer

    timer = Timer("call()", globals={"call": call})
    with driver.at_work():
        return float(timer.blocked_autorange(min_run_time=LEAST_S).median) * 1e3


def triton_ms(driver: Driver, call: Queue) -> float:
    """Return the median time by `triton.testing.do_bench`."""
    from triton.testing import do_bench

    with driver.at_work():
        return float(do_bench(call, return_mode="median"))


def peers() -> dict[str, tuple[Timer, str]]:
    """Return the installed timers, and which of our figures each is compared with."""
    timers: dict[str, tuple[Timer, str]] = {"torch.utils.benchmark": (torch_ms, OURS_WARM)}
    try:
        import triton.testing  # noqa: F401
    except ImportError:
        return timers
    return {**timers, "triton.testing.do_bench": (triton_ms, OURS_COLD)}


def time_by_all(  # noqa: PLR0913, PLR0917
    device: CudaDevice,
    work: Sequence[Workload],
    backend: Backend,
    target: Target,
    runs: int,
    others: Mapping[str, tuple[Timer, str]],
    plan: ReplicatePlan,
) -> dict[str, Floats]:
    """Return times in ms, runs x workloads, by timer. Each run loads every model afresh."""
    times_ms: dict[str, list[Floats]] = {name: [] for name in (OURS_WARM, OURS_COLD, *others)}
    for run in range(runs):
        run_plan = ReplicatePlan(rounds=plan.rounds, samples=plan.samples, seed=plan.seed + run)
        rounds = list(device.run_replicate(work, backend, target, run_plan))
        samples_ns = np.stack([measured.samples_ns for measured in rounds])
        times_ms[OURS_WARM].append(np.median(warm_ns(samples_ns), axis=0) / 1e6)
        times_ms[OURS_COLD].append(np.median(samples_ns[:, :, 0], axis=0) / 1e6)
        with device.loaded(work, backend, target, run_plan.seed) as items:
            for name, (timer, _) in others.items():
                times_ms[name].append(np.array([timer(device.driver, item.once) for item in items]))
    return {name: np.stack(times) for name, times in times_ms.items()}


def compare(
    times_ms: Mapping[str, Floats], others: Mapping[str, tuple[Timer, str]]
) -> list[TimerFigures]:
    """Return the figures of our timer, and of each other one against it."""
    against = {OURS_WARM: OURS_WARM, OURS_COLD: OURS_COLD}
    against |= {name: ours for name, (_, ours) in others.items()}
    return [_figures(name, ours, times_ms) for name, ours in against.items()]


def _figures(name: str, ours: str, times_ms: Mapping[str, Floats]) -> TimerFigures:
    ours_ms, others_ms = np.median(times_ms[ours], axis=0), np.median(times_ms[name], axis=0)
    difference = np.abs(others_ms / ours_ms - 1)
    spread = times_ms[name].std(axis=0, ddof=1) / times_ms[name].mean(axis=0)
    return TimerFigures(
        name=name,
        against=ours,
        difference_median=float(np.median(difference)),
        difference_p95=float(np.percentile(difference, 95)),
        spread_median=float(np.median(spread)),
        spread_p95=float(np.percentile(spread, 95)),
    )
