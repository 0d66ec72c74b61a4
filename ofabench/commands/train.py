"""`ofabench train`: a supernet, by progressive shrinking."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import FileError, InputError, InterruptedSweepError
from ofabench.arguments import add_out, add_space, positive_int

if TYPE_CHECKING:
    from supernet.train.checkpoint import Checkpoint


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "train",
        help="train a supernet whose sub-networks share their weights",
        description="Every epoch's end is kept in SUPERNET.pt; `--resume` goes on from there.",
    )
    add_space(parser)
    parser.add_argument("--data", default="digits", metavar="NAME", help="data set (digits)")
    parser.add_argument(
        "--schedule",
        default="digits",
        metavar="NAME|FILE.toml",
        help="phases of progressive shrinking (digits)",
    )
    parser.add_argument("--seed", type=_seed, default=0, metavar="N", help="decides all (0)")
    parser.add_argument("--resume", action="store_true", help="go on with SUPERNET.pt")
    parser.add_argument(
        "--threads", type=positive_int, metavar="N", help="of torch (default: one a core)"
    )
    add_out(parser, "SUPERNET.pt")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Train, and say what each phase came to."""
    import torch

    from ofabench.progress import TerminalProgress
    from supernet.space import SearchSpace
    from supernet.train.checkpoint import Recipe, load_checkpoint
    from supernet.train.dataset import get_dataset
    from supernet.train.schedule import Schedule
    from supernet.train.trainer import train

    recipe = Recipe(
        space=SearchSpace.load(args.space),
        schedule=Schedule.load(args.schedule),
        data=args.data,
        seed=args.seed,
    )
    data = get_dataset(args.data)
    _check_out(args.out, resume=args.resume)
    if args.threads is not None:
        torch.set_num_threads(args.threads)
    try:
        train(recipe, data.train, args.out, resume=args.resume, progress=TerminalProgress())
    except KeyboardInterrupt:
        raise InterruptedSweepError(
            f"training stopped; {args.out} holds the last whole epoch: go on with the same command "
            "and --resume"
        ) from None
    _show(load_checkpoint(args.out), args.out)
    return 0


def _check_out(out: Path, *, resume: bool) -> None:
    if resume and not out.exists():
        raise FileError(f"{out} does not exist, so it cannot be resumed; train without --resume")
    if out.exists() and not resume:
        raise InputError(
            f"{out} exists already: go on with it by --resume, remove it, or name another file"
        )


def _show(checkpoint: "Checkpoint", out: Path) -> None:
    print("phase           epochs  loss of the last  sub-network images a second")
    for phase in checkpoint.schedule.phases:
        records = [record for record in checkpoint.records if record.phase == phase.name]
        rate = sum(r.images for r in records) / sum(r.seconds for r in records)
        print(f"{phase.name:<15} {len(records):>6}  {records[-1].loss:>16.3f}  {rate:.0f}")
    seconds = sum(record.seconds for record in checkpoint.records)
    print(f"supernet of {checkpoint.space.name}, trained in {seconds:.0f} s: {out}")


def _seed(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 0, got {text!r}")
    return int(text)
