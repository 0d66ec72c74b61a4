"""The common part of `verify` and `deploy`: measure a file, give the verdicts."""

from collections.abc import Mapping
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
    from supernet.verification.verify import Bench

OUTPUTS_COMPARED = 4  # images on which a file's outputs there are held beside those here
ONE_GROUP_S = 3600.0  # the file and the anchors are in the same rounds, however long these take
COMPANY = 100  # blocks of the predictor's sweep that are measured beside the network


@dataclass(frozen=True, kw_only=True)
class VerificationTask:
    """One verification: which file, on which target, judged by what.

    `predictor` is None where the file is only measured; `limits` are a search's, by target.
    `statistic` is what prediction and limit are of.
    """

    content: bytes
    card: "ModelCard"
    target: "Target"
    predictor: "LatencyPredictor | None" = None
    limits: Mapping[str, float] | None = None
    statistic: str = MEDIAN
    keep: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasurementSetup:
    """Where and how a file is measured, and how it is judged."""

    device: "Device"
    backend: "Backend"
    options: JudgingOptions
    progress: Progress | None = None


def statistic_of(
    options: JudgingOptions, predictor: "LatencyPredictor | None", searched: str | None = None
) -> str:
    """What a file is judged by: the option's, the predictor's, the search's, else the median.

    `searched` is what the limit of a search's result is of. `InputError` where two of them differ.
    """
    wanted = options.statistic
    judged = wanted if predictor is None else predictor.statistic
    if searched is not None and judged not in {None, searched}:
        whose = "--statistic" if predictor is None else "the predictor"
        raise InputError(
            f"the result was searched with a limit on the {searched}, {whose} is of the {judged}: "
            "give those that it was searched with"
        )
    if predictor is None:
        return wanted or searched or MEDIAN
    if wanted not in {None, predictor.statistic}:
        raise InputError(
            f"the predictor predicts the {predictor.statistic} of a network's samples, --statistic "
            f"is {wanted}: fit one with --statistic {wanted}, or leave --statistic out"
        )
    return predictor.statistic


def target_for(card: "ModelCard", predictor: "LatencyPredictor") -> "Target":
    """Name what a file is measured on beside a predictor: its target, in the file's precision."""
    from supernet.verification.verify import comparable

    if comparable(card.precision, predictor.target):
        return predictor.target
    return replace(predictor.target, precision=card.precision)


def measure(place: MeasurementSetup, asked: VerificationTask) -> dict[str, Any]:
    """Measure the file; JSON values of its latency, judged by its prediction and its limit.

    The keys are those of `Verification.to_json`, and what was verified on which target. Nothing is
    predicted of a file of another precision than the predictor's.
    """
    from supernet.verification.drift import drift_since_sweep
    from supernet.verification.verdicts import Expected, verify
    from supernet.verification.verify import measure_file

    swept = None if asked.predictor is None else asked.predictor.target
    if asked.keep is not None and asked.target.precision != "fp32" and asked.target != swept:
        raise InputError(
            f"samples of a file of {asked.target.precision} are not kept: the blocks beside it are "
            "float32, and a table made of them would be wrong; leave out --keep"
        )
    measurements = measure_file(asked.content, asked.card.blocks, _bench(place, asked), asked.keep)
    predictor, predicted_ms, drift = asked.predictor, None, None
    if predictor is not None and asked.target == predictor.target:
        predicted_ms = predictor.predict(asked.card.blocks).ms
        drift = drift_since_sweep(measurements, predictor, asked.card.blocks)
    expected = Expected(
        predicted_ms=predicted_ms,
        limit_ms=_limit_ms(asked),
        tolerance=place.options.tolerance,
        statistic=asked.statistic,
    )
    verification = verify(measurements, expected, drift, asked.card.blocks)
    return {
        **_verified(asked),
        **verification.to_json(),
        "on_device": _on_device(place, asked),
    }


def _verified(asked: VerificationTask) -> dict[str, Any]:
    """What is verified: the file by its digest, the target, what the predictor says of it."""
    predictor, blocks = asked.predictor, asked.card.blocks
    other = predictor is not None and asked.target != predictor.target
    return {
        "model_sha256": content_digest(asked.content),
        "target": asked.target.key,
        "precision": asked.card.precision,
        "prediction_of_another_precision": {
            "target": predictor.target.key,
            "predicted_ms": predictor.predict(blocks).ms,
        }
        if predictor is not None and other
        else None,
        "extrapolated": []
        if predictor is None
        else [one.key for one in blocks if one not in predictor.domain],
    }


def _on_device(place: MeasurementSetup, asked: VerificationTask) -> dict[str, Any] | None:
    """How near the file's outputs there are to those here; None where the device is this machine.

    Accuracies are measured here, by the same file: this says whether they hold there.
    """
    import numpy as np

    from supernet.export.export import run_file
    from supernet.export.output_check import compare

    device, backend = place.device, place.backend
    if device.address == "cpu":
        return None
    first = asked.card.blocks[0]
    shape = (OUTPUTS_COMPARED, first.in_channels, first.in_size, first.in_size)
    images = np.random.default_rng(0).standard_normal(shape, dtype=np.float32)
    here = run_file(asked.content, backend, images, asked.card.precision)
    there = [device.infer(asked.content, one[None], backend, asked.target) for one in images]
    return asdict(compare(here, np.concatenate(there), "random"))


def _limit_ms(asked: VerificationTask) -> float | None:
    """The search's limit on this device; what was limited is the latency, in any precision."""
    limits = asked.limits or {}
    targets = [asked.target] if asked.predictor is None else [asked.predictor.target]
    targets.append(replace(asked.target, precision="fp32"))
    return next((limits[one.key] for one in targets if one.key in limits), None)


def _bench(place: MeasurementSetup, asked: VerificationTask) -> "Bench":
    from bench.timing.plan import SweepPlan
    from supernet.verification.verify import Bench

    options = place.options
    return Bench(
        device=place.device,
        backend=place.backend,
        target=asked.target,
        plan=SweepPlan(
            loads=options.replicates, passes=options.rounds, seed=options.seed, group_s=ONE_GROUP_S
        ),
        progress=place.progress or NoProgress(),
        company=company_of(asked.predictor, options.seed),
        anchors=_anchors(asked),
        forced=options.force,
    )


def _anchors(asked: VerificationTask) -> "tuple[Anchor, ...]":
    """Networks by which drift is followed, where something is predicted of such a file."""
    predictor = asked.predictor
    if predictor is None or asked.target != predictor.target or predictor.drift_log is None:
        return ()
    return predictor.drift_log.anchors


def company_of(predictor: "LatencyPredictor | None", seed: int) -> "tuple[BlockSpec, ...]":
    """Blocks of the predictor's sweep, drawn by `seed`."""
    import numpy as np

    if predictor is None:
        return ()
    known = list(predictor.known)
    drawn = np.random.default_rng(seed).choice(
        len(known), size=min(COMPANY, len(known)), replace=False
    )
    return tuple(known[i] for i in drawn.tolist())
