"""What moved between two tables: the level, kinds, and single blocks against chance."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.blocks.spec import BlockSpec
from bench.errors import InputError
from bench.timing.intervals import student_t
from latency_models.evaluation.compare import compare_tables, discoveries
from latency_models.tables.table import LatencyTable, frame_of
from tests.support.report_runs import FAKE, PHONE, table

SPECS = tuple(
    BlockSpec(kind="mbconv", in_size=8, in_channels=8, out_channels=8, mid_channels=8 * i)
    for i in range(1, 41)
)


def table_of(
    ms: list[float], half: float = 0.02, replicates: int = 6, **provenance: object
) -> LatencyTable:
    """A table whose intervals reach so far to either side, as shares."""
    times = np.array(ms)
    rows = frame_of(
        SPECS[: len(ms)],
        latency_ms=times,
        low_ms=times * math.exp(-half),
        high_ms=times * math.exp(half),
        loads=[replicates] * len(ms),
    )
    return LatencyTable(target=FAKE, provenance=provenance, rows=rows)


def test_a_table_compared_with_itself_shows_no_change() -> None:
    comparison = compare_tables(table(), table())

    assert comparison.drift.ratio == 1
    assert (comparison.outside, len(comparison.moved), comparison.tested) == (0, 0, 147)
    assert comparison.expected == pytest.approx(0.05 * 147)
    assert comparison.differences() == []


def test_drift_is_separated_from_changes_of_single_blocks() -> None:
    before = [1.0] * 20
    after = [1.1] * 19 + [2.2]

    comparison = compare_tables(table_of(before), table_of(after))

    assert comparison.drift.ratio == pytest.approx(1.1)
    assert comparison.drift.low == pytest.approx(1.1)
    assert comparison.moved["key"].tolist() == [SPECS[19].key]
    assert comparison.moved["beside"].tolist() == pytest.approx([2.0])
    assert comparison.kinds["mbconv"].ratio == pytest.approx(1.0)


def test_interval_of_the_ratio_combines_those_of_both_tables() -> None:
    # A table's own interval is already that of the difference to a table like it, by 5 degrees of
    # freedom; Welch's has 10 for the two of them.
    comparison = compare_tables(table_of([1.0] * 8), table_of([1.0] * 8))
    reach = 0.02 * student_t(10) / student_t(5)

    assert np.log(comparison.blocks["high"]).to_numpy() == pytest.approx(np.full(8, reach))
    inside, outside = math.exp(0.95 * reach), math.exp(1.05 * reach)
    comparison = compare_tables(table_of([1.0] * 8), table_of([1.0] * 6 + [inside, outside]))
    assert comparison.blocks["outside"].tolist() == [False] * 7 + [True]


def test_with_noise_only_no_block_changes_and_one_in_twenty_is_outside() -> None:
    rng = np.random.default_rng(0)
    outside, moved = [], []
    for _ in range(50):
        replicate_ms = np.exp(0.01 * rng.standard_normal((2, 40, 6)))
        tables = []
        for ms in replicate_ms:
            middle = np.exp(np.log(ms).mean(axis=1))
            half = student_t(5) * np.log(ms).std(axis=1, ddof=1) * math.sqrt(2 / 6)
            rows = frame_of(
                SPECS, latency_ms=middle, low_ms=middle * np.exp(-half),
                high_ms=middle * np.exp(half), loads=[6] * 40,
            )  # fmt: skip
            tables.append(LatencyTable(target=FAKE, provenance={}, rows=rows))
        comparison = compare_tables(*tables)
        outside.append(comparison.outside)
        moved.append(len(comparison.moved))
    assert np.mean(outside) == pytest.approx(0.05 * 40, rel=0.25)
    assert np.mean(np.array(moved) > 0) < 0.1


def test_blocks_without_intervals_are_not_tested() -> None:
    comparison = compare_tables(table_of([1.0] * 8, replicates=0), table_of([1.0] * 7 + [9.0]))

    assert (comparison.tested, comparison.outside, len(comparison.moved)) == (0, 0, 0)
    assert comparison.drift.ratio == 1


def test_blocks_in_only_one_table_are_listed_and_few_blocks_have_no_drift_interval() -> None:
    comparison = compare_tables(table_of([1.0] * 5), table_of([2.0] * 3))

    assert comparison.only_first == (SPECS[3].key, SPECS[4].key)
    assert comparison.only_second == ()
    assert math.isnan(comparison.drift.low)  # of 3 blocks no order statistic is out far enough
    empty = replace(table_of([1.0]), rows=frame_of(SPECS[7:8], latency_ms=[1.0]))
    with pytest.raises(InputError, match="no block in common"):
        compare_tables(table_of([1.0]), empty)


def test_drift_of_references_and_differences_of_targets_are_reported() -> None:
    first = table(references={"compute": 1.0, "memory": 2.0, "gone": 1.0})
    second = table(PHONE, references={"compute": 1.1, "memory": 2.2})

    comparison = compare_tables(first, second)

    assert comparison.references == pytest.approx(1.1)
    assert comparison.differences() == [
        "device fake and note8",
        "backend fake and tflite",
        "threads 1 and 4",
        "options cache=warm and none",
    ]
    assert compare_tables(first, table()).references is None


def test_the_median_of_six_lies_between_their_ends() -> None:
    comparison = compare_tables(table_of([1.0] * 6), table_of([1.0, 1.1, 1.2, 1.3, 1.4, 1.5]))

    assert comparison.drift.ratio == pytest.approx(math.sqrt(1.2 * 1.3))
    assert (comparison.drift.low, comparison.drift.high) == pytest.approx((1.0, 1.5))


def test_discoveries_are_those_of_benjamini_and_hochberg() -> None:
    p = np.array([0.01, np.nan, 0.039, 0.8, 0.03, 0.6])

    assert discoveries(p, 0.05).tolist() == [True, False, False, False, False, False]
    # Of five, the third smallest is below 3/5 of 0.08: with it, all smaller ones.
    assert discoveries(p, 0.08).tolist() == [True, False, True, False, True, False]
    assert discoveries(np.array([np.nan]), 0.05).tolist() == [False]


@given(st.lists(st.floats(0, 1), max_size=30), st.floats(0.001, 0.5))
def test_discoveries_hold_the_smallest_and_grow_with_the_rate(p: list[float], rate: float) -> None:
    values = np.array(p, dtype=np.float64)
    rejected, more = discoveries(values, rate), discoveries(values, min(2 * rate, 1.0))

    assert not (rejected & ~more).any()
    if rejected.any():
        assert values[rejected].max() <= values[~rejected].min(initial=1.0)
