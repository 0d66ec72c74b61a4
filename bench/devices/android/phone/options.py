"""How a phone is to be measured, as far as a user may choose."""

from dataclasses import dataclass
from pathlib import Path

from bench.errors import InputError

RUNNERS = ("ofabench", "benchmark_model")
DELEGATES = ("xnnpack", "gpu", "nnapi")


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneOptions:
    """What measures, and what is waited for; the defaults suit an unrooted phone.

    `binary` is TensorFlow's benchmark_model for the phone, of the runner of that name, and
    `delegate` is its own. `debs` is a folder of Debian's arm64 packages, where apt cannot fetch
    them. `frequency_khz` fixes the clock of the cores in use, which needs root. A cool-down waits
    `cool_wait_s` at most, all of a sweep's together `cool_total_s`.
    """

    runner: str = "ofabench"
    binary: Path | None = None
    delegate: str = "xnnpack"
    keys: Path | None = None
    debs: Path | None = None
    frequency_khz: int | None = None
    cool_wait_s: float = 120.0
    cool_total_s: float = 600.0

    def __post_init__(self) -> None:
        for name, known in (("runner", RUNNERS), ("delegate", DELEGATES)):
            if getattr(self, name) not in known:
                expected = " or ".join(known)
                raise InputError(f"{name} is {getattr(self, name)!r}, expected {expected}")
        theirs = self.runner == "benchmark_model"
        if theirs and self.binary is None:
            raise InputError("runner benchmark_model needs --binary, that program for the phone")
        if not theirs and self.binary is not None:
            raise InputError("--binary is for --runner benchmark_model; give both or neither")
        if not theirs and self.delegate != "xnnpack":
            raise InputError(
                f"delegate {self.delegate} cannot run in our runner, which is linked to another C "
                "library than Android's drivers: use --runner benchmark_model --binary PATH"
            )
