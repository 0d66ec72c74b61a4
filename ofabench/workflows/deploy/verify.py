"""`verify`: measure a model file, compare it with its prediction and its limit."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import InputError
from bench.protocol.progress import Progress
from ofabench.options.verify import VerifyOptions, VerifyRequest, check_target_options
from ofabench.workflows.deploy.verification import Verification
from ofabench.workflows.deploy.verification_task import (
    MeasurementSetup,
    VerificationTask,
    measure,
    statistic_of,
    target_for,
)
from ofabench.workflows.deploy.verification_text import accuracy_json
from ofabench.workflows.deploy.verification_tries import check_no_tries
from ofabench.workflows.devices import DeviceLike, device_in, measuring_alone, waits
from ofabench.workflows.search.latencies import latency_source

if TYPE_CHECKING:
    from bench.protocol.backend import Backend
    from bench.protocol.device import Device
    from bench.protocol.target import Target
    from latency_models.predictors.predictor import LatencyPredictor
    from supernet.export.model_card import ModelCard
    from supernet.search.result_file import FoundNetwork

__all__ = ["Verification", "verify"]


def verify(  # noqa: PLR0913 - the file, where it is measured, and all that it may be judged by
    model: Any,
    device: DeviceLike,
    predictor: Any = None,
    *,
    result: Any = None,
    pick: int | None = None,
    limit_ms: float | None = None,
    limit_mj: float | None = None,
    data: str | None = None,
    keep: str | os.PathLike[str] | None = None,
    options: VerifyOptions | None = None,
    progress: Progress | None = None,
) -> Verification:
    """Measure a model file, and compare it with its prediction and its limit.

    Args:
        model: the result of `export`, or the path of its file, with its card in the same folder.
        device: an address like `"cpu"`, an open device, or `DeviceOptions`.
        predictor: a latency predictor, or its file; None to measure only.
        result: the search's result, or its file; its latency limit is checked too.
        pick: which network of `result`, from 1, if it is a front's file.
        limit_ms: a limit on the latency in ms, in place of a result.
        limit_mj: a limit on the energy of an inference in mJ, in place of a result; it is not
            checked where the device reports no energy.
        data: a data set's name or an image folder, to measure the accuracy on its test images.
        keep: a new sweep file to store every timing sample.
        options: how to measure, and the tolerance.
        progress: is shown the measurements; None shows nothing.

    Returns:
        The latency as measured and drift-corrected, with both verdicts, and the energy.

    Raises:
        InputError: arguments do not fit together, or belong to another network.
        TargetMismatchError: the device or the runtime is not the predictor's.
        DeviceError: the device cannot measure, or is busy.
        FileError: a file cannot be read.

    Example:
        >>> from ofabench.options.device import DeviceOptions
        >>> from ofabench.workflows.export.export import export
        >>> from tests.support.micro_supernets import micro_images, save_micro
        >>> model = export((save_micro("supernet.safetensors"), "smallest"), data=micro_images())
        >>> cpu = DeviceOptions(device="cpu", wait=True)
        >>> quick = VerifyOptions(replicates=3, rounds=2, force=True)
        >>> verify(model, cpu, limit_ms=1000, options=quick).limit_met
        True
    """
    from bench.backends.registry import get_backend

    options = options or VerifyOptions()
    if not isinstance(options, VerifyOptions):
        raise InputError(f"options are {options!r:.80}, expected VerifyOptions")
    check_target_options(options, predictor)
    name, content, card = _exported(model)
    block_predictor = None if predictor is None else latency_source(predictor).predictor
    statistic_of(options, block_predictor)  # raises before anything is opened
    result_network = _searched_network(result, pick, card)
    accuracy_judge = _judge(data, card, options.images)
    backend = get_backend(options.backend or card.backend, **card.forms)
    with device_in(device) as opened:
        target = _target(opened, backend, card, block_predictor, options)
        limited = target if block_predictor is None else block_predictor.target
        statistic = None
        if result_network is not None:
            statistic = result_network.statistics.get(limited.key)
        task = VerificationTask(
            content=content,
            card=card,
            target=target,
            predictor=block_predictor,
            limits=_limits(result_network, limit_ms, limit_mj, limited),
            statistic=statistic_of(options, block_predictor, statistic),
            keep=None if keep is None else Path(keep),
            energy=options.energy,
        )
        setup = MeasurementSetup(device=opened, backend=backend, options=options, progress=progress)
        with measuring_alone(opened, wait=waits(device), progress=progress):
            verdict = measure(setup, task)
    score = None if accuracy_judge is None else accuracy_judge(content)
    return Verification(
        {
            "model": name,
            "space": card.space,
            "arch": card.arch.to_json(),
            **verdict,
            **accuracy_json(score, None if result_network is None else result_network.accuracy),
        }
    )


def _exported(model: Any) -> "tuple[str, bytes, ModelCard]":
    """The model's name, content and card."""
    from supernet.export.model_card import read_exported

    if isinstance(model, str | os.PathLike):
        path = Path(model)
        return path.name, *read_exported(path)
    if not (hasattr(model, "content") and hasattr(model, "card")):
        raise InputError(
            f"the model is {model!r:.60}, expected a result of `export`, or the path of its file"
        )
    path_written = getattr(model, "path", None)
    return ("model" if path_written is None else Path(path_written).name), model.content, model.card


def _searched_network(result: Any, pick: int | None, card: "ModelCard") -> "FoundNetwork | None":
    """The searched network with its predictions; `InputError` if the file is another network."""
    from supernet.search.result_file import FoundNetwork, read_network

    if result is None:
        if pick is not None:
            raise InputError("--pick chooses a network of --result; give both, or leave it out")
        return None
    if isinstance(result, str | os.PathLike):
        searched = read_network(Path(result), pick, card.space)
    else:
        searched = FoundNetwork(
            space=result.space.name,
            arch=result.arch,
            accuracy=result.accuracy,
            predicted=result.predictions,
            limits=result.limits,
            statistics={
                source.key: source.predictor.statistic for source in result.origin.latencies
            },
        )
    if (searched.space, searched.arch) != (card.space, card.arch):
        raise InputError(
            "the search's result is of another network than the model file; export that network, "
            "or give the result that it was exported from"
        )
    return searched


def _limits(
    searched: "FoundNetwork | None",
    limit_ms: float | None,
    limit_mj: float | None,
    target: "Target",
) -> Mapping[str, float] | None:
    """The limits by name, of the search or of the arguments."""
    from latency_models.predictors.energy import energy_key

    given = {
        name: (key, limit)
        for name, key, limit in (
            ("limit_ms", target.key, limit_ms),
            ("limit_mj", energy_key(target.key), limit_mj),
        )
        if limit is not None
    }
    if searched is not None and given:
        raise InputError(
            f"the result has its limits already: leave {' and '.join(given)} or the result out"
        )
    for name, (_, limit) in given.items():
        if isinstance(limit, bool) or not isinstance(limit, int | float) or not limit > 0:
            raise InputError(f"{name} is {limit!r}, expected a number above 0")
    if not given:
        return None if searched is None else searched.limits
    return {key: float(limit) for key, limit in given.values()}


def _judge(data: str | None, card: "ModelCard", images: int | None) -> Any:
    """Open the test images for the accuracy, before anything is measured."""
    if data is None:
        return None
    from supernet.verification.accuracy_evaluation import AccuracyEvaluation

    return AccuracyEvaluation.on(data, card, images)


def _target(
    device: "Device",
    backend: "Backend",
    card: "ModelCard",
    predictor: "LatencyPredictor | None",
    options: VerifyOptions,
) -> "Target":
    """The target to measure on: the predictor's, or the device with its defaults."""
    from ofabench.workflows.sweep.sweep_setup import make_target

    if predictor is not None:
        return target_for(card, predictor)
    return make_target(
        device,
        backend,
        threads=options.threads or 1,
        cores=options.cores,
        batch=card.batch,
        precision=card.precision,
    )


def verify_from(
    request: VerifyRequest, progress: Progress | None = None
) -> tuple[Verification, Verification]:
    """Verify as a request says.

    Returns:
        This measurement, and the content of the request's file afterwards: the same, or an earlier
        measurement with this one among its repeats.
    """
    if request.out is not None:
        check_no_tries(request.out)
    measured = verify(
        request.model,
        request.device,
        request.latency,
        result=request.result,
        pick=request.pick,
        data=request.data,
        keep=request.keep,
        options=request.verify,
        progress=progress,
    )
    return measured, measured if request.out is None else measured.save(request.out)
