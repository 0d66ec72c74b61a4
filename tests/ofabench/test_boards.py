"""Boards over SSH from the command line: measured, refused options, cleaned."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import ofabench as ob
from bench.devices.remote.runner.bundle import ensure_bundle
from bench.errors import InputError, MissingRuntimeError
from ofabench.cli import main as cli
from tests.support.ssh_server import NoServerError, SshServer

SMALL = ("--space", "tiny", "--blocks", "2", "--replicates", "2", "--rounds", "2")


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    try:
        ensure_bundle("x86_64")
        with SshServer(tmp_path_factory.mktemp("ssh") / "server") as server:
            yield server
    except (NoServerError, MissingRuntimeError) as why:
        pytest.skip(f"no board over SSH: {why}")


def at(board: SshServer) -> list[str]:
    return ["--device", str(board.address), "--ssh-config", str(board.config)]


@pytest.mark.slow
def test_a_board_is_swept_and_everything_is_removed_from_it(
    board: SshServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "s.sqlite"
    words = ["sweep", *SMALL, *at(board), "--backend", "tflite", "--force", "--out", str(out)]

    assert cli.main(words) == 0

    table = ob.open_sweep(out).blocks()
    assert len(table.frame) == 2
    assert dict(table.target.options) == {"cache": "warm"}
    ours = board.home / ".cache/ofabench-remote"
    (ours / "notes").write_text("mine")
    capsys.readouterr()
    cleaning = ["remote", "clean", str(board.address), "--ssh-config", str(board.config), "--json"]
    assert cli.main(cleaning) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["removed"][str(ours / "bundle")] > 5_000_000
    assert str(ours / "models") in result["removed"]
    assert result["left"] == [str(ours / "notes")]
    assert [path.name for path in ours.iterdir()] == ["notes"]
    (ours / "notes").unlink()
    assert cli.main(cleaning[:-1]) == 0
    assert "nothing of ofabench is on ssh:" in capsys.readouterr().out
    assert not ours.exists()


def test_contents_of_workers_are_removed_with_their_size(board: SshServer) -> None:
    contents = board.home / ".cache/ofabench/worker"
    contents.mkdir(parents=True)
    (contents / "a").write_bytes(bytes(100_000))
    options = ob.DeviceOptions.read({"ssh_config": str(board.config)})

    cleaning = ob.clean_remote(str(board.address), options)

    assert cleaning.removed[str(contents)] >= 100_000
    assert not contents.parent.exists()


def test_the_list_of_devices_says_how_boards_are_named(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.main(["devices"]) == 0

    assert "ssh:USER@HOST  boards and servers are not listed" in capsys.readouterr().out


def test_a_board_is_described_on_request(
    board: SshServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["devices", *at(board), "--json"]) == 0

    (result,) = json.loads(capsys.readouterr().out)
    assert (result["address"], result["state"]) == (str(board.address), "ready")
    assert result["backends"]["onnx"] is None
    assert result["backends"]["tflite"].startswith("litert-")
    assert result["facts"]["machine"] == "x86_64"


def test_nothing_is_cleaned_where_nothing_is_left() -> None:
    with pytest.raises(InputError, match="expected ssh:USER@HOST or adb:SERIAL"):
        ob.clean_remote("cpu")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--device", "cpu", "--ssh-config", "x"], "is for boards and servers (ssh:...)"),
        (["--device", "cpu", "--debs", "x"], "is for phones and boards (adb:..., ssh:...)"),
        (["--device", "ssh:board", "--delegate", "gpu"], "cannot run in our runner"),
        (["--device", "ssh:a b"], "expected ssh:USER@HOST"),
        (["--device", "ssh:board", "--remote-folder", "x"], "expected /PATH or ~/PATH"),
    ],
)
def test_options_that_do_not_fit_are_refused_in_one_line(
    words: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "s.sqlite"

    assert cli.main(["sweep", *SMALL, *words, "--backend", "tflite", "--out", str(out)]) == 2

    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert not out.exists()
