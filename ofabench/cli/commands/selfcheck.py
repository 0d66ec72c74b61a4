"""`ofabench selfcheck`: whether a device computes and times what it should; a file to send back."""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ofabench.cli.arguments import add_json, add_progress, positive_int, seed
from ofabench.cli.device_arguments import add_device, device_in, measuring_on

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.devices.cuda.peer_timers import TimerFigures
    from bench.protocol.backend import Backend
    from bench.protocol.device import Device, Workload
    from bench.protocol.target import Target
    from bench.sweep.selfcheck import SelfCheck

EXIT_FAILED_CHECK = 1
RESOLUTION = 160
DEFAULT_BACKENDS = {"cpu": "onnx", "fake": "fake", "cuda": "torch"}  # phones run tflite
TIMER_RUNS = 5


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "selfcheck",
        help="check a device from end to end, and write what was found",
        description="Facts, outputs against torch's here, and two sweeps against each other. "
        "Exit code 1 where an output is wrong. The folder is what developers who lack the device "
        "ask for; read it before you send it: facts.json's lines are in selfcheck.json.",
    )
    add_device(parser)
    parser.add_argument(
        "--backend", metavar="B", help="default: onnx here, torch on GPUs, tflite on phones"
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="GPUs: no full sweeps at batch 1 and 64, fp32 and fp16, which take most of an hour",
    )
    parser.add_argument(
        "--force", action="store_true", help="GPUs: sweep although others use the card"
    )
    parser.add_argument("--space", default="ofa-mbv3-w1.0", metavar="NAME|FILE.toml")
    parser.add_argument("--blocks", type=positive_int, default=20, metavar="N", help="(20)")
    parser.add_argument("--loads", type=positive_int, default=3, help="of either sweep (3)")
    parser.add_argument("--passes", type=positive_int, default=10, help="of each load (10)")
    parser.add_argument("--threads", type=positive_int, default=1, metavar="N")
    parser.add_argument("--cores", metavar="0,1", help="as of `ofabench sweep`")
    parser.add_argument("--seed", type=seed, default=0, help="of blocks, orders and inputs")
    parser.add_argument("--out", required=True, type=Path, metavar="FOLDER", help="folder to make")
    add_progress(parser)
    add_json(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Check, write the folder, and say how it went."""
    from bench.errors import FileError

    if args.device is not None and args.device.startswith("cuda") and not args.quick:
        return _run_gpu(args)

    if args.out.exists():
        raise FileError(f"{args.out} exists; name a folder that does not, or remove it")
    with device_in(args) as device:
        found = _check(args, device)
    if args.json:
        print(json.dumps(found.to_json(), allow_nan=False))
    else:
        _show(found, args.out)
    return 0 if found.passed else EXIT_FAILED_CHECK


def _check(args: argparse.Namespace, device: "Device") -> "SelfCheck":
    from bench.backends.registry import get_backend
    from bench.files import make_folder, write_text
    from bench.sweep.selfcheck import self_check
    from bench.timing.plan import SweepPlan
    from ofabench.display.progress import get_sweep_progress
    from ofabench.workflows.sweep.sweeping import make_target, sweep_work
    from supernet.space.space import SearchSpace

    backend = get_backend(args.backend or default_backend(device.address))
    space = SearchSpace.load(args.space)
    sizes = [size for size in space.resolutions if size <= RESOLUTION][-1:] or space.resolutions[:1]
    work = sweep_work(space, resolutions=sizes, blocks=args.blocks, seed=args.seed)
    target = make_target(device, backend, threads=args.threads, cores=args.cores)
    with measuring_on(args, device), make_folder(args.out) as folder:
        found = self_check(
            device,
            backend,
            target,
            [one.blocks[0] for one in work],
            folder,
            SweepPlan(loads=args.loads, passes=args.passes, seed=args.seed),
            get_sweep_progress(args.progress),
        )
        if device.address.startswith("cuda"):
            timers = [asdict(one) for one in _timers(args, device, backend, target, work)]
            write_text(folder / "timers.json", json.dumps(timers, indent=2) + "\n")
        write_text(folder / "selfcheck.json", json.dumps(found.to_json(), indent=2) + "\n")
    return found


def default_backend(address: str) -> str:
    """What a device is checked with unless told."""
    return DEFAULT_BACKENDS.get(address.partition(":")[0], "tflite")


def _timers(
    args: argparse.Namespace,
    device: "Device",
    backend: "Backend",
    target: "Target",
    work: "Sequence[Workload]",
) -> "list[TimerFigures]":
    from bench.devices.cuda.device import CudaDevice
    from bench.devices.cuda.peer_timers import compare, peers, time_by_all
    from bench.protocol.device import LoadPlan

    assert isinstance(device, CudaDevice)
    plan = LoadPlan(passes=args.passes, calls=3, seed=args.seed)
    others = peers()
    times_ms = time_by_all(device, work, backend, target, TIMER_RUNS, others, plan)
    return compare(times_ms, others)


def _run_gpu(args: argparse.Namespace) -> int:
    """Everything about a GPU, each part in a process of its own; goes on where it was stopped."""
    from bench.devices.cpu import host_facts
    from bench.devices.cuda.device import index_in
    from bench.devices.cuda.torch_driver import check_index
    from bench.errors import FileError
    from bench.files import write_text
    from ofabench.cli.device_arguments import device_words
    from ofabench.workflows.quickstart.steps import Step, run_steps
    from ofabench.workflows.sweep.gpu_check import Amount, gpu_checks, report, xeon_checks

    check_index(index_in(args.device))  # before anything is made on disk
    if args.out.exists() and not args.out.is_dir():
        raise FileError(f"{args.out} is a file; name a folder")
    args.out.mkdir(parents=True, exist_ok=True)
    backend = args.backend or default_backend(args.device)
    words = ("--device", args.device, *device_words(args))
    quick = args.out / "check"
    first = Step(
        title="outputs, repeatability, other timers",
        argv=("selfcheck", *words, "--backend", backend, "--space", args.space, "--quick",
              "--out", str(quick)),
        makes=quick,
        may_fail_its_check=True,
    )  # fmt: skip
    amount, forced = Amount(space=args.space), args.force
    cores = len(host_facts.allowed_cores())
    checks = gpu_checks(args.out, words, backend, amount, forced=forced)
    checks += xeon_checks(
        args.out, host_facts.cpu_model(), cores, amount, forced=forced, wait=args.wait
    )
    steps = [first, *(step for check in checks for step in check.steps())]
    run_steps(steps, lambda line: print(line, file=sys.stderr))
    checked = json.loads((quick / "selfcheck.json").read_text())
    timers = json.loads((quick / "timers.json").read_text())
    figures, lines = report(checks)
    told = {**checked, "timers": timers, "targets": figures}
    write_text(args.out / "selfcheck.json", json.dumps(told, indent=2) + "\n")
    print(json.dumps(told, allow_nan=False) if args.json else "\n".join([*_told(timers), *lines]))
    return 0 if checked["passed"] else EXIT_FAILED_CHECK


def _told(timers: "list[dict[str, Any]]") -> list[str]:
    """A line for each timer."""
    return [
        f"{one['name']:<24} spread from run to run {one['spread_median']:.1%} (p95 "
        f"{one['spread_p95']:.1%}), differs from {one['against']} by {one['difference_median']:.1%}"
        for one in timers
    ]


def _show(found: "SelfCheck", folder: Path) -> None:
    worst = max(found.outputs.values())
    told = "as they must be" if found.passed else "WRONG"
    figures = found.repeatability
    print(f"{found.address}  {found.target.key}")
    print(
        f"  outputs        of {len(found.outputs)} blocks {told}: {worst:.1e} of the largest at "
        f"most, allowed {found.tolerance:.0e}"
    )
    print(
        f"  repeatability  {figures['common']:.0f} blocks swept twice: median "
        f"{figures['difference_median']:.1%}, 95th percentile {figures['difference_p95']:.1%} "
        f"(level out {figures['difference_median_level_out']:.1%}, "
        f"{figures['difference_p95_level_out']:.1%})"
    )
    print(f"  timed calls    {found.timed_share:.0%} of the wall time")
    print(f"  facts, latencies and samples are in {folder}")
