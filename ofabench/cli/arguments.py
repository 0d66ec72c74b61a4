"""Argument types that several commands share; a bad value is one line and exit code 2."""

import argparse
import math
import re
from pathlib import Path

_UNITS_S = {"s": 1.0, "m": 60.0, "h": 3600.0}


def positive_int(text: str) -> int:
    """Read a whole number of at least 1."""
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, got {text!r}")
    return value


def seed(text: str) -> int:
    """Read the seed of random draws, a whole number of at least 0."""
    if not (text.isascii() and text.isdecimal() and len(text) < 20):
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 0, got {text!r}")
    return int(text)


def positive_float(text: str) -> float:
    """Read a finite number above 0."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text!r}")
    return value


def resolutions(text: str) -> tuple[int, ...]:
    """Read a comma-separated list of sizes in pixels, like `128,160,224`."""
    return tuple(positive_int(part) for part in text.split(","))


def seconds(text: str) -> float:
    """Read a time like `90s`, `5m` or `1.5h`."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh])", text)
    if match is None or float(match[1]) == 0:
        raise argparse.ArgumentTypeError(f"expected a time like 90s, 5m or 1h, got {text!r}")
    return float(match[1]) * _UNITS_S[match[2]]


def add_space(parser: argparse.ArgumentParser) -> None:
    """Add `--space`, a shipped space's name or a TOML file."""
    parser.add_argument(
        "--space", required=True, metavar="NAME|FILE.toml", help="see `ofabench space list`"
    )


def add_out(parser: argparse.ArgumentParser, what: str) -> None:
    """Add `--out`, the file to write."""
    parser.add_argument("--out", required=True, type=Path, metavar=what, help="file to write")


def add_pick(parser: argparse.ArgumentParser) -> None:
    """Add `--pick`, which of several networks in a file."""
    parser.add_argument(
        "--pick",
        type=positive_int,
        metavar="N",
        help="where the file holds several networks (a front of `search --pareto`, an archs file): "
        "the Nth, from 1",
    )


def add_checkpoint(parser: argparse.ArgumentParser) -> None:
    """Add `--checkpoint`, a trained supernet."""
    parser.add_argument(
        "--checkpoint",
        required=True,
        type=Path,
        metavar="SUPERNET.safetensors",
        help="from `ofabench train`",
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add `--json`, for results that a machine reads."""
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def add_progress(parser: argparse.ArgumentParser) -> None:
    """Add `--progress`."""
    parser.add_argument(
        "--progress",
        choices=("bar", "lines", "json"),
        default="bar",
        help="on stderr: bar on a terminal, else nothing (default); lines, for logs; json, for "
        "programs",
    )
