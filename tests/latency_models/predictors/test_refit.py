"""A predictor refitted on networks that were measured since."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench.blocks.spec import BlockSpec
from bench.errors import InputError
from latency_models.predictors.predictor import LatencyPredictor, network_key
from latency_models.predictors.refit import FORM, refitted, scaled
from tests.support.loop_runs import BLOCKS, SMALL, exact, truth_ms


def networks(count: int, seed: int) -> list[tuple[BlockSpec, ...]]:
    return [SMALL.blocks(arch) for arch in SMALL.sample(np.random.default_rng(seed), count)]


def test_a_scaled_predictor_is_multiplied_by_the_factor() -> None:
    given, nets = exact(), networks(5, 0)
    twice = scaled(given, 2.0, BLOCKS)

    assert given.predict_many(nets) == pytest.approx([truth_ms(network) for network in nets])
    assert twice.predict_many(nets) == pytest.approx([2 * truth_ms(network) for network in nets])
    assert twice.composition.overhead_ms == pytest.approx(0.006)
    assert twice.predict(nets[0]).extrapolated == ()


def test_a_common_error_of_networks_corrects_unseen_networks() -> None:
    nets, others = networks(8, 1), networks(20, 2)
    measured = 1.1 * np.array([truth_ms(network) for network in nets])

    predictor = refitted(exact(), nets, measured, BLOCKS)

    expected = [1.1 * truth_ms(network) for network in others]
    assert predictor.predict_many(others) == pytest.approx(expected, rel=0.01)
    assert predictor.predict_many(nets) == pytest.approx(measured, rel=0.005)


def test_an_error_of_similar_blocks_corrects_networks_that_contain_them() -> None:
    # Blocks with kernels of 7 take half as much again; the others are right.
    slower = {block: (1.5 if block.kernel == 7 else 1.0) for block in BLOCKS}
    given = exact()
    cost = dict(zip(BLOCKS, given.block_ms(BLOCKS).tolist(), strict=True))

    def truth(net: tuple[BlockSpec, ...]) -> float:
        return 0.003 + float(sum(cost[block] * slower[block] for block in net))

    nets, others = networks(30, 3), networks(30, 4)
    predictor = refitted(given, nets, np.array([truth(network) for network in nets]), BLOCKS)

    wanted = np.array([truth(network) for network in others])
    missed = np.abs(predictor.predict_many(others) / wanted - 1).mean()
    before = given.predict_many(others) / wanted
    by_one_share = np.abs(before / np.median(before) - 1).mean()
    assert missed < by_one_share / 2


def test_spread_combines_the_previous_one_with_the_networks_errors() -> None:
    nets = networks(6, 5)
    right = np.array([truth_ms(network) for network in nets])

    predictor = refitted(exact(), nets, right, BLOCKS)

    # Nothing is missed; what was known before, 1 %, counts as 6 networks.
    assert predictor.composition.spread == pytest.approx(0.01 * np.sqrt(6 / 12))
    assert predictor.composition_choice is not None
    assert predictor.composition_choice.networks == 26
    assert dict(predictor.composition_choice.errors)[FORM] == pytest.approx(0)
    # Of anchors beside them nothing is asked.
    judged = refitted(exact(), nets, right, BLOCKS, evaluated=3)
    assert judged.composition.spread == pytest.approx(0.01 * np.sqrt(6 / 9))


def test_a_predictor_that_knew_no_spread_has_that_of_the_networks() -> None:
    given = replace(
        exact(), composition=replace(exact().composition, spread=0.0), composition_choice=None
    )
    nets = networks(2, 6)
    low, high = truth_ms(nets[0]), 1.2 * truth_ms(nets[1])

    predictor = refitted(given, nets, np.array([low, high]), BLOCKS)

    assert predictor.composition.spread > 0.05
    assert predictor.composition_choice is not None
    assert predictor.composition_choice.networks == 2


def test_the_networks_of_the_refit_are_stored_in_the_file(tmp_path: Path) -> None:
    nets = networks(4, 8)
    predictor = refitted(
        exact(), nets, np.array([1.1 * truth_ms(network) for network in nets]), BLOCKS
    )

    predictor.save(tmp_path / "p.parquet")
    read = LatencyPredictor.load(tmp_path / "p.parquet")

    assert read.predict_many(nets) == pytest.approx(predictor.predict_many(nets))
    assert read.fitted[network_key(nets[0])] == pytest.approx(1.1 * truth_ms(nets[0]))
    assert read.composition_choice == predictor.composition_choice


@pytest.mark.parametrize("ms", [[], [1.0], [1.0, 0.0], [1.0, float("nan")]])
def test_invalid_latencies_are_refused(ms: list[float]) -> None:
    with pytest.raises(InputError):
        refitted(exact(), networks(2, 0), np.array(ms), BLOCKS)
