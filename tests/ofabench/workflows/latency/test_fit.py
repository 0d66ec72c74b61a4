"""`fit` from Python: what it takes, and what it refuses in words of what was expected."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.errors import FileError, InputError
from bench.protocol.target import Target
from latency_models.tables.networks import NetworksTable
from latency_models.tables.table import LatencyTable, frame_of
from ofabench.cli import main as cli
from ofabench.options.fit import FitOptions
from ofabench.workflows.latency.fit import fit
from ofabench.workflows.latency.predictor import load_predictor
from supernet.space.space import SearchSpace

TINY = SearchSpace.load("tiny")
TARGET = Target(device="box", backend="onnx", backend_version="1")
ARCHS = list(dict.fromkeys(TINY.sample(np.random.default_rng(1), 40)))[:24]
MS = np.array([0.1 + sum(block.macs for block in TINY.blocks(arch)) / 1e6 for arch in ARCHS])
FRAME = TINY.to_frame(ARCHS).assign(box_ms=MS)
SPECS = TINY.unique_blocks()[::20]  # so few need no choice of form
BLOCK_MS = np.array([0.001 + spec.macs / 1e6 for spec in SPECS])
TABLE = LatencyTable(
    target=TARGET,
    provenance={"space": "tiny"},
    rows=frame_of(SPECS, latency_ms=BLOCK_MS, cold_ms=BLOCK_MS),
)
NETWORKS = NetworksTable(frame=FRAME[:6], space="tiny", targets={"box_ms": TARGET}, provenance={})


def test_tables_their_files_and_the_command_give_one_predictor(tmp_path: Path) -> None:
    t, n, p = (tmp_path / name for name in ("t.parquet", "n.parquet", "p.parquet"))
    TABLE.save(t)
    NETWORKS.save(str(n))
    assert cli.main(["fit", str(t), "--networks", str(n), "--out", str(p)]) == 0
    expected = load_predictor(p).predict(FRAME)

    for blocks, networks in ((TABLE, NETWORKS), (t, str(n)), (str(t), NetworksTable.load(n))):
        result = fit(blocks, networks).predict(FRAME)
        assert result.ms.tolist() == expected.ms.tolist()
        assert result.std_ms.tolist() == expected.std_ms.tolist()


@pytest.mark.slow
def test_a_prior_is_a_predictor_or_its_file(tmp_path: Path) -> None:
    prior, path = fit(TABLE), tmp_path / "prior.parquet"
    prior.save(path)

    of_object = fit(networks=NETWORKS, priors=[prior])
    of_file = fit(networks=NETWORKS, priors=[path])

    assert of_object.predict(ARCHS).ms.tolist() == of_file.predict(ARCHS).ms.tolist()
    error = of_object.predict(ARCHS).ms / MS - 1
    assert np.mean(np.abs(error)) < 0.05
    choice = of_object.block_predictor.composition_choice
    assert choice is not None
    assert "prior 0" in dict(choice.errors)


@pytest.mark.slow
@pytest.mark.parametrize("blocks", [None, TABLE])
def test_with_the_statistic_p90_the_networks_p90_is_predicted_and_blocks_stay(
    blocks: LatencyTable | None, tmp_path: Path
) -> None:
    """Tails are half as long again as the median, less a constant: no sum of blocks' tails."""
    frame = FRAME.assign(box_p90=1.5 * MS + 0.2)
    networks = NetworksTable(
        frame=frame[:16], space="tiny", targets={"box_ms": TARGET}, provenance={}
    )

    fit(blocks, networks, options=FitOptions(statistic="p90")).save(tmp_path / "p.parquet")
    result = load_predictor(tmp_path / "p.parquet")

    assert result.statistic == result.block_predictor.statistic == "p90"
    assert result.provenance["statistic"] == "p90"
    assert result.predict(ARCHS).ms == pytest.approx(1.5 * MS + 0.2, rel=0.05)
    if blocks is not None:
        known = result.block_predictor.known
        assert [known[spec][0] for spec in SPECS] == pytest.approx(BLOCK_MS.tolist())
    evaluation = result.evaluate(NetworksTable.of_frame(frame[16:], "tiny"))
    assert evaluation.measured_ms == pytest.approx(1.5 * MS[16:] + 0.2)
    assert evaluation.to_dict()["statistic"] == "p90"
    assert "box_ms (p90 of samples)" in str(evaluation)
    assert "p90 of each network's samples; blocks stay medians" in result._repr_html_().replace(
        "&#x27;", "'"
    )


def test_a_predictor_of_medians_has_no_statistic_in_its_file() -> None:
    result = fit(TABLE, NETWORKS)

    assert result.statistic == "median"
    assert "statistic" not in result.provenance


def test_categories_predict_p90_too() -> None:
    frame = FRAME.assign(box_p90=2 * MS)

    result = fit(networks=frame, options=FitOptions(space="onehot", statistic="p90"))

    assert result.statistic == "p90"
    assert "box_p90" not in result.columns
    assert result.evaluate(frame).measured_ms == pytest.approx(2 * MS)


def test_a_file_of_a_statistic_that_nobody_knows_is_damaged(tmp_path: Path) -> None:
    model = fit(networks=NETWORKS).block_predictor
    odd = replace(model, provenance={**model.provenance, "statistic": "median"})
    object.__setattr__(odd, "provenance", {**model.provenance, "statistic": "best"})
    odd.save(tmp_path / "p.parquet")

    with pytest.raises(FileError, match="its statistic is 'best', expected median or p90"):
        load_predictor(tmp_path / "p.parquet")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "nothing to fit"),
        ({"blocks": TABLE, "priors": ["p.parquet"]}, "--prior is for fits on --networks alone"),
        ({"blocks": TABLE, "options": FitOptions(space="tiny")}, "give --networks too"),
        (
            {"blocks": TABLE, "options": FitOptions(statistic="p90")},
            "--statistic p90 needs --networks: tails of blocks do not add up",
        ),
        (
            {"networks": NETWORKS, "options": FitOptions(statistic="p90")},
            "has no p90 of 'box_ms' .a column 'box_p90'.: build it from a sweep",
        ),
        ({"blocks": FRAME}, "blocks are a DataFrame, expected a LatencyTable or its file"),
        ({"networks": ARCHS}, "measured networks are a list, expected a NetworksTable"),
        ({"networks": FRAME}, "does not name its space: give it with --space"),
        ({"networks": NETWORKS, "priors": "p.parquet"}, "priors are str, expected a list of them"),
        ({"networks": NETWORKS, "priors": [TABLE]}, "prior 0 is LatencyTable, expected a Latency"),
        ({"networks": NETWORKS, "options": {"space": "tiny"}}, "options are dict, expected Fit"),
        (
            {"blocks": TABLE, "networks": NETWORKS, "options": FitOptions(space="onehot")},
            "--space onehot fits on networks alone",
        ),
    ],
)
def test_incompatible_inputs_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        fit(**given)


def test_missing_files_are_refused() -> None:
    for given in ({"blocks": "absent.parquet"}, {"networks": "absent.parquet"}):
        with pytest.raises(FileError, match="cannot read absent"):
            fit(**given)  # type: ignore[arg-type]
    with pytest.raises(FileError, match="cannot read absent"):
        fit(networks=NETWORKS, priors=["absent.parquet"])


def test_tables_print_well_and_come_back(tmp_path: Path) -> None:
    t, n = tmp_path / "t.parquet", tmp_path / "n.parquet"
    TABLE.save(t)
    NETWORKS.save(n)

    table, networks = LatencyTable.load(str(t)), NetworksTable.load(str(n))

    assert table.frame.equals(TABLE.frame)
    assert networks.frame.equals(NETWORKS.frame)
    assert repr(table).startswith(f"LatencyTable of {TARGET.key}: {len(SPECS)} blocks (")
    assert f"{sum(spec.kind == 'mbconv' for spec in SPECS)} mbconv" in repr(table)
    assert repr(networks) == "NetworksTable: 6 networks of tiny; box_ms"
    for item in (table, networks):
        assert "<table" in item._repr_html_()
        assert len(item._repr_html_()) < 20_000  # shortened, however long the table is
    assert table.to_dict()["blocks"] == len(SPECS)
    assert networks.to_dict() == {
        "networks": 6,
        "space": "tiny",
        "columns": ["box_ms"],
        "targets": {"box_ms": TARGET.to_json()},
        "provenance": {},
    }
