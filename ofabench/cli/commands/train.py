"""`ofabench train`: a supernet, by progressive shrinking or the sandwich rule."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import FileError, InputError, InterruptedSweepError
from ofabench.cli.arguments import add_out, add_progress, add_space, positive_int, seconds, seed
from ofabench.workflows.train import training_limits

if TYPE_CHECKING:
    from supernet.train.checkpoint import Checkpoint, Recipe
    from supernet.train.ranks import Ranks

EPILOG = """\
On several GPUs, or several processes of a CPU:
  torchrun --nproc-per-node 8 -m ofabench train --device cuda --space ofa-mbv3-w1.0 ...
A schedule's batch is that of all processes together. SIGTERM and Ctrl-C save and end."""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "train",
        help="train a supernet whose sub-networks share their weights",
        description="The end of each epoch, and the state every few minutes, is kept in "
        "SUPERNET.safetensors; `--resume` goes on from there. A log is written beside it (.jsonl).",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_space(parser)
    parser.add_argument(
        "--data",
        default="digits",
        metavar="NAME|FOLDER",
        help="digits, or a folder of images with train/CLASS/ and val/CLASS/ (digits)",
    )
    parser.add_argument(
        "--workers", type=positive_int, metavar="N", help="of a folder's images (one a core)"
    )
    parser.add_argument(
        "--schedule",
        default="digits-sandwich",
        metavar="NAME|FILE.toml",
        help="digits, digits-sandwich, ofa-2020, sandwich, or phases of your own (digits-sandwich)",
    )
    parser.add_argument("--seed", type=seed, default=0, metavar="N", help="decides all (0)")
    parser.add_argument("--resume", action="store_true", help="go on with SUPERNET.safetensors")
    _add_running(parser)
    training_limits.add_arguments(parser)
    add_progress(parser)
    add_out(parser, "SUPERNET.safetensors")
    parser.set_defaults(run=run)


def _add_running(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("how it runs")
    group.add_argument("--device", default="cpu", metavar="D", help="cpu, cuda or cuda:0 (cpu)")
    group.add_argument(
        "--threads", type=positive_int, metavar="N", help="of torch (default: one a core)"
    )
    group.add_argument(
        "--precision",
        choices=("float32", "bfloat16", "float16"),
        default="float32",
        help="of the forward pass; weights stay float32 (float32)",
    )
    group.add_argument(
        "--compile",
        action="store_true",
        help="compile the network of a phase that trains one alone",
    )
    group.add_argument(
        "--accumulate",
        type=positive_int,
        default=1,
        metavar="N",
        help="micro-batches that each process takes a step's images in (1)",
    )
    group.add_argument(
        "--checkpoint-every",
        type=seconds,
        default=300.0,
        metavar="TIME",
        help="within an epoch, like 90s or 5m (5m)",
    )


def run(args: argparse.Namespace) -> int:
    """Train, and say what each phase came to."""
    import torch

    from supernet.train.ranks import joined

    _check_device(args)
    if args.threads is not None:
        torch.set_num_threads(args.threads)
    with joined(args.device) as ranks:
        return _train(args, ranks)


def _train(args: argparse.Namespace, ranks: "Ranks") -> int:
    from bench.protocol.progress import NoProgress
    from ofabench.display.progress import get_progress
    from ofabench.workflows.train.broken_images import tell_broken
    from ofabench.workflows.train.stopping import wish_to_stop
    from supernet.data.open_data import open_data
    from supernet.space.space import SearchSpace
    from supernet.train.checkpoint import Recipe, load_checkpoint
    from supernet.train.running import Running
    from supernet.train.schedule import Schedule
    from supernet.train.trainer import train

    def tell(line: str) -> None:
        if ranks.first:
            print(line, file=sys.stderr)

    space = SearchSpace.load(args.space)
    sampling, restricted = training_limits.sampling_of(args, space, tell)
    recipe = Recipe(
        space=space,
        schedule=Schedule.load(args.schedule),
        data=args.data,
        seed=args.seed,
        micro_batches=ranks.world * args.accumulate,
        precision=args.precision,
        sampling=restricted,
    )
    source = open_data(args.data, space, workers=args.workers).train_source
    if ranks.first:
        _check_out(args.out, resume=args.resume)
    ranks.wait()  # else the first rank's new checkpoint would be an old one to the others
    try:
        with wish_to_stop() as stop:
            running = Running(
                device=args.device,
                compiled=args.compile,
                resume=args.resume,
                checkpoint_s=args.checkpoint_every,
                ranks=ranks,
                progress=get_progress(args.progress) if ranks.first else NoProgress(),
                stop=stop,
            )
            train(recipe, source, args.out, running, sampling)
    except InterruptedSweepError:
        raise InterruptedSweepError(
            f"training stopped; {args.out} holds all of it: go on with the same command and "
            "--resume"
        ) from None
    except KeyboardInterrupt:
        raise InterruptedSweepError(
            f"training stopped at once; {args.out} holds it up to the last checkpoint: go on with "
            "the same command and --resume"
        ) from None
    tell_broken(source.broken())
    if ranks.first:
        _show(load_checkpoint(args.out), args.out)
    return 0


def _check_device(args: argparse.Namespace) -> None:
    import torch

    name = args.device
    if name != "cpu" and not name.startswith("cuda"):
        raise InputError(f"--device is {name!r}, expected cpu, cuda or cuda:N")
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise InputError(
            f"--device {name}: torch {torch.__version__} finds no CUDA device; take --device cpu, "
            "or install torch's CUDA build"
        )


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
    recipe: Recipe = checkpoint.recipe
    if recipe.sampling:
        print(f"sub-networks drawn for {recipe.sampling}")
    used = checkpoint.usage
    hours = sum(usage.device_s for usage in used) / 3600
    energy_wh = sum(usage.energy_j for usage in used) / 3600
    how = ", ".join(dict.fromkeys(usage.how for usage in used))
    seconds_ = sum(record.seconds for record in checkpoint.records)
    print(f"used {hours:.3g} device hours, {energy_wh:.3g} Wh ({how})")
    print(f"supernet of {checkpoint.space.name}, trained in {seconds_:.0f} s: {out}")
