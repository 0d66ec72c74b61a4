"""Comparison of two sweeps, with figures computed by hand."""

from pathlib import Path

import numpy as np
import pytest

from bench.blocks.spec import BlockSpec
from bench.errors import InputError, TargetMismatchError
from bench.protocol.device import RoundResult, Workload
from bench.protocol.target import Target
from bench.sweep.repeatability import compare_sweeps
from bench.sweep.store import SweepStore
from bench.timing.plan import SweepPlan

PLAN = SweepPlan(replicates=6, rounds=1, samples=1)
TARGET = Target(device="d", backend="fake", backend_version="1")
SHAKE = np.array([-0.01, 0.01, 0.0, 0.0, -0.005, 0.005])  # relative, of one block, by replicate


def write(path: Path, ms: list[float], target: Target = TARGET, size: int = 8) -> None:
    """Write a sweep of blocks that take `ms`; all but the last have equal replicates."""
    work = [
        Workload(
            role="block",
            blocks=(BlockSpec(kind="max_pool", in_size=size + i, in_channels=8, out_channels=8),),
        )
        for i in range(len(ms))
    ]
    with SweepStore.create(path, target, PLAN) as store:
        session = store.begin_session({}, "2020-01-01T00:00:00", forced=False)
        store.add_groups([work])
        (group,) = store.groups()
        for replicate in range(6):
            replicate_id = store.begin_replicate(group.number, replicate)
            samples_ns = np.array(ms)[:, None] * 1e6
            samples_ns[-1] *= 1 + SHAKE[replicate]
            order = np.arange(len(ms))
            store.add_round(replicate_id, 0, RoundResult(samples_ns=samples_ns, order=order))
            store.finish_replicate(replicate_id, session, 10.0)


def test_differences_with_and_without_drift_and_the_coverage_of_intervals(tmp_path: Path) -> None:
    write(tmp_path / "a", [1.0, 2.0, 4.0, 8.0, 5.0])
    # All blocks are 10 % slower, the last by another 0.5 %: within its interval of 1 %.
    write(tmp_path / "b", [1.1, 2.2, 4.4, 8.8, 5.5 * 1.005])

    figures = compare_sweeps(tmp_path / "a", tmp_path / "b")

    assert figures["common"] == 5
    assert figures["level_second_over_first"] == pytest.approx(1.1)
    assert figures["difference_median"] == pytest.approx(0.1)
    assert figures["difference_median_level_out"] == pytest.approx(0.0, abs=1e-12)
    assert figures["difference_p95_level_out"] == pytest.approx(0.005 * 0.8, rel=1e-6)
    assert figures["first_holds_second"] == 0.0
    assert figures["wall_s_per_block_first"] == pytest.approx(2.0)
    assert figures["disturbed_share_first"] == 0.0


def test_intervals_are_compared_with_drift_corrected_medians(tmp_path: Path) -> None:
    write(tmp_path / "a", [1.0, 2.0, 4.0, 8.0, 5.0])
    write(tmp_path / "b", [1.0, 2.0, 4.0, 8.0, 5.0 * 1.02])

    inside = compare_sweeps(tmp_path / "a", tmp_path / "a")
    outside = compare_sweeps(tmp_path / "a", tmp_path / "b")

    assert inside["first_holds_second_level_out"] == 1.0
    assert outside["first_holds_second_level_out"] == pytest.approx(4 / 5)
    assert outside["second_holds_first_level_out"] == pytest.approx(4 / 5)


def test_sweeps_of_different_targets_or_blocks_are_not_compared(tmp_path: Path) -> None:
    write(tmp_path / "a", [1.0, 2.0])
    write(tmp_path / "b", [1.0, 2.0], target=TARGET.with_options(cache="cold"))
    write(tmp_path / "c", [1.0, 2.0], size=100)

    with pytest.raises(TargetMismatchError, match="cache=cold"):
        compare_sweeps(tmp_path / "a", tmp_path / "b")
    with pytest.raises(InputError, match="have no block in common"):
        compare_sweeps(tmp_path / "a", tmp_path / "c")
    with pytest.raises(InputError, match="have no network in common"):
        compare_sweeps(tmp_path / "a", tmp_path / "a", role="network")
