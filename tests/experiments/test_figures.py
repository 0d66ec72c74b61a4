"""Figures of the experiments, by hand; and what an experiment asks of its parts."""

import math
from pathlib import Path

import numpy as np
import pytest

from experiments.training.arms import scaled, total_s
from experiments.training.constrained import Limits, best_by_limit
from experiments.training.figures import difference, hypervolume, images_error, table
from experiments.training.shrinking import corners
from supernet.space.space import SearchSpace
from supernet.train.schedule import Schedule


def test_a_difference_has_the_interval_of_students_t() -> None:
    mean_difference = difference([0.01, 0.02, 0.03])

    assert mean_difference.mean == pytest.approx(0.02)
    assert mean_difference.half == pytest.approx(4.3027 * 0.01 / math.sqrt(3), rel=1e-4)
    assert str(mean_difference) == "+2.00 ± 2.48"
    assert difference([0.5]).half == math.inf


def test_the_error_of_images_is_that_of_groups() -> None:
    # Two groups of two images, which agree within: as two drawings, whose error is 1 / 2.
    values = np.array([1.0, 1.0, 0.0, 0.0])

    assert images_error(values, np.array([0, 0, 1, 1])) == pytest.approx(0.5)


def test_a_hypervolume_is_the_area_above_the_floor() -> None:
    # Widths 1, 2 and again 2; heights above 0.1: 0.4, 0.4 (a worse one is not taken), 0.8.
    area = 1 * 0.4 + 2 * 0.4 + 2 * 0.8

    result = hypervolume([1.0, 2.0, 4.0], [0.5, 0.3, 0.9], 0.1)

    assert result == pytest.approx(area / (5 * 0.9))
    assert hypervolume([1.0, 2.0], [0.05, 0.1], 0.1) == 0.0


def test_under_each_limit_the_best_of_those_within_it_is_taken() -> None:
    limits = Limits(
        ms=(1.0, 2.0, 3.0), archs=Path("x"), candidates_ms=np.array([0.5, 1.5, 1.0, 2.5])
    )

    assert best_by_limit(limits, np.array([0.6, 0.7, 0.65, 0.1])) == [2, 1, 1]


def test_corners_are_the_ends_of_depth_width_and_kernel() -> None:
    space = SearchSpace.load("tiny")

    result = corners(space)

    assert list(result) == [f"D{d}W{w}K{k}" for d in (1, 3) for w in (2, 4) for k in (3, 7)]
    assert result["D3W4K7"] == space.largest()
    assert result["D1W2K3"] == space.smallest(32)
    assert set(result["D1W4K3"].kernels) == {0, 3}
    assert set(result["D3W2K7"].expands) == {2}


def test_a_scaled_schedule_has_other_epochs_and_nothing_else() -> None:
    text = Schedule.load("digits").text

    half = Schedule.from_toml(scaled(text, 0.5))

    assert [p.epochs for p in half.phases] == [3, 1, 1, 3]
    assert [p.lr for p in half.phases] == [p.lr for p in Schedule.from_toml(text).phases]
    step_s = {phase.name: 0.5 for phase in half.phases}
    assert total_s(half.phases, step_s, 1300) == 8 * 10 * 0.5


def test_a_table_is_markdown() -> None:
    assert table(["a", "b"], [[1, "x"]]) == "| a | b |\n| --- | --- |\n| 1 | x |"
