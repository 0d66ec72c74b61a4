"""A device through a worker: equal to the device itself, whatever ends in between."""

import os
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.backends.fake import FakeBackend
from bench.backends.inputs import random_images
from bench.backends.registry import get_backend
from bench.blocks.model import random_model
from bench.blocks.spec import BlockSpec
from bench.devices.device_lock import measuring
from bench.devices.registry import get_device
from bench.devices.worker import device as worker_device
from bench.devices.worker.device import WorkerDevice, check_round
from bench.digests import content_digest
from bench.errors import DeviceInUseError, DeviceLostError, InputError, MissingRuntimeError
from bench.models.files_backend import ModelFilesBackend
from bench.models.model_file import ModelFile
from bench.protocol.device import ReplicatePlan, RoundResult, Workload
from bench.protocol.progress import NoProgress
from bench.protocol.target import Target
from bench.sweep.planner import ListPlanner
from bench.sweep.run import run_sweep
from bench.sweep.store import SweepStore
from bench.timing.plan import SweepPlan
from supernet.verification.verify import FileBackend
from tests.support.device_lock_holder import held_elsewhere
from tests.support.onnx_files import save_external, save_relu
from tests.support.worker_process import LocalHost, local_worker

POOL = BlockSpec(kind="avg_pool", in_size=8, in_channels=8, out_channels=8)
STEM = BlockSpec(kind="stem", in_size=8, in_channels=3, out_channels=8, kernel=3)
WORK = [Workload(role="block", blocks=(block,)) for block in (POOL, STEM)]
FAKE = Target(device="fake", backend="fake", backend_version="1")
PLAN = SweepPlan(replicates=3, rounds=4, samples=2)
PARTS = ReplicatePlan(rounds=2, samples=2, seed=1)


@pytest.fixture
def host(tmp_path: Path) -> LocalHost:
    return LocalHost({"XDG_CACHE_HOME": str(tmp_path / "cache")})


@pytest.fixture
def fake(host: LocalHost) -> Iterator[WorkerDevice]:
    with closing(local_worker(host, "fake")) as device:
        yield device


@pytest.fixture
def cpu(host: LocalHost) -> Iterator[WorkerDevice]:
    with closing(local_worker(host)) as device:
        yield device


class KillsAt(NoProgress):
    """A progress that ends the worker with `kill -9` after some rounds."""

    def __init__(self, host: LocalHost, *rounds: int) -> None:
        self._host, self._rounds, self._seen = host, rounds, 0

    def advance(self, steps: int = 1, note: str = "") -> None:
        self._seen += steps > 0
        if self._seen in self._rounds and steps > 0:
            self._host.processes[-1].kill()


def onnx_target(device: WorkerDevice) -> Target:
    backend = get_backend("onnx")
    version = device.runtime_version(backend)
    return Target(device=device.slug(), backend="onnx", backend_version=version)


def swept(path: Path, device: object, progress: NoProgress) -> list[Any]:
    with SweepStore.create(path, FAKE, PLAN) as store:
        run_sweep(device, FakeBackend(), FAKE, ListPlanner(WORK), PLAN, store, progress)  # type: ignore[arg-type]
        replicates = store.replicates()
        return sorted((each.group, each.number, each.samples_ns.tolist()) for each in replicates)


def test_a_sweep_whose_worker_is_killed_equals_one_here(
    fake: WorkerDevice, host: LocalHost, tmp_path: Path
) -> None:
    here = swept(tmp_path / "here.sqlite", get_device("fake"), NoProgress())

    there = swept(tmp_path / "there.sqlite", fake, KillsAt(host, 1, 6))

    assert there == here
    assert len(here) == PLAN.replicates
    assert len(host.processes) == 3


def test_every_call_survives_the_end_of_a_worker(fake: WorkerDevice, host: LocalHost) -> None:
    for call in (
        fake.slug,
        fake.facts,
        fake.options,
        fake.check_quiet,
        lambda: list(fake.run_replicate(WORK, FakeBackend(), FAKE, PARTS)),
    ):
        if host.processes:
            host.processes[-1].kill()
        call()
    assert len(host.processes) == 5


def test_a_worker_that_ends_again_and_again_is_lost() -> None:
    ends = LocalHost(argv=[sys.executable, "-m", "tests.support.odd_worker"])
    device = local_worker(ends)
    with closing(device), pytest.raises(DeviceLostError, match=r"the worker ended \(exit status 3"):
        device.check_quiet()

    assert len(ends.processes) == worker_device.TRIES


def test_a_replicate_that_loses_its_worker_says_so_and_can_be_repeated(
    fake: WorkerDevice, host: LocalHost
) -> None:
    plan = ReplicatePlan(rounds=100_000, samples=2)
    rounds = fake.run_replicate(WORK, FakeBackend(), FAKE, plan)
    next(rounds)
    host.processes[-1].kill()
    with pytest.raises(DeviceLostError, match=r"ended \(by signal 9, as Linux does when memory"):
        list(rounds)

    assert len(list(fake.run_replicate(WORK, FakeBackend(), FAKE, PARTS))) == PARTS.rounds


def test_closing_in_the_middle_of_a_replicate_ends_the_worker(
    fake: WorkerDevice, host: LocalHost
) -> None:
    plan = ReplicatePlan(rounds=1_000_000, samples=2)
    rounds = fake.run_replicate(WORK, FakeBackend(), FAKE, plan)
    next(rounds)
    fake.close()

    assert host.processes[-1].status == 0


def test_the_devices_own_lock_is_held_while_it_is_measured(
    cpu: WorkerDevice, host: LocalHost
) -> None:
    name = get_device("cpu").lock_name()
    assert cpu.lock_name() == f"remote-{name}"
    with closing(local_worker(host)) as other:
        with measuring(cpu):
            with pytest.raises(
                DeviceInUseError, match=r"ssh:here: cpu is being .*`ofabench worker"
            ):
                other.lock_there()
            host.processes[0].kill()
            cpu.slug()  # another worker, which has the lock again
            with pytest.raises(DeviceInUseError):
                other.lock_there()
        other.lock_there()


def test_measuring_waits_for_the_lock_there(
    cpu: WorkerDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = get_device("cpu").lock_name()
    assert name is not None
    said: list[str] = []
    with held_elsewhere(name) as holder:
        with pytest.raises(DeviceInUseError), measuring(cpu):
            pass
        monkeypatch.setattr("bench.devices.device_lock.time.sleep", lambda _: holder.kill())
        with measuring(cpu, wait=True, notify=said.append):
            pass

    assert len(said) == 1
    assert said[0].startswith("waiting: ssh:here: cpu is being measured by process")


def test_a_model_is_sent_once_and_its_rest_after_a_cut(
    cpu: WorkerDevice, host: LocalHost, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(worker_device, "PART_BYTES", 100)
    backend, target = get_backend("onnx"), onnx_target(cpu)
    model = random_model((STEM,), seed=1)
    content = backend.serialise(model)
    images = random_images((1, *model.input_shape), seed=2)
    part = tmp_path / "cache/ofabench/worker" / (content_digest(content) + ".part")
    part.parent.mkdir(parents=True)
    part.write_bytes(content[:250])

    expected = backend.load_file(content, target).infer(images)
    for _ in range(2):
        outputs = cpu.infer(content, images, backend, target)
        np.testing.assert_allclose(outputs, expected, atol=1e-5)
        host.processes[-1].kill()

    assert cpu.sent_bytes == len(content) - 250


def test_a_verified_file_is_measured_in_place_of_its_network(cpu: WorkerDevice) -> None:
    onnx, target = get_backend("onnx"), onnx_target(cpu)
    backend = FileBackend(onnx, (STEM,), onnx.serialise(random_model((STEM,), seed=9)))

    rounds = list(cpu.run_replicate(WORK, backend, target, PARTS))

    assert len(rounds) == PARTS.rounds
    assert cpu.sent_bytes == len(onnx.serialise(random_model((STEM,), seed=9)))


def test_model_files_are_measured_with_their_weights_and_values(
    cpu: WorkerDevice, tmp_path: Path
) -> None:
    relu = ModelFile(
        path=save_relu(tmp_path / "relu.onnx"),
        name="relu",
        values={"x": np.ones((3, 4), np.float32)},
    )
    (tmp_path / "outside").mkdir()
    outside = save_external(tmp_path / "outside" / "net.onnx")
    external = ModelFile(
        path=outside,
        name="outside",
        external=tuple(path for path in outside.parent.iterdir() if path != outside),
    )
    files = {file.digest: file for file in (relu, external)}
    work = [WORK[0], *(Workload(role="model", file=digest) for digest in files)]
    backend = ModelFilesBackend(get_backend("onnx"), files)

    assert [each.name for each in cpu.check_model_file(relu)] == ["x"]
    assert len(cpu.check_model_file(external)) == 1
    assert len(list(cpu.run_replicate(work, backend, onnx_target(cpu), PARTS))) == PARTS.rounds


def test_a_model_file_is_profiled_there(cpu: WorkerDevice, tmp_path: Path) -> None:
    file = ModelFile(path=save_relu(tmp_path / "relu.onnx", (1, 4)), name="relu")

    profile = cpu.profile_model_file(file, 1)

    assert [operator.kind for operator in profile.operators] == ["Relu"]
    assert profile.note == "the profiler takes part of this time"


def test_a_model_that_ends_its_process_is_one_of_the_input(
    cpu: WorkerDevice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*args: object, **more: object) -> object:
        raise DeviceLostError("ssh:here: the worker ended (by signal 11)")

    monkeypatch.setattr(cpu, "_with_file", killed)
    file = ModelFile(path=save_relu(tmp_path / "relu.onnx"), name="relu")
    with pytest.raises(InputError, match=r"^relu ends the process that loads it: .*by signal 11"):
        cpu.check_model_file(file)


def test_what_is_missing_there_names_the_environment(host: LocalHost, tmp_path: Path) -> None:
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden" / "onnxruntime.py").write_text("raise ImportError('hidden')")
    hiding = LocalHost({"PYTHONPATH": f"{tmp_path / 'hidden'}{os.pathsep}{os.getcwd()}"})
    with (
        closing(local_worker(hiding)) as device,
        pytest.raises(
            MissingRuntimeError, match=r"^ssh:here \(.*python.*\): .*pip install onnxrunt"
        ),
    ):
        device.runtime_version(get_backend("onnx"))


@pytest.mark.parametrize(
    ("shape", "order", "repeated"),
    [
        ((2, 1), [0, 1], 0),
        ((1, 2), [0], 0),
        ((2, 2), [0, 0], 0),
        ((2, 2), [0, 1], 1),
        ((2, 2), [0, 2], 0),
        ((2, 2), [[0, 1]], 0),
    ],
)
def test_a_round_of_another_plan_is_refused(
    shape: tuple[int, int], order: list[int], repeated: int
) -> None:
    result = RoundResult(samples_ns=np.ones(shape), order=np.array(order), repeated_bursts=repeated)
    with pytest.raises(DeviceLostError, match=r"^ssh:pi: the worker sent a round of"):
        check_round(result, 2, 2, "ssh:pi")


def test_a_round_with_a_repeated_burst_is_accepted() -> None:
    order = np.array([1, 0, 1])
    check_round(RoundResult(samples_ns=np.ones((2, 2)), order=order, repeated_bursts=1), 2, 2, "a")
