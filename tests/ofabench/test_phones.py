"""The command line on phones: the pocket phone, with the real runner built for this machine."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.backends.registry import get_backend
from bench.blocks.model import random_model
from bench.devices.android.device import AdbDevice
from bench.sweep.store import SweepStore
from bench.timing.plan import SweepPlan
from ofabench.cli import main as cli
from ofabench.workflows.sweep.sweep_setup import make_target
from supernet.space.space import SearchSpace
from supernet.verification.verify import MeasuringSetup, measure_file
from tests.pocket_phone.phone import DaemonOptions, PocketPhone
from tests.support.pocket_phones import see_only_pocket_phones

SMALL = ("--space", "tiny", "--blocks", "4", "--loads", "2", "--passes", "2")
HERE = ("--backend", "tflite", "--cores", "any", "--force")


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what is tested, no server of this machine's, and a runner that can be built."""
    see_only_pocket_phones(monkeypatch)


@pytest.fixture
def phones(tmp_path: Path) -> Iterator[list[PocketPhone]]:
    options = DaemonOptions(secure=False)
    with (
        PocketPhone(tmp_path / "first", "pixel2", options) as first,
        PocketPhone(tmp_path / "second", "note8", options) as second,
    ):
        yield [first, second]
        assert first.violations == second.violations == []


def test_a_phones_sweep_becomes_a_table(
    phones: list[PocketPhone], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, table = str(tmp_path / "s.sqlite"), str(tmp_path / "t.parquet")

    assert cli.main(["sweep", *SMALL, *HERE, "--device", phones[1].address, "--out", out]) == 0
    assert cli.main(["table", "build", out, "--out", table]) == 0

    output = capsys.readouterr().out
    assert "4 blocks, 0 networks, pocket-phone/tflite-litert-" in output
    with SweepStore.open(Path(out)) as store:
        facts = store.replicates()[0].rounds[0].facts
        assert store.facts["model"] == "SM-N950F"
    assert facts["throttled"] is False
    assert facts["whole_graphs_share"] == 1.0
    assert "cpu7" not in str(facts["frequencies_khz"])


def test_a_phone_is_described_on_request(
    phones: list[PocketPhone], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["devices", "--device", phones[0].address, "--json"]) == 0

    (result,) = json.loads(capsys.readouterr().out)
    assert (result["slug"], result["state"]) == ("pocket-phone", "ready")
    assert result["backends"]["onnx"] is None
    assert result["backends"]["tflite"].startswith("litert-")
    assert result["facts"]["model"] == "Pixel 2"


def test_everything_of_ours_is_removed_from_a_phone(
    phones: list[PocketPhone], capsys: pytest.CaptureFixture[str]
) -> None:
    ours = phones[0].root / "data/local/tmp/ofabench"
    (ours / "models").mkdir(parents=True, exist_ok=True)
    (ours / "models/a.tflite").write_bytes(b"a")

    assert cli.main(["remote", "clean", phones[0].address]) == 0

    assert "/data/local/tmp/ofabench/models" in capsys.readouterr().out
    assert not ours.exists()


@pytest.mark.parametrize("backend", ["onnx", "torch"])
def test_a_backend_that_phones_have_not_is_refused(
    phones: list[PocketPhone], tmp_path: Path, capsys: pytest.CaptureFixture[str], backend: str
) -> None:
    words = ["sweep", *SMALL, "--device", phones[0].address, "--backend", backend]

    assert cli.main([*words, "--out", str(tmp_path / "s.sqlite")]) == 2

    assert "phones run the backend tflite" in capsys.readouterr().err
    assert not (tmp_path / "s.sqlite").exists()


def fleet_file(folder: Path, addresses: dict[str, str]) -> Path:
    tables = [
        f'[[phone]]\nname = "{name}"\naddress = "{address}"\ncores = "any"\n'
        for name, address in addresses.items()
    ]
    path = folder / "fleet.toml"
    path.write_text("\n".join(tables))
    return path


@pytest.mark.slow
def test_a_fleet_is_swept_into_one_file_a_phone_and_resumed(
    phones: list[PocketPhone], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    addresses = {"one": phones[0].address, "two": phones[1].address}
    fleet, out = fleet_file(tmp_path, addresses), tmp_path / "fleet"
    command = ["sweep", *SMALL, "--force", "--fleet", str(fleet), "--out", str(out), "--json"]
    phones[1].stop()

    assert cli.main(command) == 2

    first, second = json.loads(capsys.readouterr().out)
    assert (first["code"], first["summary"]["blocks"]) == (0, 4)
    assert (second["code"], second["summary"]) == (2, None)
    assert "no phone answers at 127.0.0.1" in second["words"]
    assert {path.name for path in out.iterdir()} == {"one.sqlite"}
    before = (out / "one.sqlite").read_bytes()

    phones[1].start()
    assert cli.main(command) == 0

    first, second = json.loads(capsys.readouterr().out)
    assert second["summary"]["blocks"] == 4
    with SweepStore.open(out / "one.sqlite") as store:
        assert len(store.sessions()) == 2
    assert len((out / "one.sqlite").read_bytes()) >= len(before)


def test_options_of_the_fleet_file_are_refused_on_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet = fleet_file(tmp_path, {"one": "adb:127.0.0.1:1"})
    command = ["sweep", *SMALL, "--fleet", str(fleet), "--device", "cpu"]

    assert cli.main([*command, "--out", str(tmp_path / "out")]) == 2

    assert "the fleet file says --device" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_an_exported_network_is_measured_on_the_phone(
    phones: list[PocketPhone], tmp_path: Path
) -> None:
    space, backend = SearchSpace.load("tiny"), get_backend("tflite")
    blocks = space.blocks(space.smallest())
    content = backend.serialise(random_model(blocks, seed=9))
    device = AdbDevice(phones[0].address, notify=lambda words: None)
    bench = MeasuringSetup(
        device=device,
        backend=backend,
        target=make_target(device, backend, cores="any"),
        plan=SweepPlan(replicates=2, rounds=2),
        forced=True,
    )

    measured = measure_file(content, blocks, bench)

    device.close()
    (network,) = [item for item in measured if item.workload.role == "network"]
    assert network.replicates == 2
    assert network.median_ms > 0
    pushed = [path.read_bytes() for path in (phones[0].root / "data").rglob("*.tflite")]
    assert content in pushed
