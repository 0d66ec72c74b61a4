"""Tests of the number of seeds that a comparison needs."""

import pytest

from experiments.training.power import Pilot, power_of, seeds_needed


def test_standard_deviation_follows_from_the_half_width() -> None:
    # t(0.975; 2) = 4.3027, so 4.3027 * s / sqrt(3) = half the width.
    assert Pilot(half_width=4.3027 / 3**0.5, seeds=3).deviation == pytest.approx(1.0, abs=1e-4)


def test_upper_limit_of_the_deviation_follows_chi_squared() -> None:
    # The 20 % quantile of chi-squared with 2 degrees of freedom is -2 ln 0.8 = 0.44629.
    pilot = Pilot(half_width=4.3027 / 3**0.5, seeds=3)
    assert pilot.largest_deviation == pytest.approx((2 / 0.44629) ** 0.5, abs=1e-3)


def test_power_without_a_difference_is_the_level_of_the_test() -> None:
    assert power_of(5, 0.0, 1.0) == pytest.approx(0.05, abs=1e-6)


def test_ten_pairs_find_one_standard_deviation_with_the_tabulated_power() -> None:
    # Cohen (1988): a paired t test of effect size 1 needs 10 pairs for 80 % power.
    assert seeds_needed(1.0, 1.0, 0.8) == 10
    assert power_of(10, 1.0, 1.0) == pytest.approx(0.8031, abs=1e-3)
