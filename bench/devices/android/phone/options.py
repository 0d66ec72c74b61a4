"""Options of measuring on a phone."""

from dataclasses import dataclass
from pathlib import Path

from bench.devices.remote.options import RunnerOptions
from bench.errors import InputError
from bench.options import KILOHERTZ, option

DELEGATES = ("xnnpack", "gpu", "nnapi")


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneOptions(RunnerOptions):
    """What measures on a phone; the defaults suit an unrooted one.

    `binary` is TensorFlow's benchmark_model for the phone, for the runner of that name, and
    `delegate` is its option. `frequency_khz` fixes the clock of the cores in use, which needs root.
    """

    binary: Path | None = option(None, metavar="PATH", help="benchmark_model, built for the phone")
    delegate: str = option(
        "xnnpack",
        choices=DELEGATES,
        help="of benchmark_model (default xnnpack, the processor)",
    )
    frequency_khz: int | None = option(
        None,
        metavar="KHZ",
        unit=KILOHERTZ,
        help="fix the processor's frequency, on a rooted phone; put back afterwards",
    )
    keys: Path | None = None

    def check(self) -> None:
        """Check that runner, its program and its delegate fit together."""
        is_benchmark_model = self.runner == "benchmark_model"
        if is_benchmark_model and self.binary is None:
            raise InputError("runner benchmark_model needs --binary, that program for the phone")
        if not is_benchmark_model and self.binary is not None:
            raise InputError("--binary is for --runner benchmark_model; give both or neither")
        if not is_benchmark_model and self.delegate != "xnnpack":
            raise InputError(
                f"delegate {self.delegate} cannot run in our runner, which is linked to another C "
                "library than Android's drivers: use --runner benchmark_model --binary PATH"
            )
