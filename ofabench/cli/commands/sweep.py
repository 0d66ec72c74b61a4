"""`ofabench sweep`: measure a space's blocks, and whole networks of it, on a device."""

import argparse
import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from ofabench.cli.arguments import add_json, add_out, add_progress, add_space, positive_int
from ofabench.cli.device_arguments import add_device, device_in, device_words, measuring_on
from ofabench.workflows.sweep.sweep_choice import (
    LOADS,
    PASSES,
    add_choice,
    asked_of,
    choice_words,
    option,
    planner_of,
)

if TYPE_CHECKING:
    from bench.protocol.device import Device
    from bench.protocol.target import Target
    from bench.sweep.summary import SweepSummary

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
    add_choice(parser)
    few = {"loads": LOADS, "passes": PASSES}
    for name, default in DEFAULTS.items():
        parser.add_argument(
            f"--{name}",
            type=positive_int,
            metavar="N",
            help=f"default {default}" + (f", with --budget {few[name]}" if name in few else ""),
        )
    parser.add_argument(
        "--cache", choices=("warm", "cold"), default="warm", help="which call of a visit counts"
    )
    parser.add_argument(
        "--force", action="store_true", help="measure although others use the device (recorded)"
    )
    parser.add_argument("--resume", action="store_true", help="go on with the sweep in --out")
    add_progress(parser)
    add_json(parser)
    add_out(parser, "SWEEP.sqlite|FOLDER")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Sweep one device, or a fleet."""
    few = {"loads": LOADS, "passes": PASSES} if args.budget is not None else {}
    for name, default in {**DEFAULTS, **few}.items():
        if getattr(args, name) is None:
            setattr(args, name, default)
    if args.fleet is not None:
        from ofabench.workflows.sweep.fleet_sweep import sweep_fleet

        return sweep_fleet(args)
    with device_in(args) as device:
        return _sweep(args, device)


def _sweep(args: argparse.Namespace, device: "Device") -> int:
    """Sweep, then sum up."""
    from bench.backends.registry import get_backend
    from bench.errors import InputError
    from bench.timing.plan import SweepPlan
    from ofabench.display.progress import get_sweep_progress
    from ofabench.workflows.sweep.sweeping import check_out, make_target, open_store, sweep_into
    from supernet.space.space import SearchSpace

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
        asked=asked_of(args, space.name),
    )
    planner = planner_of(args, space, device, plan)
    check_out(args.out, target, plan, space=space, resume=args.resume)
    with measuring_on(args, device):
        if not args.force:
            device.check_quiet()
        with open_store(args.out, target, plan, space=space, resume=args.resume) as store:
            summary = sweep_into(
                store,
                device,
                backend,
                planner,
                get_sweep_progress(args.progress),
                forced=args.force,
                resume_with=resume_command(args),
            )
    _show(args, target, summary)
    return 0


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
    print(f"next        {build_command(args, summary)}")


def build_command(args: argparse.Namespace, summary: "SweepSummary") -> str:
    """Write the command that makes tables of what this sweep measured."""
    words = ["ofabench", "table", "build", str(args.out)]
    words += ["--out", "T.parquet"] if summary.blocks else []
    words += ["--networks-out", "N.parquet"] if summary.networks else []
    return shlex.join(words)


def resume_command(args: argparse.Namespace) -> str:
    """Write the command that goes on with this sweep."""
    words = ["ofabench", "sweep"]
    for name in ("space", "device", "backend", "precision"):
        words += option(name, getattr(args, name))
    words += device_words(args)
    for name in ("threads", "cores", "batch"):
        words += option(name, getattr(args, name))
    words += choice_words(args)
    for name in (*DEFAULTS, "cache", "out"):
        words += option(name, getattr(args, name))
    words += ["--force"] if args.force else []
    return shlex.join([*words, "--resume"])
