"""Latency tables: look-up, files, and what must not be put together."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.devices.base import Workload
from bench.errors import FileError, InputError, MissingEntryError, TargetMismatchError
from bench.measurement import Measurement
from bench.spec import BlockSpec, Target
from latency_models.storage import load_frame, save_frame
from latency_models.table import LatencyTable, frame_of

TARGET = Target(device="box", backend="onnx", backend_version="1.0")
STEM = BlockSpec(kind="stem", in_size=128, in_channels=3, out_channels=16, kernel=3, stride=2)
MID = BlockSpec(
    kind="mbconv", in_size=16, in_channels=24, mid_channels=96, out_channels=24, kernel=5
)


def table(*specs: BlockSpec) -> LatencyTable:
    rows = frame_of(specs, latency_ms=[1.0 + row for row in range(len(specs))])
    return LatencyTable(target=TARGET, provenance={"space": "tiny"}, rows=rows)


def measurement(
    spec: BlockSpec, ms: float, target: Target = TARGET, role: str = "block"
) -> Measurement:
    return Measurement(
        workload=Workload(role=role, blocks=(spec,)),
        target=target,
        samples_ns=np.full((6, 2, 3), ms * 1e6) * np.array([2.0, 1.0, 1.0]),
        levels=np.ones((6, 2)),
        facts={"cpu": "fast"},
        taken_at="2026-01-01T00:00:00",
    )


def test_lookup_returns_what_was_measured() -> None:
    made = LatencyTable.from_measurements(
        [measurement(STEM, 0.5), measurement(MID, 2.0), measurement(STEM, 9.0, role="reference")]
    )

    assert len(made) == 2
    assert made.lookup(MID) == 2.0
    assert made.rows["cold_ms"].tolist() == [1.0, 4.0]
    assert made.rows["loads"].tolist() == [6, 6]
    assert made.provenance["facts"] == {"cpu": "fast"}


def test_missing_block_names_the_nearest_and_the_command() -> None:
    missing = BlockSpec(
        kind="mbconv", in_size=20, in_channels=24, mid_channels=96, out_channels=24, kernel=5
    )

    with pytest.raises(MissingEntryError) as caught:
        table(STEM, MID).lookup(missing)

    assert MID.key in str(caught.value)
    # The stem is 8 times as wide as the block: 20 px stand for an image of 160.
    assert "ofabench sweep --space tiny" in str(caught.value)
    assert "--resolutions 160 " in str(caught.value)


def test_unlike_targets_do_not_share_a_table() -> None:
    other = Target(device="box", backend="onnx", backend_version="1.0", threads=2)

    with pytest.raises(TargetMismatchError, match="two targets"):
        LatencyTable.from_measurements([measurement(STEM, 1.0), measurement(MID, 1.0, other)])


def test_a_sweep_without_blocks_is_no_table() -> None:
    with pytest.raises(InputError, match="no block"):
        LatencyTable.from_measurements([measurement(STEM, 1.0, role="network")])


def test_round_trip_keeps_every_bit(tmp_path: Path) -> None:
    made = table(STEM, MID)
    made.save(tmp_path / "t.parquet")

    back = LatencyTable.load(tmp_path / "t.parquet")

    assert back.target == made.target
    assert back.provenance == made.provenance
    assert back.specs == made.specs
    pd.testing.assert_frame_equal(back.rows, made.rows)


@pytest.mark.parametrize("ms", [0.0, -1.0, np.nan, np.inf])
def test_a_latency_is_a_number_above_zero(ms: float) -> None:
    with pytest.raises(InputError, match=MID.key):
        LatencyTable(target=TARGET, provenance={}, rows=frame_of([MID], latency_ms=[ms]))


def test_a_block_has_one_row() -> None:
    with pytest.raises(InputError, match="two of"):
        table(MID, MID)


def written(tmp_path: Path) -> Path:
    path = tmp_path / "t.parquet"
    table(STEM, MID).save(path)
    return path


@settings(max_examples=25, deadline=None)
@given(kept=st.floats(0, 0.999))
def test_a_truncated_file_is_one_clear_line(
    kept: float, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = written(tmp_path_factory.mktemp("table"))
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])

    with pytest.raises(FileError, match=r"not a readable parquet file") as caught:
        LatencyTable.load(path)

    assert "\n" not in str(caught.value)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="cannot read"):
        LatencyTable.load(tmp_path / "none.parquet")


def test_another_programs_parquet_is_told(tmp_path: Path) -> None:
    path = tmp_path / "other.parquet"
    pd.DataFrame({"a": [1]}).to_parquet(path)

    with pytest.raises(FileError, match="parquet of another program, expected a latency table"):
        LatencyTable.load(path)


def test_another_kind_of_our_files_is_told(tmp_path: Path) -> None:
    path = tmp_path / "other.parquet"
    save_frame(path, pd.DataFrame({"a": [1]}), what="networks table", metadata={})

    with pytest.raises(FileError, match="is a networks table, expected a latency table"):
        LatencyTable.load(path)


def test_schema_version_is_checked(tmp_path: Path) -> None:
    path = tmp_path / "new.parquet"
    metadata = {"schema_version": 99}
    save_frame(path, pd.DataFrame({"a": [1]}), what="latency table", metadata=metadata)

    with pytest.raises(FileError, match="schema version 99"):
        LatencyTable.load(path)


def resaved(path: Path, rows: pd.DataFrame) -> None:
    _, metadata = load_frame(path, what="latency table")
    save_frame(path, rows, what="latency table", metadata=metadata)


def test_columns_are_checked_by_name_and_type(tmp_path: Path) -> None:
    path = written(tmp_path)
    rows = LatencyTable.load(path).rows

    resaved(path, rows.drop(columns="kernel"))
    with pytest.raises(FileError, match="lacks the column 'kernel'"):
        LatencyTable.load(path)

    resaved(path, rows.assign(kernel="three"))
    with pytest.raises(FileError, match=r"'kernel' is .*, expected int"):
        LatencyTable.load(path)

    resaved(path, rows.assign(kernel=4))
    with pytest.raises(FileError, match="odd number"):
        LatencyTable.load(path)


def test_a_table_without_target_is_told(tmp_path: Path) -> None:
    path = written(tmp_path)
    rows, _ = load_frame(path, what="latency table")
    save_frame(path, rows, what="latency table", metadata={"provenance": {}})

    with pytest.raises(FileError, match="target"):
        LatencyTable.load(path)


@pytest.mark.parametrize(
    "metadata",
    [
        {"target": None, "provenance": {}},
        {"target": TARGET.to_json(), "provenance": 3},
        {"target": {**TARGET.to_json(), "options": 3}, "provenance": {}},
        {"target": {**TARGET.to_json(), "threads": "two"}, "provenance": {}},
    ],
)
def test_damaged_metadata_are_one_clear_line(tmp_path: Path, metadata: dict[str, object]) -> None:
    path = written(tmp_path)
    rows, _ = load_frame(path, what="latency table")
    save_frame(path, rows, what="latency table", metadata=metadata)

    with pytest.raises(FileError, match="make it again"):
        LatencyTable.load(path)
