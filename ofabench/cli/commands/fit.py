"""`ofabench fit`: fit a latency predictor on blocks, on networks, or on both."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import InputError
from bench.options import Options, nested, option
from ofabench.cli.derived.command import Command
from ofabench.options import shared
from ofabench.options.fit import FitOptions

if TYPE_CHECKING:
    from latency_models.operators.calibration import Calibration


@dataclass(frozen=True, slots=True, kw_only=True)
class FitCommand(Options):
    """Options of `ofabench fit`."""

    table: Path | None = option(None, positional=True, metavar="T.parquet", help="latency table")
    networks: Path | None = option(None, metavar="N.parquet", help="measured networks")
    fit: FitOptions = nested(FitOptions)
    prior: tuple[Path, ...] = option(
        (),
        repeat=True,
        metavar="P0.parquet",
        help="with --networks alone: predictor of another device to start from; may be repeated",
    )
    models: tuple[Path, ...] = option(
        (),
        repeat=True,
        metavar="SWEEP.sqlite|FOLDER",
        help="for ONNX or TFLite files of any origin: what `measure --operators --keep` wrote; "
        "may be repeated",
    )
    energy: bool = option(
        False,
        help="fit the energy of an inference in place of its latency, on tables of a sweep with "
        "--energy",
    )
    progress: str = shared.progress()
    out: Path = shared.out("P.parquet")


def run(options: FitCommand) -> int:
    """Fit, print the chosen forms, and write the predictor."""
    if options.models:
        return _fit_models(options)
    if options.energy:
        return _fit_energy(options)
    from ofabench.cli.output import bold
    from ofabench.display.progress import get_progress
    from ofabench.workflows.latency.fit import fit
    from ofabench.workflows.latency.fit_text import fit_text

    predictor = fit(
        options.table,
        options.networks,
        options.prior,
        options.fit,
        get_progress(options.progress),
    )
    predictor.save(options.out)
    print(fit_text(predictor.fitted, bold))
    print(f"{options.out}: predictor of {predictor.target.key}")
    return 0


def _fit_energy(options: FitCommand) -> int:
    """Fit an energy predictor."""
    from ofabench.cli.output import bold
    from ofabench.display.progress import get_progress
    from ofabench.workflows.energy.fit import fit_energy
    from ofabench.workflows.latency.fit_text import fit_text

    if options.prior:
        raise InputError("--prior is for latencies: leave it out with --energy")
    progress = get_progress(options.progress)
    predictor = fit_energy(options.table, options.networks, options.fit, progress)
    predictor.save(options.out)
    print(fit_text(predictor.block_predictor.costs, bold, "mj"))
    print(f"{options.out}: energy predictor of {predictor.target.key}, in mJ")
    return 0


def _fit_models(options: FitCommand) -> int:
    """Fit a predictor of models from their operators."""
    from ofabench.workflows.models.fit_models import fit_models

    if options.energy:
        raise InputError("--energy is for blocks and networks: leave --models or --energy out")
    if options.table is not None or options.networks is not None or options.prior:
        raise InputError(
            "--models fits on models and their operators: leave the table, --networks and --prior "
            "out"
        )
    predictor = fit_models(options.models)
    predictor.save(options.out)
    fitted = predictor.calibration
    print(
        f"{len(predictor.operators)} operators, {len(predictor.models)} models: in a model an "
        f"operator takes {fitted.warm_share:.2f} of its warm latency and {fitted.cold_share:.2f} "
        f"of its cold one, less {1e3 * fitted.overhead_ms:.1f} us{_reload(fitted)}; "
        "standard deviation "
        f"{fitted.relative_std:.1%}, each model predicted from the others"
    )
    print(f"{options.out}: predictor of {predictor.target.key}")
    return 0


def _reload(fitted: "Calibration") -> str:
    if fitted.reload_ms_per_byte == 0:
        return ""
    return (
        f", and waits {1e9 * fitted.reload_ms_per_byte:.0f} us for each MB of weights that left "
        f"a cache of {fitted.cache_bytes / 1e6:g} MB"
    )


COMMAND = Command(
    name="fit",
    help="fit a latency predictor on measured blocks and networks",
    options=FitCommand,
    run=run,
)
