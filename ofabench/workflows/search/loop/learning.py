"""State of the loop from measured iterations: drift, corrected predictor, candidates."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from bench.drift.log import Anchor, AnchorSession, choose_anchors
from bench.protocol.device import Workload
from ofabench.workflows.search.loop.loop_state import Candidate, Floats, LoopState
from ofabench.workflows.search.loop.measuring import Iteration
from ofabench.workflows.search.loop.task import LoopTask

if TYPE_CHECKING:
    from latency_models.predictors.predictor import LatencyPredictor


def state_after(task: LoopTask, iterations: Sequence[Iteration]) -> LoopState:
    """Return the state after these iterations; predictions of a network are from before its own."""
    state = _initial_state(task)
    for count in range(1, len(iterations) + 1):
        state = _after(task, iterations[:count], state)
    return state


def _initial_state(task: LoopTask) -> LoopState:
    log = task.predictor.drift_log
    return LoopState(
        task=task,
        anchors=() if log is None else log.anchors,
        own_anchors=log is None,
        log=log,
        drifts=(),
        candidates=(),
        predictor=task.predictor,
    )


def _after(task: LoopTask, iterations: Sequence[Iteration], previous: LoopState) -> LoopState:
    """State after the last of these iterations."""
    from latency_models.drift.anchor_drift import AnchorDrift, with_sessions

    anchors = previous.anchors or _own_anchors(iterations[0])
    sweep_ms = np.array([anchor.ms for anchor in anchors])
    drifts = tuple(
        AnchorDrift.of(sweep_ms, _anchor_ms(iteration, anchors)) for iteration in iterations
    )
    log = with_sessions(task.predictor.drift_log, anchors, _sessions(iterations, anchors))
    state = replace(previous, anchors=anchors, log=log, drifts=drifts, candidates=())
    measured = _measured(iterations, () if previous.own_anchors else anchors)
    corrected_ms = {
        work: ms / drifts[index].ratio * state.mean for work, (index, ms) in measured.items()
    }
    state = replace(state, predictor=_refitted(state, corrected_ms))
    predicted = _predicted(previous, list(measured))
    return replace(state, candidates=tuple(_candidates(state, iterations, measured, predicted)))


def _refitted(state: LoopState, corrected_ms: Mapping[Workload, float]) -> "LatencyPredictor":
    """The task's predictor, corrected by the measured networks and the anchors."""
    from latency_models.predictors.refit import refitted

    base = _at_session_mean(state)
    if not corrected_ms:
        return base
    networks = [work.blocks for work in corrected_ms]
    ms = list(corrected_ms.values())
    if not state.own_anchors:  # networks of its fit, at the mean over sessions as predictions are
        networks += [anchor.blocks for anchor in state.anchors]
        ms += [anchor.ms * state.mean for anchor in state.anchors]
    blocks = state.task.blocks
    return refitted(base, networks, np.array(ms), blocks, evaluated=len(corrected_ms))


def _predicted(previous: LoopState, networks: Sequence[Workload]) -> dict[Workload, float]:
    """The prediction of each network before it was measured, ms."""
    predicted_ms = {network.workload: network.predicted_ms for network in previous.candidates}
    new = [network for network in networks if network not in predicted_ms]
    if not new:
        return predicted_ms
    ms = previous.predictor.predict_many([network.blocks for network in new]).tolist()
    return {**predicted_ms, **dict(zip(new, ms, strict=True))}


def _own_anchors(first: Iteration) -> tuple[Anchor, ...]:
    """Candidates of the first iteration that serve as anchors in the later ones."""
    ms = [first.measurements[network].median_ms for network in first.networks]
    chosen = [first.networks[index] for index in choose_anchors(ms)]
    return tuple(
        Anchor(blocks=network.blocks, label=network.label, ms=first.measurements[network].median_ms)
        for network in chosen
    )


def _anchor_ms(iteration: Iteration, anchors: Sequence[Anchor]) -> Floats:
    """Each anchor's latency in an iteration, ms, NaN if it did not run; (anchors,)."""
    by_blocks = {
        anchor.blocks: measurement.median_ms
        for anchor, measurement in iteration.measurements.items()
    }
    return np.array([by_blocks.get(anchor.blocks, np.nan) for anchor in anchors])


def _sessions(iterations: Sequence[Iteration], anchors: Sequence[Anchor]) -> list[AnchorSession]:
    from latency_models.drift.anchor_drift import AnchorTimes, sessions_of

    times = []
    for iteration in iterations:
        raw_ms = {
            work.blocks: measurement.raw_ms for work, measurement in iteration.measurements.items()
        }
        times.append(
            AnchorTimes(
                started_at=iteration.started_at,
                ended_at=iteration.ended_at,
                ms=tuple(raw_ms.get(anchor.blocks, float("nan")) for anchor in anchors),
                forced=any(
                    measurement.facts.get("forced") is True
                    for measurement in iteration.measurements.values()
                ),
            )
        )
    return sessions_of(times)


def _measured(
    iterations: Sequence[Iteration], anchors: Sequence[Anchor]
) -> dict[Workload, tuple[int, float]]:
    """Candidates with the index of the iteration that first measured them, and their ms in it."""
    excluded = {anchor.blocks for anchor in anchors}
    first_measured: dict[Workload, tuple[int, float]] = {}
    for index, iteration in enumerate(iterations):
        for work in iteration.networks:
            if work.blocks not in excluded:
                excluded.add(work.blocks)
                first_measured[work] = (index, iteration.measurements[work].median_ms)
    return first_measured


def _at_session_mean(state: LoopState) -> "LatencyPredictor":
    """The task's predictor, scaled to the mean over all sessions so far."""
    from latency_models.drift.provenance import DRIFT, DRIFT_MEAN
    from latency_models.predictors.refit import scaled

    predictor, log, mean = state.task.predictor, state.log, state.mean
    # Without anchors in the file, only candidates relate its scale to this one.
    factor = 1.0 if predictor.drift_log is None else mean / predictor.drift_mean
    scaled_predictor = predictor if factor == 1.0 else scaled(predictor, factor, state.task.blocks)
    if log is None:
        return scaled_predictor
    drift_provenance = {DRIFT: log.to_json(), DRIFT_MEAN: mean}
    return replace(scaled_predictor, provenance={**scaled_predictor.provenance, **drift_provenance})


def _candidates(
    state: LoopState,
    iterations: Sequence[Iteration],
    measured: Mapping[Workload, tuple[int, float]],
    predicted: Mapping[Workload, float],
) -> Iterator[Candidate]:
    """Each measured candidate with its figures, in the order of measurement."""
    task, space = state.task, state.task.job.space
    networks = list(measured)
    if not networks:
        return
    indices = [measured[work][0] for work in networks]
    raw_ms = np.array(
        [iterations[measured[work][0]].measurements[work].raw_ms for work in networks]
    )
    corrected_ms = np.array(
        [ms / state.drifts[index].ratio * state.mean for index, ms in measured.values()]
    )
    errors = [np.hypot(iterations[index].error, state.drifts[index].error) for index in indices]
    judged_ms = corrected_ms
    if state.margin is not None:
        judged_ms = state.margin.compiled()(corrected_ms, corrected_ms * np.array(errors))
    codes = space.encode([space.from_line(work.label) for work in networks])
    accuracies = np.clip(task.job.accuracy.predict(codes), 0.0, 1.0)
    for row, work in enumerate(networks):
        yield Candidate(
            iteration=indices[row] + 1,
            line=work.label,
            workload=work,
            accuracy=float(accuracies[row]),
            predicted_ms=predicted[work],
            raw_ms=float(raw_ms[row]),
            corrected_ms=float(corrected_ms[row]),
            error=float(errors[row]),
            judged_ms=float(judged_ms[row]),
            within=bool(judged_ms[row] <= task.limit.max_ms),
        )
