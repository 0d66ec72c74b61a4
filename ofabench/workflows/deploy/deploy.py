"""Deployment: a folder with the searched network's model file, verified and documented."""

import json
import logging
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.protocol.progress import Progress
from ofabench.options.deploy import DeployOptions, DeployRequest
from ofabench.options.search import SearchOptions
from ofabench.workflows.deploy.deploy_card import ELSEWHERE, NO_VERIFY, DeploymentResults, card_json
from ofabench.workflows.deploy.deploy_folder import CARD, PAGE, SEARCH, finished, write_folder
from ofabench.workflows.deploy.deploy_page import page_of
from ofabench.workflows.deploy.deployment import Deployment
from ofabench.workflows.deploy.deployment_inputs import DeploymentInputs, read_inputs
from ofabench.workflows.deploy.finetuning import finetuned
from ofabench.workflows.deploy.verification_task import (
    MeasurementSetup,
    VerificationTask,
    measure,
    statistic_of,
    target_for,
)
from ofabench.workflows.devices import DeviceLike, device_in, measuring_alone, waits
from ofabench.workflows.search.latencies import LatencySource, load_sources
from ofabench.workflows.search.limits import (
    Limit,
    counted_limits,
    energy_limits,
    latency_limits,
)
from supernet.data.class_names import LABELS, labels_text

if TYPE_CHECKING:
    from bench.protocol.backend import Backend
    from bench.protocol.device import Device
    from latency_models.predictors.predictor import LatencyPredictor
    from ofabench.workflows.export.model_file import ExportedModel
    from ofabench.workflows.search.result import SearchResult
    from supernet.search.callbacks import Watcher

__all__ = ["Deployment", "deploy"]

logger = logging.getLogger(__name__)


def deploy(  # noqa: PLR0913 - which network, what it is judged by, and where
    supernet: Any,
    out: str | os.PathLike[str],
    *,
    arch: Any = None,
    network: Any = None,
    result: Any = None,
    pick: int | None = None,
    latencies: Any = (),
    data: str | None = None,
    device: DeviceLike = "cpu",
    options: DeployOptions | None = None,
    progress: Progress | None = None,
) -> Deployment:
    """Make a folder to ship: a model, its card, the search's result and their checksums.

    Args:
        supernet: a trained supernet, or its file; None with `network`.
        out: the folder to make. A finished one of the same request is returned as it is; nothing is
            ever overwritten.
        arch: which network of the supernet: a search's result, an `ArchConfig`, one of the words
            largest and smallest, or a file with a search's result or with architectures.
        network: an extracted sub-network, or its file, in place of a supernet.
        result: the search's result for `network`, or its file.
        pick: which of several in a file, from 1.
        latencies: latency predictors or their files; those of the device are verified, the others
            only predict.
        data: other images than the training's: a data set's name or a folder.
        device: the device that measures the file: an address, an open device, or `DeviceOptions`.
        options: the file's format, and how it is measured and judged.
        progress: is shown the measurements; None shows nothing.

    Returns:
        The folder with its card: accuracies, latencies as predicted and measured, all limits.

    Raises:
        InputError: arguments do not fit together; then nothing is written.
        FileError: a file cannot be read, or the folder exists and is something else.
        TargetMismatchError: no predictor has the device as its target.

    Example:
        >>> from ofabench.workflows.train.supernet import load_supernet
        >>> from tests.support.micro_supernets import micro_images, save_micro
        >>> supernet = load_supernet(save_micro("supernet.safetensors"), data=micro_images())
        >>> options = DeployOptions(verify=False)
        >>> made = deploy(supernet, "deployed", arch="smallest", options=options)
        >>> made.model.name, made.failed
        ('model.onnx', False)
    """
    options = DeployOptions.or_defaults(options)
    with tempfile.TemporaryDirectory(prefix="ofabench-") as folder:
        inputs = read_inputs(
            Path(folder),
            supernet=supernet,
            network=network,
            arch=arch,
            result=result,
            pick=pick,
            latencies=latencies,
            data=data,
            options=options,
        )
        return _deploy(inputs, Path(out), device, progress)


def deploy_from(
    request: DeployRequest, progress: Progress | None = None, watcher: "Watcher | None" = None
) -> Deployment:
    """Deploy as a request says, after its search if it has one; `watcher` is shown the search."""
    latencies = load_sources(request.latency)
    arch: Any = request.arch
    if request.accuracy is not None:
        arch = _searched(request, latencies, watcher)
    return deploy(
        request.checkpoint,
        request.out,
        arch=arch,
        network=request.network,
        result=request.result,
        pick=request.pick,
        latencies=latencies,
        data=request.data,
        device=request.device,
        options=request.deploy,
        progress=progress,
    )


def _searched(
    request: DeployRequest, latencies: Sequence[LatencySource], watcher: "Watcher | None"
) -> "SearchResult":
    """Search the checkpoint's space for the network to deploy."""
    from ofabench.workflows.deploy.int8_check import warn_if_int8_is_slower
    from ofabench.workflows.search.search import search
    from supernet.train.checkpoint import load_trained

    assert request.checkpoint is not None
    assert request.accuracy is not None
    options = SearchOptions(seed=request.deploy.seed, allow_extrapolated=request.allow_extrapolated)
    costs = latency_limits(latencies, request.limits)
    others: list[Limit] = [
        *energy_limits(request.limits),
        *counted_limits(request.limits, request.deploy.form.precision),
    ]
    space = load_trained(request.checkpoint).space
    warn_if_int8_is_slower(space, latencies, request.device, request.deploy)
    return search(space, request.accuracy, [*costs, *others], options, watcher)


def _deploy(
    inputs: DeploymentInputs, out: Path, device: DeviceLike, progress: Progress | None
) -> Deployment:
    """Write the whole folder or nothing. All checks come before anything that takes time."""
    from ofabench.workflows.export.graph_forms import export_backend
    from ofabench.workflows.export.model_file import check_form, make_model
    from ofabench.workflows.train.broken_images import log_broken

    options = inputs.options
    check_form(options.form)
    backend = export_backend(options.form, [source.predictor.target for source in inputs.latencies])
    request = inputs.request(device)
    existing = finished(out, request)
    if existing is not None:
        logger.info("%s exists already, finished and complete", out)
        return Deployment(out, existing)
    tuned = None
    if options.finetune is not None:
        with _setup(inputs, device, backend, progress):
            pass  # checks the device before the training, during which others may use it
        tuned = finetuned(inputs, out, options.finetune, progress)
    with _setup(inputs, device, backend, progress) as (setup, predictors):
        extracted = inputs.open() if tuned is None else tuned.network
        inputs.check_result(extracted.network)
        model = make_model(extracted, options.form, backend)
        verdicts = {
            predictor.target.key: _verify(setup, model, predictor, inputs)
            for predictor in predictors
        }
    results = _judge(inputs, model, verdicts, extracted.data)
    card = card_json(model.card, f"model{backend.file_suffix}", inputs, results, request)
    files = _files(card, model, inputs)
    write_folder(out, files if tuned is None else {**files, **tuned.files()})
    if tuned is not None:
        tuned.remove()
    if extracted.data is not None:
        log_broken(extracted.data.broken())
    return Deployment(out, card)


@contextmanager
def _setup(
    inputs: DeploymentInputs, device: DeviceLike, backend: "Backend", progress: Progress | None
) -> "Iterator[tuple[MeasurementSetup | None, list[LatencyPredictor]]]":
    """Yield the setup for verifying and the predictors of its device; None and [] without.

    `TargetMismatchError` if a verification is wanted and no predictor is of the device.
    """
    from bench.errors import TargetMismatchError

    if not inputs.options.verify or not inputs.latencies:
        yield None, []
        return
    with device_in(device) as opened:
        predictors, mismatches = [], []
        for source in inputs.latencies:
            try:
                _check_target(opened, backend, source.predictor)
                statistic_of(inputs.options, source.predictor)  # raises before anything is written
                predictors.append(source.predictor)
            except TargetMismatchError as error:
                mismatches.append(str(error).partition(":")[0])
        if not predictors:
            raise TargetMismatchError(
                f"no --latency has the target {opened.address} with {backend.name}: "
                f"{'; '.join(mismatches)}; give the --device of one, or do not measure: --no-verify"
            )
        with measuring_alone(opened, wait=waits(device), progress=progress):
            if not inputs.options.force:
                opened.check_quiet()
            setup = MeasurementSetup(
                device=opened, backend=backend, options=inputs.options, progress=progress
            )
            yield setup, predictors


def _check_target(device: "Device", backend: "Backend", predictor: "LatencyPredictor") -> None:
    from supernet.verification.verify import MeasuringSetup, check_target

    check_target(MeasuringSetup(device=device, backend=backend, target=predictor.target))


def _verify(
    setup: MeasurementSetup | None,
    model: "ExportedModel",
    predictor: "LatencyPredictor",
    inputs: DeploymentInputs,
) -> dict[str, Any]:
    assert setup is not None
    task = VerificationTask(
        content=model.content,
        card=model.card,
        target=target_for(model.card, predictor),
        predictor=predictor,
        limits=inputs.limits,
        statistic=statistic_of(inputs.options, predictor),
    )
    return measure(setup, task)


def _judge(
    inputs: DeploymentInputs,
    model: "ExportedModel",
    verdicts: Mapping[str, Mapping[str, Any]],
    data: Any,
) -> DeploymentResults:
    """Measure the file's accuracy on test images, last: no decision depends on it."""
    from supernet.verification.accuracy_evaluation import AccuracyEvaluation

    options = inputs.options
    score, name = None, "" if data is None else data.name
    if not model.no_accuracy_reason:
        if inputs.data_in_memory:
            judge = AccuracyEvaluation(data, model.card, options.test_images)
        else:
            judge = AccuracyEvaluation.on(name, model.card, options.test_images)
        score = judge(model.content)
    return DeploymentResults(
        score=score,
        data=name,
        no_accuracy_reason=model.no_accuracy_reason,
        verdicts=verdicts,
        unverified=ELSEWHERE if options.verify else NO_VERIFY,
    )


def _files(
    card: Mapping[str, Any], model: "ExportedModel", inputs: DeploymentInputs
) -> dict[str, bytes]:
    file = card["model"]["file"]
    files = {
        file: model.content,
        f"{file}.json": _json(model.card.to_json()),
        CARD: _json(card),
        PAGE: page_of(card).encode(),
    }
    if model.card.class_names:
        files[LABELS] = labels_text(model.card.class_names).encode()
    if inputs.search is not None:
        files[SEARCH] = _json(inputs.search)
    return files


def _json(values: Mapping[str, Any]) -> bytes:
    return (json.dumps(values, indent=2, allow_nan=False) + "\n").encode()
