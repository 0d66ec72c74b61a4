"""A torch module's latency, by the ONNX file that torch exports of it."""

import logging
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import InputError, first_line
from bench.extras import check_extra
from ofabench.options.models import PredictModelOptions
from ofabench.workflows.models.predict_models import predict_models
from supernet.export.log_silencing import quiet

if TYPE_CHECKING:
    from latency_models.operators.prediction import ModelPrediction
    from latency_models.operators.predictor import OperatorPredictor

NAME = "module.onnx"
DEFAULTS = PredictModelOptions()


def predict_module(
    module: Any,
    example_input: Any,
    predictor: "OperatorPredictor | Path | str",
    *,
    options: PredictModelOptions = DEFAULTS,
) -> "ModelPrediction":
    """Predict the latency of a torch module.

    Args:
        module: a `torch.nn.Module`; it is exported in evaluation mode, and its mode is put back.
        example_input: a tensor, or a tuple of the inputs' tensors, of the batch that is meant.
        predictor: from `fit_models`, or its file.
        options: whether unmeasured operators are refused or measured.

    Returns:
        Latency, standard deviation and coverage.

    Raises:
        MissingRuntimeError: the package onnxscript, which torch exports with, is not installed.
        InputError: torch cannot export the module, or `strict` refuses it.
        TargetMismatchError: this machine or its onnxruntime are not the predictor's.

    Example:
        >>> import torch
        >>> predict_module(torch.nn.ReLU(), torch.zeros(1, 4), "absent.parquet")
        Traceback (most recent call last):
        bench.errors.FileError: cannot read absent.parquet: No such file or directory
    """
    from latency_models.operators.predictor import OperatorPredictor

    if not isinstance(predictor, OperatorPredictor):
        predictor = OperatorPredictor.load(predictor)
    with tempfile.TemporaryDirectory(prefix="ofabench-") as folder:
        path = export_module(module, example_input, Path(folder) / NAME)
        predicted = predict_models(path, predictor, options=options)
    if NAME in predicted.failures:
        raise InputError(f"the module cannot be predicted: {predicted.failures[NAME]}")
    return predicted.predictions[NAME]


def export_module(module: Any, example_input: Any, path: Path) -> Path:
    """Export a torch module as ONNX by torch's own exporter; see `predict_module`."""
    import torch

    if not isinstance(module, torch.nn.Module):
        raise InputError(f"the module is {module!r:.80}, expected a torch.nn.Module")
    check_extra("onnxscript", "torch's ONNX exporter needs")
    inputs = example_input if isinstance(example_input, tuple) else (example_input,)
    training = module.training
    module.eval()
    try:
        with quiet(logging.ERROR):
            torch.onnx.export(
                module, inputs, str(path), dynamo=True, verbose=False, external_data=False
            )
    except (torch.onnx.OnnxExporterError, RuntimeError, TypeError, ValueError) as error:
        raise InputError(f"torch cannot export the module: {_cause(error)}") from error
    finally:
        module.train(training)
    return path


def _cause(error: BaseException) -> str:
    """Return the first line of the error that torch's exporter wraps in several others."""
    while error.__cause__ is not None:
        error = error.__cause__
    return first_line(error)
