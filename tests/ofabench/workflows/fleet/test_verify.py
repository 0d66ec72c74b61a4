"""Verifications on a fleet: files of each member, verdicts and exit codes, several tries."""

import json
import os
import shutil
import signal
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from bench.errors import FileError
from ofabench.cli import main as cli
from ofabench.options.device import DeviceOptions
from ofabench.options.fleet import FleetMember
from ofabench.options.verify import VerifyOptions, VerifyRequest
from ofabench.workflows.fleet.verify import member_request, verify_fleet
from supernet.export.model_card import Normalisation, card_path
from tests.support.fake_exports import COST_MS, export_fake, write_predictor
from tests.support.fleets import WatchedFleet, fake_fleet

QUICK = VerifyOptions(replicates=3, rounds=2)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return export_fake(tmp_path / "net.json5", Normalisation(mean=(0.5,), std=(0.5,)))


@pytest.mark.slow
def test_a_prediction_that_is_not_met_is_exit_code_1_and_no_failure(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = model.parent
    predictors, out = folder / "predictors", folder / "out"
    predictors.mkdir()
    write_predictor(predictors / "a.parquet")
    write_predictor(predictors / "b.parquet", predicts_ms=0.5 * COST_MS)
    fleet = folder / "fleet.toml"
    fleet.write_text(
        "".join(f'[[device]]\nname = "{name}"\naddress = "fake"\nthreads = {n}\n'
                for n, name in enumerate("ab", start=1))
    )  # fmt: skip
    command = ["verify", str(model), "--fleet", str(fleet), "--latency", str(predictors)]

    code = cli.main([*command, "--out", str(out), "--replicates", "3", "--rounds", "2"])

    assert code == 1
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("a ")
    assert "NOT WITHIN" not in first
    assert second.startswith("b ")
    assert second.endswith(f", predicted {0.5 * COST_MS:.4g} ms, NOT WITHIN TOLERANCE")
    stored = {path.name: json.loads(path.read_text()) for path in out.iterdir()}
    assert {name: value["prediction_within_tolerance"] for name, value in stored.items()} == {
        "a.json": True,
        "b.json": False,
    }


@pytest.mark.slow
def test_tries_are_kept_and_continued_by_the_same_call(model: Path) -> None:
    out = model.parent / "out"
    request = VerifyRequest(model=model, verify=QUICK, out=out, tries=2, every_s=300)
    watched = WatchedFleet()

    def stop_when_it_waits() -> None:
        for _ in range(2):  # it measures, then waits for the second try
            assert watched.started.acquire(timeout=60)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=stop_when_it_waits)
    thread.start()
    (stopped,) = verify_fleet(request, fake_fleet("fake"), watched).members
    thread.join()
    stored = json.loads((out / "a.json").read_text())
    first_ms = stored["tries"][0]["measured"]["ms"]
    stored["tries"][0]["ended_s"] -= 3600
    (out / "a.json").write_text(json.dumps(stored))
    (done,) = verify_fleet(request, fake_fleet("fake")).members

    assert stopped.code == 130
    assert stopped.words == (
        f"stopped after 1 of 2 tries, stored in {out / 'a.json'}; continue with: the same command"
    )
    assert len(stored["tries"]) == 1
    assert done.result is not None
    tries = done.result["tries"]
    assert (len(tries), tries[0]["measured"]["ms"], done.code) == (2, first_ms, 0)


def test_a_folder_has_a_model_with_its_card_for_each_member(model: Path) -> None:
    nets = model.parent / "nets"
    nets.mkdir()
    for name in ("a.json5", "ab.json5"):
        shutil.copy(model, nets / name)
        shutil.copy(card_path(model), card_path(nets / name))
    member = FleetMember(name="a", device=DeviceOptions(device="fake"))

    request = VerifyRequest(model=nets, verify=QUICK)

    assert member_request(member, request).model == nets / "a.json5"
    with pytest.raises(FileError, match=r"expected one model b\.onnx or b\.tflite there, .* none$"):
        member_request(replace(member, name="b"), request)


@pytest.mark.parametrize("name", ["model", "latency", "result"])
def test_a_missing_file_is_an_error_and_makes_no_folder(model: Path, name: str) -> None:
    out = model.parent / "out"
    request = VerifyRequest.read({"model": model, "out": out, name: "absent"})

    with pytest.raises(FileError, match="cannot read absent"):
        verify_fleet(request, fake_fleet("fake"))

    assert not out.exists()


def test_threads_and_cores_of_a_member_are_for_files_without_a_predictor(tmp_path: Path) -> None:
    member = FleetMember(
        name="a",
        device=DeviceOptions(device="fake", wait=True),
        backend="fake",
        threads=4,
        cores="0,1",
    )
    request = VerifyRequest(model=Path("net.onnx"), out=tmp_path, keep=tmp_path, verify=QUICK)

    assert member_request(member, request) == VerifyRequest(
        model=Path("net.onnx"),
        device=DeviceOptions(device="fake", wait=True),
        out=tmp_path / "a.json",
        keep=tmp_path / "a.sqlite",
        verify=replace(QUICK, backend="fake", threads=4, cores="0,1"),
    )
    predicted = replace(member, latency=Path("p.parquet"))
    assert member_request(predicted, request).verify == replace(QUICK, backend="fake")
    assert member_request(predicted, request).latency == Path("p.parquet")
