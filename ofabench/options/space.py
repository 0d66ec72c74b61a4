"""Options of `space`: list, show, sample, check and export-net."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.options import Options, option
from ofabench.options import shared


def _space() -> Any:
    return option(
        positional=True,
        metavar="NAME|FILE.toml",
        help="search space: a name from `ofabench space list`, or a file",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceListOptions(Options):
    """Options of `space list`."""

    json: bool = shared.json()


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceShowOptions(Options):
    """Options of `space show`."""

    space: str = _space()
    toml: bool = option(False, help="print the space's TOML, as a start for your own")
    json: bool = shared.json()


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceSampleOptions(Options):
    """Options of `space sample`."""

    space: str = _space()
    networks: int = option(
        100,
        flag=("-n", "--networks"),
        minimum=1,
        metavar="N",
        help="number of networks ({default})",
    )
    seed: int = shared.seed("seed of the random networks ({default})")
    resolutions: tuple[int, ...] | None = option(
        None, separator=",", minimum=1, metavar="PX,PX", help="only networks of these resolutions"
    )
    out: Path | None = option(
        None, metavar="A.jsonl", help="file to write, instead of standard output"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceCheckOptions(Options):
    """Options of `space check`."""

    networks: Path = option(positional=True, metavar="FILE.json", help="file of networks")
    space: tuple[str, ...] = option(
        (),
        repeat=True,
        metavar="NAME|FILE.toml",
        help="space to look in (may be repeated; default: all shipped spaces)",
    )
    resolution: int | None = option(
        None,
        minimum=1,
        metavar="PX",
        help="resolution of networks that do not name it",
    )
    json: bool = shared.json()


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceExportNetOptions(Options):
    """Options of `space export-net`."""

    arch: Path = option(metavar="R.json|A.jsonl", help="a search's result, or an archs file")
    pick: int | None = shared.pick()
    space: str | None = option(
        None,
        metavar="NAME|FILE.toml",
        help="space of the network, if the file names none, or if it is not a shipped one",
    )
    out: Path | None = option(
        None, metavar="net.config", help="file to write, instead of standard output"
    )
