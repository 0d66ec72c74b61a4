"""Blocks that a device cannot run: left out and remembered, while the sweep goes on."""

from pathlib import Path

import numpy as np
import pytest

from bench.blocks.spec import BlockSpec
from bench.devices.fake import FakeDevice
from bench.errors import DeviceError, InterruptedSweepError, MissingEntryError
from bench.protocol.device import Workload
from bench.sweep.planner import ListPlanner, SettlingPlanner
from bench.sweep.store import SweepStore
from bench.sweep.summary import summarise
from latency_models.fitting import fit_predictor
from latency_models.tables.table import LatencyTable
from tests.bench.sweep.test_run import PLAN, Stopper, blocks, contents, measured, sweep

# 4 bytes for each of 56 x 56 x 128 inputs and as many outputs: 3.2 MB.
BIGGEST = Workload(
    role="block",
    blocks=(
        BlockSpec(kind="mbconv", in_size=56, in_channels=128, out_channels=128, mid_channels=128),
    ),
)
WORK = [*blocks(4), BIGGEST]
ROOM, SMALL = FakeDevice(), FakeDevice(room_bytes=1_000_000)


def run(path: Path, device: FakeDevice = SMALL, stop_at: int | None = None) -> None:
    """Sweep, or go on where `path` is there."""
    planner = SettlingPlanner(WORK, again=1, replicates=PLAN.replicates)
    progress = Stopper(stop_at=stop_at)
    sweep(path, device=device, planner=planner, progress=progress, resume=path.exists())


def unrunnable(path: Path) -> dict[str, str]:
    with SweepStore.open(path) as store:
        return {work.key: reason for work, reason in store.unrunnable().items()}


def test_an_unrunnable_block_is_skipped_and_the_others_are_measured(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"

    run(path)

    assert unrunnable(path) == {BIGGEST.key: "out of memory"}
    result = measured(path)
    assert [workload.key in result for workload in WORK] == [True] * 4 + [False]
    assert all(result[workload.key].replicates >= PLAN.replicates for workload in WORK[:4])


def test_without_other_blocks_only_references_are_measured(tmp_path: Path) -> None:
    sweep(tmp_path / "a.sqlite", device=SMALL, planner=ListPlanner([BIGGEST]))

    assert {key.split(":")[0] for key in measured(tmp_path / "a.sqlite")} == {"reference"}


@pytest.mark.slow
@pytest.mark.parametrize("stop_at", [1, 4])
def test_a_resumed_sweep_skips_the_unrunnable_block(tmp_path: Path, stop_at: int) -> None:
    whole, stopped = tmp_path / "whole.sqlite", tmp_path / "stopped.sqlite"
    run(whole)
    with pytest.raises(InterruptedSweepError):
        run(stopped, stop_at=stop_at)

    run(stopped)

    assert contents(stopped) == contents(whole)


@pytest.mark.slow
def test_a_block_that_no_longer_runs_ends_the_sweep(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    with pytest.raises(InterruptedSweepError):
        run(path, ROOM, stop_at=PLAN.rounds + 1)

    with pytest.raises(DeviceError, match=r"ran in an earlier replicate .* does not now"):
        run(path, SMALL)

    assert unrunnable(path) == {}


def test_a_reference_that_cannot_run_ends_the_sweep(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="cannot run the reference"):
        run(tmp_path / "a.sqlite", FakeDevice(room_bytes=1))


@pytest.mark.slow
def test_summary_table_and_predictor_know_of_it(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    run(path)
    with SweepStore.open(path) as store:
        summary, measurements = summarise(store), store.measurements()
    result = {"unrunnable": summary.unrunnable}
    LatencyTable.from_measurements(measurements, result).save(tmp_path / "t.parquet")
    table = LatencyTable.load(tmp_path / "t.parquet")

    with pytest.raises(MissingEntryError, match=r"could not run on .*: out of memory"):
        table.lookup(BIGGEST.blocks[0])
    costs = fit_predictor(table).block_ms([WORK[0].blocks[0], BIGGEST.blocks[0]])
    assert summary.unrunnable == {BIGGEST.key: "out of memory"}
    assert np.isfinite(costs).tolist() == [True, False]
