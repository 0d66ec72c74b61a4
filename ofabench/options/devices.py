"""Options of `ofabench devices` and of `ofabench phone`: what can be measured, and with what."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bench.options import Options, option


@dataclass(frozen=True, slots=True, kw_only=True)
class DevicesOptions(Options):
    """Which devices are described."""

    device: str | None = option(None, metavar="D", help="only this one, with its facts: adb:SERIAL")


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleOptions(Options):
    """How the runner of phones is built."""

    abi: Literal["arm64-v8a", "x86_64"] = option(
        "arm64-v8a",
        help="the processor; x86_64 is this machine's, for tests (default {default})",
    )
    debs: Path | None = option(
        None, metavar="FOLDER", help="Debian's arm64 packages, where apt is not"
    )
    compiler: str | None = option(None, metavar="gcc|zig|PATH", help="default: what is there")
    out: Path | None = option(None, metavar="FOLDER", help="a copy, in a folder to make")
