"""Energy from end to end on the simulated device: sweep, tables, fit, search, export, verify."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import ofabench as ob
from bench.backends.fake import FakeBackend
from bench.blocks.torch_modules import build_network
from bench.devices.fake import FakeDevice
from bench.errors import FileError, InputError
from latency_models.tables.table import LatencyTable
from ofabench.cli import main as cli
from supernet.accuracy.predictor import fit_accuracy
from supernet.export.export import ExportSpec, export
from supernet.export.model_card import Normalisation
from supernet.export.network_file import StandaloneNetwork
from supernet.space.arch import ArchConfig
from supernet.space.space import SearchSpace
from tests.support.search_runs import fails, write_predictors

TINY = SearchSpace.load("tiny")
SWEPT = ob.SweepOptions(
    networks=12, replicates=2, rounds=2, resolutions=(24,), energy=True, energy_time_s=0.01
)
NAME = "fake_fake_fp32_t1_b1"
KEY = "energy on fake/fake-1/fp32/t1/cany/b1/cache=warm"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the tables of a sweep, predictors of energy and latency, and of accuracy."""
    folder = tmp_path_factory.mktemp("energy")
    swept = ob.sweep("tiny", "fake", "fake", out=folder / "s.sqlite", options=SWEPT)
    swept.blocks().save(folder / "t.parquet")
    swept.networks().save(folder / "n.parquet")
    tables = (folder / "t.parquet", folder / "n.parquet")
    ob.fit_energy(*tables).save(folder / "e.parquet")
    ob.fit(*tables).save(folder / "l.parquet")
    codes = TINY.sample_codes(np.random.default_rng(0), 60)
    accuracy = 0.5 + 0.4 * (codes.sum(axis=1) - codes.min()) / 150
    fit_accuracy(TINY, codes, accuracy).save(folder / "a.parquet")
    return folder


def exported(arch: ArchConfig, path: Path) -> Path:
    blocks = TINY.blocks(arch)
    network = StandaloneNetwork(
        space="tiny",
        arch=arch,
        blocks=blocks,
        network=build_network(blocks).eval(),
        normalisation=Normalisation(mean=(0.5,), std=(0.5,)),
    )
    export(network, ExportSpec(backend=FakeBackend()), path)
    return path


def test_tables_have_energy_with_and_without_idle_power(folder: Path) -> None:
    rows = LatencyTable.load(folder / "t.parquet").frame
    networks = pd.read_parquet(folder / "n.parquet")

    assert (rows["energy_low_mj"] < rows["energy_mj"]).all()
    assert (rows["energy_mj"] < rows["energy_with_idle_mj"]).all()
    # 3 W more than idle, and 0.5 uJ for each kilobyte of weights (a parameter has 4 bytes).
    assert (rows["energy_mj"] > 0.9 * 3 * rows["latency_ms"]).all()
    assert (rows["peak_memory_bytes"] > 0).all()
    assert networks[f"{NAME}_energy_mj"].between(0.1, 10).all()
    assert ob.NetworksTable.load(folder / "n.parquet").provenance["energy"] == {
        "source": "simulated counter",
        "idle_w": pytest.approx(2.0, rel=0.01),
    }


def test_a_table_is_shown_with_its_energies(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = LatencyTable.load(folder / "t.parquet")

    assert cli.main(["table", "show", str(folder / "t.parquet")]) == 0

    (line,) = [line for line in capsys.readouterr().out.splitlines() if "half-width" in line][1:]
    energies = table.frame["energy_mj"]
    expected = f"energy      {len(table)} blocks, {energies.min():.4g} to {energies.max():.4g} mJ"
    assert line.startswith(expected)
    assert "energy: " in table._repr_html_()


def test_a_fitted_predictor_predicts_networks_in_millijoules(folder: Path) -> None:
    predictor = ob.load_energy_predictor(folder / "e.parquet")
    networks = pd.read_parquet(folder / "n.parquet")

    predictions = predictor.predict(networks[TINY.columns])

    np.testing.assert_allclose(predictions.mj, networks[f"{NAME}_energy_mj"], rtol=0.05)
    assert (predictions.std_mj > 0).all()
    assert predictions.frame["energy_mj"].tolist() == predictions.mj.tolist()
    assert predictor.to_dict()["space"] == "tiny"
    assert repr(predictor) == f"EnergyPredictor of {predictor.target.key}: space tiny"


@pytest.mark.parametrize("confidence", [None, pytest.param(0.9, marks=pytest.mark.slow)])
def test_a_search_keeps_its_limit_and_verify_measures_it(
    folder: Path, tmp_path: Path, confidence: float | None
) -> None:
    limit = ob.energy_limit(
        folder / "e.parquet", "1mJ", confidence=confidence, session_spread=confidence and 0.02
    )
    latency = ob.latency_limit(folder / "l.parquet", 1.0)
    options = ob.SearchOptions(budget=600, patience=20)

    result = ob.search(None, str(folder / "a.parquet"), [latency, limit], options)

    predicted = result.predictions[KEY]
    if confidence is None:
        assert 0.9 < predicted <= 1.0
    else:
        assert predicted < result.bounds[KEY] <= 1.0
        assert [report.unit for report in result.margins] == ["mJ"]
    data = result.to_dict()
    assert data["units"][KEY] == "mJ"
    assert list(data["std_ms"]) == [latency.source.key]
    assert data["std_mj"][KEY] > 0
    assert "of 1 mJ on fake" in str(result)
    result.save(tmp_path / "r.json")
    model = exported(result.arch, tmp_path / "net.json5")
    quick = ob.VerifyOptions(replicates=3, rounds=2)

    verified = ob.verify(model, "fake", result=tmp_path / "r.json", options=quick)

    assert verified.energy is not None
    assert verified.energy.energy.energy_mj == pytest.approx(predicted, rel=0.1)
    assert verified.energy.limit_mj == 1.0
    assert "by simulated counter" in str(verified)
    assert "peak memory" in str(verified)


def test_verify_fails_where_the_energy_is_above_its_limit(tmp_path: Path) -> None:
    model = exported(TINY.smallest(24), tmp_path / "net.json5")
    quick = ob.VerifyOptions(replicates=2, rounds=2)

    verified = ob.verify(model, "fake", limit_mj=0.01, options=quick)

    assert verified.limit_met is None
    assert verified.energy is not None
    assert (verified.energy.limit_met, verified.failed) == (False, True)
    assert "limit of 0.01 mJ NOT MET" in str(verified)


@pytest.mark.slow
def test_without_a_sensor_the_limit_is_not_checked(tmp_path: Path) -> None:
    model = exported(TINY.smallest(24), tmp_path / "net.json5")
    quick = ob.VerifyOptions(replicates=2, rounds=2)

    verified = ob.verify(model, FakeDevice(power=None), limit_mj=0.01, options=quick)

    assert verified.energy is not None
    assert (verified.energy.limit_met, verified.failed) == (None, False)
    assert "made without power; limit of 0.01 mJ not checked" in str(verified)
    assert json.loads(json.dumps(verified.to_dict())) == verified.to_dict()


def test_a_limit_beside_a_result_and_a_wrong_one_are_refused(tmp_path: Path) -> None:
    model = exported(TINY.smallest(24), tmp_path / "net.json5")

    with pytest.raises(InputError, match="limit_mj is -1, expected a number above 0"):
        ob.verify(model, "fake", limit_mj=-1)


@pytest.mark.slow
def test_the_same_from_the_shell(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tables = [str(folder / "t.parquet"), "--networks", str(folder / "n.parquet")]
    energy, found = str(tmp_path / "e.parquet"), str(tmp_path / "r.json")
    assert cli.main(["fit", *tables, "--energy", "--out", energy]) == 0
    assert "overhead_mj" in capsys.readouterr().out
    search = ["search", "--accuracy", str(folder / "a.parquet"), "--budget", "600"]
    assert cli.main([*search, "--energy", energy, "--max-energy-mj", "900uJ", "--out", found]) == 0
    arch = ArchConfig.from_json(
        {name: value for name, value in json.loads(Path(found).read_text())["arch"].items()
         if name != "space"}
    )  # fmt: skip
    model = exported(arch, tmp_path / "net.json5")

    code = cli.main(
        ["verify", str(model), "--device", "fake", "--result", found, "--loads", "2", "--passes",
         "2", "--out", str(tmp_path / "v.json")]
    )  # fmt: skip

    stored = json.loads((tmp_path / "v.json").read_text())["energy"]
    assert stored["limit_mj"] == 0.9
    assert code == (0 if stored["limit_met"] else 1)
    assert stored["energy_mj"] == pytest.approx(0.9, rel=0.15)


def test_one_line_for_each_wrong_use(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    energy, latency = str(folder / "e.parquet"), str(folder / "l.parquet")
    files = write_predictors(folder)

    assert "an energy predictor, expected a latency predictor" in fails(
        capsys, files, "--latency", energy, "--max-latency-ms", "1"
    )
    assert "a latency predictor, expected an energy predictor" in fails(
        capsys, files, "--energy", latency, "--max-energy-mj", "1"
    )
    assert "got 1 --energy and 0 --max-energy-mj" in fails(capsys, files, "--energy", energy)
    assert "got 0 --energy and 1 --max-energy-mj" in fails(capsys, files, "--max-energy-mj", "1")
    assert "the least is" in fails(capsys, files, "--energy", energy, "--max-energy-mj", "1uJ")
    twice = ("--energy", energy, "--max-energy-mj", "1") * 2
    assert "two --energy have the same target" in fails(capsys, files, *twice)


def test_a_table_without_energy_cannot_be_fitted(tmp_path: Path) -> None:
    options = ob.SweepOptions(networks=3, blocks=3, replicates=2, rounds=2)
    swept = ob.sweep("tiny", "fake", "fake", out=tmp_path / "s.sqlite", options=options)

    assert swept.blocks().frame["energy_mj"].isna().all()
    with pytest.raises(InputError, match="has no energy: sweep with --energy"):
        ob.fit_energy(swept.blocks())
    with pytest.raises(InputError, match=rf"a column '{NAME}_energy_mj'\): build it from a sweep"):
        ob.fit_energy(networks=swept.networks())
    with pytest.raises(FileError, match="cannot read absent"):
        ob.fit_energy("absent.parquet")


def test_energy_is_added_to_a_finished_sweep(tmp_path: Path) -> None:
    few = ob.SweepOptions(blocks=3, replicates=2, rounds=2)
    first = ob.sweep("tiny", "fake", "fake", out=tmp_path / "s.sqlite", options=few)
    assert first.summary.energy_source == ""
    more = replace(few, resume=True, energy=True, energy_time_s=0.01)

    again = ob.sweep("tiny", "fake", "fake", out=tmp_path / "s.sqlite", options=more)

    assert again.summary.energies == 3
    assert (
        again.blocks().frame["latency_ms"].tolist() == first.blocks().frame["latency_ms"].tolist()
    )


@pytest.mark.slow
def test_model_files_have_their_energy(tmp_path: Path) -> None:
    files = [exported(arch, tmp_path / f"{number}.json") for number, arch in enumerate(
        TINY.sample(np.random.default_rng(0), 2)
    )]  # fmt: skip
    options = ob.MeasureOptions(replicates=2, rounds=2, energy=True)

    measured = ob.measure(files, "fake", options=options)

    for model in measured:
        assert model.energy_mj is not None
        assert model.energy_low_mj is not None
        assert model.energy_low_mj < model.energy_mj
        assert model.energy_source == "simulated counter"
    assert "energy mJ" in str(measured)
    target = measured.models[0].target
    assert measured.wide.columns.tolist() == [target, f"energy on {target}"]
    without = ob.measure(files[:1], "fake", options=ob.MeasureOptions(replicates=2, rounds=2))
    assert without.models[0].energy_mj is None
    assert "energy" not in str(without)
    assert all(math.isfinite(value) for value in without.wide.iloc[0])
