"""From measured operators to predicted models, by the commands."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from onnx import TensorProto, helper

import ofabench as ob
from bench.errors import FileError, InputError, TargetMismatchError
from bench.protocol.target import Target
from latency_models.operators.measured import MeasuredOperator
from latency_models.operators.predictor import OperatorPredictor
from ofabench.cli import main as cli
from ofabench.options.models import PredictModelOptions
from ofabench.workflows.models.fit_models import fit_models
from ofabench.workflows.models.predict_models import predict_models
from tests.support.onnx_files import save_graph, save_relu
from tests.support.tflite_files import save_products as save_tflite_products

CPU = ob.DeviceOptions(device="cpu", wait=True)


def save_products(path: Path, width: int, tail: str = "Tanh") -> Path:
    """Write a chain of two matrix products with an activation after each."""
    rng = np.random.default_rng(0)
    weights = {name: rng.standard_normal((width, width), dtype=np.float32) for name in "ab"}
    nodes = [
        helper.make_node("MatMul", ["x", "a"], ["p"]),
        helper.make_node("Tanh", ["p"], ["q"]),
        helper.make_node("MatMul", ["q", "b"], ["r"]),
        helper.make_node(tail, ["r"], ["y"]),
    ]
    shape = [4, width]
    kind = TensorProto.FLOAT
    return save_graph(path, nodes, [("x", kind, shape)], [("y", kind, shape)], weights)


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A measurement of three models with their operators."""
    folder = tmp_path_factory.mktemp("models")
    files = [save_products(folder / f"m{width}.onnx", width) for width in (32, 64, 96)]
    options = ob.MeasureOptions(operators=True, replicates=2, rounds=2, force=True)
    measured = ob.measure(files, CPU, options=options, keep=folder / "ops.sqlite")
    assert not measured.failures
    return folder


@pytest.mark.slow
def test_models_are_predicted_from_their_measured_operators(
    swept: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = swept / "p.parquet"
    assert cli.main(["fit", "--models", str(swept / "ops.sqlite"), "--out", str(out)]) == 0
    assert "6 operators, 3 models" in capsys.readouterr().out
    files = [str(swept / "m64.onnx"), str(swept / "gone.onnx")]
    assert cli.main(["predict", *files, "--latency", str(out), "--json"]) == 2
    result = json.loads(capsys.readouterr().out)
    prediction = result["models"]["m64.onnx"]
    assert prediction["coverage"] == 1
    assert prediction["ms"] > 0
    assert set(prediction["ms_by_kind"]) == {"MatMul", "Tanh"}
    assert "cannot read" in result["failures"]["gone.onnx"]


@pytest.mark.slow
def test_a_sum_is_that_of_the_operators_measured(swept: Path) -> None:
    predictor = fit_models(swept)
    prediction = predict_models(swept / "m96.onnx", predictor).predictions["m96.onnx"]
    assert prediction.ms == pytest.approx(
        sum(cost.count * predictor.cost_ms(predictor.operators_by_digest[cost.operator.digest])
            for cost in prediction.costs)
    )  # fmt: skip
    assert sorted(cost.count for cost in prediction.costs) == [2, 2]


@pytest.mark.slow
def test_missing_operators_are_measured_on_request(swept: Path, tmp_path: Path) -> None:
    new = save_products(tmp_path / "new.onnx", 128, tail="Sigmoid")
    predictor = fit_models(swept / "ops.sqlite")
    before = predict_models(new, predictor).predictions["new.onnx"]
    assert before.coverage == 0
    assert before.rare == {"MatMul": 3, "Tanh": 3, "Sigmoid": 0}
    refused = predict_models(new, predictor, options=PredictModelOptions(strict=True))
    assert "kinds that were hardly measured" in refused.failures["new.onnx"]
    options = PredictModelOptions(measure_missing=True, share=1.0, force=True)
    after = predict_models(new, predictor, options=options)
    assert after.predictions["new.onnx"].coverage == 1
    assert len(after.predictor.operators) == 6 + 3
    assert "100% of it from measured operators" in str(after)


def test_incompatible_inputs_are_refused(
    swept: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sweep, out = str(swept / "ops.sqlite"), str(tmp_path / "p.parquet")
    refused = [
        (["fit", "t.parquet", "--models", sweep, "--out", out], "--models fits on models"),
        (["fit", "--models", str(tmp_path), "--out", out], "no measurement"),
        (["predict", "m.onnx"], "give a predictor and --archs"),
        (["predict", "m.onnx", "--latency", sweep], "not a readable parquet file"),
        (["predict", "m.onnx", "--latency", out, "--share", "0"], "--share"),
        (["predict", "m.onnx", "--latency", out, "--out", out], "--out writes what"),
        (["predict", "a", "b", "--archs", out], "one predictor predicts --archs"),
    ]
    for argv, message in refused:
        assert cli.main(argv) == 2
        assert message in capsys.readouterr().err
    assert not Path(out).exists()


@pytest.mark.slow
def test_a_measurement_without_operators_is_refused(tmp_path: Path) -> None:
    path = save_relu(tmp_path / "relu.onnx", (2, 4))
    quick = ob.MeasureOptions(replicates=2, rounds=2, force=True)
    ob.measure(path, CPU, options=quick, keep=tmp_path / "m.sqlite")
    with pytest.raises(InputError, match="no operator was measured"):
        fit_models(tmp_path / "m.sqlite")
    with pytest.raises(FileError, match="there is no such file"):
        fit_models(tmp_path / "gone.sqlite")


def test_a_predictor_of_another_machine_is_refused(swept: Path) -> None:
    predictor = fit_models(swept / "ops.sqlite")
    known: tuple[MeasuredOperator, ...] = predictor.operators
    other = OperatorPredictor(
        target=Target(device="elsewhere", backend="onnx", backend_version="1"),
        operators=known,
        models=(),
    )
    with pytest.raises(TargetMismatchError, match="fusions depend on the machine"):
        predict_models(swept / "m32.onnx", other)
    elsewhere = OperatorPredictor(
        target=Target(device="here", backend="torch", backend_version="1"),
        operators=known,
        models=(),
    )
    with pytest.raises(InputError, match="the backend is torch, expected onnx or tflite"):
        predict_models(swept / "m32.onnx", elsewhere)


@pytest.mark.slow
def test_tflite_files_are_predicted_from_their_measured_operators(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [save_tflite_products(tmp_path / f"m{width}.tflite", width) for width in (32, 64)]
    sweep, out = str(tmp_path / "ops.sqlite"), str(tmp_path / "p.parquet")
    quick = ["--operators", "--replicates", "2", "--rounds", "2", "--force", "--wait"]
    assert cli.main(["measure", *map(str, files), *quick, "--keep", sweep]) == 0
    assert cli.main(["fit", "--models", sweep, "--out", out]) == 0
    assert "4 operators, 2 models" in capsys.readouterr().out
    save_products(tmp_path / "other.onnx", 32)
    new = save_tflite_products(tmp_path / "new.tflite", 64, tail="LOGISTIC")
    arguments = [str(files[0]), str(new), str(tmp_path / "other.onnx")]
    assert cli.main(["predict", *arguments, "--latency", out, "--json"]) == 2
    result = json.loads(capsys.readouterr().out)
    known, partly = result["models"]["m32.tflite"], result["models"]["new.tflite"]
    assert known["coverage"] == 1
    assert set(known["ms_by_kind"]) == {"FULLY_CONNECTED", "TANH"}
    assert partly["rare_kinds"] == {"LOGISTIC": 0}
    assert 0 < partly["coverage"] < 1
    assert "the predictor is of tflite" in result["failures"]["other.onnx"]
    options = PredictModelOptions(measure_missing=True, share=1.0, force=True)
    measured = predict_models(new, out, options=options)
    assert measured.predictions["new.tflite"].coverage == 1
    assert len(measured.predictor.operators) == 4 + 1


def test_operators_are_of_model_files_on_this_machine(tmp_path: Path) -> None:
    path = save_relu(tmp_path / "relu.onnx", (2, 4)).rename(tmp_path / "relu.json")
    quick = ob.MeasureOptions(operators=True)
    measured = ob.measure(path, "fake", options=quick)
    assert measured.failures["relu.json"].startswith(
        "operators are those of ONNX or TFLite files on this machine's processor"
    )
    assert "leave --operators out" in measured.failures["relu.json"]


class Product(torch.nn.Module):
    """A matrix product and a Tanh."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(64, 64))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.tanh(x @ self.weight)


@pytest.mark.slow
def test_a_torch_module_is_predicted_by_its_exported_file(swept: Path) -> None:
    predictor = fit_models(swept / "ops.sqlite")
    module = Product()
    prediction = ob.predict_module(module, torch.zeros(4, 64), predictor)
    kinds = {cost.operator.kind: cost.count for cost in prediction.costs}
    assert kinds == {"MatMul": 1, "Tanh": 1}
    assert prediction.coverage == 1
    assert module.training
    with pytest.raises(InputError, match="torch cannot export the module"):
        ob.predict_module(module, torch.zeros(4, 65), predictor)
    with pytest.raises(InputError, match=r"expected a torch\.nn\.Module"):
        ob.predict_module("m.pt", torch.zeros(4, 64), predictor)
