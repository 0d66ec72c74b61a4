"""Networks tables: ours with their metadata, others' without."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from bench.blocks.spec import BlockSpec
from bench.errors import FileError, InputError, TargetMismatchError
from bench.protocol.device import Workload
from bench.protocol.target import Target
from bench.timing.measurement import Measurement
from latency_models.tables.networks import NetworksTable, foreign_target
from latency_models.tables.storage import save_frame

TARGET = Target(device="box", backend="onnx", backend_version="1.0")
COLUMN = "box_onnx_fp32_t1_b1_ms"


def measurement(loads_ms: list[float], target: Target = TARGET) -> Measurement:
    block = BlockSpec(kind="stem", in_size=32, in_channels=3, out_channels=8)
    samples = np.array(loads_ms)[:, None, None] * np.full((1, 4, 3), 1e6)
    return Measurement(
        workload=Workload(role="network", blocks=(block,)),
        target=target,
        samples_ns=samples,
        drift=np.ones(samples.shape[:2]),
    )


def table() -> NetworksTable:
    measured = [measurement([1.9, 1.95, 2.0, 2.0, 2.05, 2.1]), measurement([4.0] * 6)]
    return NetworksTable.from_measurements(pd.DataFrame({"resolution": [32, 48]}), measured, "tiny")


def test_latency_and_spread_stand_beside_the_choices() -> None:
    made = table()

    stem = "box_onnx_fp32_t1_b1"
    assert list(made.frame.columns) == ["resolution", COLUMN, f"{stem}_spread", f"{stem}_p90"]
    assert made.latency_columns == [COLUMN]
    assert made.latencies_ms(COLUMN).tolist() == [2.0, 4.0]
    # Logarithms of the loads have standard deviation 0.0354; Student's t of six is 2.571, for
    # a difference of two means of six: 2.571 * 0.0354 * sqrt(2 / 6) = 0.0525.
    spread = made.spread(COLUMN)
    assert spread is not None
    assert spread.tolist() == pytest.approx([0.0525, 0.0], abs=2e-4)


def test_the_same_scatter_is_the_same_spread_whatever_the_latency() -> None:
    scatter = np.array([0.95, 0.975, 1.0, 1.0, 1.025, 1.05])
    measured = [measurement((ms * scatter).tolist()) for ms in (0.3, 7.0)]

    made = NetworksTable.from_measurements(pd.DataFrame({"a": [1, 2]}), measured, "tiny")

    spread = made.spread(COLUMN)
    assert spread is not None
    assert spread.tolist() == pytest.approx([0.0525, 0.0525], abs=2e-4)


def test_percentiles_stand_beside_on_the_scale_of_the_latencies() -> None:
    # 600 warm samples of 1 to 600 ms, measured at half the usual speed.
    samples = np.arange(1, 601, dtype=float).reshape(2, 300, 1) * 1e6
    slow = replace(measurement([1.0]), samples_ns=samples, drift=np.full((2, 300), 2.0))
    few = measurement([2.0, 2.0])

    made = NetworksTable.from_measurements(pd.DataFrame({"a": [1, 2]}), [slow, few], "tiny")
    alone = NetworksTable.from_measurements(pd.DataFrame({"a": [1]}), [few], "tiny")

    assert made.latencies_ms(COLUMN).tolist() == pytest.approx([150.25, 2.0])
    # The percentiles of 1 to 600 are 540.1 and 594.01, half of that once drift-corrected.
    assert made.latencies_ms(COLUMN, "p90").tolist() == pytest.approx([270.05, 2.0])
    assert made.frame["box_onnx_fp32_t1_b1_p99"][0] == pytest.approx(297.005)
    assert np.isnan(made.frame["box_onnx_fp32_t1_b1_p99"][1])
    assert "box_onnx_fp32_t1_b1_p99" not in alone.frame.columns


def test_a_table_without_percentiles_says_how_to_make_one_with() -> None:
    foreign = NetworksTable.of_frame(pd.DataFrame({"note8_ms": [1.0, 2.0]}))

    with pytest.raises(InputError, match=r"no p90 of 'note8_ms' \(a column 'note8_p90'\): build"):
        foreign.latencies_ms("note8_ms", "p90")


def test_a_file_without_an_ending_is_parquet(tmp_path: Path) -> None:
    pd.DataFrame({"a_ms": [1.0, 2.0]}).to_parquet(tmp_path / "networks")

    assert NetworksTable.load(tmp_path / "networks").latencies_ms("a_ms").tolist() == [1.0, 2.0]


def test_a_table_says_where_it_comes_from() -> None:
    measured = replace(measurement([2.0] * 6), facts={"cpu": "fast"}, taken_at="2026-01-01")
    choices = pd.DataFrame({"resolution": [32]}, index=[7])

    made = NetworksTable.from_measurements(choices, [measured], "tiny", {"compute": 3.0})

    assert made.frame.index.tolist() == [0]
    assert made.provenance["references"] == {"compute": 3.0}
    assert made.provenance["facts"] == {"cpu": "fast"}
    assert made.provenance["measured"] == "2026-01-01"
    assert table().provenance["references"] == {}


@pytest.mark.parametrize("bad", [0.0, -1.0, np.inf])
def test_an_invalid_latency_is_reported_by_its_row(bad: float) -> None:
    made = replace(table(), frame=pd.DataFrame({"a_ms": [1.0, bad, bad]}))

    with pytest.raises(InputError, match=f"'a_ms' is {bad} in row 1, expected ms above 0"):
        made.latencies_ms("a_ms")


def test_a_table_without_latencies_is_reported() -> None:
    made = replace(table(), frame=pd.DataFrame({"resolution": [32]}))

    with pytest.raises(InputError, match="--column must be one of the table's latencies: none"):
        made.column_or_only(None)


def test_round_trip(tmp_path: Path) -> None:
    made = table()
    made.save(tmp_path / "n.parquet")

    back = NetworksTable.load(tmp_path / "n.parquet")

    pd.testing.assert_frame_equal(back.frame, made.frame)
    assert (back.space, back.target_of(COLUMN)) == ("tiny", TARGET)


def test_different_targets_do_not_share_a_table() -> None:
    pair = [measurement([1.0] * 6), measurement([1.0] * 6, replace(TARGET, threads=2))]

    with pytest.raises(TargetMismatchError, match="2 targets"):
        NetworksTable.from_measurements(pd.DataFrame({"resolution": [1, 2]}), pair, "tiny")


def test_others_tables_are_read_without_metadata(tmp_path: Path) -> None:
    path = tmp_path / "n.parquet"
    pd.DataFrame({"a_ms": [1, 2], "b_ms": [1.0, np.nan], "c_ms": ["x", "y"]}).to_parquet(path)

    table = NetworksTable.load(path)

    assert table.space is None
    assert table.target_of("a_ms") is None
    assert table.spread("a_ms") is None
    assert table.latencies_ms("a_ms").tolist() == [1.0, 2.0]
    assert foreign_target("a_ms").device == "a"
    with pytest.raises(InputError, match="nan in row 1"):
        table.latencies_ms("b_ms")
    with pytest.raises(InputError, match="'c_ms' is x in row 0, expected ms above 0"):
        table.latencies_ms("c_ms")
    with pytest.raises(InputError, match="a_ms, b_ms, c_ms"):
        table.column_or_only("d_ms")
    with pytest.raises(InputError, match="--column must be one of"):
        table.column_or_only(None)


def test_latencies_of_other_types_are_read_and_their_rows_named(tmp_path: Path) -> None:
    path = tmp_path / "n.parquet"
    frame = pd.DataFrame(
        {
            "a_ms": pd.array([1, 2], dtype="Int64"),
            "b_ms": pd.array([1.5, None], dtype="Float64"),
            "c_ms": ["1.5", "2"],
            "d_ms": [True, False],
        }
    )
    frame.to_parquet(path)

    table = NetworksTable.load(path)

    assert table.latencies_ms("a_ms").tolist() == [1.0, 2.0]
    assert table.latencies_ms("c_ms").tolist() == [1.5, 2.0]
    with pytest.raises(InputError, match="column 'b_ms' is nan in row 1, expected ms above 0"):
        table.latencies_ms("b_ms")
    with pytest.raises(InputError, match="column 'd_ms' is True in row 0"):
        table.latencies_ms("d_ms")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_csv_is_read_as_parquet_is(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "n.CSV"
    path.write_bytes("d0, ks0,a_ms\n2, 3.0,1.5\n3,,2\n".encode(encoding))

    table = NetworksTable.load(path)

    assert list(table.frame.columns) == ["d0", "ks0", "a_ms"]
    assert (table.space, table.target_of("a_ms")) == (None, None)
    assert table.latencies_ms("a_ms").tolist() == [1.5, 2.0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is no CSV: No columns"),
        (b"a;b_ms\n1;2\n", "separates columns by ';', expected commas"),
        (b"a\tb_ms\n1\t2\n", "expected commas"),
        (b"a,b_ms\n1,2,3,4\n1\n1,2,3,4,5\n", "is no CSV: "),
        (b"\xff\x00", "is no CSV: it is not text"),
    ],
)
def test_unreadable_csv_gives_a_one_line_error(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "n.csv"
    path.write_bytes(content)

    with pytest.raises(FileError, match=message) as caught:
        NetworksTable.load(path)

    assert "\n" not in str(caught.value)


def test_choices_that_pandas_kept_as_index_are_columns(tmp_path: Path) -> None:
    path = tmp_path / "n.parquet"
    frame = pd.DataFrame({"d0": [2, 2, 3], "ks0": [3, 3, 5], "a_ms": [1.0, 3.0, 5.0]})
    frame.groupby(["d0", "ks0"]).mean().to_parquet(path)

    assert NetworksTable.load(path).frame.to_dict("list") == {
        "d0": [2, 3],
        "ks0": [3, 5],
        "a_ms": [2.0, 5.0],
    }


def test_duplicate_columns_are_reported(tmp_path: Path) -> None:
    path = tmp_path / "n.parquet"
    parquet.write_table(pa.table([[1], [2]], names=["a_ms", "a_ms"]), path)

    with pytest.raises(FileError, match=r"has the column 'a_ms' twice|not a readable parquet"):
        NetworksTable.load(path)


def test_the_only_column_needs_no_name() -> None:
    assert table().column_or_only(None) == COLUMN


def test_a_table_without_rows_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "n.parquet"
    pd.DataFrame({"a_ms": np.zeros(0)}).to_parquet(path)

    with pytest.raises(InputError, match="empty"):
        NetworksTable.load(path).latencies_ms("a_ms")


def test_other_ofabench_files_are_reported(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    save_frame(path, pd.DataFrame({"a": [1]}), what="latency table", metadata={})

    with pytest.raises(FileError, match="is a latency table, expected a networks table"):
        NetworksTable.load(path)


def test_damaged_metadata_are_reported(tmp_path: Path) -> None:
    path = tmp_path / "n.parquet"
    metadata = {"targets": {"a_ms": {"device": "box"}}}
    save_frame(path, pd.DataFrame({"a_ms": [1.0]}), what="networks table", metadata=metadata)

    with pytest.raises(FileError, match="damaged metadata"):
        NetworksTable.load(path)
