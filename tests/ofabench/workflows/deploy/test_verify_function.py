"""`verify` as a Python function, on the computed device."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bench.backends.fake import FakeBackend, FakeModel
from bench.blocks.model import random_model
from bench.blocks.torch_modules import build_network
from bench.devices.registry import get_device
from bench.errors import InputError, TargetMismatchError
from bench.protocol.target import Target
from latency_models.networks.network_calibration import NetworkCalibration
from latency_models.predictors.predictor import LatencyPredictor
from ofabench.options.search import SearchOptions
from ofabench.options.verify import VerifyOptions, VerifyRequest
from ofabench.workflows.deploy.verify import verify
from ofabench.workflows.search.search import latency_limit, search
from supernet.export.export import ExportSpec, export
from supernet.export.model_card import ModelCard, Normalisation, read_exported
from supernet.export.network_file import StandaloneNetwork
from supernet.space.space import SearchSpace
from tests.support.search_runs import latency

TINY = SearchSpace.load("tiny")
ARCH = TINY.smallest(24)
BLOCKS = TINY.blocks(ARCH)
TARGET = Target(device="fake", backend="fake", backend_version="1")
COST_MS = FakeModel(random_model(BLOCKS), TARGET).cost_ns / 1e6
QUICK = VerifyOptions(replicates=3, rounds=2)


def test_one_replicate_has_no_interval_and_is_refused() -> None:
    with pytest.raises(InputError, match="replicates is 1, expected a whole number of at least 2"):
        VerifyOptions(replicates=1)


def predictor(predicts_ms: float = COST_MS) -> LatencyPredictor:
    """One that gives every network the same latency."""
    known = {block: FakeModel(random_model((block,)), TARGET).cost_ns / 1e6 for block in BLOCKS}
    return LatencyPredictor(
        target=TARGET,
        provenance={"space": "tiny"},
        known={block: (ms, ms) for block, ms in known.items()},
        models={},
        composition=NetworkCalibration(overhead_ms=predicts_ms, slope=0.0),
    )


@pytest.fixture
def model(tmp_path: Path) -> Path:
    cut = StandaloneNetwork(
        space="tiny",
        arch=ARCH,
        blocks=BLOCKS,
        network=build_network(BLOCKS).eval(),
        normalisation=Normalisation(mean=(0.5,), std=(0.5,)),
    )
    export(cut, ExportSpec(backend=FakeBackend()), tmp_path / "net.json5")
    return tmp_path / "net.json5"


@dataclass
class InMemory:
    content: bytes
    card: ModelCard


@pytest.mark.slow
def test_a_file_is_measured_and_judged(model: Path) -> None:
    result = verify(model, "fake", predictor(), limit_ms=2 * COST_MS, options=QUICK)

    assert result.measured_ms == pytest.approx(COST_MS, rel=0.08)
    assert result.interval_ms[0] <= result.measured_ms <= result.interval_ms[1]
    assert result.predicted_ms == pytest.approx(COST_MS)
    assert result.limit_ms == pytest.approx(2 * COST_MS)
    assert (result.prediction_within_tolerance, result.limit_met) == (True, True)
    assert (result.failed, result.accuracy, result.target) == (False, None, TARGET.key)
    assert str(result).splitlines()[0] == f"net.json5 on {TARGET.key}"
    assert "limit_ms=" in repr(result)


@pytest.mark.slow
def test_verdicts_against_a_file(model: Path) -> None:
    slow = verify(model, "fake", predictor(COST_MS / 2), limit_ms=COST_MS / 2, options=QUICK)

    assert (slow.prediction_within_tolerance, slow.limit_met, slow.failed) == (False, False, True)


@pytest.mark.slow
def test_a_model_in_memory_and_an_open_device_do_too(model: Path) -> None:
    content, card = read_exported(model)

    result = verify(InMemory(content, card), get_device("fake"), options=QUICK)

    assert result.to_dict()["model"] == "model"
    assert (result.predicted_ms, result.prediction_within_tolerance) == (None, None)
    assert result.measured_ms == pytest.approx(COST_MS, rel=0.08)


@pytest.mark.slow
def test_the_limit_of_a_search_result_is_checked(model: Path) -> None:
    def this_one(archs: list[Any]) -> list[float]:
        return [1.0 if arch == ARCH else 0.0 for arch in archs]

    options = SearchOptions(budget=300, patience=5, resolutions=(24,))
    limit = latency_limit(latency("tiny", TARGET), 1000)
    result = search("tiny", this_one, limit, options)
    assert result.arch == ARCH  # which is among those that a search begins with

    verified = verify(model, "fake", predictor(), result=result, options=QUICK)

    assert (verified.limit_ms, verified.limit_met) == (1000, True)
    assert verified.to_dict()["predicted_accuracy"] == 1.0


@pytest.mark.slow
def test_a_repeat_stands_beside_the_first(model: Path, tmp_path: Path) -> None:
    out = tmp_path / "v.json"
    first = verify(model, "fake", predictor(), options=QUICK).save(out)
    again = verify(
        model, "fake", predictor(), options=VerifyOptions(replicates=3, rounds=2, seed=5)
    )

    both = again.save(out)

    assert both.measured_ms == first.measured_ms
    assert both.to_dict() == json.loads(out.read_text())
    assert len(both.to_dict()["repeats"]) == 1
    assert "repeat 1 (the first measurement counts)" in str(both)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"options": VerifyOptions(threads=2)}, "threads and cores are those of the predictor's"),
        ({"pick": 1}, "--pick chooses a network of --result"),
        ({"limit_ms": -1}, "limit_ms is -1, expected a number above 0"),
        ({"limit_ms": "30"}, "limit_ms is '30', expected a number above 0"),
    ],
)
def test_arguments_that_do_not_fit_are_said_in_words(
    more: dict[str, Any], message: str, model: Path
) -> None:
    with pytest.raises(InputError, match=message):
        verify(model, "fake", predictor(), **more)


def test_wrong_things_are_said_in_words(model: Path) -> None:
    with pytest.raises(InputError, match="the model is 3, expected a result of `export`"):
        verify(3, "fake")
    with pytest.raises(InputError, match="expected a file of `ofabench fit`"):
        verify(model, "fake", 3)
    with pytest.raises(InputError, match="options are 3, expected VerifyOptions"):
        verify(model, "fake", options=3)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="expected an address like 'cpu'"):
        verify(model, 3)  # type: ignore[arg-type]
    other = Target(device="note10", backend="fake", backend_version="1")
    elsewhere = LatencyPredictor(
        target=other,
        provenance={},
        known=predictor().known,
        models={},
        composition=NetworkCalibration(),
    )
    with pytest.raises(TargetMismatchError, match="the device is fake, the predictor's note10"):
        verify(model, "fake", elsewhere, options=QUICK)


def test_a_request_with_incompatible_arguments_is_refused() -> None:
    with pytest.raises(InputError, match="--pick chooses a network of --result"):
        VerifyRequest(model="net.onnx", pick=1)  # type: ignore[arg-type]
    assert VerifyRequest.read({"model": "net.onnx", "tolerance": "5%"}).verify.tolerance == 0.05


@pytest.mark.slow
def test_outputs_of_the_device_are_compared_with_those_of_this_machine(model: Path) -> None:
    close = verify(model, "fake", options=QUICK).to_dict()["on_device"]

    assert (close["images"], close["of"]) == (4, "random")
