"""What `ofabench train` restricts sub-networks to, from measured latency predictors."""

import argparse
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import InputError
from bench.files import read_bytes
from ofabench.cli.arguments import positive_float
from ofabench.cli.search_arguments import add_latencies

if TYPE_CHECKING:
    from supernet.space.space import SearchSpace
    from supernet.train.sampling import Sampling


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add `--latency`, `--max-latency-ms` and `--latency-focus`."""
    group = parser.add_argument_group("training under latency limits")
    add_latencies(group)
    group.add_argument(
        "--max-latency-ms",
        action="append",
        default=[],
        type=positive_float,
        metavar="MS",
        help="train only sub-networks within it, on the --latency of the same place",
    )
    group.add_argument(
        "--latency-focus",
        choices=("best-up", "worst-up"),
        help="of sub-networks that the first --latency finds alike, train the best or the worst "
        "more (AttentiveNAS), by what the training's own losses tell",
    )


def sampling_of(
    args: argparse.Namespace, space: "SearchSpace", tell: Callable[[str], None]
) -> "tuple[Sampling, str]":
    """Restrictions that the arguments ask for, and what a checkpoint calls them; "" for none."""
    from ofabench.workflows.search.searching import load_latencies
    from supernet.constraints.constraints import latency
    from supernet.train.sampling import Sampling

    paths, limits_ms, focus = args.latency, args.max_latency_ms, args.latency_focus or ""
    if len(limits_ms) != len(paths) and not (focus and len(paths) == 1 and not limits_ms):
        raise InputError(
            f"got {len(paths)} --latency and {len(limits_ms)} --max-latency-ms, expected one limit "
            "for each (none for one --latency with --latency-focus)"
        )
    if focus and not paths:
        raise InputError(f"--latency-focus {focus} compares sub-networks by a --latency: give one")
    if not paths:
        return Sampling(), ""
    predictors = load_latencies(paths)
    without = [float("1e9")] * (len(paths) - len(limits_ms))  # a limit that is none
    constraints = tuple(
        latency(space, predictor, limit_ms)
        for predictor, limit_ms in zip(predictors, [*limits_ms, *without], strict=True)
    )
    told = [
        f"{limit.name} {_digest(path)}" + ("" if without else f" within {limit.limit:g} ms")
        for limit, path in zip(constraints, paths, strict=True)
    ]
    sampling = Sampling(
        limits=() if without else constraints,
        focus=focus,
        costs=constraints[0].costs,
        tell=tell,
    )
    return sampling, ", ".join([*told, *([focus] if focus else [])])


def _digest(path: Path) -> str:
    return hashlib.sha256(read_bytes(path)).hexdigest()[:12]
