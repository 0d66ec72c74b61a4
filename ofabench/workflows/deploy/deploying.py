"""From a search's result to a folder to hand on: cut, export, check, judge, measure, write."""

import argparse
import hashlib
import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import InputError
from bench.files import read_bytes
from ofabench.workflows.deploy.deploy_card import (
    ELSEWHERE,
    NO_VERIFY,
    Found,
    Given,
    card_json,
    read_search,
)
from ofabench.workflows.deploy.deploy_folder import CARD, PAGE, SEARCH, finished, write_folder
from ofabench.workflows.deploy.deploy_page import page_of
from ofabench.workflows.deploy.deploy_search import digest_of_search
from ofabench.workflows.train.given_networks import ENDS
from supernet.data.class_names import LABELS, labels_text

if TYPE_CHECKING:
    from bench.protocol.backend import Backend
    from bench.protocol.device import Device
    from latency_models.predictors.predictor import LatencyPredictor
    from ofabench.options.export import ExportOptions
    from ofabench.workflows.export.model_file import ExportedModel
    from ofabench.workflows.train.extraction import ExtractedNetwork


def deploy(args: argparse.Namespace) -> dict[str, Any]:
    """Leave the folder `args.out`, or nothing; its card. What is there and finished is not redone.

    `args` are those of the command; a search run before this one hands its result over as
    `args.arch`. Everything that can be refused is, before anything takes time.
    """
    from bench.backends.registry import get_backend
    from ofabench.options.export import ExportOptions
    from ofabench.workflows.export.model_file import make_model
    from ofabench.workflows.train.broken_images import log_broken
    from supernet.export.precision import check_precision

    check_precision(args.format, args.precision)
    backend = get_backend(args.format)
    backend.version()
    given = _given(args)
    request = _request(args, given)
    there = finished(args.out, request)
    if there is not None:
        print(f"{args.out} is there already, finished and whole", file=sys.stderr)
        return there
    with _device(args, backend, given) as (device, here):
        form = ExportOptions(
            format=args.format,
            precision=args.precision,
            calibration=args.calibration,
            images=args.images,
            accuracy=not args.no_accuracy,
        )
        cut = _extracted(args, form)
        _check_result(given, cut.network)
        product = make_model(cut, form)
        verdicts = {}
        for predictor in here:
            verdicts[predictor.target.key] = _verify(
                args, (device, backend), product, predictor, given
            )
    found = _judge(args, product, verdicts, cut.data)
    file = f"model{backend.file_suffix}"
    card = card_json(product.card, file, given, found, request)
    write_folder(args.out, _files(card, product, given))
    if cut.data is not None:
        log_broken(cut.data.broken())
    return card


def _given(args: argparse.Namespace) -> Given:
    from ofabench.workflows.search.searching import load_latencies

    path = args.result
    if path is None and args.arch is not None and args.arch not in ENDS:
        path = Path(args.arch)
    if path is None and args.pick is not None:
        raise InputError("--pick chooses a network of --arch or --result; name a file of several")
    search = read_search(path, args.pick)
    predictors = tuple(zip(args.latency, load_latencies(args.latency), strict=True))
    return Given(
        search=search,
        search_path=path if search is not None else None,
        pick=args.pick,
        predictors=predictors,
        weights=args.network or args.checkpoint,
    )


def _request(args: argparse.Namespace, given: Given) -> dict[str, Any]:
    """What was asked, in values that are equal where the same is asked again."""

    def digest(path: Path) -> str:
        return hashlib.sha256(read_bytes(path)).hexdigest()

    arch = args.arch
    if arch is not None and arch not in ENDS:
        arch = digest_of_search(Path(arch))
    return {
        "weights": digest(given.weights),
        "arch": arch,
        "result": None if args.result is None else digest(args.result),
        "format": args.format,
        "precision": args.precision,
        "data": args.data,
        "calibration": args.calibration if args.precision == "int8" else None,
        "images": None if args.no_accuracy else args.images,
        "test_images": None if args.no_accuracy else args.test_images,
        "latency": [digest(path) for path, _ in given.predictors],
        "device": None if args.no_verify else args.device,
        **({} if args.pick is None else {"pick": args.pick}),
    }


def _extracted(args: argparse.Namespace, form: "ExportOptions") -> "ExtractedNetwork":
    """Cut or read the network that the arguments name, with the images that are needed."""
    from ofabench.options.export import check_source
    from ofabench.workflows.export.model_file import needs_images
    from ofabench.workflows.export.source import open_network

    pick = args.pick if args.result is None else None
    check_source(network=args.network, arch=args.arch, pick=pick)
    if args.network is not None:
        return open_network(args.network, args.data, images=needs_images(form))
    return open_network((args.checkpoint, args.arch), args.data, pick=pick)


@contextmanager
def _device(
    args: argparse.Namespace, backend: "Backend", given: Given
) -> "Iterator[tuple[Device | None, list[LatencyPredictor]]]":
    """The device to verify on, and which predictors are of it; none where it is not asked.

    `TargetMismatchError` where it is asked, and no predictor is of the device.
    """
    from bench.errors import TargetMismatchError
    from ofabench.cli.device_arguments import device_in, measuring_on

    if args.no_verify or not given.predictors:
        yield None, []
        return
    with device_in(args) as device:
        here, why = [], []
        for _, one in given.predictors:
            try:
                _check_target(device, backend, one)
                here.append(one)
            except TargetMismatchError as error:
                why.append(str(error).partition(":")[0])
        if not here:
            raise TargetMismatchError(
                f"no --latency is of the device {args.device} and {backend.name}: "
                f"{'; '.join(why)}; name its --device, or leave it predicted by --no-verify"
            )
        with measuring_on(args, device):
            if not args.force:
                device.check_quiet()
            yield device, here


def _check_target(device: "Device", backend: "Backend", predictor: "LatencyPredictor") -> None:
    from supernet.verification.verify import Bench, check_target

    check_target(Bench(device=device, backend=backend, target=predictor.target))


def _check_result(given: Given, network: Any) -> None:
    from bench.errors import InputError
    from supernet.search.result_file import read_network

    if given.search_path is None:
        return
    found = read_network(given.search_path, given.pick, network.space)
    if (found.space, found.arch) != (network.space, network.arch):
        raise InputError(
            f"{given.search_path} is of another network than the one to deploy; give the result "
            "that it was extracted from"
        )


def _verify(
    args: argparse.Namespace,
    on: "tuple[Device | None, Backend]",
    product: "ExportedModel",
    predictor: "LatencyPredictor",
    given: Given,
) -> dict[str, Any]:
    from ofabench.display.progress import get_sweep_progress
    from ofabench.options.verify import JudgingOptions
    from ofabench.workflows.deploy.verifying import Asked, Place, measure, target_for

    device, backend = on
    assert device is not None
    names = ("tolerance", "loads", "passes", "seed", "force")
    options = JudgingOptions(**{name: getattr(args, name) for name in names})
    progress = get_sweep_progress(args.progress)
    place = Place(device=device, backend=backend, options=options, progress=progress)
    asked = Asked(
        content=product.content,
        card=product.card,
        target=target_for(product.card, predictor),
        predictor=predictor,
        limits=given.limits,
    )
    return measure(place, asked)


def _judge(
    args: argparse.Namespace,
    product: "ExportedModel",
    verdicts: Mapping[str, Mapping[str, Any]],
    data: Any,
) -> Found:
    """Judge the file on test images, last: nothing is decided by them."""
    from supernet.verification.judge import Judge

    unverified = NO_VERIFY if args.no_verify else ELSEWHERE
    score, unjudged = None, product.unjudged
    name = "" if data is None else data.name
    if not unjudged:
        score = Judge.on(name, product.card, args.test_images)(product.content)
    return Found(
        score=score, data=name, unjudged=unjudged, verdicts=verdicts, unverified=unverified
    )


def _files(card: Mapping[str, Any], product: "ExportedModel", given: Given) -> dict[str, bytes]:
    file = card["model"]["file"]
    files = {
        file: product.content,
        f"{file}.json": _json(product.card.to_json()),
        CARD: _json(card),
        PAGE: page_of(card).encode(),
    }
    if product.card.class_names:
        files[LABELS] = labels_text(product.card.class_names).encode()
    if given.search is not None:
        files[SEARCH] = _json(given.search)
    return files


def _json(values: Mapping[str, Any]) -> bytes:
    return (json.dumps(values, indent=2, allow_nan=False) + "\n").encode()
