"""Options of measuring model files of any origin."""

from dataclasses import dataclass
from pathlib import Path

from bench.errors import InputError
from bench.options import MILLISECONDS, SHARE, Options, nested, option
from ofabench.options import shared
from ofabench.options.device import DeviceOptions
from ofabench.options.model_inputs import ModelInputOptions
from ofabench.options.sweep import BURST, REPLICATES, ROUNDS


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureOptions(ModelInputOptions):
    """How model files are measured, and with which inputs.

    Example:
        >>> MeasureOptions(shape=("input=1x3x224x224",)).replicates
        6
    """

    operators: bool = option(
        False,
        help="measure each distinct operator of the files too, in the same rounds (this machine)",
    )
    precision: str = option(
        "fp32",
        choices=("fp32", "fp16"),
        help="in which the runtime computes float32 models; fp16 on phones ({default})",
    )
    threads: int = option(1, minimum=1, metavar="N", help="of the runtime ({default})")
    cores: str | None = option(
        None, metavar="0,1", help="cores to stay on, or any (default: as many as threads)"
    )
    replicates: int = option(
        REPLICATES, minimum=1, metavar="N", help="times that every model is loaded ({default})"
    )
    rounds: int = option(
        ROUNDS, minimum=1, metavar="N", help="bursts of each model in a replicate ({default})"
    )
    burst: int = option(
        BURST, minimum=1, metavar="N", help="timed samples in a row, the first one cold ({default})"
    )
    cache: str = option("warm", choices=("warm", "cold"), help="which samples of a burst count")
    seed: int = shared.seed("of orders and random inputs")
    energy: bool = option(
        False, help="also measure energy per inference, where the device reports energy"
    )
    force: bool = shared.force()


@dataclass(frozen=True, slots=True, kw_only=True)
class GateOptions(Options):
    """Limits on measured latencies, for scripts that fail where one is not met."""

    fail_above_ms: float | None = option(
        None,
        flag="--fail-above",
        unit=MILLISECONDS,
        metavar="30ms",
        help="fail where the median of a model, as measured, is above this",
    )
    baseline: Path | None = option(
        None, metavar="EARLIER.json", help="compare with an earlier result of --out"
    )
    fail_slower: float | None = option(
        None,
        unit=SHARE,
        metavar="10%",
        help="with --baseline: fail where a model is slower than there by more than this",
    )

    def check(self) -> None:
        """See that a comparison has something to compare with."""
        if self.fail_slower is not None and self.baseline is None:
            raise InputError("--fail-slower compares with --baseline: give both, or neither")


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureRequest(Options):
    """A whole measurement in words: which files, where, how, into which file.

    Example:
        >>> MeasureRequest(files=("net.onnx",)).device.device
        'cpu'
    """

    files: tuple[Path, ...] = option(
        positional=True, metavar="FILE", help="ONNX or TFLite files, of any origin"
    )
    device: DeviceOptions = nested(DeviceOptions, defaults={"device": "cpu"})
    backend: tuple[str, ...] | None = option(
        None, separator=",", metavar="B[,B]", help="default: by the file's suffix"
    )
    measure: MeasureOptions = nested(MeasureOptions)
    gate: GateOptions = nested(GateOptions)
    keep: Path | None = option(
        None, metavar="SWEEP.sqlite", help="keep every timing sample, round by round"
    )
    resume: bool = option(False, help="continue the measurement in --keep")
    out: Path | None = option(
        None, metavar="FILE.json|.csv|.parquet", help="write the results, a row a model"
    )
    wide: Path | None = option(
        None, metavar="FILE.csv", help="write a table with a row a model and a column a target"
    )

    def check(self) -> None:
        """See that options fit together."""
        if self.resume and self.keep is None:
            raise InputError("--resume continues what --keep holds: give both")

    def check_out(self) -> None:
        """Raise `InputError` if no such file can be written to `out`; a fleet's is a folder."""
        if self.out is not None and self.out.suffix not in {".json", ".csv", ".parquet"}:
            raise InputError(f"--out is {self.out}, expected a name in .json, .csv or .parquet")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeRequest(ModelInputOptions):
    """What a worker process loads and runs once, to learn what loading it costs."""

    file: Path = option(positional=True, metavar="FILE", help="")
    backend: str = option(help="")
    threads: int = option(1, help="")
    cores: str = option("", help="")
