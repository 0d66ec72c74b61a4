"""Self-check of a device, into a folder that can be sent to the developers."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.backends.registry import get_backend
from bench.errors import FileError
from bench.files import make_folder, write_text
from bench.protocol.backend import Backend
from bench.protocol.device import Device, Workload
from bench.protocol.progress import NoProgress, Progress
from bench.protocol.target import Target
from bench.sweep.selfcheck import SelfCheck, self_check
from bench.timing.plan import SweepPlan
from ofabench.options.selfcheck import SelfCheckRequest
from ofabench.workflows.devices import device_in, measuring_alone
from ofabench.workflows.sweep.sweep_setup import make_target, sweep_work
from supernet.space.space import SearchSpace

if TYPE_CHECKING:
    from bench.devices.cuda.timer_comparison import TimerFigures

RESOLUTION = 160
DEFAULT_BACKENDS = {"cpu": "onnx", "fake": "fake", "cuda": "torch"}  # phones run tflite
TIMER_RUNS = 5


@dataclass(frozen=True, slots=True)
class CheckedDevice:
    """Results of a check; `folder` has them and every sample."""

    folder: Path
    check: SelfCheck

    @property
    def passed(self) -> bool:
        """Whether every output is correct."""
        return self.check.passed

    def to_dict(self) -> dict[str, Any]:
        """Return all results as values for JSON."""
        values: dict[str, Any] = json.loads(json.dumps(self.check.to_json()))
        return values


def default_backend(address: str) -> str:
    """Return the default backend of a device."""
    return DEFAULT_BACKENDS.get(address.partition(":")[0], "tflite")


def check_device(request: SelfCheckRequest, progress: Progress | None = None) -> CheckedDevice:
    """Check a device: its facts, its outputs against torch, and two sweeps against each other.

    For a GPU this is the quick check; `gpu_check.check_gpu` does the rest.

    Args:
        request: which device and backend, how many blocks, and the folder to make.
        progress: is shown the progress; None shows nothing.

    Raises:
        FileError: the folder exists, or cannot be made.
        InputError: the request does not fit the device.
        DeviceError: the device cannot be reached or used.
    """
    if request.out.exists():
        raise FileError(f"{request.out} exists; name a folder that does not, or remove it")
    with device_in(request.device) as device:
        return CheckedDevice(request.out, _check(request, device, progress or NoProgress()))


def _check(request: SelfCheckRequest, device: Device, progress: Progress) -> SelfCheck:
    options = request.check_options
    backend = get_backend(request.backend or default_backend(device.address))
    space = SearchSpace.load(request.space)
    sizes = [size for size in space.resolutions if size <= RESOLUTION][-1:] or space.resolutions[:1]
    work = sweep_work(space, resolutions=sizes, blocks=options.blocks, seed=options.seed)
    target = make_target(device, backend, threads=options.threads, cores=options.cores)
    alone = measuring_alone(device, wait=request.device.wait, progress=progress)
    with alone, make_folder(request.out) as folder:
        check = self_check(
            device,
            backend,
            target,
            [workload.blocks[0] for workload in work],
            folder,
            SweepPlan(replicates=options.replicates, rounds=options.rounds, seed=options.seed),
            progress,
        )
        if device.address.startswith("cuda"):
            timers = _timers(request, device, backend, target, work)
            text = json.dumps([asdict(workload) for workload in timers], indent=2)
            write_text(folder / "timers.json", text + "\n")
        write_text(folder / "selfcheck.json", json.dumps(check.to_json(), indent=2) + "\n")
    return check


def _timers(
    request: SelfCheckRequest,
    device: Device,
    backend: Backend,
    target: Target,
    work: Sequence[Workload],
) -> "list[TimerFigures]":
    from bench.devices.cuda.device import CudaDevice
    from bench.devices.cuda.timer_comparison import compare, peers, time_by_all
    from bench.protocol.device import ReplicatePlan

    assert isinstance(device, CudaDevice)
    options = request.check_options
    plan = ReplicatePlan(rounds=options.rounds, samples=3, seed=options.seed)
    others = peers()
    times_ms = time_by_all(device, work, backend, target, TIMER_RUNS, others, plan)
    return compare(times_ms, others)
