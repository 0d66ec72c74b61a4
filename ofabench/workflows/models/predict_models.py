"""Predicts models of any origin from their operators."""

import logging
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import FileError, InputError
from bench.operators.cut import CutModel
from bench.operators.registry import tools_of
from bench.protocol.progress import NoProgress, Progress
from bench.protocol.target import Target
from latency_models.operators.measured import MeasuredOperator
from latency_models.operators.prediction import ModelPrediction
from latency_models.operators.predictor import OperatorPredictor
from ofabench.options.models import PredictModelOptions
from ofabench.workflows.measure.model_files import check_input_names, named_paths, read_model
from ofabench.workflows.measure.operators import (
    ROLE,
    model_operators,
    operator_workload,
)

if TYPE_CHECKING:
    from bench.models.model_file import ModelFile
    from bench.operators.operator import Operator

logger = logging.getLogger(__name__)
DEFAULTS = PredictModelOptions()


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictedModels:
    """Predictions of models.

    Attributes:
        predictions: by name of the file.
        failures: of files that could not be predicted, by name: why.
        predictor: what predicted them: with operators that were measured for it.
    """

    predictions: Mapping[str, ModelPrediction]
    failures: Mapping[str, str]
    predictor: OperatorPredictor

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "target": self.predictor.target.key,
            "models": {name: each.to_dict() for name, each in self.predictions.items()},
            "failures": dict(self.failures),
        }

    def __str__(self) -> str:
        lines = [f"on {self.predictor.target.key}"]
        for name, each in self.predictions.items():
            lines.append(
                f"{name}: {each.ms:.4g} ms, standard deviation {each.std_ms:.2g}, "
                f"{each.coverage:.0%} of it from measured operators"
            )
            lines += [
                f"  {kind} was measured {count} times, too few for a good estimate"
                for kind, count in each.rare.items()
            ]
            lines += [
                f"  {kind} ({count} times) cannot be measured by itself and is not in the sum"
                for kind, count in each.uncut.items()
            ]
        return "\n".join(
            [*lines, *(f"FAILED  {file}: {why}" for file, why in self.failures.items())]
        )


def predict_models(
    files: Any,
    predictor: OperatorPredictor | Path | str,
    *,
    options: PredictModelOptions = DEFAULTS,
    progress: Progress | None = None,
) -> PredictedModels:
    """Predict the latency of model files from operators that were measured on this machine.

    The operators are those that the runtime executes here, so this machine and its runtime must be
    the predictor's.

    Args:
        files: path of an ONNX or TFLite file, as the predictor's are, or several.
        predictor: from `fit_models`, or its file.
        options: shapes of inputs; whether unmeasured operators are refused or measured.
        progress: is shown the measuring of missing operators.

    Returns:
        Latency, standard deviation and coverage of each model.

    Raises:
        InputError: an argument is not what it must be.
        TargetMismatchError: this machine or its runtime are not the predictor's.
        FileError: the predictor's file cannot be read.

    Example:
        >>> predict_models("net.onnx", "absent.parquet")
        Traceback (most recent call last):
        bench.errors.FileError: cannot read absent.parquet: No such file or directory
    """
    if not isinstance(predictor, OperatorPredictor):
        predictor = OperatorPredictor.load(predictor)
    _check_target(predictor)
    cuts: dict[str, CutModel] = {}
    models: list[ModelFile] = []
    failures: dict[str, str] = {}
    for name, path in named_paths(files).items():
        try:
            model = read_model(path, name, options)
            cuts[name] = _cut(model, predictor.target)
            models.append(model)
        except (FileError, InputError) as error:
            failures[name] = str(error)
    if not failures:
        check_input_names(models, options)
    if options.measure_missing:
        predictor = _with_missing(predictor, list(cuts.values()), options, progress or NoProgress())
    predictions = {}
    for name, each in cuts.items():
        prediction = predictor.predict(model_operators(each))
        if options.strict and (prediction.rare or prediction.uncut):
            kinds = ", ".join([*prediction.rare, *prediction.uncut])
            failures[name] = (
                f"it has operators of kinds that were hardly measured ({kinds}): measure it with "
                "--operators, give --measure-missing, or leave --strict out"
            )
        else:
            predictions[name] = prediction
    return PredictedModels(predictions=predictions, failures=failures, predictor=predictor)


def _cut(model: "ModelFile", target: Target) -> CutModel:
    """Return a model's operators; `InputError` where the predictor is of other files."""
    tools = tools_of(target.backend)
    if model.backend != target.backend:
        raise InputError(
            f"{model.name} is no {tools.files} file: the predictor is of {target.backend}, fit one "
            f"on models measured by {model.backend}"
        )
    return tools.cut(model, target.threads)


def _check_target(predictor: OperatorPredictor) -> None:
    """Raise `TargetMismatchError` where operators would not be those of the predictor."""
    from bench.backends.registry import get_backend
    from bench.devices.registry import get_device
    from bench.protocol.target_check import check_same_target

    target = predictor.target
    tools_of(target.backend)
    check_same_target(
        get_device("cpu"),
        get_backend(target.backend),
        target,
        whose="the predictor's",
        remedy="fusions depend on the machine and runtime; measure operators here",
    )


def _with_missing(
    predictor: OperatorPredictor,
    cuts: Sequence[CutModel],
    options: PredictModelOptions,
    progress: Progress,
) -> OperatorPredictor:
    """Return a predictor that knows the missing operators that carry most of the unknown time."""
    from bench.backends.registry import get_backend
    from bench.models.files_backend import load_model_file
    from bench.operators.runnable import runs_alone

    target = predictor.target
    load = partial(load_model_file, get_backend(target.backend), target=target)
    wanted: dict[str, tuple[Operator, ModelFile]] = {}
    for cut in cuts:
        missing = predictor.predict(model_operators(cut)).missing(options.share)
        files = {operator.digest: (operator, file) for operator, file in cut.operators}
        wanted |= {
            operator.digest: files[operator.digest]
            for operator in missing
            if runs_alone(files[operator.digest][1], load)
        }
    if not wanted:
        return predictor
    return predictor.with_operators(_measured(predictor, wanted, options, progress))


def _measured(
    predictor: OperatorPredictor,
    wanted: Mapping[str, "tuple[Operator, ModelFile]"],
    options: PredictModelOptions,
    progress: Progress,
) -> list[MeasuredOperator]:
    """Measure operators, each with its file by digest, on this machine."""
    from bench.backends.registry import get_backend
    from bench.devices.registry import get_device
    from bench.models.files_backend import ModelFilesBackend
    from bench.sweep.planner import ListPlanner
    from bench.sweep.run import run_sweep
    from bench.sweep.store import SweepStore
    from bench.timing.plan import SweepPlan
    from ofabench.workflows.devices import measuring_alone
    from ofabench.workflows.models.fit_models import measured_operator

    device, plan = get_device("cpu"), SweepPlan(replicates=3, rounds=10)
    files = {digest: file for digest, (_, file) in wanted.items()}
    work = [operator_workload(operator) for operator, _ in wanted.values()]
    with measuring_alone(device, progress=progress), tempfile.TemporaryDirectory() as folder:
        if not options.force:
            device.check_quiet()
        with SweepStore.create(Path(folder) / "m.sqlite", predictor.target, plan) as store:
            backend = ModelFilesBackend(get_backend(predictor.target.backend), files)
            run_sweep(
                device,
                backend,
                predictor.target,
                ListPlanner(work),
                plan,
                store,
                progress,
                forced=options.force,
            )
            return [
                measured_operator(measurement)
                for measurement in store.measurements()
                if measurement.workload.role == ROLE
            ]
