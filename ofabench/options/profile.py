"""Options of profiling a model file by operator."""

from dataclasses import dataclass
from pathlib import Path

from bench.options import option
from ofabench.options import shared
from ofabench.options.model_inputs import ModelInputOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileOptions(ModelInputOptions):
    """How a model is profiled, and with which inputs.

    Example:
        >>> ProfileOptions(shape=("input=1x3x224x224",)).runs
        30
    """

    threads: int = option(1, minimum=1, metavar="N", help="of the runtime ({default})")
    cores: str | None = option(None, metavar="0,1", help="cores to stay on, or any")
    runs: int = option(30, minimum=1, metavar="N", help="inferences that count ({default})")
    force: bool = shared.force()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeProfile(ModelInputOptions):
    """What a worker process profiles."""

    file: Path = option(positional=True, metavar="FILE", help="")
    threads: int = option(1, help="")
    cores: str = option("", help="")
    runs: int = option(30, help="")
