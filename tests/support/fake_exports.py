"""A network of `tiny` exported for the fake backend, and predictors of its latency there."""

from pathlib import Path

import numpy as np

from bench.backends.fake import FakeBackend, FakeModel
from bench.blocks.model import random_model
from bench.blocks.torch_modules import build_network
from bench.drift.log import Anchor, AnchorSession, DriftLog
from bench.protocol.target import Target
from latency_models.networks.network_calibration import NetworkCalibration
from latency_models.predictors.predictor import LatencyPredictor
from supernet.export.export import ExportSpec, export
from supernet.export.model_card import Normalisation
from supernet.export.network_file import StandaloneNetwork
from supernet.space.space import SearchSpace

TINY = SearchSpace.load("tiny")
ARCH = TINY.smallest(24)
BLOCKS = TINY.blocks(ARCH)
TARGET = Target(device="fake", backend="fake", backend_version="1")
COST_MS = FakeModel(random_model(BLOCKS), TARGET).cost_ns / 1e6


def export_fake(path: Path, normalisation: Normalisation) -> Path:
    """Write the network's file and card; return the file."""
    network = StandaloneNetwork(
        space="tiny",
        arch=ARCH,
        blocks=BLOCKS,
        network=build_network(BLOCKS).eval(),
        normalisation=normalisation,
    )
    export(network, ExportSpec(backend=FakeBackend()), path)
    return path


def write_predictor(
    path: Path,
    *,
    predicts_ms: float = COST_MS,
    target: Target = TARGET,
    slower: float | None = None,
    **provenance: str,
) -> str:
    """A predictor that gives every network the same latency.

    With anchor networks that are `slower` now by this factor than they were in its sweep.
    """
    exact_ms = {block: FakeModel(random_model((block,)), TARGET).cost_ns / 1e6 for block in BLOCKS}
    known = {block: (ms, ms) for block, ms in exact_ms.items()}
    log = {} if slower is None else {"drift": drift_log(slower).to_json()}
    LatencyPredictor(
        target=target,
        provenance={"space": "tiny", **log, **provenance},
        known=known,
        models={},
        composition=NetworkCalibration(overhead_ms=predicts_ms, slope=0.0),
    ).save(path)
    return str(path)


def drift_log(slower: float) -> DriftLog:
    """Of five networks that took a share of what they take now."""
    anchors = []
    for number, arch in enumerate(TINY.sample(np.random.default_rng(1), 5)):
        blocks = TINY.blocks(arch)
        ms = FakeModel(random_model(blocks), TARGET).cost_ns / 1e6 / slower
        anchors.append(Anchor(blocks=blocks, label=f"anchor {number}", ms=ms))
    session = AnchorSession(
        started_at="2026-01-01T00:00", ms=tuple(anchor.ms for anchor in anchors)
    )
    return DriftLog(anchors=tuple(anchors), sessions=(session,))
