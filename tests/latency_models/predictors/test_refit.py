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


def test_a_scaled_predictor_is_so_many_times_as_high() -> None:
    given, nets = exact(), networks(5, 0)
    twice = scaled(given, 2.0, BLOCKS)

    assert given.predict_many(nets) == pytest.approx([truth_ms(one) for one in nets])
    assert twice.predict_many(nets) == pytest.approx([2 * truth_ms(one) for one in nets])
    assert twice.composition.overhead_ms == pytest.approx(0.006)
    assert twice.predict(nets[0]).extrapolated == ()


def test_what_all_networks_are_missed_by_corrects_networks_never_seen() -> None:
    nets, others = networks(8, 1), networks(20, 2)
    measured = 1.1 * np.array([truth_ms(one) for one in nets])

    found = refitted(exact(), nets, measured, BLOCKS)

    expected = [1.1 * truth_ms(one) for one in others]
    assert found.predict_many(others) == pytest.approx(expected, rel=0.01)
    assert found.predict_many(nets) == pytest.approx(measured, rel=0.005)


def test_what_blocks_of_one_shape_are_missed_by_corrects_networks_that_have_them() -> None:
    # Blocks with kernels of 7 take half as much again; the others are right.
    slower = {one: (1.5 if one.kernel == 7 else 1.0) for one in BLOCKS}
    given = exact()
    cost = dict(zip(BLOCKS, given.block_ms(BLOCKS).tolist(), strict=True))

    def truth(net: tuple[BlockSpec, ...]) -> float:
        return 0.003 + float(sum(cost[one] * slower[one] for one in net))

    nets, others = networks(30, 3), networks(30, 4)
    found = refitted(given, nets, np.array([truth(one) for one in nets]), BLOCKS)

    wanted = np.array([truth(one) for one in others])
    missed = np.abs(found.predict_many(others) / wanted - 1).mean()
    before = given.predict_many(others) / wanted
    by_one_share = np.abs(before / np.median(before) - 1).mean()
    assert missed < by_one_share / 2


def test_the_spread_is_that_before_and_what_the_networks_were_missed_by() -> None:
    nets = networks(6, 5)
    right = np.array([truth_ms(one) for one in nets])

    found = refitted(exact(), nets, right, BLOCKS)

    # Nothing is missed; what was known before, 1 %, counts as 6 networks.
    assert found.composition.spread == pytest.approx(0.01 * np.sqrt(6 / 12))
    assert found.composition_choice is not None
    assert found.composition_choice.networks == 26
    assert dict(found.composition_choice.errors)[FORM] == pytest.approx(0)
    # Of anchors beside them nothing is asked.
    judged = refitted(exact(), nets, right, BLOCKS, evaluated=3)
    assert judged.composition.spread == pytest.approx(0.01 * np.sqrt(6 / 9))


def test_a_predictor_that_knew_no_spread_has_that_of_the_networks() -> None:
    given = replace(
        exact(), composition=replace(exact().composition, spread=0.0), composition_choice=None
    )
    nets = networks(2, 6)
    low, high = truth_ms(nets[0]), 1.2 * truth_ms(nets[1])

    found = refitted(given, nets, np.array([low, high]), BLOCKS)

    assert found.composition.spread > 0.05
    assert found.composition_choice is not None
    assert found.composition_choice.networks == 2


def test_it_keeps_what_it_was_refitted_on_in_its_file(tmp_path: Path) -> None:
    nets = networks(4, 8)
    found = refitted(exact(), nets, np.array([1.1 * truth_ms(one) for one in nets]), BLOCKS)

    found.save(tmp_path / "p.parquet")
    read = LatencyPredictor.load(tmp_path / "p.parquet")

    assert read.predict_many(nets) == pytest.approx(found.predict_many(nets))
    assert read.fitted[network_key(nets[0])] == pytest.approx(1.1 * truth_ms(nets[0]))
    assert read.composition_choice == found.composition_choice


@pytest.mark.parametrize("ms", [[], [1.0], [1.0, 0.0], [1.0, float("nan")]])
def test_latencies_that_are_none_are_refused(ms: list[float]) -> None:
    with pytest.raises(InputError):
        refitted(exact(), networks(2, 0), np.array(ms), BLOCKS)
