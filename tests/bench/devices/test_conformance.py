"""Requirements of every device; a new one is added to `DEVICES`.

Those of other packages run here too: OFABENCH_TEST_DEVICES=mine:0=mine,... names addresses, each
with a backend that it runs.
"""

import json
import os
import platform
import re
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict

import numpy as np
import pytest

from bench.backends.inputs import random_images
from bench.backends.registry import get_backend
from bench.blocks.model import random_model
from bench.blocks.spec import BlockSpec
from bench.devices.android.device import AdbDevice
from bench.devices.android.phone.options import PhoneOptions
from bench.devices.cpu.local import LocalDevice
from bench.devices.cuda.options import CudaOptions
from bench.devices.fake import FakeDevice, SimulatedDisturbances
from bench.devices.registry import get_device
from bench.devices.ssh.device import SshDevice
from bench.devices.ssh.opening import open_ssh
from bench.devices.ssh.options import SshOptions
from bench.devices.worker.device import WorkerDevice
from bench.errors import MissingRuntimeError, OfabenchError
from bench.protocol.backend import Backend
from bench.protocol.device import Device, ReplicatePlan, RoundResult, Workload
from bench.protocol.energy import EnergyDevice, EnergyPlan
from bench.protocol.target import Target
from tests.pocket_phone.phone import DaemonOptions, PocketPhone
from tests.ssh_target.machine import MachineOptions
from tests.support.fake_gpu import fake_gpu
from tests.support.ssh_server import NoServerError, ServerOptions, SshServer
from tests.support.worker_process import LocalHost, local_worker, python_script

Case = tuple[Device, Backend]
DEVICES: dict[str, Callable[[], Case]] = {
    "fake": lambda: (FakeDevice(), get_backend("fake")),
    "fake with flaws": lambda: (
        FakeDevice(flaws=SimulatedDisturbances(noise=0.1, level=0.2, drift=0.1, stumbles=0.1)),
        get_backend("fake"),
    ),
    "cpu": lambda: (LocalDevice(), get_backend("torch")),
    "cuda": lambda: (fake_gpu(), get_backend("fake")),
}


def _plugin_case(pair: str) -> Callable[[], Case]:
    address, _, backend = pair.partition("=")
    return lambda: (get_device(address), get_backend(backend))


PLUGINS = [pair for pair in os.environ.get("OFABENCH_TEST_DEVICES", "").split(",") if pair]
DEVICES |= {pair: _plugin_case(pair) for pair in PLUGINS}
POOL = BlockSpec(kind="avg_pool", in_size=8, in_channels=8, out_channels=8)
NETWORK = (
    BlockSpec(kind="stem", in_size=8, in_channels=3, out_channels=8, kernel=3),
    POOL,
    BlockSpec(kind="classifier", in_size=1, in_channels=8, out_channels=4),
)
# The same workload may occur several times, as the references do.
WORK = [Workload(role="block", blocks=(POOL,))] * 6 + [Workload(role="network", blocks=NETWORK)]
PLAN = ReplicatePlan(rounds=3, samples=2, seed=5)


@pytest.fixture(scope="module")
def pocket_phone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    """A phone over ADB: the pocket phone runs programs of this machine, so the real runner too."""
    if platform.machine() != "x86_64":
        pytest.skip(f"the pocket phone runs x86_64 programs, this is {platform.machine()}")
    folder = tmp_path_factory.mktemp("phone")
    with PocketPhone(folder / "root", options=DaemonOptions(secure=False)) as phone:
        device = AdbDevice(phone.address, PhoneOptions(keys=folder / "adbkey"))
        try:
            device.phone.bundle()
        except MissingRuntimeError as error:
            pytest.skip(f"the runner cannot be built here: {error}")
        with closing(device):
            yield device, get_backend("tflite")


@pytest.fixture(scope="module")
def ssh_board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    """This machine over SSH, with its own runner."""
    if platform.machine() != "x86_64":
        pytest.skip(f"the runner for boards is built for x86_64 here, this is {platform.machine()}")
    try:
        with SshServer(tmp_path_factory.mktemp("ssh") / "server") as server:
            device = SshDevice(str(server.address), SshOptions(ssh_config=server.config))
            with closing(device):
                device.board.bundle()
                yield device, get_backend("tflite")
    except (NoServerError, MissingRuntimeError) as why:
        pytest.skip(f"no board over SSH: {why}")


@pytest.fixture(scope="module")
def ssh_python(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    """This machine over SSH, measured by a Python there."""
    folder = tmp_path_factory.mktemp("ssh-python")
    try:
        with SshServer(folder / "server") as server:
            python = python_script(folder / "python")
            options = SshOptions(remote_python=python, ssh_config=server.config)
            with closing(open_ssh(str(server.address), options, CudaOptions())) as device:
                yield device, get_backend("onnx")
    except NoServerError as why:
        pytest.skip(f"no board over SSH: {why}")


@pytest.fixture(scope="module")
def aarch64_board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    """A machine over SSH that runs the aarch64 runner through qemu."""
    options = ServerOptions(machine=MachineOptions(emulated=True))
    try:
        with SshServer(tmp_path_factory.mktemp("ssh") / "server", options) as server:
            device = SshDevice(str(server.address), SshOptions(ssh_config=server.config))
            with closing(device):
                device.board.bundle()
                yield device, get_backend("tflite")
    except (NoServerError, OfabenchError) as why:
        pytest.skip(f"no aarch64 board over SSH: {why}")


@pytest.fixture(scope="module")
def worker_on_cpu() -> Iterator[Case]:
    """This machine's processor through a worker process, in place of another machine's."""
    with closing(local_worker(LocalHost(), "cpu")) as device:
        yield device, get_backend("torch")


@pytest.fixture(scope="module")
def worker_on_fake() -> Iterator[Case]:
    with closing(local_worker(LocalHost(), "fake")) as device:
        yield device, get_backend("fake")


THROUGH_OTHERS = {
    "adb": "pocket_phone",
    "worker on cpu": "worker_on_cpu",
    "worker on fake": "worker_on_fake",
    "ssh": "ssh_board",
    "ssh aarch64": "aarch64_board",
    "ssh with python": "ssh_python",
}


@pytest.fixture(params=[*DEVICES, *THROUGH_OTHERS])
def case(request: pytest.FixtureRequest) -> Case:
    if request.param in THROUGH_OTHERS:
        result: Case = request.getfixturevalue(THROUGH_OTHERS[request.param])
        return result
    return DEVICES[request.param]()


def target(device: Device, backend: Backend) -> Target:
    return Target(
        device=device.slug(),
        backend=backend.name,
        backend_version=device.runtime_version(backend),
        cores="",
    )


def rounds(case: Case, plan: ReplicatePlan = PLAN) -> list[RoundResult]:
    device, backend = case
    return list(device.run_replicate(WORK, backend, target(device, backend), plan))


def test_its_address_gives_the_same_kind_of_device(case: Case) -> None:
    device, _ = case
    if isinstance(device, WorkerDevice):
        pytest.skip("an address alone does not say which Python measures there")

    assert type(get_device(device.address)) is type(device)


def test_its_lock_can_name_a_file(case: Case) -> None:
    device, _ = case
    name = device.lock_name()

    assert name is None or re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name)
    assert device.lock_name() == name
    if device.address in {"fake", "cpu"}:
        assert (name is None) == (device.address == "fake")


def test_its_slug_is_valid_and_stable(case: Case) -> None:
    device, _ = case

    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", device.slug())
    assert device.slug() == device.slug()


def test_its_facts_are_json_and_name_processor_and_memory(case: Case) -> None:
    facts = dict(case[0].facts())

    assert json.loads(json.dumps(facts)) == facts
    assert {"cpu_model", "cpu_cores", "governor", "memory_available_bytes"} <= set(facts)


def test_each_round_times_every_sample_of_every_workload(case: Case) -> None:
    results = rounds(case)

    assert len(results) == PLAN.rounds
    for result in results:
        assert result.samples_ns.shape == (len(WORK), PLAN.samples)
        assert result.samples_ns.dtype == np.float64
        assert np.isfinite(result.samples_ns).all()
        assert (result.samples_ns > 0).all()
        assert set(result.order.tolist()) == set(range(len(WORK)))
        assert len(result.order) == len(WORK) + result.repeated_bursts
        assert json.loads(json.dumps(dict(result.facts))) == dict(result.facts)
        assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", str(result.facts["taken_at"]))


@pytest.mark.slow
def test_rounds_have_different_orders_determined_by_the_seed(case: Case) -> None:
    def orders(plan: ReplicatePlan) -> list[list[int]]:
        return [result.order[: len(WORK)].tolist() for result in rounds(case, plan)]

    first = orders(PLAN)

    assert first[0] != first[1]
    assert first[0] == orders(ReplicatePlan(rounds=1, samples=2, seed=5))[0]
    assert first[0] != orders(ReplicatePlan(rounds=1, samples=2, seed=6))[0]


@pytest.mark.slow
def test_a_replicate_may_be_left_early(case: Case) -> None:
    device, backend = case
    abandoned = device.run_replicate(WORK, backend, target(device, backend), PLAN)
    next(abandoned)
    abandoned.close()

    assert len(rounds(case)) == PLAN.rounds


def test_a_network_takes_longer_than_one_of_its_blocks(case: Case) -> None:
    last_ns = np.median([result.samples_ns[:, -1] for result in rounds(case)], axis=0)

    assert last_ns[6] > last_ns[:6].max()


def test_a_quiet_device_passes_the_busy_check(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.devices.cpu.busy_check.others_busy", lambda _: (0.0, "none"))
    monkeypatch.setattr("bench.devices.android.phone.phone.quiet_script", lambda: "true")
    monkeypatch.setattr("bench.devices.ssh.board.board.quiet_script", lambda: "true")
    if isinstance(case[0], WorkerDevice) and case[0].slug() != "fake":
        pytest.skip("the worker watches this machine, which other tests may keep busy")

    case[0].check_quiet()


def test_its_runtime_version_and_options_are_words(case: Case) -> None:
    device, backend = case

    assert re.fullmatch(r"\S+", device.runtime_version(backend))
    assert all(re.fullmatch(r"[\w.-]+", word) for pair in device.options() for word in pair)


def test_its_choice_of_cores_is_valid_in_a_target(case: Case) -> None:
    device, _ = case

    assert re.fullmatch(r"(\d+(,\d+)*)?", device.choose_cores(1, None))
    assert device.choose_cores(1, "0") == "0"


def test_its_outputs_equal_those_of_the_backend(case: Case) -> None:
    device, backend = case
    model = random_model(NETWORK[:1], seed=1)
    images = random_images((1, *model.input_shape), seed=2)
    here = target(device, backend)

    result = device.infer(backend.serialise(model), images, backend, here)

    expected = backend.load(model, here).infer(images)
    assert result.shape == expected.shape
    np.testing.assert_allclose(result, expected, atol=1e-4)


def test_energy_is_measured_or_a_reason_is_given(case: Case) -> None:
    device, backend = case
    if not isinstance(device, EnergyDevice):
        pytest.skip(f"{device.address} does not measure energy, which is optional")
    source = device.energy_source()
    work = WORK[-2:]

    results = list(
        device.measure_energy(work, backend, target(device, backend), EnergyPlan(least_s=0.01))
    )

    assert bool(source.name) != bool(source.reason)
    assert sorted(reading.place for reading in results) == [0, 1]
    for reading in results:
        assert json.loads(json.dumps(asdict(reading))) == asdict(reading)
        assert reading.inferences > 0
        assert 0 < reading.busy_s <= reading.window_s
        assert reading.joules is None or (source.name and reading.joules > 0)


def test_it_can_be_closed_twice_and_then_used(case: Case) -> None:
    device, _ = case
    device.close()
    device.close()

    assert len(rounds(case)) == PLAN.rounds
