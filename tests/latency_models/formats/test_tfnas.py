"""TF-NAS's CSV: what is a block's latency in it, and what is not."""

import contextlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.errors import FileError
from bench.protocol.target import Target
from latency_models.formats.tfnas import from_tfnas
from latency_models.tables.table import LatencyTable

TARGET = Target(device="xeon", backend="torch", backend_version="unknown")
HEAD = "block,res,cin,se_mid,cout,k,s,act,mid,ms\n"
BASE = "base,,,,,,,,,9.5\n"


def row(mid: int, ms: float | str, act: str = "relu", se: int = 0) -> str:
    return f"MBInvertedResBlock,56,4,{se},4,3,1,{act},{mid},{ms}\n"


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "a.csv"
    path.write_text(text)
    return path


def read(tmp_path: Path, text: str, *, measured_only: bool = False) -> LatencyTable:
    return from_tfnas([written(tmp_path, text)], TARGET, measured_only=measured_only)


def test_figures_base_latency_and_target_are_read(tmp_path: Path) -> None:
    table = read(tmp_path, HEAD + BASE + row(8, 1.25, "swish", 16) + row(8, 0.5))

    assert [spec.key for spec in table.specs] == [
        "mbconv-56x4-m8-o4-k3-s1-hswish-se16-r1",
        "mbconv-56x4-m8-o4-k3-s1-relu-se0-r1",
    ]
    assert table.rows["latency_ms"].tolist() == [1.25, 0.5]
    assert table.rows["low_ms"].isna().all()
    assert table.provenance["base_ms"] == 9.5
    # What a `BlockSpec` calls hswish was another function here: the target says so.
    assert table.target.key.endswith("/hswish=swish/squeeze_excite=sigmoid")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_byte_order_marks_of_spreadsheets_are_no_part_of_the_header(
    tmp_path: Path, encoding: str
) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes((HEAD + row(8, 0.5)).encode(encoding))

    assert from_tfnas([path], TARGET).rows["latency_ms"].tolist() == [0.5]


def test_invalid_rows_are_ignored_and_counted(tmp_path: Path) -> None:
    rows = row(1, -0.5) + row(2, 0) + row(3, 0.25) + row(4, 0.5) + row(5, 1.0)

    table = read(tmp_path, HEAD + rows)

    # TF-NAS has no block below 4 channels, the input's: its file continues the line there.
    assert [spec.mid_channels for spec in table.specs] == [4, 5]
    assert table.provenance["left_out_not_above_0"] == 2
    assert table.provenance["left_out_narrower_than_input"] == 1
    assert table.provenance["base_ms"] is None


def test_interpolated_rows_are_counted_and_left_out_on_demand(tmp_path: Path) -> None:
    # Measured at 4, 7 and 9; a straight line between.
    times = {4: 1.0, 5: 1.5, 6: 2.0, 7: 2.5, 8: 2.75, 9: 3.0}
    text = HEAD + "".join(row(mid, ms) for mid, ms in times.items())

    table, measured = read(tmp_path, text), read(tmp_path, text, measured_only=True)

    assert len(table) == 6
    assert table.provenance["interpolated"] == 3
    assert [spec.mid_channels for spec in measured.specs] == [4, 7, 9]
    assert measured.provenance["left_out_interpolated"] == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "columns are None"),
        ("a,b\n1,2\n", "columns are"),
        (HEAD, "no block with a latency above 0"),
        (HEAD + BASE, "no block with a latency above 0"),
        (HEAD + BASE + BASE, "line 3: there is a second base"),
        (HEAD + BASE.replace("9.5", "-1"), "base is -1.0"),
        (HEAD + row(4, "fast"), "line 2: ms is 'fast', expected a number"),
        (HEAD + row(4, "nan"), "ms is 'nan'"),
        (HEAD + row(4, 1.0, "gelu"), "act 'gelu', expected MBInvertedResBlock with relu or swish"),
        (HEAD + row(4, 1.0) + row(4, 1.0), "line 3: two rows have the block"),
        (HEAD + row(4, 1.0).replace(",3,1,", ",4,1,"), "kernel of a mbconv is 4"),
        (HEAD + row(4, 1.0).replace("56", "5.5"), "res is '5.5', expected a whole number"),
        (HEAD + "MBInvertedResBlock,56\n", "ms is None"),
        (HEAD + row(4, 1.0).replace("MBInv", "Inv"), "'InvertedResBlock'"),
    ],
)
def test_unreadable_files_give_a_one_line_error(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(FileError, match=message) as caught:
        read(tmp_path, text)

    assert "\n" not in str(caught.value)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), junk=st.binary(max_size=6) | st.sampled_from([b'"', b"1e999", b"\n,,"]))
def test_damaged_files_give_an_error_or_a_valid_table(
    tmp_path: Path, data: st.DataObject, junk: bytes
) -> None:
    content = (HEAD + BASE + row(4, 1.0) + row(5, 1.25, "swish", 8)).encode()
    at = data.draw(st.integers(0, len(content)))
    path = tmp_path / "a.csv"
    path.write_bytes(content[:at] + junk + content[at + data.draw(st.integers(0, 6)) :])

    with contextlib.suppress(FileError):
        assert (from_tfnas([path], TARGET).rows["latency_ms"] > 0).all()


def test_the_public_table_is_read(shared_data: Path) -> None:
    table = from_tfnas([shared_data / "tfnas_cpu_blocks.csv"], TARGET, measured_only=True)
    provenance = table.provenance

    left_out = [provenance[name] for name in provenance if name.startswith("left_out_")]
    assert len(table) + sum(left_out) == 36_480
    assert provenance["left_out_not_above_0"] == 84
    assert provenance["base_ms"] == pytest.approx(9.356, abs=0.001)
    # As TF-NAS's authors state: every 8 channels from the input's width on.
    assert {(spec.mid_channels - spec.in_channels) % 8 for spec in table.specs} == {0}
