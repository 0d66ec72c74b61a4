"""`latency_models.networks.correction`: effects of whole networks, on devices made up by hand."""

import numpy as np
import pytest

from bench.blocks.spec import BlockSpec
from latency_models.networks.correction import LEAST_NETWORKS, Correction, fit_correction
from latency_models.regression.features import PHYSICAL, feature_matrix

BLOCKS = [
    BlockSpec(kind="mbconv", in_size=size, in_channels=16, mid_channels=16 * expand,
              out_channels=16, kernel=kernel, act="hswish", residual=True)
    for size in (8, 16, 32) for expand in (3, 6) for kernel in (3, 7)
]  # fmt: skip
MS = np.linspace(0.5, 1.5, len(BLOCKS))


def networks(count: int) -> list[list[BlockSpec]]:
    rng = np.random.default_rng(0)
    return [
        [BLOCKS[row] for row in rng.integers(len(BLOCKS), size=rng.integers(4, 12))]
        for _ in range(count)
    ]


def costs_ms(specs: list[BlockSpec]) -> np.ndarray:
    return MS[[BLOCKS.index(spec) for spec in specs]]


def dearer_inside(specs: list[BlockSpec]) -> np.ndarray:
    """Inside a network each depthwise 7x7 block takes a fifth more."""
    return np.asarray(costs_ms(specs) * [1.2 if spec.kernel == 7 else 1.0 for spec in specs])


def test_cost_by_hand() -> None:
    block = BLOCKS[0]
    launches = np.array([2.0 * (name == "launches") for name in PHYSICAL])
    correction = Correction(knots=(block,), factors=np.array([0.5]), per_unit_ms=launches)

    more = correction.more_ms([block], np.array([3.0]))

    # Half of 3 ms, as a block's similarity with itself is 1, and 2 ms for each of its launches.
    assert more == pytest.approx([1.5 + 2 * feature_matrix([block], ("launches",))[0, 0]])
    assert not correction.is_none
    assert Correction().is_none
    assert Correction().more_ms([block], np.array([3.0])).tolist() == [0.0]


def test_an_effect_of_networks_is_found_by_kind_of_block() -> None:
    nets = networks(60)
    measured = np.array([dearer_inside(net).sum() for net in nets])

    correction, left_out = fit_correction(
        nets[:30], [costs_ms(net) for net in nets[:30]], 0.0, measured[:30]
    )

    before = [costs_ms(net).sum() for net in nets[30:]]
    after = [(costs_ms(n) + correction.more_ms(n, costs_ms(n))).sum() for n in nets[30:]]
    missed_before = np.mean(np.abs(before / measured[30:] - 1))
    missed = np.mean(np.abs(after / measured[30:] - 1))
    assert missed < 0.3 * missed_before
    assert left_out is not None
    assert np.mean(np.abs(left_out)) == pytest.approx(missed, rel=1.0)


def test_no_effect_is_no_correction() -> None:
    nets = networks(30)
    noise = 1 + 0.02 * np.random.default_rng(1).standard_normal(30)
    measured = np.array([costs_ms(net).sum() for net in nets]) * noise

    correction, left_out = fit_correction(nets, [costs_ms(net) for net in nets], 0.0, measured)

    assert correction.is_none
    assert left_out is None


def test_an_outlier_hardly_changes_the_correction() -> None:
    nets = networks(30)
    measured = np.array([dearer_inside(net).sum() for net in nets])
    costs = [costs_ms(net) for net in nets]
    clean, _ = fit_correction(nets, costs, 0.0, measured)
    measured[7] *= 2

    robust, _ = fit_correction(nets, costs, 0.0, measured)

    several = [BLOCKS[0], BLOCKS[-1]]
    np.testing.assert_allclose(
        robust.more_ms(several, costs_ms(several)),
        clean.more_ms(several, costs_ms(several)),
        atol=0.05,
    )


def test_few_networks_give_no_correction() -> None:
    nets = networks(LEAST_NETWORKS - 1)
    measured = np.array([dearer_inside(net).sum() for net in nets])

    correction, _ = fit_correction(nets, [costs_ms(net) for net in nets], 0.0, measured)

    assert correction.is_none


def fitted(
    measured: np.ndarray, nets: list[list[BlockSpec]], overhead_ms: float = 0.0
) -> Correction:
    return fit_correction(nets, [costs_ms(net) for net in nets], overhead_ms, measured)[0]


def test_the_overhead_of_networks_is_not_an_effect_of_blocks() -> None:
    nets = networks(30)
    measured = np.array([5.0 + costs_ms(net).sum() for net in nets])

    assert fitted(measured, nets, overhead_ms=5.0).is_none
    assert not fitted(measured, nets, overhead_ms=0.0).is_none


def test_eight_networks_are_enough() -> None:
    nets = networks(LEAST_NETWORKS)
    measured = np.array([2 * costs_ms(net).sum() for net in nets])

    correction = fitted(measured, nets)

    assert LEAST_NETWORKS == 8
    assert not correction.is_none
    # All take twice as long: each block costs about as much again.
    assert correction.more_ms(BLOCKS, MS).sum() == pytest.approx(MS.sum(), rel=0.2)


@pytest.mark.parametrize("units", [1.0, 1000.0])
def test_an_effect_of_each_launch_is_found_whatever_the_unit(units: float) -> None:
    nets = networks(60)
    launches = [feature_matrix(net, ("launches",)).sum() for net in nets]
    base = np.array([costs_ms(net).sum() for net in nets]) * units
    measured = base + 0.05 * units * np.array(launches)

    correction, left_out = fit_correction(
        nets[:30], [costs_ms(net) * units for net in nets[:30]], 0.0, measured[:30]
    )

    after = [
        (costs_ms(net) * units + correction.more_ms(net, costs_ms(net) * units)).sum()
        for net in nets[30:]
    ]
    assert np.mean(np.abs(base[30:] / measured[30:] - 1)) > 0.1
    assert np.mean(np.abs(after / measured[30:] - 1)) < 0.02
    assert left_out is not None
    assert np.mean(np.abs(left_out)) < 0.02


def test_left_out_errors_are_those_of_fits_without_the_network() -> None:
    """Leave-one-out errors in closed form, compared with fits without each network."""
    nets = networks(20)
    noise = 1 + 0.02 * np.random.default_rng(3).standard_normal(20)
    measured = np.array([dearer_inside(net).sum() for net in nets]) * noise

    _, left_out = fit_correction(nets, [costs_ms(net) for net in nets], 0.0, measured)

    assert left_out is not None
    refitted, rows = [], range(0, 20, 2)
    for out in rows:
        others = [net for place, net in enumerate(nets) if place != out]
        correction = fitted(np.delete(measured, out), others)
        costs = costs_ms(nets[out])
        predicted = costs.sum() + correction.more_ms(nets[out], costs).sum()
        refitted.append(1 - predicted / measured[out])
    # Measured over predicted, less 1: of the same sign, and nearly of the same size.
    closed_form = left_out[list(rows)]
    assert np.corrcoef(refitted, closed_form)[0, 1] > 0.95
    assert np.mean(np.abs(closed_form)) == pytest.approx(np.mean(np.abs(refitted)), rel=0.25)
