"""The smooth correction of blocks' costs, compared with scikit-learn's Gaussian process."""

import numpy as np
import pytest

from bench.blocks.spec import BlockSpec
from latency_models.regression.block_kernel import WITHIN_KIND
from latency_models.regression.features import feature_matrix
from latency_models.regression.smooth_correction import NOISES, SCALES, fit_smooth


def blocks(sizes: tuple[int, ...]) -> list[BlockSpec]:
    return [
        BlockSpec(kind="mbconv", in_size=size, in_channels=16, mid_channels=mid, out_channels=16,
                  kernel=kernel_size, act="hswish")
        for size in sizes for mid in (48, 64, 96) for kernel_size in (3, 5, 7)
    ]  # fmt: skip


def wavy(specs: list[BlockSpec]) -> np.ndarray:
    return np.array([0.2 * np.sin(np.log2(spec.in_size)) for spec in specs])


def test_sizes_between_those_that_were_seen() -> None:
    seen, between = blocks((8, 12, 16, 24, 32)), blocks((20, 28))

    smooth = fit_smooth(feature_matrix(seen), wavy(seen))

    np.testing.assert_allclose(smooth.predict(feature_matrix(between)), wavy(between), atol=0.02)


def test_far_from_all_knots_the_correction_vanishes() -> None:
    seen = blocks((8, 12, 16))
    smooth = fit_smooth(feature_matrix(seen), wavy(seen))
    far = [BlockSpec(kind="mbconv", in_size=4096, in_channels=4096, mid_channels=9000,
                     out_channels=4096, kernel=31)]  # fmt: skip

    assert smooth.predict(feature_matrix(far)) == pytest.approx([0.0], abs=1e-6)
    assert smooth.far(feature_matrix(far)) == pytest.approx([1.0], abs=1e-6)
    assert smooth.far(feature_matrix(seen)) == pytest.approx(np.zeros(len(seen)), abs=1e-6)


def test_it_equals_that_of_scikit_learn() -> None:
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel

    seen, others = blocks((8, 12, 16, 24)), blocks((10, 20))
    logs = wavy(seen) + 0.01 * np.random.default_rng(0).standard_normal(len(seen))

    smooth = fit_smooth(feature_matrix(seen), logs)

    ours = smooth.predict(feature_matrix(others))
    near, far = (WITHIN_KIND.positions(feature_matrix(specs)) for specs in (seen, others))
    theirs = []
    for scale in SCALES:
        for noise in NOISES:
            process = GaussianProcessRegressor(
                ConstantKernel(scale**2) * RBF(smooth.stretch), alpha=noise**2, optimizer=None
            ).fit(near, logs)
            likelihood = process.log_marginal_likelihood_value_
            theirs.append((likelihood, process.predict(far)))
    # The likeliest of those tried, and equal to it.
    _, expected = max(theirs, key=lambda pair: pair[0])
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-9)


def test_part_of_it() -> None:
    seen = blocks((8, 16))
    smooth = fit_smooth(feature_matrix(seen), wavy(seen))

    half = smooth.times(0.5).predict(feature_matrix(seen))

    np.testing.assert_allclose(half, smooth.predict(feature_matrix(seen)) / 2, rtol=1e-12)
