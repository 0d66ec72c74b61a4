"""Example dataclasses of options, with every kind of option."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bench.errors import InputError
from bench.options import (
    BYTES,
    COUNT,
    KILOHERTZ,
    MILLISECONDS,
    SECONDS,
    SHARE,
    Options,
    nested,
    option,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneExample(Options):
    runner: str | None = option(None, choices=("ofabench", "benchmark_model"), help="what measures")
    frequency_khz: int | None = option(None, unit=KILOHERTZ, help="fix the frequency")
    binary: Path | None = option(None, metavar="PATH", help="built for the phone")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceExample(Options):
    device: str | None = option(None, metavar="D", help="cpu or adb:SERIAL")
    wait: bool = option(False, help="wait for the end of another")
    tf32: bool | None = option(None, help="let fp32 work round", group="GPUs")
    phone: PhoneExample = nested(PhoneExample, group="phones (adb:...)")


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepExample(Options):
    """Options of a sweep."""

    replicates: int = option(3, minimum=1, aliases=("--loads",), help="created afresh ({default})")
    budget_s: float | None = option(None, flag="--budget", unit=SECONDS, help="about so long")
    resolutions: tuple[int, ...] | None = option(None, separator=",", minimum=1, help="sizes")
    precision: Literal["fp32", "fp16"] = option("fp32", help="default {default}")
    seed: int = option(0, minimum=0, help="decides what is drawn")

    def check(self) -> None:
        if self.budget_s is not None and self.precision == "fp16":
            raise InputError("a budget is for fp32")


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitsExample(Options):
    latency: tuple[Path, ...] = option((), repeat=True, metavar="P.parquet", help="predictor")
    max_latency_ms: tuple[float, ...] = option((), repeat=True, unit=MILLISECONDS, help="limit")
    max_macs: float | None = option(None, unit=COUNT, help="limit")
    max_size_bytes: float | None = option(None, unit=BYTES, help="limit")
    fail_above: float | None = option(None, unit=SHARE, metavar="5%", help="100% is twice")
    confidence: float | None = option(None, above=0, below=1, help="probability")
    tolerance: float = option(0.1, above=0, help="share ({default})")


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandExample(Options):
    """Options of a command, of every kind."""

    table: Path | None = option(None, positional=True, metavar="T.parquet", help="a table")
    space: str = option(metavar="NAME|FILE.toml", help="see `ofabench space list`")
    networks: int = option(100, flag=("-n", "--networks"), minimum=1, help="how many ({default})")
    verify: bool = option(True, flag="--no-verify", help="measure no latency")
    single: Path | None = option(None, at_most_one="single", help="a training")
    single_s: float | None = option(
        None, at_most_one="single", unit=SECONDS, bare=True, metavar="S", help="its seconds"
    )
    sweep: SweepExample = nested(SweepExample, group="the sweep")
    limits: LimitsExample = nested(LimitsExample)
    device: DeviceExample = nested(DeviceExample, defaults={"device": "cpu"})
    secret: int | None = option(None, minimum=1, hidden=True, help="not listed")
    json: bool = option(False, help="print the result as JSON")
    out: Path = option(metavar="SWEEP.sqlite", help="file to write")
    progress: Callable[[str], None] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportExample(Options):
    given: tuple[Path, ...] = option(positional=True, metavar="RUN", help="files or folders")
    table: Path | None = option(None, exactly_one="source", help="a table")
    checkpoint: Path | None = option(None, exactly_one="source", help="a checkpoint")
