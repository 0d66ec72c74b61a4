"""Task of verifying one file: measurement and verdicts, shared by `verify` and `deploy`."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.digests import content_digest
from bench.errors import InputError
from bench.protocol.progress import NoProgress, Progress
from bench.timing.statistic import MEDIAN
from ofabench.options.verify import JudgingOptions

if TYPE_CHECKING:
    from bench.blocks.spec import BlockSpec
    from bench.drift.log import Anchor
    from bench.protocol.backend import Backend
    from bench.protocol.device import Device
    from bench.protocol.target import Target
    from latency_models.predictors.predictor import LatencyPredictor
    from supernet.export.model_card import ModelCard
    from supernet.verification.verify import MeasuringSetup

OUTPUTS_COMPARED = 4  # images for comparing the file's outputs on the device with those here
ONE_GROUP_S = 3600.0  # one group: file and anchors are in the same rounds, however long these take
COMPANY = 100  # blocks of the predictor's sweep that are measured with the network


@dataclass(frozen=True, kw_only=True)
class VerificationTask:
    """Task of one verification: the file, its target, its prediction and limits.

    `predictor` is None if the file is only measured; `limits` are a search's, by target.
    `statistic` applies to prediction and limit. `keep` is a new sweep file for the samples.
    `energy`: the energy is measured, also without a limit on it.
    """

    content: bytes
    card: "ModelCard"
    target: "Target"
    predictor: "LatencyPredictor | None" = None
    limits: Mapping[str, float] | None = None
    statistic: str = MEDIAN
    keep: Path | None = None
    energy: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasurementSetup:
    """Device, backend and options of the measurement of a file."""

    device: "Device"
    backend: "Backend"
    options: JudgingOptions
    progress: Progress | None = None


def statistic_of(
    options: JudgingOptions, predictor: "LatencyPredictor | None", searched: str | None = None
) -> str:
    """Return the statistic of a verification: of options, predictor or search, else the median.

    `searched` is the statistic of a search's limit. `InputError` if two of them differ.
    """
    requested = options.statistic
    known = requested if predictor is None else predictor.statistic
    if searched is not None and known not in {None, searched}:
        whose = "--statistic" if predictor is None else "the predictor"
        raise InputError(
            f"the search had a limit on the {searched}, {whose} has the {known}: give those of the "
            "search"
        )
    if predictor is None:
        return requested or searched or MEDIAN
    if requested not in {None, predictor.statistic}:
        raise InputError(
            f"the predictor predicts the {predictor.statistic} of a network's samples, --statistic "
            f"is {requested}: fit one with --statistic {requested}, or leave --statistic out"
        )
    return predictor.statistic


def target_for(card: "ModelCard", predictor: "LatencyPredictor") -> "Target":
    """Return the target of a file: the predictor's, in the file's precision."""
    from supernet.verification.verify import comparable

    if comparable(card.precision, predictor.target):
        return predictor.target
    return replace(predictor.target, precision=card.precision)


def measure(setup: MeasurementSetup, task: VerificationTask) -> dict[str, Any]:
    """Measure the file; return JSON values of its latency and the verdicts.

    The keys are those of `Verification.to_json`, and file and target. There is no prediction for a
    file of another precision than the predictor's.
    """
    from supernet.verification.drift import drift_since_sweep
    from supernet.verification.verdicts import Expected, verify
    from supernet.verification.verify import measure_file

    predictor_target = None if task.predictor is None else task.predictor.target
    if (
        task.keep is not None
        and task.target.precision != task.target.file_precision
        and task.target != predictor_target
    ):
        raise InputError(
            f"samples of a file of {task.target.precision} cannot be kept: the blocks measured "
            "with it are float32, and a table made of them would be wrong; leave out --keep"
        )
    bench = _bench(setup, task)
    measurements = measure_file(task.content, task.card.blocks, bench, task.keep)
    predictor, predicted_ms, drift = task.predictor, None, None
    if predictor is not None and task.target == predictor.target:
        predicted_ms = predictor.predict(task.card.blocks).ms
        drift = drift_since_sweep(measurements, predictor, task.card.blocks)
    expected = Expected(
        predicted_ms=predicted_ms,
        limit_ms=_limit(task),
        tolerance=setup.options.tolerance,
        statistic=task.statistic,
    )
    verification = verify(measurements, expected, drift, task.card.blocks)
    return {
        **_identity(task),
        **verification.to_json(),
        "energy": _energy(bench, task),
        "on_device": _on_device(setup, task),
    }


def _identity(task: VerificationTask) -> dict[str, Any]:
    """The file's digest, its target, and the extrapolated blocks."""
    predictor, blocks = task.predictor, task.card.blocks
    other_precision = predictor is not None and task.target != predictor.target
    return {
        "model_sha256": content_digest(task.content),
        "target": task.target.key,
        "precision": task.card.precision,
        "prediction_of_another_precision": {
            "target": predictor.target.key,
            "predicted_ms": predictor.predict(blocks).ms,
        }
        if predictor is not None and other_precision
        else None,
        "extrapolated": []
        if predictor is None
        else [block.key for block in blocks if block not in predictor.domain],
    }


def _energy(bench: "MeasuringSetup", task: VerificationTask) -> dict[str, Any] | None:
    """The file's energy and its verdict; None if it is not to be measured."""
    from latency_models.predictors.energy import energy_key
    from supernet.verification.energy import measure_energy

    limit_mj = _limit(task, energy_key)
    if limit_mj is None and not task.energy:
        return None
    return measure_energy(task.content, task.card.blocks, bench, limit_mj).to_json()


def _on_device(setup: MeasurementSetup, task: VerificationTask) -> dict[str, Any] | None:
    """Difference of the file's outputs on the device from those here; None on this machine.

    Accuracies are measured here, with the same file; equal outputs mean that they hold there.
    """
    import numpy as np

    from supernet.export.export import run_file
    from supernet.export.output_check import compare

    device, backend = setup.device, setup.backend
    if device.address == "cpu":
        return None
    first = task.card.blocks[0]
    shape = (OUTPUTS_COMPARED, first.in_channels, first.in_size, first.in_size)
    images = np.random.default_rng(0).standard_normal(shape, dtype=np.float32)
    here = run_file(task.content, backend, images, task.card.precision)
    there = [device.infer(task.content, image[None], backend, task.target) for image in images]
    return asdict(compare(here, np.concatenate(there), "random"))


def _limit(task: VerificationTask, name_of: Callable[[str], str] = str) -> float | None:
    """The search's limit on this device, for any precision of the file.

    `name_of` returns the limit's name from a target's key: by default that of the latency.
    """
    limits = task.limits or {}
    targets = [task.target] if task.predictor is None else [task.predictor.target]
    targets.append(replace(task.target, precision="fp32"))
    names = [name_of(target.key) for target in targets]
    return next((limits[name] for name in names if name in limits), None)


def _bench(setup: MeasurementSetup, task: VerificationTask) -> "MeasuringSetup":
    from bench.timing.plan import SweepPlan
    from supernet.verification.verify import MeasuringSetup

    options = setup.options
    return MeasuringSetup(
        device=setup.device,
        backend=setup.backend,
        target=task.target,
        plan=SweepPlan(
            replicates=options.replicates,
            rounds=options.rounds,
            seed=options.seed,
            group_s=ONE_GROUP_S,
        ),
        progress=setup.progress or NoProgress(),
        company=blocks_measured_with(task.predictor, options.seed),
        anchors=_anchors(task),
        forced=options.force,
    )


def _anchors(task: VerificationTask) -> "tuple[Anchor, ...]":
    """Anchor networks for the drift, if the predictor applies to such a file."""
    predictor = task.predictor
    if predictor is None or task.target != predictor.target or predictor.drift_log is None:
        return ()
    return predictor.drift_log.anchors


def blocks_measured_with(
    predictor: "LatencyPredictor | None", seed: int
) -> "tuple[BlockSpec, ...]":
    """Return random blocks of the predictor's sweep, drawn by `seed`."""
    import numpy as np

    if predictor is None:
        return ()
    known = list(predictor.known)
    drawn = np.random.default_rng(seed).choice(
        len(known), size=min(COMPANY, len(known)), replace=False
    )
    return tuple(known[i] for i in drawn.tolist())
