"""Replicates measured by the user's `benchmark_model`, started once a burst."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.backends.registry import get_backend
from bench.blocks.spec import BlockSpec
from bench.devices.android.benchmark_model.replicates import version_of
from bench.devices.android.device import AdbDevice
from bench.devices.android.phone.options import PhoneOptions
from bench.errors import DeviceError, InputError
from bench.protocol.device import THROTTLED, ReplicatePlan, Workload
from ofabench.workflows.sweep.sweep_setup import make_target
from tests.pocket_phone.phone import DaemonOptions, PocketPhone

# Prints what version 2.4 prints; a graph's size determines its time. Its arguments are logged.
PROGRAM = """#!/bin/sh
echo "$*" >> "$(dirname "$0")/calls"
for word in "$@"; do case $word in
--graph=*) graph=${word#--graph=};; --num_runs=*) runs=${word#--num_runs=};;
esac; done
us=$(wc -c < "$graph") || exit 1
avg=$((us * (runs + 1) / runs))
[ $((us * (runs + 1) % runs)) = 0 ] || avg=$avg.5
std=$((us / 2))
echo "Explicitly applied GPU delegate, and the model graph will be completely executed by it."
echo "Running benchmark for at least 1 iterations and at least 0 seconds"
echo "count=1 curr=$us"
echo "Running benchmark for at least $runs iterations and at least 0 seconds"
echo "count=$runs first=$((us * 2)) curr=$us min=$us max=$((us * 2)) avg=$avg std=$std"
echo "Inference timings in us: Init: 5, First inference: $us, Warmup (avg): $us, \\
Inference (avg): $avg" >&2
"""
WORK = [
    Workload(role="block", blocks=(BlockSpec.parse(key),))
    for key in (
        "stem-16x3-m0-o8-k3-s2-relu-se0-r0",
        "classifier-1x64-m0-o10-k1-s1-none-se0-r0",
    )
]


@pytest.fixture
def phone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PocketPhone]:
    with socket.create_server(("127.0.0.1", 0)) as used_port:
        monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", str(used_port.getsockname()[1]))
    with PocketPhone(tmp_path / "phone", "pixel2", DaemonOptions(secure=False)) as phone:
        yield phone


def device_with(phone: PocketPhone, folder: Path, program: str, delegate: str) -> AdbDevice:
    (folder / "program").write_text(program)
    options = PhoneOptions(runner="benchmark_model", binary=folder / "program", delegate=delegate)
    return AdbDevice(phone.address, options, notify=lambda text: None)


def test_a_replicate_starts_the_program_once_a_burst(phone: PocketPhone, tmp_path: Path) -> None:
    device, backend = device_with(phone, tmp_path, PROGRAM, "gpu"), get_backend("tflite")
    target = make_target(device, backend, cores="any")

    results = list(device.run_replicate(WORK, backend, target, ReplicatePlan(rounds=3, samples=2)))

    device.close()
    assert target.backend_version == version_of(tmp_path / "program")
    assert {("runner", "benchmark_model"), ("delegate", "gpu")} <= set(target.options)
    assert [sorted(result.order) for result in results] == [[0, 1]] * 3
    sizes = [path.stat().st_size for path in (phone.root / "data").rglob("*.tflite")]
    # The first sample takes 2 us a byte, the mean is 1.5, so the second takes 1.
    assert sorted(results[0].samples_ns[:, 0]) == sorted(2000.0 * size for size in sizes)
    assert sorted(results[0].samples_ns[:, 1]) == sorted(1000.0 * size for size in sizes)
    (call_log,) = (phone.root / "data").rglob("calls")
    lines = call_log.read_text().splitlines()
    assert len(lines) == 6
    assert all(result.facts["whole_graphs_share"] == 1.0 for result in results)
    assert not any(result.facts[THROTTLED] for result in results)
    assert all("--use_gpu=true" in line and "--num_runs=2" in line for line in lines)


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("#!/bin/sh\necho nonsense\n", "the output of benchmark_model cannot be parsed"),
        ("#!/bin/sh\necho no such file >&2; exit 1\n", "ended with status 1: no such file"),
        (
            "#!/bin/sh\necho 'Though GPU delegate is explicitly applied, the model graph will "
            "not be executed by the delegate.'\n",
            "delegate gpu does not run this model",
        ),
    ],
)
def test_a_failure_of_the_program_is_reported(
    phone: PocketPhone, tmp_path: Path, program: str, words: str
) -> None:
    device, backend = device_with(phone, tmp_path, program, "gpu"), get_backend("tflite")
    target = make_target(device, backend, cores="any")

    with pytest.raises(DeviceError, match=words):
        list(device.run_replicate(WORK, backend, target, ReplicatePlan(rounds=1, samples=2)))

    device.close()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"runner": "benchmark_model"}, "needs --binary"),
        ({"binary": Path("x")}, "give both or neither"),
        ({"delegate": "gpu"}, "cannot run in our runner"),
        ({"runner": "other"}, "expected one of bundle, python, benchmark_model"),
    ],
)
def test_options_that_do_not_fit_are_refused(fields: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        PhoneOptions(**fields)  # type: ignore[arg-type]
