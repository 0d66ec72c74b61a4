"""Options of `space`: which space or networks are listed, shown, drawn, checked and written."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.options import Options, option
from ofabench.options import shared


def _space() -> Any:
    return option(positional=True, metavar="NAME|FILE.toml", help="see `ofabench space list`")


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceListOptions(Options):
    """How the shipped spaces are listed."""

    json: bool = shared.json()


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceShowOptions(Options):
    """Which space is shown, and how."""

    space: str = _space()
    toml: bool = option(False, help="print the space's TOML, to start one of your own from")
    json: bool = shared.json()


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceSampleOptions(Options):
    """Which networks of a space are drawn, and where they are written."""

    space: str = _space()
    networks: int = option(
        100, flag=("-n", "--networks"), minimum=1, metavar="N", help="how many ({default})"
    )
    seed: int = shared.seed("decides which ones ({default})")
    resolutions: tuple[int, ...] | None = option(
        None, separator=",", minimum=1, metavar="PX,PX", help="only networks of these"
    )
    out: Path | None = option(None, metavar="A.jsonl", help="instead of standard output")


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceCheckOptions(Options):
    """Which networks are counted, and in which spaces they are looked for."""

    networks: Path = option(positional=True, metavar="FILE.json", help="")
    space: tuple[str, ...] = option(
        (),
        repeat=True,
        metavar="NAME|FILE.toml",
        help="look in this space (may be given again; default: all shipped ones)",
    )
    resolution: int | None = option(
        None,
        minimum=1,
        metavar="PX",
        help="side of the images where the network does not say it",
    )
    json: bool = shared.json()


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceExportNetOptions(Options):
    """Which network is written as OFA's JSON, and where."""

    arch: Path = option(
        metavar="R.json|A.jsonl", help="a search's result, or an archs file of one line"
    )
    pick: int | None = shared.pick()
    space: str | None = option(
        None,
        metavar="NAME|FILE.toml",
        help="where the network does not name its, or it is not a shipped one",
    )
    out: Path | None = option(None, metavar="net.config", help="instead of standard output")
