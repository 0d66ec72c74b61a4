"""Blocks on several targets side by side: one row a block, and the tables back without loss."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from bench.blocks.spec import BlockSpec
from bench.errors import FileError, InputError
from bench.protocol.target import Target
from latency_models.tables.side_by_side import TargetsTable, target_labels
from latency_models.tables.table import LatencyTable, frame_of

ONNX = Target(device="cpu", backend="onnx", backend_version="1")
TORCH = replace(ONNX, backend="torch")
SMALL, MIDDLE, LARGE = (
    BlockSpec(kind="mbconv", in_size=size, in_channels=8, out_channels=8, mid_channels=8)
    for size in (8, 16, 32)
)


def table(target: Target, **ms: float) -> LatencyTable:
    specs = {"small": SMALL, "middle": MIDDLE, "large": LARGE}
    rows = frame_of([specs[name] for name in ms], latency_ms=[*ms.values()], loads=[3] * len(ms))
    return LatencyTable(target=target, provenance={"space": "tiny"}, rows=rows)


@pytest.fixture
def both() -> TargetsTable:
    onnx = table(ONNX, small=1.0, large=4.0)
    return TargetsTable.of({"onnx": onnx, "torch": table(TORCH, middle=3.0, large=6.0)})


def test_a_block_of_either_has_a_row_and_a_missing_one_no_value(both: TargetsTable) -> None:
    shown = both.frame[["in_size", "onnx_ms", "onnx_loads", "torch_ms", "torch_settled"]]

    assert len(both) == 3
    assert shown.astype(object).where(shown.notna(), None).to_numpy().tolist() == [
        [8, 1.0, 3, None, None],
        [32, 4.0, 3, 6.0, True],
        [16, None, None, 3.0, True],
    ]
    assert repr(both) == (f"TargetsTable: 3 blocks; onnx ({ONNX.key}), torch ({TORCH.key})")


def test_the_tables_come_back_from_memory_and_from_the_file(
    both: TargetsTable, tmp_path: Path
) -> None:
    both.save(tmp_path / "t.parquet")
    expected = {
        "onnx": table(ONNX, small=1.0, large=4.0),
        "torch": table(TORCH, large=6.0, middle=3.0),
    }
    for tables in (both.tables(), TargetsTable.load(tmp_path / "t.parquet").tables()):
        assert [*tables] == ["onnx", "torch"]
        for label, one in tables.items():
            pd.testing.assert_frame_equal(one.rows, expected[label].rows)
            assert (one.target, one.provenance) == (expected[label].target, {"space": "tiny"})


def test_csv_has_the_same_columns(both: TargetsTable, tmp_path: Path) -> None:
    both.save(tmp_path / "t.csv")

    frame = pd.read_csv(tmp_path / "t.csv")

    assert [*frame.columns] == [*both.frame.columns]
    assert frame["torch_ms"].isna().tolist() == [True, False, False]


def test_other_files_are_refused(both: TargetsTable, tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    table(ONNX, small=1.0).save(path)
    with pytest.raises(FileError, match="is a latency table, expected a latency table of several"):
        TargetsTable.load(path)
    damaged = replace(both, frame=both.frame.drop(columns="torch_low_ms"))
    damaged.save(path)
    with pytest.raises(FileError, match="is damaged"):
        TargetsTable.load(path)
    with pytest.raises(InputError, match="the label of a target is 'On nx'"):
        TargetsTable.of({"On nx": table(ONNX, small=1.0)})


def test_labels_are_the_shortest_that_differ_for_all() -> None:
    onnx, torch = table(ONNX, small=1.0), table(TORCH, small=1.0)
    phone = table(replace(ONNX, device="Note 8"), small=1.0)
    threads = table(replace(ONNX, threads=4), small=1.0)

    assert target_labels([onnx, torch], ["a", "b"]) == ["onnx", "torch"]
    assert target_labels([onnx, phone], ["a", "b"]) == ["cpu", "note_8"]
    assert target_labels([onnx, threads], ["a", "b"]) == [
        "cpu_onnx_fp32_t1_b1",
        "cpu_onnx_fp32_t4_b1",
    ]
    assert target_labels([onnx, onnx], ["before", "after"]) == ["before", "after"]
    assert target_labels([onnx, onnx], ["same", "same"]) == ["same_1", "same_2"]
