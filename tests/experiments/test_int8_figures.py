"""Figures of int8 and of graph forms, by hand."""

import numpy as np

from experiments.int8_limits import best_of
from experiments.tflite_front import ratios


def test_a_front_is_read_at_the_accuracies_of_the_plain_one() -> None:
    plain = np.array([0.70, 0.75, 0.90]), np.array([10.0, 40.0, 90.0])
    # The third network is slower than the second and no better: it is not on the front.
    other = np.array([0.70, 0.80, 0.79]), np.array([5.0, 20.0, 30.0])

    # At 70 % 5 / 10; at 75 %, half of the way, sqrt(5 * 20) / 40 = 0.25; 90 % is not reached.
    assert ratios(plain, other) == (
        "the same accuracy in 0.35 times the latency of the plain front "
        "(0.25 to 0.50, 2 accuracies)"
    )


def test_fronts_without_a_common_accuracy_have_no_ratio() -> None:
    low, high = np.array([0.6, 0.65]), np.array([0.7, 0.8])

    assert ratios((low, np.ones(2)), (high, np.array([1.0, 2.0]))) == "no accuracy in common"


def test_of_the_networks_that_are_not_slower_the_most_accurate_counts() -> None:
    times_ms = {"first": 1.0, "a": 0.9, "b": 1.005, "c": 1.2}

    assert best_of([("a", 0.7), ("b", 0.8), ("c", 0.9)], times_ms, "first") == "b"
    assert best_of([("c", 0.9)], times_ms, "first") == "c"
