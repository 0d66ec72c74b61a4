"""Options of profiling a model file by operator."""

from dataclasses import dataclass
from pathlib import Path

from bench.models.tensors import parse_shape
from bench.options import Options, option
from ofabench.options import shared


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileOptions(Options):
    """How a model is profiled, and with which inputs.

    Example:
        >>> ProfileOptions(shape=("input=1x3x224x224",)).runs
        30
    """

    shape: tuple[str, ...] = option(
        (), repeat=True, metavar="NAME=1x3x224x224", help="shape of a dynamic input"
    )
    batch: int | None = option(
        None, minimum=1, metavar="N", help="size of every dynamic first dimension"
    )
    inputs: Path | None = option(None, metavar="VALUES.npz", help="input values by name")
    threads: int = option(1, minimum=1, metavar="N", help="of the runtime ({default})")
    cores: str | None = option(None, metavar="0,1", help="cores to stay on, or any")
    runs: int = option(30, minimum=1, metavar="N", help="inferences that count ({default})")
    force: bool = shared.force()

    def check(self) -> None:
        """See that every shape can be read."""
        for text in self.shape:
            parse_shape(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeProfile(Options):
    """What a worker process profiles."""

    file: Path = option(positional=True, metavar="FILE", help="")
    shape: tuple[str, ...] = option((), repeat=True, help="")
    batch: int | None = option(None, help="")
    inputs: Path | None = option(None, help="")
    threads: int = option(1, help="")
    cores: str = option("", help="")
    runs: int = option(30, help="")
