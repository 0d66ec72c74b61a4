"""Arguments of a search, for every command that searches."""

import argparse
import re
from pathlib import Path

from bench.blocks.weight_bytes import PRECISIONS
from ofabench.cli.arguments import (
    add_space,
    positive_float,
    positive_int,
    resolutions,
    seconds,
    seed,
)
from supernet.export.precision import FP32

STRATEGIES = ("evolution", "regularised", "random", "exhaustive")
FRONT_POINTS = 24
_SIZES = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "ki": 2**10, "mi": 2**20, "gi": 2**30}


def add_search(parser: argparse.ArgumentParser) -> None:
    """Add what is searched, its limits, and how."""
    add_space(parser)
    parser.add_argument(
        "--accuracy",
        required=True,
        metavar="A.parquet|ofa:FILE[@SIZES]",
        help="from `ofabench accuracy`, or a predictor of OFA's; SIZES are the image sizes "
        "of its encoder, as 128,160, where they cannot be inferred",
    )
    parser.add_argument("--resolutions", type=resolutions, metavar="R,...", help="only these sizes")
    add_latencies(parser)
    add_limits(parser)
    parser.add_argument(
        "--precision",
        choices=PRECISIONS,
        default=FP32,
        help="of weights and activations, for limits in bytes (%(default)s)",
    )
    parser.add_argument(
        "--pareto",
        action="store_true",
        help="the front of accuracy against one --latency or two; with several --max-latency-ms "
        "on one, a network for each",
    )
    parser.add_argument(
        "--points",
        type=positive_int,
        default=FRONT_POINTS,
        help="networks of a front (%(default)s)",
    )
    parser.add_argument(
        "--strategy", choices=STRATEGIES, default=STRATEGIES[0], help="default %(default)s"
    )
    parser.add_argument("--seed", type=seed, default=0, help="equal seeds find equal networks")
    parser.add_argument(
        "--budget", type=positive_int, metavar="N", help="networks to evaluate at most"
    )
    parser.add_argument(
        "--seconds",
        type=seconds,
        metavar="TIME",
        help="end after so long, like 90s or 5m; then the result depends on the machine too",
    )
    parser.add_argument(
        "--patience", type=positive_int, metavar="N", help="end after so many batches in vain"
    )


def add_latencies(parser: "argparse.ArgumentParser | argparse._ArgumentGroup") -> None:
    """Add `--latency`, of which each may have a limit."""
    parser.add_argument(
        "--latency",
        action="append",
        default=[],
        type=Path,
        metavar="P.parquet",
        help="from `ofabench fit`; once for each device, each with its own --max-latency-ms",
    )


def add_limits(parser: "argparse.ArgumentParser | argparse._ArgumentGroup") -> None:
    """Add what a network may cost."""
    parser.add_argument(
        "--max-latency-ms",
        action="append",
        default=[],
        type=positive_float,
        metavar="MS",
        help="limit on the --latency of the same place",
    )
    parser.add_argument(
        "--confidence",
        type=positive_float,
        metavar="SHARE",
        help="each latency limit holds with this probability, as 0.95, by the predictor's own "
        "standard deviation, which is that of one session",
    )
    parser.add_argument(
        "--session-spread",
        type=positive_float,
        default=0.0,
        metavar="SHARE",
        help="with --confidence: what networks move by from one session to another, as 0.02, a "
        "standard deviation that is added to the predictor's",
    )
    parser.add_argument("--max-macs", type=positive_float, metavar="N", help="limit, e.g. 200e6")
    parser.add_argument("--max-params", type=positive_float, metavar="N", help="limit, e.g. 5e6")
    parser.add_argument(
        "--max-memory-bytes",
        type=size,
        metavar="N",
        help="limit on activations alive at once, at batch 1, e.g. 1.5M or 512Ki",
    )
    parser.add_argument(
        "--max-size-bytes",
        type=size,
        metavar="N",
        help="limit on the weights in the file, e.g. 20M",
    )
    parser.add_argument(
        "--allow-extrapolated",
        action="store_true",
        help="networks too with sizes, channels or kernels that were never measured",
    )


def size(text: str) -> float:
    """Read a number of bytes like `20e6`, `1.5M` or `512Ki`."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?(?:[eE]\+?\d{1,2})?)([kKmMgG]i?)?B?", text)
    value = float(match[1]) * _SIZES[(match[2] or "").lower()] if match else 0.0
    if not value > 0:
        raise argparse.ArgumentTypeError(f"expected bytes like 20e6, 1.5M or 512Ki, got {text!r}")
    return value
