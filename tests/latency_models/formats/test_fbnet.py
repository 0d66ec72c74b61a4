"""FBNet's JSON, and the costs by category that it becomes."""

import contextlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.errors import FileError
from bench.protocol.target import Target
from latency_models.formats.fbnet import OPERATORS, from_fbnet
from latency_models.networks.categories.predictor import CategoryPredictor, codes_of

TARGET = Target(device="pi4", backend="tensorflow", backend_version="unknown")
FULL = [1000.0 * (at + 1) for at in range(9)]  # 1 to 9 ms
SHORT = [500.0] * 8  # a layer that changes the shape: no skip


def written(tmp_path: Path, value: Any) -> Path:
    path = tmp_path / "a.json"
    path.write_text(json.dumps(value))
    return path


def test_layers_are_columns_and_microseconds_become_ms(tmp_path: Path) -> None:
    costs = from_fbnet(written(tmp_path, [None, FULL, SHORT, None]), TARGET)

    assert costs.columns == ("op0", "op1")
    assert costs.costs_ms["op0"] == {at: at + 1.0 for at in range(9)}
    assert costs.costs_ms["op1"] == dict.fromkeys(range(8), 0.5)
    assert costs.provenance["not_measured"] == ["op1/skip"]
    assert costs.provenance["categories"][3] == "k3_e6"


def test_missing_operators_are_not_zero_in_sums(tmp_path: Path) -> None:
    layer = [*FULL[:2], None, *FULL[3:]]
    costs = from_fbnet(written(tmp_path, [layer, SHORT]), TARGET)
    codes = np.array([[0, 7], [8, 0], [2, 0], [1, 8]])

    assert costs.predict(codes[:2]).tolist() == [1.5, 9.5]
    assert (costs.predict(codes[2:]) > [0.5, 2.0]).all()
    assert costs.extrapolated(codes).tolist() == [False, False, True, True]


def test_saved_and_loaded(tmp_path: Path) -> None:
    costs, path = from_fbnet(written(tmp_path, [FULL, SHORT]), TARGET), tmp_path / "t.parquet"

    costs.save(path)
    back = CategoryPredictor.load(path)

    assert back.target == TARGET
    assert (back.costs_ms, back.seen) == (costs.costs_ms, costs.seen)
    assert back.provenance["format"] == "FBNet"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_byte_order_marks_are_no_part_of_the_json(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(json.dumps([FULL]).encode(encoding))

    assert from_fbnet(path, TARGET).costs_ms["op0"][0] == 1.0


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({}, "it is a dict, expected a list of layers; .*--format ofa"),
        ([], "no layer has latencies"),
        ([None], "no layer has latencies"),
        ([FULL, [1.0]], "layer 1 is .*expected null or a list of 8 or 9"),
        ([FULL, 7], "layer 1 is 7"),
        ([[*FULL[:8], 0]], "layer 0 holds 0, expected microseconds above 0"),
        ([[*FULL[:8], "1"]], "layer 0 holds '1'"),
        ([[*FULL[:8], True]], "layer 0 holds True"),
        ([[*FULL[:8], 10**400]], "expected microseconds above 0"),
        ([[*FULL[:8], float("nan")]], "holds nan"),
        ([[None] * 9], "layer 0 has no latency at all"),
    ],
)
def test_unreadable_files_give_a_one_line_error(tmp_path: Path, value: Any, message: str) -> None:
    with pytest.raises(FileError, match=message) as caught:
        from_fbnet(written(tmp_path, value), TARGET)

    assert "\n" not in str(caught.value)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), junk=st.binary(max_size=6) | st.sampled_from([b"null", b"[", b"1e999"]))
def test_damaged_files_give_an_error_or_valid_costs(
    tmp_path: Path, data: st.DataObject, junk: bytes
) -> None:
    content = json.dumps([None, FULL, SHORT]).encode()
    at = data.draw(st.integers(0, len(content)))
    path = tmp_path / "a.json"
    path.write_bytes(content[:at] + junk + content[at + data.draw(st.integers(0, 6)) :])

    with contextlib.suppress(FileError):
        assert all(ms > 0 for ms in from_fbnet(path, TARGET).costs_ms["op0"].values())


def test_the_public_table_has_the_22_positions_of_the_public_networks(shared_data: Path) -> None:
    costs = from_fbnet(shared_data / "fbnet_rpi4_lut.json", TARGET)
    networks = pd.read_parquet(shared_data / "fbnet_device_latency.parquet")

    assert costs.columns == tuple(f"op{at}" for at in range(22))
    # Where the shape changes, there is nothing to skip.
    shapes = [f"op{at}" for at in (1, 5, 9, 13, 17, 21)]
    assert costs.provenance["not_measured"] == [f"{name}/skip" for name in shapes]
    skipped = (networks[shapes] == OPERATORS.index("skip")).any(axis=1)
    codes = codes_of(networks, costs.columns)
    assert costs.extrapolated(codes).tolist() == skipped.tolist()
