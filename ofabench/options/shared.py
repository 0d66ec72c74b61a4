"""Options shared by several dataclasses, each as a function that returns the field.

@dataclass(frozen=True, slots=True, kw_only=True)
class FitCommand(Options):
    space: str = shared.space()
    json: bool = shared.json()
    out: Path = shared.out("P.parquet")
"""

import re
from typing import Any

from bench.errors import InputError
from bench.options import option

PROGRESS_FORMS = ("bar", "lines", "json")


def space() -> Any:
    """Return the field `space: str`, a shipped space's name or a TOML file."""
    return option(
        metavar="NAME|FILE.toml", help="search space: a name from `ofabench space list`, or a file"
    )


def out(metavar: str) -> Any:
    """Return the field `out: Path`, the file to write."""
    return option(metavar=metavar, help="file to write")


def pick() -> Any:
    """Return the field `pick: int | None`, the number of a network in a file."""
    return option(
        None,
        minimum=1,
        metavar="N",
        help="number of the network, from 1, if the file has several (a front of `search "
        "--pareto`, an archs file)",
    )


def checkpoint() -> Any:
    """Return the field `checkpoint: Path`, a trained supernet."""
    return option(metavar="SUPERNET.safetensors", help="supernet, from `ofabench train`")


def seed(help: str) -> Any:
    """Return the field `seed: int` with the given help."""
    return option(0, minimum=0, metavar="SEED", help=help)


def json() -> Any:
    """Return the field `json: bool`, for machine-readable results."""
    return option(False, help="print the result as JSON")


def progress() -> Any:
    """Return the field `progress: str`, how progress is shown."""
    return option(
        "bar",
        choices=PROGRESS_FORMS,
        help="progress on stderr: bar on a terminal, else nothing (default); lines for logs; json "
        "for programs",
    )


def fleet(help: str) -> Any:
    """Return the field `fleet: Path | None`, a fleet file, with the given help."""
    return option(None, metavar="FLEET.toml", help=help)


def force() -> Any:
    """Return the field `force: bool`, whether to measure on a device in use."""
    return option(False, help="measure although others use the device; this is recorded")


def torch_device(group: str | None = None) -> Any:
    """Return the field `device: str`, where torch computes; see `check_torch_device`."""
    return option("cpu", metavar="D", group=group, help="cpu, cuda or cuda:0 ({default})")


def check_torch_device(name: str) -> None:
    """Raise `InputError` where `--device` is neither cpu nor cuda nor cuda:N."""
    if re.fullmatch(r"cpu|cuda(:\d+)?", name) is None:
        raise InputError(f"--device is {name!r}, expected cpu, cuda or cuda:N")


def checkpoint_or_network() -> Any:
    """Return the field `checkpoint: Path | None`, in place of `network`."""
    return option(
        None,
        exactly_one="source",
        metavar="SUPERNET.safetensors",
        help="supernet, from `ofabench train`",
    )


def network_or_checkpoint() -> Any:
    """Return the field `network: Path | None`, in place of `checkpoint`."""
    return option(
        None,
        exactly_one="source",
        metavar="NET.safetensors",
        help="sub-network, from `ofabench extract`",
    )


def arch_of_checkpoint() -> Any:
    """Return the field `arch: str | None`, a network of a checkpoint."""
    return option(
        None,
        metavar="R.json",
        help="network of the checkpoint: a search's result, an archs file, or one of the words "
        "largest, smallest",
    )


def images_of_export() -> Any:
    """Return the field `data: str | None`, images for calibration and accuracy."""
    return option(
        None,
        metavar="NAME|FOLDER",
        help="images: training images for batch-norm statistics and calibration, validation "
        "images for the accuracy (default: the training's)",
    )
