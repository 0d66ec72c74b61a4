"""`supernet.search` on a space small enough to try every network, and under infeasible limits."""

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
import pytest

from bench.blocks.spec import BlockSpec
from bench.errors import InfeasibleError, InputError
from supernet.accuracy.predictor import AccuracyPredictor, fit_accuracy
from supernet.constraints.constraints import (
    Constraint,
    SummedCost,
    column_values,
    macs,
    params,
    thermometer,
)
from supernet.search.engine import Budget, SearchPlan, search
from supernet.search.evolution import Evolution
from supernet.space.arch import ArchConfig
from supernet.space.codes import Codes, Column, Layout
from supernet.space.shared_blocks import Position

KERNELS, EXPANDS, DEPTHS, RESOLUTIONS = (3, 5), (2, 3), (1, 2), (8, 16)


class ToySpace:
    """One stage of one or two inverted residuals of 4 channels: 2 * (4 + 16) networks."""

    name = "toy"
    resolutions = RESOLUTIONS
    columns = ("resolution", "d0", "ks0", "ks1", "e0", "e1")

    def __init__(self) -> None:
        values = (RESOLUTIONS, DEPTHS, KERNELS, KERNELS, EXPANDS, EXPANDS)
        columns = tuple(
            Column(name=name, values=value)
            for name, value in zip(self.columns, values, strict=True)
        )
        self.layout = Layout(columns=columns, slots=((0, 0), (0, 1)), depths=1, widths=0)

    @property
    def choices(self) -> Sequence[Position]:
        present = tuple(product(RESOLUTIONS, KERNELS, EXPANDS))
        options = tuple(((r, k, e), (self.block(r, k, e),)) for r, k, e in present)
        absent = tuple(((r, 0, 0), ()) for r in RESOLUTIONS)
        return (
            Position(name="b0", columns=(0, 2, 4), options=options),
            Position(name="b1", columns=(0, 3, 5), options=options + absent),
        )

    @staticmethod
    def block(size: int, kernel: int, expand: int) -> BlockSpec:
        return BlockSpec(
            kind="mbconv",
            in_size=size,
            in_channels=4,
            mid_channels=4 * expand,
            out_channels=4,
            kernel=kernel,
        )

    def all_codes(self) -> Codes:
        columns = [column.values for column in self.layout.columns]
        return np.unique(self.layout.canonical(np.array(list(product(*columns)), np.int16)), axis=0)

    def _arch(self, resolution: int, depth: int, kernel: int, expand: int) -> ArchConfig:
        pad = [1 if i < depth else 0 for i in range(2)]
        return ArchConfig(
            resolution=resolution,
            depths=(depth,),
            kernels=tuple(kernel * p for p in pad),
            expands=tuple(float(expand * p) for p in pad),
        )

    def smallest(self, resolution: int, /) -> ArchConfig:
        return self._arch(resolution, 1, 3, 2)

    def largest(self, resolution: int, /) -> ArchConfig:
        return self._arch(resolution, 2, 5, 3)

    def encode(self, archs: Sequence[ArchConfig], /) -> Codes:
        rows = [(a.resolution, *a.depths, *a.kernels, *map(int, a.expands)) for a in archs]
        return np.array(rows, dtype=np.int16)

    def decode(self, codes: Codes, /) -> list[ArchConfig]:
        return [
            ArchConfig(resolution=r, depths=(d,), kernels=(k0, k1), expands=(e0, e1))
            for r, d, k0, k1, e0, e1 in codes.tolist()
        ]

    def sample_codes(self, rng: np.random.Generator, n: int, /) -> Codes:
        return self.layout.sample(rng, n)

    def mutate_codes(self, codes: Codes, rng: np.random.Generator, p: float, /) -> Codes:
        return self.layout.mutate(codes, rng, p)


SPACE = ToySpace()
QUICK = SearchPlan(strategy=Evolution(population=8), budget=Budget(evaluations=400, patience=30))


def toy_accuracy(codes: Codes) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Grows with every choice, by less for kernels than for expansion: no ties but the costs'."""
    gains = np.array([0.011, 0.0, 0.0051, 0.0029, 0.0203, 0.0107])
    return np.asarray(0.5 + codes @ gains)


def macs_limit(limit: float) -> Constraint:
    return Constraint(name="macs", costs=macs(SPACE.choices), limit=limit, unit="MACs")


def test_macs_and_params_of_a_code_are_those_of_its_blocks() -> None:
    codes = np.array([[8, 1, 3, 0, 2, 0], [16, 2, 5, 3, 3, 2]], dtype=np.int16)

    # By hand: mid x (4 in + k^2 + 4 out) x pixels; a norm of 2 for each of mid, mid and out.
    first = 8 * (4 + 9 + 4)
    second = 12 * (4 + 25 + 4)
    assert macs(SPACE.choices)(codes).tolist() == [first * 64, (second + first) * 256]
    norms = (2 * 8 + 2 * 8 + 2 * 4, 2 * 12 + 2 * 12 + 2 * 4)
    assert params(SPACE.choices)(codes).tolist() == [
        first + norms[0],
        second + norms[1] + first + norms[0],
    ]


def test_a_code_outside_the_space_has_no_cost() -> None:
    cost = macs(SPACE.choices)

    with pytest.raises(InputError, match=r"codes \[8, 1, 7, 0, 2, 0\] are no network"):
        cost(np.array([[8, 1, 7, 0, 2, 0]], dtype=np.int16))
    with pytest.raises(InputError, match="are no network of the space"):
        cost(np.array([[8, 2, 3, 3, 2, 0]], dtype=np.int16))


def test_features_say_which_values_are_reached() -> None:
    values = column_values(SPACE.choices, 6)

    assert values == ((8, 16), (), (3, 5), (0, 3, 5), (2, 3), (0, 2, 3))
    codes = np.array([[16, 2, 3, 5, 3, 2]], dtype=np.int16)
    assert thermometer(codes, values).tolist() == [[1, 0, 1, 1, 1, 1, 0]]


def test_accuracies_beyond_1_are_compared_and_reported_as_1() -> None:
    def too_sure(codes: Codes) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        return np.asarray(toy_accuracy(codes) + 0.4)  # up to 1.2

    plain, sure = (
        search(SPACE, accuracy, [macs_limit(1e9)], seed=1, plan=QUICK)
        for accuracy in (toy_accuracy, too_sure)
    )

    assert sure.arch == plain.arch
    assert sure.accuracy == 1.0
    assert max(step.accuracy or 0.0 for step in sure.history) == 1.0


@pytest.mark.parametrize("limit", [9_000, 25_000, 50_000, 120_000, 1e9])
def test_evolution_agrees_with_exhaustive_search(limit: float) -> None:
    codes = SPACE.all_codes()
    assert len(codes) == 2 * (4 + 16)
    within = codes[macs(SPACE.choices)(codes) <= limit]
    best = toy_accuracy(within).max()

    result = search(SPACE, toy_accuracy, [macs_limit(limit)], seed=1, plan=QUICK)

    assert result.accuracy == pytest.approx(best, abs=1e-12)
    assert result.predictions["macs"] == result.macs <= limit
    assert SPACE.encode([result.arch]).tolist() == [list(result.code)]
    assert result.evaluated <= len(codes)


def test_every_limit_holds_at_once() -> None:
    cost = params(SPACE.choices)
    limits = [
        macs_limit(60_000),
        Constraint(name="params", costs=cost, limit=500, unit="parameters"),
    ]
    codes = SPACE.all_codes()
    fits = (macs(SPACE.choices)(codes) <= 60_000) & (cost(codes) <= 500)

    result = search(SPACE, toy_accuracy, limits, seed=3, plan=QUICK)

    assert result.accuracy == pytest.approx(toy_accuracy(codes[fits]).max(), abs=1e-12)
    assert result.params <= 500
    assert result.macs <= 60_000


def test_the_same_seed_gives_the_same_result_and_history() -> None:
    def run(seed: int) -> object:
        return search(SPACE, toy_accuracy, [macs_limit(60_000)], seed=seed, plan=QUICK)

    assert run(5) == run(5)


def test_the_budget_is_respected_and_counted_in_the_history() -> None:
    plan = SearchPlan(strategy=Evolution(population=8), budget=Budget(evaluations=10))

    result = search(SPACE, toy_accuracy, [], seed=2, plan=plan)

    assert result.evaluated == 10
    assert [step.evaluated for step in result.history][-1] == 10
    best = [step.accuracy for step in result.history if step.accuracy is not None]
    assert best == sorted(best)


def test_an_impossible_limit_names_the_fastest_network() -> None:
    fastest_ms = 8 * 17 * 64 / 1e6
    latency = Constraint(
        name="cpu", costs=SummedCost(SPACE.choices, lambda b: b.macs / 1e6), limit=1e-3, unit="ms"
    )

    with pytest.raises(InfeasibleError) as error:
        search(SPACE, toy_accuracy, [latency, macs_limit(1e9)], seed=1, plan=QUICK)

    text = str(error.value)
    assert f"the fastest network takes {fastest_ms:.4g} ms" in text
    assert "0.001 ms was requested" in text
    assert "macs" not in text


def test_limits_that_exclude_each_other_are_both_named() -> None:
    few_macs = macs_limit(9_000)
    backwards = Constraint(
        name="waste",
        costs=lambda codes: 20.0 - codes[:, 0].astype(np.float64),
        limit=5.0,
        unit="px",
    )

    with pytest.raises(InfeasibleError, match="within all limits together"):
        search(SPACE, toy_accuracy, [few_macs, backwards], seed=1, plan=QUICK)


@pytest.mark.parametrize("limit", [float("nan"), float("inf"), 0.0, -1.0])
def test_a_limit_that_is_no_number_is_refused(limit: float) -> None:
    with pytest.raises(InputError, match="expected a number above 0"):
        macs_limit(limit)


def test_a_predictor_that_gives_no_number_is_refused() -> None:
    with pytest.raises(InputError, match="not a number"):
        search(SPACE, lambda codes: np.full(len(codes), np.nan), [], seed=1, plan=QUICK)


@pytest.mark.parametrize(
    "wrong", [{"population": 2}, {"climbs": -1}, {"population": 4, "climbs": -2}]
)
def test_an_evolution_that_cannot_run_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(InputError, match=r"population|climbs"):
        Evolution(**wrong)


@pytest.mark.parametrize("wrong", [{"evaluations": 0}, {"patience": 0}, {"seconds": 0.0}])
def test_a_budget_of_0_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="a budget is at least"):
        Budget(**wrong)


def test_search_with_a_fitted_predictor_finds_its_optimum() -> None:
    codes = SPACE.all_codes()
    predictor: AccuracyPredictor = fit_accuracy(SPACE, codes[::2], toy_accuracy(codes[::2]))
    fits = codes[macs(SPACE.choices)(codes) <= 60_000]

    result = search(SPACE, predictor.predict, [macs_limit(60_000)], seed=0, plan=QUICK)

    assert result.accuracy == pytest.approx(predictor.predict(fits).max(), abs=1e-12)
