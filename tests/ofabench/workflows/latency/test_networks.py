"""Which networks of a table a predictor is judged on, and how slow the machine was meanwhile."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench.drift.log import Anchor, AnchorSession, DriftLog
from bench.errors import FileError, InputError
from bench.protocol.target import Target
from latency_models.fitting import fit_predictor
from latency_models.predictors.predictor import LatencyPredictor
from latency_models.tables.networks import NetworksTable
from latency_models.tables.table import LatencyTable, frame_of
from ofabench.report.named_spaces import space_of_table
from ofabench.workflows.latency.networks import held_out_networks, space_of
from supernet.space.space import SearchSpace

TINY = SearchSpace.load("tiny")
TARGET = Target(device="box", backend="onnx", backend_version="1")
ARCHS = list(dict.fromkeys(TINY.sample(np.random.default_rng(0), 40)))[:30]
NETS = [TINY.blocks(arch) for arch in ARCHS]
MS = np.array([0.1 + sum(block.macs for block in net) / 1e6 for net in NETS])


@pytest.fixture(scope="module")
def predictor() -> LatencyPredictor:
    """Fitted on the first twelve."""
    return fit_predictor(None, NETS[:12], MS[:12], target=TARGET, blocks=TINY.unique_blocks())


def table(first: int, last: int, slower: float = 1.0) -> NetworksTable:
    frame = TINY.to_frame(ARCHS[first:last]).assign(box_ms=slower * MS[first:last])
    return NetworksTable(frame=frame, space="tiny", targets={}, provenance={})


def test_a_table_carries_a_space_that_is_not_shipped() -> None:
    text = TINY.text.replace('name = "tiny"', 'name = "mine"')
    stored = replace(table(0, 3), space="gone.toml", provenance={"space_toml": text})
    mine = SearchSpace.from_toml(text)

    assert space_of(stored, None) == space_of_table(stored) == mine
    assert space_of(stored, "tiny") == TINY  # an explicit space comes first
    lost = replace(stored, provenance={})
    assert space_of_table(lost) is None
    with pytest.raises(FileError, match=r"gone\.toml"):
        space_of(lost, None)


def test_networks_of_the_fit_are_excluded_and_give_the_drift(predictor: LatencyPredictor) -> None:
    result = held_out_networks(table(8, 30, slower=1.25), "box_ms", TINY, predictor)

    assert result.fitted == 4
    assert result.measured.ms == pytest.approx(1.25 * MS[12:])
    assert result.codes.tolist() == TINY.encode(ARCHS[12:]).tolist()
    drift = result.measured.drift
    assert drift is not None
    assert (drift.source, drift.workloads) == ("networks in common", 4)
    assert drift.ratio == pytest.approx(1.25)
    assert result.measured.drift_corrected_ms == pytest.approx(MS[12:])


def log_of(places: list[int], slower: float = 1.0) -> DriftLog:
    """Anchors at these places of `NETS`, measured at this speed in their sweep."""
    anchors = tuple(
        Anchor(blocks=NETS[place], label=str(place), ms=slower * MS[place]) for place in places
    )
    session = AnchorSession(
        started_at="2026-01-01T00:00", ms=tuple(anchor.ms for anchor in anchors)
    )
    return DriftLog(anchors=anchors, sessions=(session,))


def with_log(predictor: LatencyPredictor, *places: int, **facts: float) -> LatencyPredictor:
    return replace(predictor, provenance={"drift": log_of(list(places)).to_json(), **facts})


def test_the_predictors_anchors_among_the_networks_give_the_drift(
    predictor: LatencyPredictor,
) -> None:
    """Of five anchors three are measured again, one of them slower by much more than the rest."""
    later = table(8, 30, slower=1.25)
    thrice = np.where(later.frame.index == 2, 3.0, 1.0)  # network 10, an anchor
    later = replace(later, frame=later.frame.assign(box_ms=thrice * later.frame["box_ms"]))

    result = held_out_networks(later, "box_ms", TINY, with_log(predictor, 0, 1, 8, 10, 11))

    drift = result.measured.drift
    assert drift is not None
    assert (drift.source, drift.workloads) == ("anchor networks", 3)
    assert drift.ratio == pytest.approx(1.25)
    # The middle half of 1.25, 1.25 and 3.75 reaches to the square root of 1.25 * 3.75.
    assert drift.disagreement == pytest.approx(3**0.5 - 1)
    # Anchors that were fitted on are no networks that were held out.
    assert result.fitted == 4
    assert result.codes.tolist() == TINY.encode(ARCHS[12:]).tolist()


def test_anchors_of_the_judged_sweep_give_the_drift_where_no_row_does(
    predictor: LatencyPredictor,
) -> None:
    swept = {"drift": log_of([0, 3, 5, 20], slower=1.5).to_json()}
    later = replace(table(12, 30, slower=1.5), provenance=swept)

    result = held_out_networks(
        later, "box_ms", TINY, with_log(predictor, 0, 3, 5, 7, 9, drift_mean=1.2)
    )

    assert result.measured.drift is not None
    assert result.measured.drift.workloads == 3
    assert result.measured.drift.ratio == pytest.approx(1.5 / 1.2)
    assert result.measured.drift_corrected_ms == pytest.approx(1.2 * MS[12:])


def test_a_damaged_drift_log_of_the_judged_sweep_is_refused(predictor: LatencyPredictor) -> None:
    later = replace(table(12, 30), provenance={"drift": {"anchors": []}})

    with pytest.raises(InputError, match="the networks table's drift log is damaged"):
        held_out_networks(later, "box_ms", TINY, with_log(predictor, 0, 1, 2))


def test_a_predictor_of_p90_is_judged_on_p90_and_follows_anchors_by_their_medians(
    predictor: LatencyPredictor,
) -> None:
    later = table(0, 30, slower=1.25)
    later.frame["box_p90"] = 2 * later.frame["box_ms"]
    of_p90 = with_log(predictor, 0, 3, 5)
    of_p90 = replace(of_p90, provenance={**of_p90.provenance, "statistic": "p90"})

    result = held_out_networks(later, "box_ms", TINY, of_p90)

    assert result.measured.ms == pytest.approx(2.5 * MS[12:])
    assert result.measured.drift is not None
    assert result.measured.drift.ratio == pytest.approx(1.25)
    with pytest.raises(InputError, match="has no p90 of 'box_ms'"):
        held_out_networks(table(0, 30), "box_ms", TINY, of_p90)


def test_two_networks_in_common_give_no_drift(predictor: LatencyPredictor) -> None:
    result = held_out_networks(table(10, 30), "box_ms", TINY, predictor)

    assert result.fitted == 2
    assert len(result.measured.ms) == 18
    assert result.measured.drift is None
    assert result.measured.drift_corrected_ms is None


def test_references_give_the_drift_where_no_network_does(predictor: LatencyPredictor) -> None:
    then = replace(predictor, provenance={"references": {"compute": 1.0, "memory": 2.0}})
    later = replace(table(12, 30), provenance={"references": {"compute": 1.1, "memory": 2.2}})

    result = held_out_networks(later, "box_ms", TINY, then)

    assert result.fitted == 0
    assert result.measured.drift is not None
    assert result.measured.drift.source == "reference workloads"
    assert result.measured.drift.weak
    assert result.measured.drift_corrected_ms == pytest.approx(MS[12:] / 1.1)


def test_without_agreement_of_references_no_drift_is_corrected(predictor: LatencyPredictor) -> None:
    then = replace(predictor, provenance={"references": {"compute": 1.0, "memory": 2.0}})
    later = replace(table(12, 30), provenance={"references": {"compute": 1.3, "memory": 1.9}})

    result = held_out_networks(later, "box_ms", TINY, then)

    assert result.measured.drift is not None
    assert not result.measured.drift.applied
    assert result.measured.drift_corrected_ms is None


def test_where_all_were_fitted_on_all_are_shown(predictor: LatencyPredictor) -> None:
    result = held_out_networks(table(0, 12), "box_ms", TINY, predictor)

    assert result.fitted == len(result.measured.ms) == 12


def test_networks_of_the_fit_are_stored_in_the_file(
    predictor: LatencyPredictor, tmp_path: Path
) -> None:
    predictor.save(tmp_path / "p.parquet")

    assert dict(LatencyPredictor.load(tmp_path / "p.parquet").fitted) == predictor.fitted
    assert sorted(predictor.fitted.values()) == pytest.approx(sorted(MS[:12]))


@pytest.mark.slow
def test_blocks_and_networks_are_blended_where_terms_do_not_reach() -> None:
    """Inside a network, blocks take half of the square root of their time alone: no term is so."""
    specs = list(TINY.unique_blocks())
    alone_ms = np.array([0.01 + block.macs / 1e6 for block in specs])
    inside = dict(zip(specs, (0.5 * np.sqrt(alone_ms)).tolist(), strict=True))
    rows = frame_of(specs, latency_ms=alone_ms, cold_ms=alone_ms)
    blocks = LatencyTable(target=TARGET, provenance={}, rows=rows)
    ms = np.array([sum(inside[block] for block in net) for net in NETS])

    result = fit_predictor(blocks, NETS[:20], ms[:20], blocks=specs)

    choice = result.composition_choice
    assert choice is not None
    missed = np.mean(np.abs(result.predict_many(NETS[20:]) / ms[20:] - 1))
    assert missed < 0.02
    assert min(error for _, error in choice.errors) == dict(choice.errors)[choice.form]
    assert not result.predict(NETS[0]).unmeasured
