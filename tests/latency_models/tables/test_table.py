"""Latency tables: look-up, files, and what must not be put together."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.blocks.spec import BlockSpec
from bench.errors import FileError, InputError, MissingEntryError, TargetMismatchError
from bench.protocol.device import Workload
from bench.protocol.target import Target
from bench.timing.measurement import Measurement
from latency_models.tables.storage import load_frame, save_frame
from latency_models.tables.table import LatencyTable, frame_of, nearest

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
        drift=np.ones((6, 2)),
        facts={"cpu": "fast"},
        taken_at="2026-01-01T00:00:00",
    )


def test_lookup_returns_the_measured_latency() -> None:
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


def test_a_table_has_intervals_and_provenance() -> None:
    loads_ms = np.array([1.0, 1.2, 1.0, 1.2])
    scattered = replace(
        measurement(MID, 1.0),
        samples_ns=loads_ms[:, None, None] * np.full((1, 2, 3), 1e6),
        drift=np.ones((4, 2)),
    )
    reference = Workload(role="reference", blocks=(STEM,), label="compute")

    made = LatencyTable.from_measurements(
        [
            measurement(STEM, 0.5),
            replace(scattered, facts={}, taken_at="later"),
            replace(measurement(STEM, 3.0), workload=reference),
        ],
        {"space": "mine"},
    )

    # Logarithms 0 and ln 1.2, twice each, have standard deviation 0.10526; Student's t of four is
    # 3.182, for a difference of two means of four: 3.182 * 0.10526 * sqrt(2 / 4) = 0.23685.
    assert made.rows["low_ms"].tolist() == pytest.approx([0.5, 1.1 * np.exp(-0.23685)], abs=1e-4)
    assert made.rows["high_ms"].tolist() == pytest.approx([0.5, 1.1 * np.exp(0.23685)], abs=1e-4)
    assert made.rows["settled"].tolist() == [True, False]
    assert made.rows["loads"].tolist() == [6, 4]
    assert made.provenance["references"] == {"compute": 3.0}
    assert made.provenance["measured"] == "2026-01-01T00:00:00"
    assert (made.provenance["space"], made.provenance["facts"]) == ("mine", {"cpu": "fast"})
    table = LatencyTable.from_measurements([measurement(STEM, 0.5)], {"facts": {"cpu": "slow"}})
    assert table.provenance["facts"] == {"cpu": "slow"}


def test_figures_that_are_not_given_are_unknown_and_settled() -> None:
    (row,) = frame_of([MID], latency_ms=[2.0]).to_dict("records")

    assert (row["latency_ms"], row["loads"], row["settled"]) == (2.0, 0, True)
    assert all(np.isnan(row[name]) for name in ("cold_ms", "low_ms", "high_ms"))


def test_a_table_contains_only_its_blocks() -> None:
    made = table(STEM)

    assert STEM in made
    assert MID not in made


def test_a_block_that_could_not_run_is_reported_with_its_reason() -> None:
    made = replace(table(STEM), provenance={"unrunnable": {f"block:{MID.key}": "out of memory"}})

    with pytest.raises(MissingEntryError, match=r"could not run on box.*: out of memory; search"):
        made.lookup(MID)
    assert made.lookup(STEM) == 1.0


def test_the_command_for_a_block_has_all_known_options_of_the_table() -> None:
    target = replace(TARGET, threads=4, batch=2)
    known = replace(table(STEM, MID), target=target, provenance={"space": "s", "device": "cpu"})

    assert known.command_for(replace(MID, kernel=3)) == (
        "ofabench sweep --space s --device cpu --backend onnx --threads 4 --batch 2 "
        "--resolutions 128 --out SWEEP.sqlite"
    )
    unknown = replace(known, provenance={})
    assert "--space SPACE --device DEVICE " in unknown.command_for(MID)
    # Images are as large as that of the largest stem.
    wide = table(STEM, replace(STEM, in_size=64), MID, replace(MID, in_size=8))
    assert "--resolutions 192 " in wide.command_for(replace(MID, in_size=24))
    # A block larger than any stem is not of a smaller image.
    assert "--resolutions 9 " in table(
        replace(STEM, in_size=8), replace(MID, in_size=64)
    ).command_for(replace(MID, in_size=9))


@pytest.mark.parametrize("specs", [(MID,), (STEM,), (STEM, replace(MID, stride=2, residual=False))])
def test_an_unknown_resolution_is_left_to_the_user(specs: tuple[BlockSpec, ...]) -> None:
    assert "--resolutions RESOLUTION " in table(*specs).command_for(replace(MID, kernel=3))


def test_the_nearest_block_is_of_the_same_kind_then_of_the_nearest_size() -> None:
    pool = BlockSpec(kind="avg_pool", in_size=15, in_channels=99, out_channels=99)
    same_size = BlockSpec(kind="stem", in_size=15, in_channels=99, out_channels=99)
    tiny = replace(pool, in_size=1, in_channels=9, out_channels=9)  # ln 8 + 2 ln 10 = 6.7 away

    assert nearest([same_size, tiny], pool) == tiny.key  # another kind is 8 away
    far = replace(pool, in_size=1, in_channels=4, out_channels=4)  # ln 8 + 2 ln 20 = 8.1
    assert nearest([far, same_size], pool) == same_size.key
    # The other way round: of the same kind is nearer whichever comes first by its name.
    stem = replace(tiny, kind="stem")
    assert nearest([pool, stem], same_size) == stem.key
    assert nearest([], pool) == "none: the table is empty"


@pytest.mark.parametrize("other", [{"act": "hswish"}, {"se": 24}])
def test_another_activation_and_squeeze_excite_are_as_far_as_a_size_2_7_times_as_large(
    other: dict[str, Any],
) -> None:
    block = replace(MID, in_size=9, act="relu")
    unlike = replace(block, **other)

    # Sizes plus one by their ratios: ln 2.6 is below 1, ln 2.8 above.
    assert nearest([unlike, replace(block, in_size=25)], block) == replace(block, in_size=25).key
    assert nearest([replace(block, in_size=27), unlike], block) == unlike.key


def test_different_targets_do_not_share_a_table() -> None:
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
        LatencyTable(target=TARGET, provenance={}, rows=frame_of([STEM, MID], latency_ms=[1, ms]))


def test_a_block_has_one_row() -> None:
    with pytest.raises(InputError, match=f"two of {MID.key}"):
        table(STEM, MID, MID)


def written(tmp_path: Path) -> Path:
    path = tmp_path / "t.parquet"
    table(STEM, MID).save(path)
    return path


@settings(max_examples=25, deadline=None)
@given(kept=st.floats(0, 0.999))
def test_a_truncated_file_gives_a_one_line_error(
    kept: float, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = written(tmp_path_factory.mktemp("table"))
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])

    with pytest.raises(FileError, match=r"not a readable parquet file") as caught:
        LatencyTable.load(path)

    assert "\n" not in str(caught.value)


def test_a_missing_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="cannot read"):
        LatencyTable.load(tmp_path / "none.parquet")


def test_parquet_of_other_programs_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "other.parquet"
    pd.DataFrame({"a": [1]}).to_parquet(path)

    with pytest.raises(FileError, match="parquet of another program, expected a latency table"):
        LatencyTable.load(path)


def test_another_kind_of_ofabench_file_is_reported(tmp_path: Path) -> None:
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


def test_a_table_without_target_is_reported(tmp_path: Path) -> None:
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
def test_damaged_metadata_give_a_one_line_error(
    tmp_path: Path, metadata: dict[str, object]
) -> None:
    path = written(tmp_path)
    rows, _ = load_frame(path, what="latency table")
    save_frame(path, rows, what="latency table", metadata=metadata)

    with pytest.raises(FileError, match="make it again"):
        LatencyTable.load(path)
