"""Self-check of a GPU at batch 1 and 64, fp32 and fp16.

On an Intel Xeon host it checks the CPU too: the developers have none.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench.devices.cpu import host_facts
from bench.errors import FileError
from bench.files import read_json, write_text
from bench.protocol.progress import Progress
from ofabench.launcher import launch
from ofabench.options.device import DeviceOptions
from ofabench.options.selfcheck import SelfCheckRequest
from ofabench.options.sweep import SweepOptions
from ofabench.workflows.pipeline import CommandLine, Task, run_tasks
from ofabench.workflows.sweep.self_check import check_device, default_backend
from ofabench.workflows.sweep.target_check import CheckSize, TargetCheck

BATCHES = (1, 64)
PRECISIONS = ("fp32", "fp16")
XEON_BACKENDS = ("onnx", "torch", "tflite")


@dataclass(frozen=True, slots=True)
class CheckedGpu:
    """Results of a GPU's check as JSON values, those of `selfcheck.json` in the folder."""

    data: Mapping[str, Any]

    @property
    def passed(self) -> bool:
        """Whether every output is correct."""
        return bool(self.data["passed"])

    def to_dict(self) -> dict[str, Any]:
        """Return everything as values for JSON."""
        return dict(self.data)

    def lines(self) -> list[str]:
        """Return timers and targets as lines."""
        return [*_timer_lines(self.data["timers"]), *target_lines(self.data["targets"])]


def check_gpu(
    request: SelfCheckRequest,
    progress: Callable[[], Progress | None] = lambda: None,
    command_line: CommandLine | None = None,
) -> CheckedGpu:
    """Check a GPU; a second start continues an interrupted check.

    Args:
        request: which GPU and backend, and the folder to create or to continue.
        progress: returns the display of each measurement.
        command_line: returns the equivalent command of a task, for the log.

    Raises:
        FileError: the folder is a file.
        DeviceError: there is no such GPU, or others use it.
    """
    from bench.devices.cuda.device import index_in
    from bench.devices.cuda.torch_driver import check_index

    check_index(index_in(str(request.device.device)))  # before anything is made on disk
    if request.out.exists() and not request.out.is_dir():
        raise FileError(f"{request.out} is a file; name a folder")
    request.out.mkdir(parents=True, exist_ok=True)
    checks = _checks(request)
    parts = [task for check in checks for task in check.tasks(progress)]
    run_tasks([_quick_check(request, progress), *parts], command_line)
    quick = request.out / "check"
    data = {
        **read_json(quick / "selfcheck.json"),
        "timers": read_json(quick / "timers.json"),
        "targets": {check.name: check.figures() for check in checks},
    }
    write_text(request.out / "selfcheck.json", json.dumps(data, indent=2) + "\n")
    return CheckedGpu(data)


def _quick_check(request: SelfCheckRequest, progress: Callable[[], Progress | None]) -> Task:
    folder = request.out / "check"
    options: dict[str, Any] = {
        "device": request.device,
        "backend": request.backend or default_backend(str(request.device.device)),
        "check_options": replace(request.check_options, quick=True),
        "space": request.space,
        "out": folder,
    }
    quick = SelfCheckRequest(**options)
    return Task(
        title="outputs, repeatability, other timers",
        command="selfcheck",
        options=options,
        makes=folder,
        work=lambda: launch(check_device, quick, progress=progress()),
    )


def _checks(request: SelfCheckRequest) -> list[TargetCheck]:
    size, forced = CheckSize(space=request.space), request.check_options.force
    backend = request.backend or default_backend(str(request.device.device))
    return [
        *gpu_checks(request.out, request.device, backend, size, forced=forced),
        *xeon_checks(
            request.out,
            host_facts.cpu_model(),
            len(host_facts.allowed_cores()),
            size,
            forced=forced,
            wait=request.device.wait,
        ),
    ]


def gpu_checks(
    folder: Path, device: DeviceOptions, backend: str, size: CheckSize, *, forced: bool = False
) -> list[TargetCheck]:
    """Return the checks of a GPU's targets."""
    return [
        TargetCheck(
            folder=folder,
            name=f"batch{batch}-{precision}",
            device=device,
            backend=backend,
            sweep=SweepOptions(batch=batch, precision=precision, force=forced),
            size=size,
        )
        for batch in BATCHES
        for precision in PRECISIONS
    ]


def xeon_checks(  # noqa: PLR0913
    folder: Path,
    cpu_model: str | None,
    cores: int,
    size: CheckSize,
    *,
    forced: bool = False,
    wait: bool = False,
) -> list[TargetCheck]:
    """Return the checks of the host's processor: none unless it is an Intel Xeon."""
    if cpu_model is None or "Xeon" not in cpu_model:
        return []
    return [
        TargetCheck(
            folder=folder,
            name=f"cpu-{backend}-{threads}",
            device=DeviceOptions(device="cpu", wait=wait),
            backend=backend,
            sweep=SweepOptions(threads=threads, force=forced),
            size=size,
        )
        for backend in XEON_BACKENDS
        for threads in sorted({1, cores})
    ]


def target_lines(figures: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return a table of the targets' figures as lines."""
    head = (
        f"{'':<14} {'twice: median':>14} {'p95':>6} {'within 5 %':>11} {'10 %':>6} "
        f"{'Spearman':>9} {'sweep':>7}  best sum"
    )
    return [head, *(_line(name, row) for name, row in figures.items())]


def _line(name: str, row: Mapping[str, Any]) -> str:
    repeatability, networks = row["repeatability"], row["networks"]
    rank = networks["spearman"]
    best = min(row["additivity"], key=lambda state: state["spread"], default=None)
    sums = "-" if best is None else f"{best['state']} (spread {best['spread']:.1%})"
    spearman = "-" if rank is None else f"{rank:.3f}"
    return (
        f"{name:<14} {repeatability['difference_median']:>14.1%} "
        f"{repeatability['difference_p95']:>6.1%} "
        f"{networks['within_5']:>11.0%} {networks['within_10']:>6.0%} "
        f"{spearman:>9} {row['sweep']['wall_s']:>5.0f} s  {sums}"
    )


def _timer_lines(timers: Sequence[Mapping[str, Any]]) -> list[str]:
    """A line for each timer."""
    return [
        f"{timer['name']:<24} spread from run to run {timer['spread_median']:.1%} (p95 "
        f"{timer['spread_p95']:.1%}), differs from {timer['against']} by "
        f"{timer['difference_median']:.1%}"
        for timer in timers
    ]
