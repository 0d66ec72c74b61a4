"""The deciding measurement of the chosen network, in a process that had no part in choosing."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.protocol.device import Workload
from bench.protocol.progress import Progress
from bench.sweep.store import SweepStore
from bench.timing.measurement import Measurement
from bench.timing.references import with_references
from latency_models.drift.limit_on import CORRECTED
from ofabench.launcher import launch
from ofabench.options.device import DeviceOptions
from ofabench.options.measured_search import MeasureLaidOut
from ofabench.workflows.search.loop.loop_state import Candidate, LoopState
from ofabench.workflows.search.loop.measuring import measure_laid_out, only_iteration
from ofabench.workflows.search.loop.task import LoopFolder, LoopTask

Decider = Callable[[Path], None]
"""Measures the planned workloads of a file, in another process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """Deciding measurement of one network; `line` is its architecture, latencies are in ms.

    `raw_ms` with its 95 % interval is as measured; `corrected_ms` is for the mean over sessions, by
    the anchors measured with it, None without anchors. `limit_met` compares the limit with the
    latency that it is about.
    """

    line: str
    measured_at: str
    raw_ms: float
    raw_interval_ms: tuple[float, float]
    corrected_ms: float | None
    limit_met: bool

    def to_json(self) -> dict[str, Any]:
        """Return JSON values; null where two replicates are too few for an interval."""
        values = asdict(self)
        values["network"] = values.pop("line")
        values["raw_interval_ms"] = [
            None if np.isnan(bound_ms) else bound_ms for bound_ms in self.raw_interval_ms
        ]
        return values


def in_another_process(device: DeviceOptions, *, force: bool, progress: Progress | None) -> Decider:
    """Return a function that measures a file's workloads on the device in a worker process."""

    def decide(path: Path) -> None:
        options = MeasureLaidOut(sweep=path, device=device, force=force)
        launch(measure_laid_out, options, progress=progress)

    return decide


def decide(
    state: LoopState, folder: LoopFolder, best: Sequence[Candidate], decider: Decider
) -> list[Try]:
    """Measure the best candidates in turn until one meets the limit or all tries are used.

    `best` is sorted, the most accurate first. Tries of an earlier run of the same search count; no
    network is tried twice. Returns all tries; the last one decides.
    """
    task = state.task
    finished = [read_try(state, path) for path in folder.decided()]
    tries = sorted(
        (attempt for attempt in finished if attempt is not None),
        key=lambda attempt: attempt.measured_at,
    )
    tried = {attempt.line: attempt for attempt in tries}
    for candidate in best:
        earlier = tried.get(candidate.line)
        if earlier is not None and earlier.limit_met:
            return [*(attempt for attempt in tries if attempt != earlier), earlier]
        if earlier is not None:
            continue
        if len(tries) >= task.measuring.tries:
            break
        path = _planned_file(state, folder, candidate.workload)
        decider(path)
        attempt = read_try(state, path)
        assert attempt is not None
        tries.append(attempt)
        if attempt.limit_met:
            break
    return tries


def read_try(state: LoopState, path: Path) -> Try | None:
    """Read a deciding measurement; None if it is unfinished."""
    iteration = only_iteration(path)
    if iteration is None:
        return None
    anchors = {anchor.blocks: anchor.ms for anchor in state.anchors}
    # The first workload of the file is the network; it may be an anchor too.
    network = iteration.networks[0]
    measurement = iteration.measurements[network]
    anchor_ms = {
        other.blocks: beside.median_ms
        for other, beside in iteration.measurements.items()
        if other.blocks in anchors and other.blocks != network.blocks
    }
    corrected = _corrected(state, measurement, anchors, anchor_ms)
    limit = state.task.limit
    on_corrected = limit.limit_on == CORRECTED and corrected is not None
    judged_ms = corrected if on_corrected else measurement.raw_ms
    return Try(
        line=network.label,
        measured_at=iteration.started_at,
        raw_ms=measurement.raw_ms,
        raw_interval_ms=measurement.raw_interval_ms,
        corrected_ms=corrected,
        limit_met=bool(judged_ms is not None and judged_ms <= limit.max_ms),
    )


def _corrected(
    state: LoopState,
    measurement: Measurement,
    anchors: dict[Any, float],
    anchor_ms: dict[Any, float],
) -> float | None:
    from latency_models.drift.anchor_drift import AnchorDrift

    if not anchor_ms:
        return None
    sweep_ms = np.array([anchors[blocks] for blocks in anchor_ms])
    drift = AnchorDrift.of(sweep_ms, np.array(list(anchor_ms.values())))
    return measurement.median_ms / drift.ratio * state.mean


def _planned_file(state: LoopState, folder: LoopFolder, network: Workload) -> Path:
    """Return the file that plans a network and its anchors; an existing one is continued."""
    from latency_models.predictors.predictor import network_key

    task: LoopTask = state.task
    path = folder.deciding(network_key(network.blocks))
    if not path.exists():
        anchors = [anchor for anchor in state.anchor_work() if anchor.blocks != network.blocks]
        plan, space_toml = task.plan(deciding=True), task.job.space.text
        with SweepStore.create(path, task.target, plan, space_toml=space_toml) as store:
            store.add_groups([with_references([network, *anchors])])
    return path
