"""Options of measuring on a phone."""

from dataclasses import dataclass
from pathlib import Path

from bench.errors import InputError
from bench.options import KILOHERTZ, Options, option

RUNNERS = ("ofabench", "benchmark_model")
DELEGATES = ("xnnpack", "gpu", "nnapi")


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneOptions(Options):
    """What measures, and how long to wait; the defaults suit an unrooted phone.

    `binary` is TensorFlow's benchmark_model for the phone, for the runner of that name, and
    `delegate` is its option. `debs` is a folder of Debian's arm64 packages, if apt cannot fetch
    them. `frequency_khz` fixes the clock of the cores in use, which needs root. A cool-down waits
    at most `cool_wait_s`, all of a sweep's together `cool_total_s`.
    """

    runner: str = option(
        "ofabench", choices=RUNNERS, help="what measures on the phone (default ofabench, ours)"
    )
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
    debs: Path | None = option(
        None,
        metavar="FOLDER",
        help="Debian's arm64 packages, where apt cannot fetch them; see `ofabench phone bundle`",
    )
    keys: Path | None = None
    cool_wait_s: float = 120.0
    cool_total_s: float = 600.0

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
