"""Fuzz targets of networks and results as JSON: searches, cards, archs files, OFA's networks, logs,
scores.
"""

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from typing import Any
from unittest import mock

import numpy as np

from latency_models.networks.categories.predictor import CategoryPredictor
from latency_models.tables.networks import foreign_target
from ofabench.report.inputs import read_inputs
from ofabench.workflows.deploy.deploy_folder import FORMAT
from ofabench.workflows.deploy.deploy_search import digest_of_search
from ofabench.workflows.latency.networks import read_archs
from ofabench.workflows.latency.predict_file import predict_file
from ofabench.workflows.latency.predictor import LatencyPredictor
from supernet.accuracy.store import WHAT, Conditions, EvaluationStore
from supernet.export.model_card import CARD_FORMAT, card_path, read_exported
from supernet.published.net_config_export import net_config
from supernet.published.published import member_of, read_networks
from supernet.search.result_file import read_network
from supernet.space.space import SearchSpace
from tests.fuzz.target import FuzzTarget, file_of
from tests.support.report_runs import log_lines, result, verified

TINY = SearchSpace.load("tiny")
MODEL = b"a model"
DEEP = b"[" * 3000  # nested deeper than Python reads
CONDITIONS = Conditions(
    space="tiny", weights="w", data="digits", part="test", images=10, calibration=5, seed=0
)


def read_report(data: bytes) -> None:
    """A file of JSON that a report is given: a search, a verified network, a card, a log."""
    read_inputs([file_of(data, ".json")])


def read_search(data: bytes) -> None:
    """The network that a search chose, or that of a line of an archs file, in its space."""
    path = file_of(data, ".json")
    digest_of_search(path)
    TINY.canonical(read_network(path).arch)


def read_lines(data: bytes) -> None:
    """Every network of an archs file; spaces are read once, by separate targets."""
    with mock.patch.object(SearchSpace, "load", _load):
        for space, arch in read_archs(file_of(data, ".jsonl"), None):
            space.blocks(arch)


def read_categories(data: bytes) -> None:
    """Lines of categories, with the latency predicted for each."""
    for line in predict_file(LatencyPredictor.of(_categories()), file_of(data, ".jsonl")):
        json.dumps(line, allow_nan=False)


def read_published(data: bytes) -> None:
    """Networks by their shapes, in OFA's own JSON, or as lines; each looked for in a space."""
    for network in read_networks(file_of(data, ".json"), [TINY], None):
        assert network.params >= 0
        member_of(network, [TINY])


def read_card(data: bytes) -> None:
    """The card beside a model file."""
    model = file_of(MODEL, ".onnx")
    card_path(model).write_bytes(data)
    _, card = read_exported(model)
    json.dumps(card.to_json())


def read_scores(data: bytes) -> None:
    """Accuracies as they were measured, before more are added."""
    EvaluationStore.open(file_of(data, ".jsonl"), CONDITIONS).close()


_load = cache(SearchSpace.load)


@cache
def _categories() -> CategoryPredictor:
    return CategoryPredictor(
        target=foreign_target("there_ms"),
        provenance={},
        costs_ms={"a0": {0: 1.0, 2: 3.0}, "a1": {0: 0.5}},
        seen={"a0": frozenset({0}), "a1": frozenset({0})},
    )


@cache
def _arch() -> Any:
    return TINY.sample(np.random.default_rng(0), 1)[0]


def _json(*values: Any) -> list[bytes]:
    return [json.dumps(value).encode() for value in values]


def _line() -> Any:
    return json.loads(TINY.to_line(_arch()))


def _front() -> dict[str, Any]:
    return {"format": "ofabench-search-1", "space": "tiny", "front": [result(_arch(), 0.7)]}


def _deployment() -> dict[str, Any]:
    about = {"file": "net.onnx", "space": "tiny", "arch": _line()}
    measured = verified(_arch(), 0.7)
    accuracy = {"accuracy": 0.7, "accuracy_error": 0.01, "predicted_accuracy": 0.75}
    latency = [
        {"target": "fake", "verification": measured},
        {"target": "other", "verification": None},
    ]
    return {"format": FORMAT, "model": about, "accuracy": accuracy, "latency": latency}


def _log() -> bytes:
    return "".join(json.dumps(line) + "\n" for line in log_lines()).encode()


def _shapes() -> dict[str, Any]:
    block = {"in_channels": 16, "mid": 64, "out_channels": 16, "kernel": 3, "stride": 1}
    return {
        "name": "a",
        "net": "MobileNetV3",
        "resolution": 128,
        "stem_out": 16,
        "blocks": [{**block, "act": "relu", "se": True, "residual": True}],
        "final_expand": 96,
        "feature_mix": 128,
        "params_m": 1.5,
        "macs_m": 20,
        "latency_ms": 3.5,
    }


def _net_config() -> dict[str, Any]:
    space = SearchSpace.load("ofa-proxyless-w1.3")
    arch = space.sample(np.random.default_rng(0), 1)[0]
    config = net_config(space.blocks(arch))
    blocks = config["blocks"][:2]
    last = {**config["feature_mix_layer"], "in_channels": blocks[-1]["conv"]["out_channels"]}
    return {**config, "blocks": blocks, "feature_mix_layer": last, "image_size": 128}


def _card() -> dict[str, Any]:
    figures = {"data": "d", "part": "test", "images": 9, "before": 0.5, "before_error": 0.1}
    return {
        "format": CARD_FORMAT,
        "space": "tiny",
        "arch": _arch().to_json(),
        "backend": "onnx",
        "precision": "int8",
        "input_shape": [1, 1, 28, 28],
        "normalisation": {"mean": [0.5], "std": [0.25]},
        "blocks": [block.key for block in TINY.blocks(_arch())],
        "sha256": hashlib.sha256(MODEL).hexdigest(),
        "size_bytes": len(MODEL),
        "largest_difference": 1e-6,
        "closeness": {"largest": 0.1, "snr_db": 30.5, "agreement": 1, "images": 9, "of": "random"},
        "calibration": {"data": "digits", "images": 100},
        "accuracies": {**figures, "after": 0.5, "after_error": 0.1},
        "provenance": {"date": "2020-01-01"},
    }


def _scores() -> list[bytes]:
    first: Mapping[str, Any] = {
        "what": WHAT, "version": 1, "space": "tiny", "weights": "w", "data": "digits",
        "part": "test", "images": 10, "calibration": 5, "seed": 0,
    }  # fmt: skip
    score = {"code": [28, 1, 2], "accuracy": 0.5, "error": 0.01, "images": 10, "groups": 10}
    return [f"{json.dumps(first)}\n{json.dumps(score)}\n{json.dumps(score)[:20]}".encode()]


TARGETS = (
    FuzzTarget(
        name="report_json",
        read=read_report,
        seeds=lambda: [
            *_json(result(_arch(), 0.7), _front(), verified(_arch(), 0.7), _deployment()),
            _log(),
        ],
        regressions=lambda: [DEEP, _log() + DEEP + b"\n"],
    ),
    FuzzTarget(
        name="search_result",
        read=read_search,
        seeds=lambda: _json(result(_arch(), 0.7), _line()),
        regressions=lambda: [DEEP],
    ),
    FuzzTarget(
        name="archs_file",
        read=read_lines,
        seeds=lambda: [b"\n".join(_json(_line(), _line())) + b"\n"],
    ),
    FuzzTarget(
        name="onehot_file",
        read=read_categories,
        seeds=lambda: [b'{"a0": 2, "a1": 0, "x": 1}\n'],
        regressions=lambda: [DEEP],
    ),
    FuzzTarget(
        name="published_networks",
        read=read_published,
        seeds=lambda: [*_json([_shapes()], _net_config(), [_net_config()]), *_json(_line())],
    ),
    FuzzTarget(
        name="model_card", read=read_card, seeds=lambda: _json(_card()), regressions=lambda: [DEEP]
    ),
    FuzzTarget(
        name="accuracy_scores",
        read=read_scores,
        seeds=_scores,
        regressions=lambda: [DEEP + b"\n", _scores()[0].split(b"\n")[0] + b"\n" + DEEP + b"\n"],
    ),
)
