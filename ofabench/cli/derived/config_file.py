"""`--config FILE.toml`: a command's options from a file.

    # sweep.toml, for `ofabench sweep --config sweep.toml --out xeon.sqlite`
    space = "ofa-mbv3-w1.0"
    device = "adb:1234"
    budget = "5m"              # as on the command line, with dashes or underscores
    [phone]                    # a nested dataclass; its options may also be above
    frequency_khz = "1.8GHz"

The command line overrides the file, and the file overrides defaults. Relative paths start from the
current folder.
"""

import argparse
from pathlib import Path
from typing import Any

from bench.options.base import Options
from bench.options.reading import read_values

_DEST = "config-file"


def add_config(parser: argparse.ArgumentParser) -> None:
    """Add `--config`."""
    parser.add_argument(
        "--config",
        dest=_DEST,
        type=Path,
        metavar="FILE.toml",
        help="options not given on the command line, such as `threads = 2`",
    )


def config_values(cls: type[Options], namespace: argparse.Namespace) -> dict[str, Any]:
    """Return the values of the `--config` file, by dotted field name."""
    path: Path | None = getattr(namespace, _DEST, None)
    if path is None:
        return {}
    return read_values(cls, read_toml(path), str(path))


def read_toml(path: Path) -> dict[str, Any]:
    """Return a TOML file's table; `InputError` if it cannot be read or is not TOML."""
    from bench.files import parse_toml, toml_text

    return parse_toml(toml_text(path), path)
