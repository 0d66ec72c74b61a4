"""Search with the device in the loop, on a fake device whose every latency is known."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.errors import InfeasibleError
from latency_models.drift.margin import Margin
from latency_models.drift.model import DriftModel
from ofabench.workflows.search.limits import latency_limit, macs_limit
from ofabench.workflows.search.loop.result import MeasuredSearch
from ofabench.workflows.search.search import search
from supernet.search.result_file import read_network
from tests.support.loop_runs import FEW, QUICK, SMALL, SlowDevice, deep, loop, predictor, truth_ms

LIMIT = 0.3


def figures(found: MeasuredSearch) -> list[dict[str, Any]]:
    return [one.to_json() for one in found.candidates]


def truth_of(line: str) -> float:
    return truth_ms(SMALL.blocks(SMALL.from_line(line)))


def test_it_finds_a_network_within_where_plain_search_finds_one_that_is_not(tmp_path: Path) -> None:
    limit = latency_limit(predictor(0.9), LIMIT)
    plain = search(SMALL, deep, limit, QUICK)

    found = loop(tmp_path / "m", limit)

    assert truth_ms(plain.blocks) > LIMIT
    chosen = truth_ms(SMALL.blocks(found.arch))
    assert 0.95 * LIMIT < chosen <= LIMIT
    assert found.limit_met
    assert len(found.tries) == 1
    assert found.decided.raw_ms == pytest.approx(chosen, rel=1e-4)  # the clock has whole ns
    assert found.ended.startswith("the best network within the limit is measured")
    # It is the most accurate one that was measured within the limit.
    assert "  chosen in iteration " in str(found)
    within = [one.accuracy for one in found.candidates if one.within]
    assert found.accuracy == max(within) == deep([found.arch])[0]


def test_where_the_predictor_is_too_high_it_finds_a_better_network(tmp_path: Path) -> None:
    limit = latency_limit(predictor(1.15), LIMIT)
    plain = search(SMALL, deep, limit, QUICK)

    found = loop(tmp_path / "m", limit)

    assert found.accuracy > plain.accuracy
    assert truth_ms(SMALL.blocks(found.arch)) <= LIMIT


def test_every_candidate_has_its_figures_and_is_measured_once(tmp_path: Path) -> None:
    found = loop(tmp_path / "m", latency_limit(predictor(0.9), LIMIT))

    rows = figures(found)
    assert len({one["network"] for one in rows}) == len(rows)
    assert [one["iteration"] for one in rows] == sorted(one["iteration"] for one in rows)
    assert sum(one["iteration"] == 1 for one in rows) == FEW.candidates
    for one in rows:
        truth = truth_of(one["network"])
        assert one["raw_ms"] == pytest.approx(truth, rel=1e-4)
        assert one["corrected_ms"] == one["judged_ms"] == pytest.approx(truth, rel=5e-4)
        assert one["within"] == (one["judged_ms"] <= LIMIT)
        if one["iteration"] == 1:
            assert one["predicted_ms"] == pytest.approx(0.9 * truth)
    # Later predictions are corrected by what was measured before.
    missed = [one["predicted_ms"] / one["raw_ms"] - 1 for one in rows if one["iteration"] > 1]
    assert missed
    assert np.abs(missed).max() < 0.03


def test_drift_is_taken_out_by_the_anchors_of_the_predictor(tmp_path: Path) -> None:
    # 8 % slower in the first iteration (2 loads), 3 % faster in the later ones.
    device = SlowDevice(factors=(1.08, 1.08, 0.97))

    found = loop(tmp_path / "m", device=device)

    known = found.knowledge
    assert not known.own_anchors
    ratios = [one.ratio for one in known.drifts]
    assert ratios[:2] == pytest.approx([1.08, 0.97], rel=2e-3)
    assert known.log is not None
    # The fake clock says that all is of one session; with the sweep's own, two.
    assert len(known.log.sessions) == 2
    mean = np.exp(DriftModel.of(known.log).log_mean)
    for one in figures(found):
        truth = truth_of(one["network"])
        assert one["corrected_ms"] == pytest.approx(truth * mean, rel=5e-3)
        assert one["raw_ms"] == pytest.approx(truth * ratios[one["iteration"] - 1], rel=5e-3)
        # What is fast by drift alone is not within.
        assert one["within"] == (one["corrected_ms"] <= LIMIT)


def test_with_a_confidence_networks_are_held_to_their_margin(tmp_path: Path) -> None:
    limit = latency_limit(predictor(0.9), LIMIT, confidence=0.9, horizon="1h")

    found = loop(tmp_path / "m", limit)

    known = found.knowledge
    margin = Margin(confidence=0.9, model=DriftModel.of(known.log), horizon_s=3600.0)
    upper_ms = margin.compiled()
    for one in figures(found):
        drift = known.drifts[one["iteration"] - 1]
        error = np.hypot(0.002, drift.error)  # replicates agree: the least there is
        ms = np.array([one["corrected_ms"]])
        assert one["judged_ms"] == pytest.approx(upper_ms(ms, error * ms)[0], rel=1e-3)
        assert one["within"] == (one["judged_ms"] <= LIMIT)
    # Drift of sessions to come is in it, so the network is well below its limit now.
    assert found.decided.raw_ms < 0.97 * LIMIT
    assert found.limit_met


def test_without_anchors_candidates_of_the_first_iteration_tie_the_others(tmp_path: Path) -> None:
    limit = latency_limit(predictor(0.9, with_anchors=False), LIMIT)

    found = loop(tmp_path / "m", limit, device=SlowDevice(factors=(1.0, 1.0, 1.05)))

    known = found.knowledge
    assert known.own_anchors
    assert [one.ratio for one in known.drifts[:2]] == pytest.approx([1.0, 1.05], rel=2e-3)
    assert {one.label for one in known.anchors} <= {one.line for one in known.candidates}
    assert "the predictor's file has no anchors" in str(found)
    assert found.to_dict()["measured"]["anchors_from"] == "first iteration"


def test_a_limit_on_the_corrected_latency_is_decided_by_that(tmp_path: Path) -> None:
    limit = latency_limit(predictor(), LIMIT, confidence=0.6, limit_on="corrected")
    slow = SlowDevice(factors=(1.2,))

    found = loop(tmp_path / "m", limit, device=slow, deciding=slow)

    assert found.limit_met
    assert found.decided.corrected_ms is not None
    assert found.decided.corrected_ms <= LIMIT < found.decided.raw_ms


def test_iterations_and_budget_end_it(tmp_path: Path) -> None:
    limit = latency_limit(predictor(0.97), LIMIT)

    one = loop(tmp_path / "one", limit, measuring=replace(FEW, iterations=1, candidates=8))
    short = loop(tmp_path / "short", limit, measuring=replace(FEW, budget_s=1e-6, candidates=8))

    assert one.iterations == short.iterations == 1
    assert one.ended == "1 iterations are measured (--iterations)"
    assert short.ended.startswith("another iteration would exceed the budget")


def test_where_nothing_measured_is_within_it_is_said_and_more_iterations_go_on(
    tmp_path: Path,
) -> None:
    limit = latency_limit(predictor(0.7), LIMIT)

    with pytest.raises(InfeasibleError, match="none of the 6 networks that were measured") as told:
        loop(tmp_path / "m", limit, measuring=replace(FEW, iterations=1))
    found = loop(tmp_path / "m", limit)

    assert "more --iterations continues" in str(told.value)
    assert found.limit_met
    assert found.iterations > 1


def test_a_limit_that_nothing_is_predicted_within_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(InfeasibleError, match="the fastest network takes"):
        loop(tmp_path / "m", latency_limit(predictor(), 0.01))
    assert not list(tmp_path.iterdir())


def test_the_result_is_a_search_result_with_all_that_was_measured(tmp_path: Path) -> None:
    found = loop(tmp_path / "m")
    found.save(tmp_path / "r.json")

    data = json.loads((tmp_path / "r.json").read_text())
    network = read_network(tmp_path / "r.json")
    assert network.arch == found.arch
    assert network.limits == {predictor().target.key: LIMIT}
    measured = data["measured"]
    assert measured["limit_met"] is True
    assert measured["deciding"] == measured["tries"][0]
    assert measured["deciding"]["network"] == SMALL.to_line(found.arch)
    assert len(measured["candidates"]) == len(found.candidates)
    assert len(measured["drift"]) == found.iterations == measured["iterations"]


def test_other_limits_hold_for_every_candidate(tmp_path: Path) -> None:
    found = loop(tmp_path / "m", [latency_limit(predictor(), LIMIT), macs_limit("4M")])

    for one in found.candidates:
        assert sum(block.macs for block in one.workload.blocks) <= 4e6
