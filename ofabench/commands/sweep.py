"""`ofabench sweep`: measure a space's blocks, and whole networks of it, on a device."""

import argparse
import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from ofabench.arguments import (
    add_json,
    add_out,
    add_space,
    positive_int,
    resolutions,
    seconds,
)
from ofabench.device_arguments import add_device, device_in, device_words

if TYPE_CHECKING:
    from bench.devices.base import Device
    from bench.planner import Planner, SweepPlan
    from bench.spec import Target
    from bench.summary import SweepSummary
    from supernet.space import SearchSpace

UNRUNNABLE_SHOWN = 5
DEFAULTS = {"loads": 6, "passes": 30, "calls": 3}


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `sweep`."""
    parser = subparsers.add_parser("sweep", help="measure blocks and networks on a device")
    add_space(parser)
    add_device(parser)
    parser.add_argument(
        "--fleet",
        type=Path,
        metavar="FLEET.toml",
        help="several phones at once, each with a file of its own in --out, a folder",
    )
    parser.add_argument("--backend", metavar="B", help="torch, onnx or tflite; phones: tflite")
    parser.add_argument("--precision", choices=("fp32", "fp16", "bf16"), default="fp32")
    parser.add_argument("--threads", type=positive_int, default=1, metavar="N")
    parser.add_argument(
        "--cores",
        metavar="0,1",
        help="cores to stay on, or any; phones: big (default), little, all or a hex mask too",
    )
    parser.add_argument("--batch", type=positive_int, default=1, metavar="N")
    parser.add_argument("--resolutions", type=resolutions, metavar="128,160", help="default: all")
    parser.add_argument("--blocks", type=_count, metavar="N", help="only N, drawn by --seed")
    parser.add_argument(
        "--networks", type=_count, default=0, metavar="N", help="random whole networks as well"
    )
    parser.add_argument(
        "--budget",
        type=seconds,
        metavar="5m",
        help="choose what to measure so that it takes about so long (90s, 5m, 1h): the blocks "
        "and up to --networks networks (default 20) that say most",
    )
    parser.add_argument(
        "--ends", action="store_true", help="the smallest and the largest network as well"
    )
    parser.add_argument("--seed", type=_count, default=0, metavar="N")
    for name, default in DEFAULTS.items():
        parser.add_argument(
            f"--{name}", type=positive_int, default=default, metavar="N", help=f"default {default}"
        )
    parser.add_argument(
        "--cache", choices=("warm", "cold"), default="warm", help="which call of a visit counts"
    )
    parser.add_argument(
        "--settle",
        type=_count,
        default=0,
        metavar="N",
        help="measure again, up to N times, what has not settled; with --resume also later",
    )
    parser.add_argument(
        "--force", action="store_true", help="measure although others use the device (recorded)"
    )
    parser.add_argument("--resume", action="store_true", help="go on with the sweep in --out")
    parser.add_argument(
        "--progress",
        choices=("bar", "json"),
        default="bar",
        help="json: a line on stderr, for programs",
    )
    add_json(parser)
    add_out(parser, "SWEEP.sqlite|FOLDER")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Sweep one device, or a fleet."""
    if args.fleet is not None:
        from ofabench.fleet_sweep import sweep_fleet

        return sweep_fleet(args)
    with device_in(args) as device:
        return _sweep(args, device)


def _sweep(args: argparse.Namespace, device: "Device") -> int:
    """Sweep, then sum up."""
    from bench.backends.registry import get_backend
    from bench.errors import InputError
    from bench.planner import SweepPlan
    from ofabench.progress import get_progress
    from ofabench.sweeping import check_out, make_target, open_store, sweep_into
    from supernet.space import SearchSpace

    if args.backend is None:
        raise InputError("give --backend: torch, onnx or tflite; on phones tflite")
    backend = get_backend(args.backend)
    space = SearchSpace.load(args.space)
    target = make_target(
        device,
        backend,
        threads=args.threads,
        cores=args.cores,
        batch=args.batch,
        cache=args.cache,
        precision=args.precision,
    )
    plan = SweepPlan(
        loads=args.loads,
        passes=args.passes,
        calls=args.calls,
        seed=args.seed,
        asked=_asked(args, space.name),
    )
    planner = _planner(args, space, device, plan)
    check_out(args.out, target, plan, resume=args.resume)
    if not args.force:
        device.check_quiet()
    with open_store(args.out, target, plan, resume=args.resume) as store:
        summary = sweep_into(
            store,
            device,
            backend,
            planner,
            get_progress(args.progress),
            forced=args.force,
            resume_with=resume_command(args),
        )
    _show(args, target, summary)
    return 0


def _planner(
    args: argparse.Namespace, space: "SearchSpace", device: "Device", plan: "SweepPlan"
) -> "Planner":
    """What decides on what is measured: the user's list, or a budget."""
    from bench.errors import InputError
    from bench.planner import SettlingPlanner
    from ofabench.active import NETWORKS, Budget, BudgetPlanner
    from ofabench.sweeping import sweep_work

    if args.budget is None:
        work = sweep_work(
            space,
            resolutions=args.resolutions,
            blocks=args.blocks,
            networks=args.networks,
            ends=args.ends,
            seed=args.seed,
        )
        return SettlingPlanner(work, again=args.settle, loads=plan.loads)
    listed = [f"--{name}" for name in ("blocks", "ends", "settle") if getattr(args, name)]
    if listed:
        raise InputError(f"--budget chooses what is measured: leave {', '.join(listed)} out")
    return BudgetPlanner(
        space,
        Budget(budget_s=args.budget, plan=plan, batch=args.batch, costs=device.load_costs()),
        resolutions=args.resolutions,
        networks=args.networks or NETWORKS,
        seed=args.seed,
    )


def _show(args: argparse.Namespace, target: "Target", summary: "SweepSummary") -> None:
    if args.json:
        print(json.dumps(summary.to_json()))
        return
    print(f"{args.out}: {summary.blocks} blocks, {summary.networks} networks, {target.key}")
    print(f"time        {summary.wall_s:.0f} s, {summary.wall_s_per_block:.3f} s a block")
    print(
        f"intervals   half-width {summary.median_half_width:.1%} in the median, "
        f"{summary.unsettled} never settled"
    )
    print(
        f"passes      {summary.passes} in {summary.loads} loads, {summary.marked_passes} marked; "
        f"{summary.retaken_visits} visits retaken, {summary.disturbed_visits_kept} stay disturbed"
    )
    for key, reason in list(summary.unrunnable.items())[:UNRUNNABLE_SHOWN]:
        print(f"left out    {key}: {reason}")
    if len(summary.unrunnable) > UNRUNNABLE_SHOWN:
        print(f"left out    {len(summary.unrunnable) - UNRUNNABLE_SHOWN} more; see --json")
    also = " --networks-out N.parquet" if summary.networks else ""
    path = shlex.quote(str(args.out))
    print(f"next        ofabench table build {path} --out T.parquet{also}")


def resume_command(args: argparse.Namespace) -> str:
    """Write the command that goes on with this sweep."""
    words = ["ofabench", "sweep"]
    for name in ("space", "device", "backend", "precision"):
        words += _option(name, getattr(args, name))
    words += device_words(args)
    for name in ("threads", "cores", "batch", "resolutions"):
        words += _option(name, getattr(args, name))
    for name in ("blocks", "networks", "seed", *DEFAULTS, "cache", "settle", "out"):
        words += _option(name, getattr(args, name))
    if args.budget is not None:
        words += ["--budget", f"{args.budget:g}s"]
    words += [f"--{name}" for name in ("ends", "force") if getattr(args, name)]
    return shlex.join([*words, "--resume"])


def _option(name: str, value: object) -> list[str]:
    if value is None:
        return []
    text = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
    return [f"--{name}", text]


def _asked(args: argparse.Namespace, space: str) -> tuple[tuple[str, str], ...]:
    sizes = "all" if args.resolutions is None else ",".join(map(str, args.resolutions))
    blocks = "all" if args.blocks is None else str(args.blocks)
    return (
        ("space", space),
        ("resolutions", sizes),
        ("blocks", blocks),
        ("networks", str(args.networks)),
        ("ends", "yes" if args.ends else "no"),
        *((("budget", f"{args.budget:g} s"),) if args.budget is not None else ()),
    )


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 0, got {text!r}")
    return int(text)
