"""Options that many dataclasses have, each as a function that makes the field.

@dataclass(frozen=True, slots=True, kw_only=True)
class FitCommand(Options):
    space: str = shared.space()
    json: bool = shared.json()
    out: Path = shared.out("P.parquet")
"""

from typing import Any

from bench.options import option

PROGRESS_FORMS = ("bar", "lines", "json")


def space() -> Any:
    """Return the field `space: str`, a shipped space's name or a TOML file."""
    return option(metavar="NAME|FILE.toml", help="see `ofabench space list`")


def out(metavar: str) -> Any:
    """Return the field `out: Path`, the file to write."""
    return option(metavar=metavar, help="file to write")


def pick() -> Any:
    """Return the field `pick: int | None`, which of several networks in a file."""
    return option(
        None,
        minimum=1,
        metavar="N",
        help="where the file holds several networks (a front of `search --pareto`, an archs file): "
        "the Nth, from 1",
    )


def checkpoint() -> Any:
    """Return the field `checkpoint: Path`, a trained supernet."""
    return option(metavar="SUPERNET.safetensors", help="from `ofabench train`")


def seed(help: str) -> Any:
    """Return the field `seed: int`; `help` says what it decides."""
    return option(0, minimum=0, metavar="SEED", help=help)


def json() -> Any:
    """Return the field `json: bool`, for results that a machine reads."""
    return option(False, help="print the result as JSON")


def progress() -> Any:
    """Return the field `progress: str`, how progress is shown."""
    return option(
        "bar",
        choices=PROGRESS_FORMS,
        help="on stderr: bar on a terminal, else nothing (default); lines, for logs; json, for "
        "programs",
    )
