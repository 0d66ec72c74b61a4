"""Learns from measured iterations: drift, the predictor, and the candidates."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from bench.drift.log import Anchor, AnchorSession, choose_anchors
from bench.protocol.device import Workload
from ofabench.workflows.search.loop.knowledge import Candidate, Floats, Knowledge
from ofabench.workflows.search.loop.measuring import Iteration
from ofabench.workflows.search.loop.question import Question

if TYPE_CHECKING:
    from latency_models.predictors.predictor import LatencyPredictor


def learn(question: Question, iterations: Sequence[Iteration]) -> Knowledge:
    """Put together what the iterations say, each network as it was known before its own."""
    known = _nothing_measured(question)
    for count in range(1, len(iterations) + 1):
        known = _after(question, iterations[:count], known)
    return known


def _nothing_measured(question: Question) -> Knowledge:
    log = question.predictor.drift_log
    return Knowledge(
        question=question,
        anchors=() if log is None else log.anchors,
        own_anchors=log is None,
        log=log,
        drifts=(),
        candidates=(),
        predictor=question.predictor,
    )


def _after(question: Question, iterations: Sequence[Iteration], before: Knowledge) -> Knowledge:
    """What is known after the last of these iterations."""
    from latency_models.drift.anchor_drift import AnchorDrift, with_sessions

    anchors = before.anchors or _own_anchors(iterations[0])
    then_ms = np.array([one.ms for one in anchors])
    drifts = tuple(AnchorDrift.of(then_ms, _anchor_ms(one, anchors)) for one in iterations)
    log = with_sessions(question.predictor.drift_log, anchors, _sessions(iterations, anchors))
    found = replace(before, anchors=anchors, log=log, drifts=drifts, candidates=())
    measured = _measured(iterations, () if before.own_anchors else anchors)
    corrected_ms = {
        work: ms / drifts[place].ratio * found.mean for work, (place, ms) in measured.items()
    }
    found = replace(found, predictor=_refitted(found, corrected_ms))
    predicted = _predicted(before, list(measured))
    return replace(found, candidates=tuple(_candidates(found, iterations, measured, predicted)))


def _refitted(known: Knowledge, corrected_ms: Mapping[Workload, float]) -> "LatencyPredictor":
    """The predictor that was given, as the measured networks and the anchors correct it."""
    from latency_models.predictors.refit import refitted

    base = _on_scale(known)
    if not corrected_ms:
        return base
    nets = [work.blocks for work in corrected_ms]
    ms = list(corrected_ms.values())
    if not known.own_anchors:  # networks of its fit, at the level that predictions have
        nets += [one.blocks for one in known.anchors]
        ms += [one.ms * known.mean for one in known.anchors]
    blocks = known.question.blocks
    return refitted(base, nets, np.array(ms), blocks, judged=len(corrected_ms))


def _predicted(before: Knowledge, networks: Sequence[Workload]) -> dict[Workload, float]:
    """What each network was predicted at before it was measured, ms."""
    found = {one.workload: one.predicted_ms for one in before.candidates}
    fresh = [one for one in networks if one not in found]
    if not fresh:
        return found
    ms = before.predictor.predict_many([one.blocks for one in fresh]).tolist()
    return {**found, **dict(zip(fresh, ms, strict=True))}


def _own_anchors(first: Iteration) -> tuple[Anchor, ...]:
    """Candidates of the first iteration that tie the later ones to it."""
    ms = [first.measurements[one].median_ms for one in first.networks]
    chosen = [first.networks[place] for place in choose_anchors(ms)]
    return tuple(
        Anchor(blocks=one.blocks, label=one.label, ms=first.measurements[one].median_ms)
        for one in chosen
    )


def _anchor_ms(iteration: Iteration, anchors: Sequence[Anchor]) -> Floats:
    """Each anchor's latency in an iteration, NaN where it did not run, (anchors,)."""
    by_blocks = {one.blocks: found.median_ms for one, found in iteration.measurements.items()}
    return np.array([by_blocks.get(one.blocks, np.nan) for one in anchors])


def _sessions(iterations: Sequence[Iteration], anchors: Sequence[Anchor]) -> list[AnchorSession]:
    from latency_models.drift.anchor_drift import AnchorTimes, sessions_of

    stretches = []
    for one in iterations:
        raw = {work.blocks: found.raw_ms for work, found in one.measurements.items()}
        stretches.append(
            AnchorTimes(
                started_at=one.started_at,
                ended_at=one.ended_at,
                ms=tuple(raw.get(anchor.blocks, float("nan")) for anchor in anchors),
                forced=any(
                    found.facts.get("forced") is True for found in one.measurements.values()
                ),
            )
        )
    return sessions_of(stretches)


def _measured(
    iterations: Sequence[Iteration], anchors: Sequence[Anchor]
) -> dict[Workload, tuple[int, float]]:
    """Candidates with the place of the iteration that measured them first, and their ms in it."""
    known = {one.blocks for one in anchors}
    found: dict[Workload, tuple[int, float]] = {}
    for place, iteration in enumerate(iterations):
        for work in iteration.networks:
            if work.blocks not in known:
                known.add(work.blocks)
                found[work] = (place, iteration.measurements[work].median_ms)
    return found


def _on_scale(known: Knowledge) -> "LatencyPredictor":
    """The predictor that was given, at the mean over the sessions known by now."""
    from latency_models.drift.provenance import DRIFT, DRIFT_MEAN
    from latency_models.predictors.refit import scaled

    given, log, mean = known.question.predictor, known.log, known.mean
    # Without anchors it is not known how its scale and this one compare: candidates say that.
    factor = 1.0 if given.drift_log is None else mean / given.drift_mean
    base = given if factor == 1.0 else scaled(given, factor, known.question.blocks)
    if log is None:
        return base
    kept = {DRIFT: log.to_json(), DRIFT_MEAN: mean}
    return replace(base, provenance={**base.provenance, **kept})


def _candidates(
    known: Knowledge,
    iterations: Sequence[Iteration],
    measured: Mapping[Workload, tuple[int, float]],
    predicted: Mapping[Workload, float],
) -> Iterator[Candidate]:
    """Each measured candidate with its figures, in the order of measuring."""
    question, space = known.question, known.question.job.space
    works = list(measured)
    if not works:
        return
    places = [measured[work][0] for work in works]
    raw_ms = np.array([iterations[measured[work][0]].measurements[work].raw_ms for work in works])
    corrected_ms = np.array(
        [ms / known.drifts[place].ratio * known.mean for place, ms in measured.values()]
    )
    errors = [np.hypot(iterations[place].error, known.drifts[place].error) for place in places]
    judged_ms = corrected_ms
    if known.margin is not None:
        judged_ms = known.margin.compiled()(corrected_ms, corrected_ms * np.array(errors))
    codes = space.encode([space.from_line(work.label) for work in works])
    accuracies = np.clip(question.job.accuracy.predict(codes), 0.0, 1.0)
    for row, work in enumerate(works):
        yield Candidate(
            iteration=places[row] + 1,
            line=work.label,
            workload=work,
            accuracy=float(accuracies[row]),
            predicted_ms=predicted[work],
            raw_ms=float(raw_ms[row]),
            corrected_ms=float(corrected_ms[row]),
            error=float(errors[row]),
            judged_ms=float(judged_ms[row]),
            within=bool(judged_ms[row] <= question.limit.max_ms),
        )
