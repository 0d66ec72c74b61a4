"""What the measured candidates say: of the machine's drift, of the predictor, and of themselves."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bench.drift.log import Anchor, AnchorSession, DriftLog, choose_anchors
from bench.protocol.device import Workload
from ofabench.workflows.search.loop.measuring import Iteration
from ofabench.workflows.search.loop.question import Question

if TYPE_CHECKING:
    from latency_models.drift.anchored import AnchorDrift
    from latency_models.predictors.predictor import LatencyPredictor
    from supernet.constraints.constraints import Constraint

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A network that was measured in an iteration (from 1), `line` of an archs file.

    Latencies in ms: `predicted_ms` before it was measured and `corrected_ms`, are of the mean over
    sessions; `raw_ms` is as measured; `judged_ms` is what is held to the limit: the latency as
    measured, with a confidence the corrected one with its margin.
    """

    iteration: int
    line: str
    workload: Workload
    accuracy: float
    predicted_ms: float
    raw_ms: float
    corrected_ms: float
    judged_ms: float
    within: bool

    def to_json(self) -> dict[str, Any]:
        """JSON values; the network is its line."""
        values = {name: getattr(self, name) for name in _FIGURES}
        return {"network": self.line, **values}


_FIGURES = (
    "iteration",
    "accuracy",
    "predicted_ms",
    "raw_ms",
    "corrected_ms",
    "judged_ms",
    "within",
)


@dataclass(frozen=True, kw_only=True)
class Knowledge:
    """All that iterations say. `drifts` are by iteration; `predictor` is of the mean over sessions.

    `anchors` tie iterations together; `own_anchors` where the predictor's file has none, so that
    they are candidates of the first iteration, measured again in the later ones.
    """

    question: Question
    anchors: tuple[Anchor, ...]
    own_anchors: bool
    log: DriftLog | None
    drifts: "tuple[AnchorDrift, ...]"
    candidates: tuple[Candidate, ...]
    predictor: "LatencyPredictor"

    @property
    def mean(self) -> float:
        """The mean over sessions over the anchors' own latencies."""
        return mean_over_sessions(self.log)

    @property
    def now(self) -> float:
        """The last iteration's drift over the mean over sessions; 1 before the first."""
        return self.drifts[-1].ratio / self.mean if self.drifts else 1.0

    @cached_property
    def searched(self) -> "LatencyPredictor":
        """The predictor that is searched by.

        With a confidence a limit is about sessions to come, else about this one: predictions are
        then at the level of the last iteration.
        """
        from latency_models.predictors.refit import scaled

        if self.question.limit.confidence is not None or self.now == 1.0:
            return self.predictor
        return scaled(self.predictor, self.now, self.question.blocks)

    @property
    def constraint(self) -> "Constraint":
        """The latency limit by what is known."""
        return self.question.limit_by(self.searched)

    def upper_ms(self, ms: Floats, std_ms: Floats) -> Floats:
        """What measured networks stay below at the limit's confidence, in sessions to come, (n,).

        `ms` (n,) are latencies at the mean over sessions, `std_ms` (n,) their standard errors.
        """
        from latency_models.drift.margin import Margin
        from latency_models.drift.model import DriftModel

        limit = self.question.limit
        assert limit.confidence is not None
        margin = Margin(
            confidence=limit.confidence,
            model=DriftModel.of(self.log),
            horizon_s=limit.horizon_s,
            limit_on=limit.limit_on,
            session_spread=limit.session_spread,
        )
        return margin.compiled()(ms, std_ms)

    def anchor_work(self) -> list[Workload]:
        """The anchors as they are measured."""
        return [
            Workload(role="network", blocks=one.blocks, label=one.label) for one in self.anchors
        ]

    def to_json(self) -> dict[str, Any]:
        """JSON values: anchors, drift of each iteration, candidates."""
        return {
            "anchors": [one.label for one in self.anchors],
            "anchors_from": "first iteration" if self.own_anchors else "predictor",
            "mean_drift": self.mean,
            "drift": [asdict(one) for one in self.drifts],
            "candidates": [one.to_json() for one in self.candidates],
        }


def mean_over_sessions(log: DriftLog | None) -> float:
    """The mean over the sessions of a log over its anchors' latencies; 1 without one."""
    from latency_models.drift.model import DriftModel

    return 1.0 if log is None else float(np.exp(DriftModel.of(log).log_mean))


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
    from latency_models.drift.anchored import AnchorDrift, with_sessions
    from latency_models.predictors.refit import refitted

    anchors = before.anchors or _own_anchors(iterations[0])
    then_ms = np.array([one.ms for one in anchors])
    drifts = tuple(AnchorDrift.of(then_ms, _anchor_ms(one, anchors)) for one in iterations)
    log = with_sessions(question.predictor.drift_log, anchors, _sessions(iterations, anchors))
    mean = mean_over_sessions(log)
    measured = _measured(question, iterations, anchors if not before.own_anchors else ())
    corrected = {work: ms / drifts[place].ratio * mean for work, (place, ms) in measured.items()}
    base = _on_scale(question, log, mean)
    nets = [work.blocks for work in corrected]
    ms = list(corrected.values())
    if not before.own_anchors:  # the fit's own networks, at the level that its latencies have
        nets += [one.blocks for one in anchors]
        ms += [one.ms * mean for one in anchors]
    predictor = (
        refitted(base, nets, np.array(ms), question.blocks, judged=len(corrected))
        if corrected
        else base
    )
    found = replace(
        before, anchors=anchors, log=log, drifts=drifts, candidates=(), predictor=predictor
    )
    predicted = _predicted(before, list(corrected))
    rows = _candidates(found, iterations, measured, predicted)
    return replace(found, candidates=tuple(rows))


def _predicted(before: Knowledge, networks: Sequence[Workload]) -> dict[Workload, float]:
    """What each network was predicted at before it was measured, ms."""
    found = {one.workload: one.predicted_ms for one in before.candidates}
    fresh = [one for one in networks if one not in found]
    ms = before.predictor.predict_many([one.blocks for one in fresh]) if fresh else []
    return {**found, **dict(zip(fresh, map(float, ms), strict=True))}


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
    from latency_models.drift.anchored import Stretch, sessions_of

    stretches = []
    for one in iterations:
        raw = {work.blocks: found.raw_ms for work, found in one.measurements.items()}
        ms = tuple(raw.get(anchor.blocks, float("nan")) for anchor in anchors)
        stretches.append(Stretch(started_at=one.started_at, ended_at=one.ended_at, ms=ms))
    return sessions_of(stretches)


def _measured(
    question: Question, iterations: Sequence[Iteration], anchors: Sequence[Anchor]
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


def _on_scale(question: Question, log: DriftLog | None, mean: float) -> "LatencyPredictor":
    """The predictor that was given, at the mean over the sessions known by now."""
    from latency_models.drift.kept import DRIFT, DRIFT_MEAN
    from latency_models.predictors.refit import scaled

    given = question.predictor
    # Without anchors it is not known how its scale and this one compare: candidates say that.
    factor = 1.0 if given.drift_log is None else mean / given.drift_mean
    base = given if factor == 1.0 else scaled(given, factor, question.blocks)
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
    judged_ms = raw_ms
    if question.limit.confidence is not None:
        judged_ms = known.upper_ms(corrected_ms, corrected_ms * np.array(errors))
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
            judged_ms=float(judged_ms[row]),
            within=bool(judged_ms[row] <= question.limit.max_ms),
        )
