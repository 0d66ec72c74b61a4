"""`ofabench cost`, from a checkpoint with its usage of time and energy."""

import json
from pathlib import Path

import pytest

from bench.energy.meter import Usage
from bench.errors import InputError
from ofabench.cli import main as cli
from ofabench.options.cost import CostOptions
from ofabench.workflows.cost import training_cost
from supernet.space.space import SearchSpace
from supernet.train.checkpoint import Checkpoint, Recipe, save_checkpoint
from supernet.train.schedule import IMPORTED, Schedule
from supernet.weights.model import SuperNet

# An hour of two cores in two runs, 20 Wh in all.
USAGE = tuple(
    Usage(
        device="Some CPU",
        processes=1,
        cores=2,
        wall_s=1800.0,
        device_s=3600.0,
        energy_j=36_000.0,
        how=how,
    )
    for how in ("rapl", "assumed 5 W a core")
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a trained supernet with its usage, and one without."""
    folder = tmp_path_factory.mktemp("cost")
    space = SearchSpace.load("tiny")
    recipe = Recipe(space=space, schedule=Schedule.from_toml(IMPORTED), data="digits")
    state = SuperNet(space).state_dict()
    for name, usage in (("net", USAGE), ("silent", ())):
        checkpoint = Checkpoint(recipe=recipe, phase=0, epoch=0, network=state, usage=usage)
        save_checkpoint(folder / f"{name}.safetensors", checkpoint)
    return folder


def test_both_costs_equal_those_by_hand(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "single.json").write_text('{"device_s": 1800, "energy_j": 18000, "more": 1}')
    out = folder / "cost.json"
    argv = ["cost", str(folder / "net.safetensors"), "--search-s", "360", "--devices", "5,1"]
    argv += ["--single", str(folder / "single.json"), "--carbon-g-per-kwh", "500", "--pue", "2"]

    assert cli.main([*argv, "--json", "--out", str(out)]) == 0

    data = json.loads(capsys.readouterr().out)
    assert json.loads(out.read_text()) == data
    measured = data["measured"]
    # Two hours once and 0.1 a device (at 5 W: 0.5 Wh) against half an hour (5 Wh) a device.
    first, fifth = measured["totals"]
    assert (first["devices"], fifth["devices"]) == (1, 5)
    assert first["ours"] == pytest.approx({"device_h": 2.1, "kwh": 0.0205, "co2e_kg": 0.0205})
    assert fifth["other"] == pytest.approx({"device_h": 2.5, "kwh": 0.025, "co2e_kg": 0.025})
    assert measured["crosses_at"] == pytest.approx(2 / 0.4)
    assert measured["cheaper_from"] == 6
    assert measured["energy_crosses_at"] == pytest.approx(20 / 4.5)
    assert measured["energy_cheaper_from"] == 5
    assert data["published"]["crosses_at"]["OFA"]["ProxylessNAS"] == pytest.approx(2.48)


def test_the_function_takes_options_and_gives_the_same(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint = folder / "net.safetensors"
    options = CostOptions(
        checkpoint=checkpoint, single_s=1800, devices=(5, 1, 5), out=tmp_path / "c"
    )

    data = training_cost(options).to_dict()

    assert capsys.readouterr() == ("", "")
    assert [row["devices"] for row in data["measured"]["totals"]] == [1, 5]
    # Two hours once against half an hour a device.
    assert data["measured"]["crosses_at"] == pytest.approx(4)
    assert json.loads((tmp_path / "c").read_text())["measured"] == data["measured"]
    command = ["cost", str(checkpoint), "--single-s", "30m", "--devices", "1,5", "--json"]
    assert cli.main(command) == 0
    assert json.loads(capsys.readouterr().out)["measured"] == data["measured"]
    with pytest.raises(InputError, match="single and single_s exclude each other"):
        CostOptions(checkpoint=checkpoint, single=folder / "single.json", single_s=3)


def test_every_assumption_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    argv = ["cost", str(folder / "net.safetensors"), "--single-s", "1800"]

    assert cli.main(argv) == 0

    out = capsys.readouterr().out
    for item in (
        "475 g CO2e a kWh: world average of 2018, IEA",
        "PUE 1: devices alone",
        "training's energy: rapl, assumed 5 W a core",
        "searching counts as zero",
        "draw the same power as the supernet's",
        "they cross at N = 4.00: cheaper from 5 devices on",
        "ICLR 2020, Table 1",
        "OFA crosses MobileNetV3-Large at N = 6.89",
    ):
        assert item in out


def test_without_a_single_training_its_columns_are_empty(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["cost", str(folder / "net.safetensors"), "--devices", "2"]) == 0

    out = capsys.readouterr().out
    assert "      2           2       0.02     0.0095           -          -          -" in out
    assert "one network's training is not given" in out


@pytest.mark.parametrize("content", ["[]", '{"device_s": 1}', '{"device_s": "x", "energy_j": 1}'])
def test_a_file_without_usage_is_refused(
    content: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = folder / "wrong.json"
    path.write_text(content)

    assert cli.main(["cost", str(folder / "net.safetensors"), "--single", str(path)]) == 2

    error = capsys.readouterr().err.strip().splitlines()
    assert len(error) == 1
    assert "`device_s` and `energy_j`" in error[0]


def test_wrong_input_is_refused_in_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    net, silent = str(folder / "net.safetensors"), str(folder / "silent.safetensors")

    assert cli.main(["cost", silent]) == 2
    assert "has no metered usage of its training" in capsys.readouterr().err
    assert cli.main(["cost", net, "--pue", "0.5"]) == 2
    assert "PUE of at least 1" in capsys.readouterr().err
    with pytest.raises(SystemExit) as stopped:
        cli.main(["cost", net, "--devices", "1,x"])
    assert stopped.value.code == 2
