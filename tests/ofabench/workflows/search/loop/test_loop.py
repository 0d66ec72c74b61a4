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


def figures(search: MeasuredSearch) -> list[dict[str, Any]]:
    return [candidate.to_json() for candidate in search.candidates]


def truth_of(line: str) -> float:
    return truth_ms(SMALL.blocks(SMALL.from_line(line)))


@pytest.mark.slow
def test_it_finds_a_network_within_where_plain_search_finds_one_that_is_not(tmp_path: Path) -> None:
    limit = latency_limit(predictor(0.9), LIMIT)
    plain = search(SMALL, deep, limit, QUICK)

    result = loop(tmp_path / "m", limit)

    assert truth_ms(plain.blocks) > LIMIT
    chosen = truth_ms(SMALL.blocks(result.arch))
    assert 0.95 * LIMIT < chosen <= LIMIT
    assert result.limit_met
    assert len(result.tries) == 1
    assert result.chosen_try.raw_ms == pytest.approx(chosen, rel=1e-4)  # the clock has whole ns
    assert result.end_reason.startswith("the best network within the limit is measured")
    # It is the most accurate one that was measured within the limit.
    assert "  chosen in iteration " in str(result)
    within = [candidate.accuracy for candidate in result.candidates if candidate.within]
    assert result.accuracy == max(within) == deep([result.arch])[0]


@pytest.mark.slow
def test_where_the_predictor_is_too_high_it_finds_a_better_network(tmp_path: Path) -> None:
    limit = latency_limit(predictor(1.15), LIMIT)
    plain = search(SMALL, deep, limit, QUICK)

    result = loop(tmp_path / "m", limit)

    assert result.accuracy > plain.accuracy
    assert truth_ms(SMALL.blocks(result.arch)) <= LIMIT


@pytest.mark.slow
def test_every_candidate_has_its_figures_and_is_measured_once(tmp_path: Path) -> None:
    result = loop(tmp_path / "m", latency_limit(predictor(0.9), LIMIT))

    rows = figures(result)
    assert len({row["network"] for row in rows}) == len(rows)
    assert [row["iteration"] for row in rows] == sorted(row["iteration"] for row in rows)
    assert sum(row["iteration"] == 1 for row in rows) == FEW.candidates
    for row in rows:
        truth = truth_of(row["network"])
        assert row["raw_ms"] == pytest.approx(truth, rel=1e-4)
        assert row["corrected_ms"] == row["judged_ms"] == pytest.approx(truth, rel=5e-4)
        assert row["within"] == (row["judged_ms"] <= LIMIT)
        if row["iteration"] == 1:
            assert row["predicted_ms"] == pytest.approx(0.9 * truth)
    # Later predictions are corrected by what was measured before.
    missed = [row["predicted_ms"] / row["raw_ms"] - 1 for row in rows if row["iteration"] > 1]
    assert missed
    assert np.abs(missed).max() < 0.03


@pytest.mark.slow
def test_drift_is_taken_out_by_the_anchors_of_the_predictor(tmp_path: Path) -> None:
    # 8 % slower in the first iteration (2 loads), 3 % faster in the later ones.
    device = SlowDevice(factors=(1.08, 1.08, 0.97))

    result = loop(tmp_path / "m", device=device)

    known = result.knowledge
    assert not known.own_anchors
    ratios = [drift.ratio for drift in known.drifts]
    assert ratios[:2] == pytest.approx([1.08, 0.97], rel=2e-3)
    assert known.log is not None
    # The fake clock says that all is of one session; with the sweep's own, two.
    assert len(known.log.sessions) == 2
    mean = np.exp(DriftModel.of(known.log).log_mean)
    for figure in figures(result):
        truth = truth_of(figure["network"])
        assert figure["corrected_ms"] == pytest.approx(truth * mean, rel=5e-3)
        assert figure["raw_ms"] == pytest.approx(truth * ratios[figure["iteration"] - 1], rel=5e-3)
        # What is fast by drift alone is not within.
        assert figure["within"] == (figure["corrected_ms"] <= LIMIT)


@pytest.mark.slow
def test_with_a_confidence_networks_are_held_to_their_margin(tmp_path: Path) -> None:
    limit = latency_limit(predictor(0.9), LIMIT, confidence=0.9, horizon="1h")

    result = loop(tmp_path / "m", limit)

    known = result.knowledge
    margin = Margin(confidence=0.9, model=DriftModel.of(known.log), horizon_s=3600.0)
    upper_ms = margin.compiled()
    for figure in figures(result):
        drift = known.drifts[figure["iteration"] - 1]
        error = np.hypot(0.002, drift.error)  # replicates agree: the least there is
        ms = np.array([figure["corrected_ms"]])
        assert figure["judged_ms"] == pytest.approx(upper_ms(ms, error * ms)[0], rel=1e-3)
        assert figure["within"] == (figure["judged_ms"] <= LIMIT)
    # Drift of sessions to come is in it, so the network is well below its limit now.
    assert result.chosen_try.raw_ms < 0.97 * LIMIT
    assert result.limit_met


@pytest.mark.slow
def test_without_anchors_candidates_of_the_first_iteration_tie_the_others(tmp_path: Path) -> None:
    limit = latency_limit(predictor(0.9, with_anchors=False), LIMIT)

    result = loop(tmp_path / "m", limit, device=SlowDevice(factors=(1.0, 1.0, 1.05)))

    known = result.knowledge
    assert known.own_anchors
    assert [drift.ratio for drift in known.drifts[:2]] == pytest.approx([1.0, 1.05], rel=2e-3)
    assert {anchor.label for anchor in known.anchors} <= {
        candidate.line for candidate in known.candidates
    }
    assert "the predictor's file has no anchors" in str(result)
    assert result.to_dict()["measured"]["anchors_from"] == "first iteration"


@pytest.mark.slow
def test_a_limit_on_the_corrected_latency_is_decided_by_that(tmp_path: Path) -> None:
    limit = latency_limit(predictor(), LIMIT, confidence=0.6, limit_on="corrected")
    slow = SlowDevice(factors=(1.2,))

    result = loop(tmp_path / "m", limit, device=slow, deciding=slow)

    assert result.limit_met
    assert result.chosen_try.corrected_ms is not None
    assert result.chosen_try.corrected_ms <= LIMIT < result.chosen_try.raw_ms


@pytest.mark.slow
def test_iterations_and_budget_end_it(tmp_path: Path) -> None:
    limit = latency_limit(predictor(0.97), LIMIT)

    single = loop(tmp_path / "one", limit, measuring=replace(FEW, iterations=1, candidates=8))
    short = loop(tmp_path / "short", limit, measuring=replace(FEW, budget_s=1e-6, candidates=8))

    assert single.iterations == short.iterations == 1
    assert single.end_reason == "1 iterations are measured (--iterations)"
    assert short.end_reason.startswith("another iteration would exceed the budget")


@pytest.mark.slow
def test_a_loop_without_a_measured_network_within_the_limit_can_be_continued(
    tmp_path: Path,
) -> None:
    limit = latency_limit(predictor(0.7), LIMIT)

    with pytest.raises(
        InfeasibleError, match="none of the 6 networks that were measured"
    ) as output:
        loop(tmp_path / "m", limit, measuring=replace(FEW, iterations=1))
    result = loop(tmp_path / "m", limit)

    assert "more --iterations continues" in str(output.value)
    assert result.limit_met
    assert result.iterations > 1


def test_a_limit_below_every_prediction_writes_no_file(tmp_path: Path) -> None:
    with pytest.raises(InfeasibleError, match="the fastest network takes"):
        loop(tmp_path / "m", latency_limit(predictor(), 0.01))
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_the_result_is_a_search_result_with_all_that_was_measured(tmp_path: Path) -> None:
    result = loop(tmp_path / "m")
    result.save(tmp_path / "r.json")

    data = json.loads((tmp_path / "r.json").read_text())
    network = read_network(tmp_path / "r.json")
    assert network.arch == result.arch
    assert network.limits == {predictor().target.key: LIMIT}
    measured = data["measured"]
    assert measured["limit_met"] is True
    assert measured["deciding"] == measured["tries"][0]
    assert measured["deciding"]["network"] == SMALL.to_line(result.arch)
    assert len(measured["candidates"]) == len(result.candidates)
    assert len(measured["drift"]) == result.iterations == measured["iterations"]


def test_other_limits_hold_for_every_candidate(tmp_path: Path) -> None:
    result = loop(tmp_path / "m", [latency_limit(predictor(), LIMIT), macs_limit("4M")])

    for candidate in result.candidates:
        assert sum(block.macs for block in candidate.workload.blocks) <= 4e6
