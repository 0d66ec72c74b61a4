"""A GPU's figures, their commands run on the computed device; timers on a computed card."""

import json
import logging
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bench.backends.fake import FakeBackend
from bench.blocks.spec import BlockSpec
from bench.devices.cuda.driver import Driver
from bench.devices.cuda.event_timing import Queue, trial_ns
from bench.devices.cuda.options import CudaOptions
from bench.devices.cuda.timer_comparison import OURS_COLD, OURS_WARM, compare, peers, time_by_all
from bench.errors import MissingEntryError
from bench.protocol.device import ReplicatePlan
from latency_models.evaluation.additivity import additivity
from latency_models.tables.table import LatencyTable, frame_of
from ofabench.cli.commands.selfcheck import _command_line
from ofabench.options.device import DeviceOptions
from ofabench.options.selfcheck import SelfCheckOptions, SelfCheckRequest
from ofabench.options.sweep import SweepOptions, SweepRequest
from ofabench.workflows.pipeline import run_tasks
from ofabench.workflows.sweep import gpu_check
from ofabench.workflows.sweep.gpu_check import gpu_checks, target_lines, xeon_checks
from ofabench.workflows.sweep.self_check import default_backend
from ofabench.workflows.sweep.target_check import CheckSize, TargetCheck
from tests.bench.devices.cuda.test_device import POOLS, TARGET
from tests.support.fake_gpu import FakeGpu, fake_gpu

SMALL = CheckSize(space="tiny", fit_networks=4, test_networks=8, loads=2, rounds=2)


@pytest.mark.slow
def test_its_figures_come_of_sweeps_in_processes_of_their_own(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    check = TargetCheck(
        folder=tmp_path,
        name="fake",
        device=DeviceOptions(device="fake"),
        backend="fake",
        sweep=SweepOptions(batch=2),
        size=SMALL,
    )
    with caplog.at_level(logging.INFO, "ofabench"):
        run_tasks(check.tasks(), _command_line)

    assert [line for line in caplog.messages if line.startswith("[")] == [
        f"[{number}/6] fake: {what}"
        for number, what in enumerate(
            [
                "first sweep\n    $ ofabench sweep --space tiny --device fake --backend fake "
                "--batch 2 --networks 4 --ends --replicates 2 --rounds 2 --out "
                f"{tmp_path}/fake-first.sqlite",
                f"first tables\n    $ ofabench table build {tmp_path}/fake-first.sqlite --out "
                f"{tmp_path}/fake-first.parquet --networks-out "
                f"{tmp_path}/fake-first-networks.parquet",
                "second sweep\n    $ ofabench sweep --space tiny --device fake --backend fake "
                "--batch 2 --networks 8 --seed 1 --replicates 2 --rounds 2 --out "
                f"{tmp_path}/fake-second.sqlite",
                f"second tables\n    $ ofabench table build {tmp_path}/fake-second.sqlite --out "
                f"{tmp_path}/fake-second.parquet --networks-out "
                f"{tmp_path}/fake-second-networks.parquet",
                f"fit\n    $ ofabench fit {tmp_path}/fake-first.parquet --networks "
                f"{tmp_path}/fake-first-networks.parquet --out {tmp_path}/fake-predictor.parquet",
                f"evaluate\n    $ ofabench evaluate {tmp_path}/fake-predictor.parquet --networks "
                f"{tmp_path}/fake-second-networks.parquet --json",
            ],
            start=1,
        )
    ]
    figures = check.figures()
    lines = target_lines({"fake": figures})

    assert figures["target"]["batch"] == 2
    assert figures["networks"]["n"] == 8
    assert figures["repeatability"]["difference_p95"] < 0.2
    # The fake device's networks take 8 % less than their blocks, and a call each.
    assert {figure["state"]: figure["ratio"] > 1 for figure in figures["additivity"]} == {
        "warm": True,
        "cold": True,
    }
    assert figures["sweep"]["blocks"] == figures["repeatability"]["common"]
    assert lines[1].startswith("fake ")
    assert json.loads(json.dumps(figures, allow_nan=False))["networks"]["n"] == 8
    # Started again, it finds everything there.
    caplog.clear()
    with caplog.at_level(logging.INFO, "ofabench"):
        run_tasks(check.tasks())
    assert len(caplog.messages) == 6
    assert all("exists already" in line for line in caplog.messages)


def test_a_gpu_is_checked_at_both_batches_and_precisions(tmp_path: Path) -> None:
    device = DeviceOptions(device="cuda:1", cuda=CudaOptions(launch="eager"))

    checks = gpu_checks(tmp_path, device, "torch", SMALL, forced=True)

    assert [check.name for check in checks] == [
        "batch1-fp32",
        "batch1-fp16",
        "batch64-fp32",
        "batch64-fp16",
    ]
    assert checks[3].first_sweep() == SweepRequest(
        space="tiny",
        device=device,
        backend=("torch",),
        sweep=SweepOptions(
            batch=64, precision="fp16", networks=4, ends=True, replicates=2, rounds=2, force=True
        ),
        out=tmp_path / "batch64-fp16-first.sqlite",
    )
    assert checks[3].second_sweep().sweep == SweepOptions(
        batch=64, precision="fp16", networks=8, seed=1, replicates=2, rounds=2, force=True
    )


def test_a_started_sweep_is_resumed(tmp_path: Path) -> None:
    (check, *_) = gpu_checks(tmp_path, DeviceOptions(device="cuda:0"), "torch", SMALL)
    (tmp_path / "batch1-fp32-second.sqlite").touch()

    first, _, second, *_ = check.tasks()

    assert not first.options["sweep"].resume
    assert second.options["sweep"].resume


def test_only_xeons_are_checked(tmp_path: Path) -> None:
    assert xeon_checks(tmp_path, "AMD EPYC", 8, SMALL) == []
    assert xeon_checks(tmp_path, None, 8, SMALL) == []
    result = xeon_checks(tmp_path, "Intel(R) Xeon(R) Platinum 8480+", 8, SMALL)
    assert [check.name for check in result] == [
        f"cpu-{backend}-{threads}" for backend in ("onnx", "torch", "tflite") for threads in (1, 8)
    ]
    assert not any(check.device.wait for check in result)
    waiting = xeon_checks(tmp_path, "Intel(R) Xeon(R) Platinum 8480+", 8, SMALL, wait=True)
    assert all(check.device.wait for check in waiting)


def test_a_complete_check_of_a_gpu_is_written_to_one_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The worker's check and the targets' figures are stand-ins: no card is here."""
    folder = tmp_path / "check"
    launched: list[SelfCheckRequest] = []

    def launch(function: object, options: SelfCheckRequest, **more: object) -> None:
        launched.append(options)
        options.out.mkdir()
        (options.out / "selfcheck.json").write_text('{"passed": false, "tolerance": 1e-4}')
        timers = {"name": "cuda", "against": "ours", "spread_median": 0.01}
        timers |= {"spread_p95": 0.02, "difference_median": 0.03}
        (options.out / "timers.json").write_text(json.dumps([timers]))

    monkeypatch.setattr("bench.devices.cuda.torch_driver.check_index", lambda index: None)
    monkeypatch.setattr(gpu_check, "launch", launch)
    monkeypatch.setattr(gpu_check, "_checks", lambda request: [])
    request = SelfCheckRequest(
        device=DeviceOptions(device="cuda:0"),
        check_options=SelfCheckOptions(replicates=2),
        out=folder,
    )
    with caplog.at_level(logging.INFO, "ofabench"):
        checked = gpu_check.check_gpu(request, command_line=_command_line)

    assert request.of_gpu
    assert not checked.passed
    assert checked.lines()[0].startswith("cuda  ")
    assert checked.to_dict() == json.loads((folder / "selfcheck.json").read_text())
    assert checked.to_dict()["targets"] == {}
    assert launched == [
        SelfCheckRequest(
            device=DeviceOptions(device="cuda:0"),
            backend="torch",
            check_options=SelfCheckOptions(replicates=2, quick=True),
            out=folder / "check",
        )
    ]
    assert not launched[0].of_gpu
    assert caplog.messages[0] == (
        "[1/1] outputs, repeatability, other timers\n    $ ofabench selfcheck --device cuda:0 "
        f"--backend torch --quick --replicates 2 --out {folder}/check"
    )


@pytest.mark.slow
def test_timers_are_compared_over_runs() -> None:
    card = FakeGpu()

    def twice(driver: Driver, call: Queue) -> float:
        return 2 * trial_ns(driver, call) / 1e6

    others = {"twice": (twice, OURS_WARM)}
    times_ms = time_by_all(
        fake_gpu(card),
        POOLS[:2],
        FakeBackend(),
        TARGET,
        3,
        others,
        ReplicatePlan(rounds=2, samples=2),
    )
    result = {item.name: item for item in compare(times_ms, others)}

    assert {name: times.shape for name, times in times_ms.items()} == {
        OURS_WARM: (3, 2),
        OURS_COLD: (3, 2),
        "twice": (3, 2),
    }
    assert result["twice"].difference_median == pytest.approx(1.0, abs=0.2)
    assert result[OURS_WARM].difference_median == 0
    assert result[OURS_WARM].spread_p95 < 1e-6  # a card that repeats itself
    assert np.all(times_ms[OURS_COLD] > times_ms[OURS_WARM])


def test_the_timer_of_torch_is_always_available() -> None:
    assert "torch.utils.benchmark" in peers()


def test_the_state_that_adds_up_has_the_smaller_spread() -> None:
    specs = [
        BlockSpec(kind="avg_pool", in_size=size, in_channels=8, out_channels=8)
        for size in (4, 8, 16)
    ]
    rows = frame_of(specs, latency_ms=[1.0, 2.0, 4.0], cold_ms=[3.0, 3.0, 6.0])
    table = LatencyTable(target=TARGET, provenance={}, rows=rows)
    networks = [specs[:2], specs[1:], specs]
    # Half of the sums of later calls: 3, 6 and 7.
    measured_ms = np.array([1.5, 3.0, 3.5])

    warm, cold = additivity(table, networks, measured_ms)

    assert (warm.state, warm.networks) == ("warm", 3)
    assert warm.ratio == pytest.approx(2.0)
    assert warm.spread == pytest.approx(0.0, abs=1e-12)
    # 6, 9 and 12 over the same.
    assert cold.ratio == pytest.approx(12 / 3.5)
    assert cold.spread == pytest.approx(np.std(np.log([4, 3, 12 / 3.5]), ddof=1))
    unknown = BlockSpec(kind="avg_pool", in_size=5, in_channels=8, out_channels=8)
    with pytest.raises(MissingEntryError):
        additivity(table, [[unknown]], np.array([1.0]))


@pytest.mark.slow
def test_without_a_gpu_no_file_is_written(tmp_path: Path) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("a GPU is here")
    out = tmp_path / "check"
    done = subprocess.run(
        [sys.executable, "-m", "ofabench", "selfcheck", "--device", "cuda:0", "--out", str(out)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 2
    assert done.stderr.startswith("ofabench: torch ")
    assert not out.exists()
    assert [default_backend(name) for name in ("cpu", "cuda:0", "adb:x")] == [
        "onnx",
        "torch",
        "tflite",
    ]
