"""Deployment: from a search's result to a folder with the model, checked, measured, documented."""

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
from ofabench.workflows.deploy.verification_task import (
    MeasurementSetup,
    VerificationTask,
    measure,
    statistic_of,
    target_for,
)
from ofabench.workflows.devices import DeviceLike, device_in, measuring_alone, waits
from ofabench.workflows.search.latencies import LatencySource, load_sources
from ofabench.workflows.search.limits import counted_limits, latency_limits
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
    """Leave a folder to hand on: a model, its card, the search's result and their sums.

    Args:
        supernet: a trained supernet, or its file; None with `network`.
        out: the folder to make. Where it is there, finished and of the same request, it is left
            as it is; nothing is ever written over.
        arch: which network of the supernet: what `search` found, an `ArchConfig`, one of the words
            largest and smallest, or a file of a search's result or of archs.
        network: a sub-network by itself, or its file, in place of a supernet.
        result: what `search` found of `network`, or its file.
        pick: which of several in a file, from 1.
        latencies: latency predictors or their files; those of the device are verified, the others
            stay predicted.
        data: other images than those of the training: a data set's name or a folder.
        device: where the file is measured: an address, an open device, or `DeviceOptions`.
        options: what file is made, and how it is measured and judged.
        progress: is shown the measuring; None shows nothing.

    Returns:
        The folder with its card: accuracies, latencies as predicted and measured, all limits.

    Raises:
        InputError: arguments do not fit together; nothing is made then.
        FileError: a file cannot be read, or the folder is there and is something else.
        TargetMismatchError: no predictor is of the device.

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
        given = read_inputs(
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
        return _deploy(given, Path(out), device, progress)


def deploy_from(
    request: DeployRequest, progress: Progress | None = None, watcher: "Watcher | None" = None
) -> Deployment:
    """Deploy as a request says, after the search that it may ask for, which `watcher` is shown."""
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
    """Search the checkpoint's space for the network that is deployed."""
    from ofabench.workflows.search.search import search
    from supernet.train.checkpoint import load_trained

    assert request.checkpoint is not None
    assert request.accuracy is not None
    options = SearchOptions(seed=request.deploy.seed, allow_extrapolated=request.allow_extrapolated)
    costs = latency_limits(latencies, request.limits)
    others = counted_limits(request.limits, request.deploy.form.precision)
    space = load_trained(request.checkpoint).space
    return search(space, request.accuracy, [*costs, *others], options, watcher)


def _deploy(
    given: DeploymentInputs, out: Path, device: DeviceLike, progress: Progress | None
) -> Deployment:
    """Leave the folder, or nothing. What can be refused is, before anything takes time."""
    from bench.backends.registry import get_backend
    from ofabench.workflows.export.model_file import check_form, make_model
    from ofabench.workflows.train.broken_images import log_broken

    options = given.options
    check_form(options.form)
    backend = get_backend(options.form.format)
    request = given.request(device)
    there = finished(out, request)
    if there is not None:
        logger.info("%s is there already, finished and whole", out)
        return Deployment(out, there)
    with _device(given, device, backend, progress) as (place, here):
        extracted = given.open()
        given.check_result(extracted.network)
        model = make_model(extracted, options.form)
        verdicts = {one.target.key: _verify(place, model, one, given) for one in here}
    found = _judge(given, model, verdicts, extracted.data)
    card = card_json(model.card, f"model{backend.file_suffix}", given, found, request)
    write_folder(out, _files(card, model, given))
    if extracted.data is not None:
        log_broken(extracted.data.broken())
    return Deployment(out, card)


@contextmanager
def _device(
    given: DeploymentInputs, device: DeviceLike, backend: "Backend", progress: Progress | None
) -> "Iterator[tuple[MeasurementSetup | None, list[LatencyPredictor]]]":
    """Where to verify, and which predictors are of it; none where it is not wanted.

    `TargetMismatchError` where it is wanted, and no predictor is of the device.
    """
    from bench.errors import TargetMismatchError

    if not given.options.verify or not given.latencies:
        yield None, []
        return
    with device_in(device) as opened:
        here, why = [], []
        for source in given.latencies:
            try:
                _check_target(opened, backend, source.predictor)
                statistic_of(given.options, source.predictor)  # refused before anything is made
                here.append(source.predictor)
            except TargetMismatchError as error:
                why.append(str(error).partition(":")[0])
        if not here:
            raise TargetMismatchError(
                f"no --latency is of the device {opened.address} and {backend.name}: "
                f"{'; '.join(why)}; name its --device, or leave it predicted by --no-verify"
            )
        with measuring_alone(opened, wait=waits(device), progress=progress):
            if not given.options.force:
                opened.check_quiet()
            place = MeasurementSetup(
                device=opened, backend=backend, options=given.options, progress=progress
            )
            yield place, here


def _check_target(device: "Device", backend: "Backend", predictor: "LatencyPredictor") -> None:
    from supernet.verification.verify import Bench, check_target

    check_target(Bench(device=device, backend=backend, target=predictor.target))


def _verify(
    place: MeasurementSetup | None,
    model: "ExportedModel",
    predictor: "LatencyPredictor",
    given: DeploymentInputs,
) -> dict[str, Any]:
    assert place is not None
    asked = VerificationTask(
        content=model.content,
        card=model.card,
        target=target_for(model.card, predictor),
        predictor=predictor,
        limits=given.limits,
        statistic=statistic_of(given.options, predictor),
    )
    return measure(place, asked)


def _judge(
    given: DeploymentInputs,
    model: "ExportedModel",
    verdicts: Mapping[str, Mapping[str, Any]],
    data: Any,
) -> DeploymentResults:
    """Judge the file on test images, last: nothing is decided by them."""
    from supernet.verification.accuracy_evaluation import Judge

    options = given.options
    score, name = None, "" if data is None else data.name
    if not model.unjudged:
        if given.data_in_memory:
            judge = Judge(data, model.card, options.test_images)
        else:
            judge = Judge.on(name, model.card, options.test_images)
        score = judge(model.content)
    return DeploymentResults(
        score=score,
        data=name,
        unjudged=model.unjudged,
        verdicts=verdicts,
        unverified=ELSEWHERE if options.verify else NO_VERIFY,
    )


def _files(
    card: Mapping[str, Any], model: "ExportedModel", given: DeploymentInputs
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
    if given.search is not None:
        files[SEARCH] = _json(given.search)
    return files


def _json(values: Mapping[str, Any]) -> bytes:
    return (json.dumps(values, indent=2, allow_nan=False) + "\n").encode()
