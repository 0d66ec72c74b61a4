"""What a sweep measures: its arguments, the planner made of them, and the words to say it again."""

import argparse
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from ofabench.cli.arguments import resolutions, seconds

if TYPE_CHECKING:
    from bench.protocol.device import Device
    from bench.sweep.planner import Planner
    from bench.timing.plan import SweepPlan
    from supernet.space.space import ArchConfig, SearchSpace


# Of a sweep within a budget: more blocks, each less often. A regression takes the mean of many.
LOADS, PASSES = 3, 10


def add_choice(parser: argparse.ArgumentParser) -> None:
    """Add what says which blocks and networks are measured."""
    parser.add_argument("--resolutions", type=resolutions, metavar="128,160", help="default: all")
    parser.add_argument("--blocks", type=_count, metavar="N", help="only N, drawn by --seed")
    parser.add_argument(
        "--networks", type=_count, default=0, metavar="N", help="random whole networks as well"
    )
    parser.add_argument(
        "--informative",
        action="store_true",
        help="of many random networks, those --networks that say most of the others",
    )
    parser.add_argument(
        "--archs",
        type=Path,
        metavar="A.jsonl",
        help="the networks of this file as well, also as OFA prints them",
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
    parser.add_argument(
        "--settle",
        type=_count,
        default=0,
        metavar="N",
        help="measure again, up to N times, what has not settled; with --resume also later",
    )


def planner_of(
    args: argparse.Namespace, space: "SearchSpace", device: "Device", plan: "SweepPlan"
) -> "Planner":
    """What decides on what is measured: the user's list, or a budget."""
    from bench.errors import InputError
    from bench.sweep.planner import SettlingPlanner
    from ofabench.workflows.sweep.active import NETWORKS, Budget, BudgetPlanner
    from ofabench.workflows.sweep.sweeping import sweep_work

    if args.budget is None:
        work = sweep_work(
            space,
            resolutions=args.resolutions,
            blocks=args.blocks,
            networks=args.networks,
            informative=args.informative,
            ends=args.ends,
            archs=_archs(args, space),
            seed=args.seed,
        )
        return SettlingPlanner(work, again=args.settle, loads=plan.loads)
    lists = ("blocks", "informative", "archs", "ends", "settle")
    listed = [f"--{name}" for name in lists if getattr(args, name)]
    if listed:
        raise InputError(f"--budget chooses what is measured: leave {', '.join(listed)} out")
    return BudgetPlanner(
        space,
        Budget(budget_s=args.budget, plan=plan, batch=args.batch, costs=device.load_costs()),
        resolutions=args.resolutions,
        networks=args.networks or NETWORKS,
        seed=args.seed,
    )


def _archs(args: argparse.Namespace, space: "SearchSpace") -> "list[ArchConfig]":
    from bench.errors import InputError
    from ofabench.workflows.latency.networks import read_archs

    if args.archs is None:
        return []
    found = list(read_archs(args.archs, space))
    for other, _ in found:
        if other != space:
            raise InputError(f"{args.archs} has a network of {other.name}, not of {space.name}")
    return [arch for _, arch in found]


def asked_of(args: argparse.Namespace, space: str) -> tuple[tuple[str, str], ...]:
    """What the user asked to be measured, in words, for `SweepPlan.asked`."""
    sizes = "all" if args.resolutions is None else ",".join(map(str, args.resolutions))
    blocks = "all" if args.blocks is None else str(args.blocks)
    return (
        ("space", space),
        ("resolutions", sizes),
        ("blocks", blocks),
        ("networks", str(args.networks)),
        ("ends", "yes" if args.ends else "no"),
        *((("informative", "yes"),) if args.informative else ()),
        *((("archs", _digest(args.archs)),) if args.archs is not None else ()),
        *((("budget", f"{args.budget:g} s"),) if args.budget is not None else ()),
    )


def choice_words(args: argparse.Namespace) -> list[str]:
    """Write the arguments that `add_choice` added, as they were given."""
    words = []
    for name in ("resolutions", "blocks", "networks", "archs", "seed", "settle"):
        words += option(name, getattr(args, name))
    if args.budget is not None:
        words += ["--budget", f"{args.budget:g}s"]
    return words + [f"--{name}" for name in ("informative", "ends") if getattr(args, name)]


def option(name: str, value: object) -> list[str]:
    """An option as words; none where it was not given."""
    if value is None:
        return []
    text = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
    return [f"--{name}", text]


def _digest(path: Path) -> str:
    """What a file says, so that a sweep is not gone on with by another's networks."""
    from bench.files import read_bytes

    return f"{path.name} sha256:{hashlib.sha256(read_bytes(path)).hexdigest()[:16]}"


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 0, got {text!r}")
    return int(text)
