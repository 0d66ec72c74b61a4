"""Options that several dataclasses share, each as a function that makes the field.

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


def force() -> Any:
    """Return the field `force: bool`, whether a device in use is measured all the same."""
    return option(False, help="measure although others use the device (recorded)")


def checkpoint_or_network() -> Any:
    """Return the field `checkpoint: Path | None`, in place of `network`."""
    return option(
        None, exactly_one="source", metavar="SUPERNET.safetensors", help="from `ofabench train`"
    )


def network_or_checkpoint() -> Any:
    """Return the field `network: Path | None`, in place of `checkpoint`."""
    return option(
        None, exactly_one="source", metavar="NET.safetensors", help="from `ofabench extract`"
    )


def arch_of_checkpoint() -> Any:
    """Return the field `arch: str | None`, which network of a checkpoint."""
    return option(
        None,
        metavar="R.json",
        help="of a checkpoint: a search's result, a line of an archs file, or one of the words "
        "largest, smallest",
    )


def images_of_export() -> Any:
    """Return the field `data: str | None`, the images that a file is made and judged with."""
    return option(
        None,
        metavar="NAME|FOLDER",
        help="images: training ones for batch-norm statistics and calibration, validation ones for "
        "the accuracy (default: what the checkpoint was trained on)",
    )
