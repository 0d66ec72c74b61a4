"""Calls on the worker's device: a simulated GPU, files in place of networks, and refusals."""

from pathlib import Path

import pytest

from bench.backends.fake import FakeBackend
from bench.blocks.model import random_model
from bench.blocks.spec import BlockSpec
from bench.devices.cuda.options import CudaOptions
from bench.devices.worker.shipping import Contents, ship_file, ship_work
from bench.errors import DeviceError, InputError
from bench.models.model_file import ModelFile
from bench.protocol.device import ReplicatePlan, Workload
from bench.protocol.target import Target
from bench.worker import served_device
from bench.worker.served_device import ServedDevice
from bench.worker.stored_contents import StoredContents
from supernet.verification.verify import FileBackend
from tests.support.fake_gpu import fake_gpu

POOL = BlockSpec(kind="avg_pool", in_size=8, in_channels=8, out_channels=8)
STEM = BlockSpec(kind="stem", in_size=8, in_channels=3, out_channels=8, kernel=3)
WORK = [Workload(role="block", blocks=(block,)) for block in (POOL, STEM)]
TARGET = Target(device="gpu", backend="fake", backend_version="1")


@pytest.fixture
def gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ServedDevice:
    """A worker's calls on a simulated GPU."""
    monkeypatch.setattr(served_device, "get_device", lambda *_, **__: fake_gpu())
    served = ServedDevice(StoredContents(tmp_path))
    served.open("cuda:0", CudaOptions())
    return served


def send(served: ServedDevice, contents: Contents) -> None:
    for digest, there in served.missing(contents.digests()).items():
        for start, part, last in contents.parts(digest, there, 1 << 20):
            served.put(digest, start, part, last)


def test_a_gpu_measures_blocks_and_a_file_in_place_of_one(gpu: ServedDevice) -> None:
    content = FakeBackend().serialise(random_model((STEM,), seed=3))
    contents = Contents()
    shipped = ship_work(WORK, FileBackend(FakeBackend(), (STEM,), content), TARGET, contents)
    send(gpu, contents)

    rounds = list(gpu.run_replicate(shipped, TARGET, ReplicatePlan(rounds=2, samples=2)))

    assert [each.samples_ns.shape for each in rounds] == [(2, 2)] * 2
    assert gpu.options() == (("launch", "graph"), ("tf32", "off"))
    assert gpu.choose_cores(1, None) == ""


def test_a_gpu_profiles_nothing(gpu: ServedDevice) -> None:
    contents = Contents()
    file = ModelFile(path=Path("a.onnx"), name="a", data=b"graph", given_digest="a1")
    shipped = ship_file(file, contents)
    send(gpu, contents)

    with pytest.raises(InputError, match="the device is cuda:0: only processors are profiled"):
        gpu.profile_model_file(shipped, 1)


def test_a_device_is_chosen_first_and_is_on_this_machine(tmp_path: Path) -> None:
    served = ServedDevice(StoredContents(tmp_path))
    with pytest.raises(DeviceError, match="before it chose a device"):
        served.slug()
    with pytest.raises(InputError, match="a worker measures its own machine, not ssh:b"):
        served.open("ssh:b", CudaOptions())
    served.close()
