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
from ofabench.workflows.search.loop.knowledge import Candidate, Knowledge
from ofabench.workflows.search.loop.measuring import measure_laid_out, only_iteration
from ofabench.workflows.search.loop.question import Question, State

Decider = Callable[[Path], None]
"""Measures what is laid out in a file, in another process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """A network's deciding measurement, `line` of an archs file; latencies in ms.

    `raw_ms` with its 95 % interval is as measured, `corrected_ms` at the mean over sessions by the
    anchors beside it, None where there are none. `limit_met` is by that which the limit is on.
    """

    line: str
    measured_at: str
    raw_ms: float
    raw_interval_ms: tuple[float, float]
    corrected_ms: float | None
    limit_met: bool

    def to_json(self) -> dict[str, Any]:
        """JSON values; null where two replicates are too few for an interval."""
        values = asdict(self)
        values["network"] = values.pop("line")
        values["raw_interval_ms"] = [None if np.isnan(x) else x for x in self.raw_interval_ms]
        return values


def in_another_process(device: DeviceOptions, *, force: bool, progress: Progress | None) -> Decider:
    """Return what measures a file's work on the device in a worker process."""

    def decide(path: Path) -> None:
        options = MeasureLaidOut(sweep=path, device=device, force=force)
        launch(measure_laid_out, options, progress=progress)

    return decide


def decide(
    known: Knowledge, state: State, best: Sequence[Candidate], decider: Decider
) -> list[Try]:
    """Measure the best candidates in turn until one meets the limit, or tries are used up.

    `best` are those that may be chosen, the best first. Tries of an earlier run of the same search
    count; a network is never tried twice. All tries there were, the last one decided.
    """
    question = known.question
    read = [read_try(known, path) for path in state.decided()]
    tries = sorted((each for each in read if each is not None), key=lambda one: one.measured_at)
    tried = {each.line: each for each in tries}
    for one in best:
        done = tried.get(one.line)
        if done is not None and done.limit_met:
            return [*(each for each in tries if each != done), done]
        if done is not None:
            continue
        if len(tries) >= question.measuring.tries:
            break
        path = _laid_out(known, state, one.workload)
        decider(path)
        found = read_try(known, path)
        assert found is not None
        tries.append(found)
        if found.limit_met:
            break
    return tries


def read_try(known: Knowledge, path: Path) -> Try | None:
    """Read a deciding measurement; None where it is not measured to its end."""
    done = only_iteration(path)
    if done is None:
        return None
    anchors = {one.blocks: one.ms for one in known.anchors}
    # The network stands first in the file; it may be an anchor too.
    work = done.networks[0]
    measured = done.measurements[work]
    beside = {
        one.blocks: found.median_ms
        for one, found in done.measurements.items()
        if one.blocks in anchors and one.blocks != work.blocks
    }
    corrected = _corrected(known, measured, anchors, beside)
    limit = known.question.limit
    on_corrected = limit.limit_on == CORRECTED and corrected is not None
    judged_ms = corrected if on_corrected else measured.raw_ms
    return Try(
        line=work.label,
        measured_at=done.started_at,
        raw_ms=measured.raw_ms,
        raw_interval_ms=measured.raw_interval_ms,
        corrected_ms=corrected,
        limit_met=bool(judged_ms is not None and judged_ms <= limit.max_ms),
    )


def _corrected(
    known: Knowledge, measured: Measurement, anchors: dict[Any, float], beside: dict[Any, float]
) -> float | None:
    from latency_models.drift.anchor_drift import AnchorDrift

    if not beside:
        return None
    then_ms = np.array([anchors[blocks] for blocks in beside])
    drift = AnchorDrift.of(then_ms, np.array(list(beside.values())))
    return measured.median_ms / drift.ratio * known.mean


def _laid_out(known: Knowledge, state: State, work: Workload) -> Path:
    """A file with the network and its anchors to be measured; continued if it exists."""
    from latency_models.predictors.predictor import network_key

    question: Question = known.question
    path = state.deciding(network_key(work.blocks))
    if not path.exists():
        beside = [one for one in known.anchor_work() if one.blocks != work.blocks]
        plan, text = question.plan(deciding=True), question.job.space.text
        with SweepStore.create(path, question.target, plan, space_toml=text) as store:
            store.add_groups([with_references([work, *beside])])
    return path
