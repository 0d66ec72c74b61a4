"""A Python on a board from the command line: every command that measures, and refused options."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import ofabench as ob
from bench.devices.cuda.options import CudaOptions
from bench.devices.ssh.options import SshOptions
from bench.errors import InputError
from ofabench.cli import main as cli
from tests.support.onnx_files import save_relu
from tests.support.ssh_server import NoServerError, SshServer
from tests.support.worker_process import python_script

QUICK = ("--replicates", "2", "--rounds", "2", "--force")


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """Options of a board and of a Python on it."""
    folder = tmp_path_factory.mktemp("ssh")
    try:
        with SshServer(folder / "server") as server:
            device = ["--device", str(server.address), "--ssh-config", str(server.config)]
            yield [*device, "--remote-python", python_script(folder / "python")]
    except NoServerError as why:
        pytest.skip(f"no board over SSH: {why}")


def printed(argv: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    status = cli.main(argv)
    captured = capsys.readouterr()
    assert status == 0, captured.err
    return captured.out


@pytest.mark.slow
def test_onnx_files_are_measured_and_profiled_there(
    there: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fixed = str(save_relu(tmp_path / "fixed.onnx", (1, 4)))
    dynamic = str(save_relu(tmp_path / "dynamic.onnx"))
    (tmp_path / "broken.onnx").write_bytes(b"no model")
    broken = str(tmp_path / "broken.onnx")

    assert cli.main(["measure", fixed, dynamic, broken, *there, *QUICK, "--json"]) == 2
    measured = json.loads(capsys.readouterr().out)
    profile = json.loads(printed(["profile", fixed, *there, "--force", "--json"], capsys))

    assert [model["file"] for model in measured["models"]] == ["fixed.onnx"]
    assert "dynamic dimensions" in measured["failures"]["dynamic.onnx"]
    assert measured["failures"]["dynamic.onnx"].startswith(f"{there[1]}: ")
    assert "is no ONNX file, or is damaged" in measured["failures"]["broken.onnx"]
    assert [each["kind"] for each in profile["operators"]] == ["Relu"]


@pytest.mark.slow
def test_a_sweep_there_has_energy_or_the_reason_with_the_address(
    there: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "s.sqlite"
    small = ["--space", "tiny", "--blocks", "2", *QUICK, "--energy", "--energy-time", "0.1s"]

    text = printed(["sweep", *small, *there, "--backend", "onnx", "--out", str(out)], capsys)

    frame = ob.open_sweep(out).blocks().frame
    assert len(frame) == 2
    assert frame["peak_memory_bytes"].notna().all()
    assert "not measured" not in text or f"not measured: {there[1]}: " in text


def test_backends_and_facts_of_that_python_are_listed(
    there: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    (entry,) = json.loads(printed(["devices", *there, "--json"], capsys))

    (here,) = json.loads(printed(["devices", "--device", "cpu", "--json"], capsys))
    assert (entry["address"], entry["slug"]) == (there[1], here["slug"])
    assert entry["backends"] == here["backends"]
    assert entry["facts"]["python"] == here["facts"]["python"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--device", "cpu", "--remote-python", "p"], "--remote-python is for boards and servers"),
        (["--device", "ssh:b", "--launch", "eager"], "--launch is for GPUs, the device is ssh:b"),
        (["--device", "ssh:b", "--runner", "python"], "needs --remote-python PATH"),
        (["--device", "ssh:b", "--remote-device", "cuda:0"], "needs --remote-python PATH"),
    ],
)
def test_options_that_do_not_fit_are_refused_in_one_line(
    words: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "s.sqlite"
    small = ["--space", "tiny", "--backend", "tflite"]

    assert cli.main(["sweep", *small, *words, "--out", str(out)]) == 2

    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert not out.exists()


def test_devices_takes_options_of_boards_for_boards_only(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.main(["devices", "--remote-python", "p"]) == 2

    assert "--remote-python is for --device ssh:..." in capsys.readouterr().err


def test_options_of_gpus_are_for_gpus_there_too() -> None:
    ssh = SshOptions(remote_python="p", remote_device="cuda:0")
    cuda = CudaOptions(tf32=True)
    assert ob.DeviceOptions(device="ssh:b", ssh=ssh, cuda=cuda).cuda.tf32

    with pytest.raises(InputError, match="--tf32 is for GPUs, the device is ssh:b"):
        ob.DeviceOptions(device="ssh:b", ssh=SshOptions(remote_python="p"), cuda=cuda)
