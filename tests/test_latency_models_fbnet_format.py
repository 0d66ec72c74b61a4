"""FBNet's JSON, and the costs by position and operator that it becomes."""

import contextlib
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.errors import FileError, InputError, MissingEntryError
from bench.spec import Target
from latency_models.fbnet_format import OPERATORS, from_fbnet
from latency_models.operator_costs import OperatorCosts, costs_frame

TARGET = Target(device="pi4", backend="tensorflow", backend_version="unknown")
FULL = [1000.0 * (at + 1) for at in range(9)]  # 1 to 9 ms
SHORT = [500.0] * 8  # a layer that changes the shape: no skip


def written(tmp_path: Path, value: Any) -> Path:
    path = tmp_path / "a.json"
    path.write_text(json.dumps(value))
    return path


def test_layers_are_positions_and_microseconds_become_ms(tmp_path: Path) -> None:
    costs = from_fbnet(written(tmp_path, [None, FULL, SHORT, None]), TARGET)

    assert costs.positions == ("op0", "op1")
    assert len(costs.rows) == 9 + 8
    assert costs.rows.iloc[3].tolist() == ["op0", 3, "k3_e6", 4.0]
    assert costs.provenance["not_measured"] == ["op1/skip"]


def test_sums_and_what_is_missing_is_never_zero(tmp_path: Path) -> None:
    layer = [*FULL[:2], None, *FULL[3:]]
    costs = from_fbnet(written(tmp_path, [layer, SHORT]), TARGET)
    networks = pd.DataFrame({"op0": [0, 8, 2, 1], "op1": [7, 0, 0, 8]})

    assert costs.costs_ms(networks)[:2].tolist() == [[1.0, 0.5], [9.0, 0.5]]
    assert pd.isna(costs.costs_ms(networks)[2:]).tolist() == [[True, False], [False, True]]
    assert costs.sums_ms(networks[:2]).tolist() == [1.5, 9.5]
    with pytest.raises(MissingEntryError, match=r"operator 2 of op0 was not measured.*the 2 of 4"):
        costs.sums_ms(networks)
    with pytest.raises(InputError, match="lack the column 'op1'"):
        costs.sums_ms(networks[["op0"]])


def test_saved_and_loaded(tmp_path: Path) -> None:
    costs, path = from_fbnet(written(tmp_path, [FULL, SHORT]), TARGET), tmp_path / "t.parquet"

    costs.save(path)
    back = OperatorCosts.load(path)

    assert back.target == TARGET
    assert back.rows.equals(costs.rows)
    assert back.provenance["format"] == "FBNet"


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([], "empty"),
        ([("op0", 1, "a", -1.0)], "-1.0 in row 0"),
        ([("op0", 1, "a", float("nan"))], "nan in row 0"),
        ([("op0", 1, "a", 1.0), ("op0", 1, "a", 2.0)], "operator 1 of op0 is there twice"),
    ],
)
def test_costs_that_are_none_are_refused(
    rows: list[tuple[str, int, str, float]], told: str
) -> None:
    with pytest.raises(InputError, match=told):
        OperatorCosts(target=TARGET, provenance={}, rows=costs_frame(rows))


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ({}, "it is a dict, expected a list"),
        ([], "no layer has latencies"),
        ([None], "no layer has latencies"),
        ([FULL, [1.0]], "layer 1 is .*expected null or a list of 8 or 9"),
        ([FULL, 7], "layer 1 is 7"),
        ([[*FULL[:8], 0]], "layer 0 holds 0, expected microseconds above 0"),
        ([[*FULL[:8], "1"]], "layer 0 holds '1'"),
        ([[*FULL[:8], True]], "layer 0 holds True"),
        ([[*FULL[:8], 10**400]], "expected microseconds above 0"),
        ([[*FULL[:8], float("nan")]], "holds nan"),
        ([[None] * 9], "empty"),
    ],
)
def test_other_files_are_one_clear_line(tmp_path: Path, value: Any, told: str) -> None:
    with pytest.raises(FileError, match=told) as caught:
        from_fbnet(written(tmp_path, value), TARGET)

    assert "\n" not in str(caught.value)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), junk=st.binary(max_size=6) | st.sampled_from([b"null", b"[", b"1e999"]))
def test_any_damage_is_told_or_still_costs(
    tmp_path: Path, data: st.DataObject, junk: bytes
) -> None:
    content = json.dumps([None, FULL, SHORT]).encode()
    at = data.draw(st.integers(0, len(content)))
    path = tmp_path / "a.json"
    path.write_bytes(content[:at] + junk + content[at + data.draw(st.integers(0, 6)) :])

    with contextlib.suppress(FileError):
        assert (from_fbnet(path, TARGET).rows["latency_ms"] > 0).all()


def test_the_public_table_has_the_22_positions_of_the_public_networks(shared_data: Path) -> None:
    costs = from_fbnet(shared_data / "fbnet_rpi4_lut.json", TARGET)
    networks = pd.read_parquet(shared_data / "fbnet_device_latency.parquet")

    assert costs.positions == tuple(f"op{at}" for at in range(22))
    assert set(costs.rows["name"]) == set(OPERATORS)
    # Where the shape changes, there is nothing to skip.
    shapes = [f"op{at}/skip" for at in (1, 5, 9, 13, 17, 21)]
    assert costs.provenance["not_measured"] == shapes
    complete = (networks[[name.split("/")[0] for name in shapes]] != 8).all(axis=1)
    assert (costs.sums_ms(networks[complete]) > 0).all()
