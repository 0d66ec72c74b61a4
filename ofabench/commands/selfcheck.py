"""`ofabench selfcheck`: whether a device computes and times what it should; a file to send back."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from ofabench.arguments import add_json, positive_int
from ofabench.device_arguments import add_device, device_in

if TYPE_CHECKING:
    from bench.devices.base import Device
    from bench.selfcheck import SelfCheck

EXIT_FAILED_CHECK = 1
RESOLUTION = 160
DEFAULT_BACKENDS = {"cpu": "onnx", "fake": "fake"}  # every other device runs tflite


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
    parser.add_argument("--backend", metavar="B", help="default: onnx here, tflite on phones")
    parser.add_argument("--space", default="ofa-mbv3-w1.0", metavar="NAME|FILE.toml")
    parser.add_argument("--blocks", type=positive_int, default=20, metavar="N", help="(20)")
    parser.add_argument("--loads", type=positive_int, default=3, help="of either sweep (3)")
    parser.add_argument("--passes", type=positive_int, default=10, help="of each load (10)")
    parser.add_argument("--threads", type=positive_int, default=1, metavar="N")
    parser.add_argument("--cores", metavar="0,1", help="as of `ofabench sweep`")
    parser.add_argument("--seed", type=int, default=0, help="of blocks, orders and inputs")
    parser.add_argument("--out", required=True, type=Path, metavar="FOLDER", help="folder to make")
    add_json(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Check, write the folder, and say how it went."""
    from bench.errors import FileError

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
    from bench.planner import SweepPlan
    from bench.selfcheck import self_check
    from ofabench.progress import TerminalProgress
    from ofabench.sweeping import make_target, sweep_work
    from supernet.space import SearchSpace

    backend = get_backend(args.backend or DEFAULT_BACKENDS.get(device.address, "tflite"))
    space = SearchSpace.load(args.space)
    sizes = [size for size in space.resolutions if size <= RESOLUTION][-1:] or space.resolutions[:1]
    work = sweep_work(space, resolutions=sizes, blocks=args.blocks, seed=args.seed)
    target = make_target(device, backend, threads=args.threads, cores=args.cores)
    with make_folder(args.out) as folder:
        found = self_check(
            device,
            backend,
            target,
            [one.blocks[0] for one in work],
            folder,
            SweepPlan(loads=args.loads, passes=args.passes, seed=args.seed),
            TerminalProgress(),
        )
        write_text(folder / "selfcheck.json", json.dumps(found.to_json(), indent=2) + "\n")
    return found


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
