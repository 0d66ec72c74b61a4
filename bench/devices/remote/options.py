"""Options of measuring by our runner, on phones and boards."""

from dataclasses import dataclass
from pathlib import Path

from bench.options import Options, option

RUNNERS = ("bundle", "python", "benchmark_model")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerOptions(Options):
    """What measures on a device, and how long to wait while it cools down.

    `debs` is a folder of Debian's packages for the bundle, if apt cannot fetch them. A cool-down
    waits at most `cool_wait_s`, all of a sweep's together `cool_total_s`.
    """

    runner: str | None = option(
        None,
        choices=RUNNERS,
        group="phones and boards (adb:..., ssh:...)",
        help="what measures there: bundle, our C program, which needs nothing there (default); "
        "python, an installed ofabench (ssh:..., default with --remote-python); benchmark_model, "
        "TensorFlow's program (adb:...)",
    )
    debs: Path | None = option(
        None,
        metavar="FOLDER",
        group="phones and boards (adb:..., ssh:...)",
        help="Debian's arm64 packages, where apt cannot fetch them; see `ofabench phone bundle`",
    )
    cool_wait_s: float = 120.0
    cool_total_s: float = 600.0
