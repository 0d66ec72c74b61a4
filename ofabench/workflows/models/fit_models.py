"""Fits a predictor of whole models on measured operators and models."""

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import FileError, InputError, TargetMismatchError
from bench.protocol.target import Target
from latency_models.operators.measured import MeasuredModel, MeasuredOperator
from latency_models.operators.predictor import OperatorPredictor
from latency_models.tables.storage import origin
from ofabench.workflows.measure.jobs import ROLE as MODEL
from ofabench.workflows.measure.operators import ROLE as OPERATOR
from ofabench.workflows.measure.operators import operator_of

if TYPE_CHECKING:
    from bench.timing.measurement import Measurement


def fit_models(sweeps: Any) -> OperatorPredictor:
    """Fit a predictor of models on what `measure --operators --keep` measured.

    Args:
        sweeps: the SQLite file of a measurement, several of them, or a folder that holds them; all
            of one target.

    Returns:
        A predictor that sums the costs of operators, calibrated on the whole models.

    Raises:
        InputError: no operator was measured.
        FileError: a file cannot be read.
        TargetMismatchError: the measurements are of different targets.

    Example:
        >>> fit_models("absent.sqlite")
        Traceback (most recent call last):
        bench.errors.FileError: cannot read absent.sqlite: there is no such file
    """
    from bench.sweep.store import SweepStore

    operators: dict[str, MeasuredOperator] = {}
    models: list[MeasuredModel] = []
    target: Target | None = None
    facts: dict[str, Any] = {}
    for path in _paths(sweeps):
        with SweepStore.open(path) as store:
            if target is not None and target != store.target:
                raise TargetMismatchError(
                    f"{path} is of {store.target.key}, the others are of {target.key}: fit one "
                    "predictor of each target"
                )
            target, facts = store.target, dict(store.facts)
            for measured in store.measurements():
                if measured.workload.role == OPERATOR:
                    operators[measured.workload.file] = measured_operator(measured)
                elif measured.workload.role == MODEL:
                    models += _model(measured)
    if target is None or not operators:
        raise InputError(
            "no operator was measured: measure models with `ofabench measure MODEL "
            "--operators --keep SWEEP.sqlite`"
        )
    return OperatorPredictor(
        target=target,
        operators=tuple(operators.values()),
        models=tuple(models),
        provenance={"facts": facts, **origin()},
    )


def measured_operator(measured: "Measurement") -> MeasuredOperator:
    """Return a measurement of an operator as what a predictor knows."""
    return MeasuredOperator(
        operator=operator_of(measured.workload),
        warm_ms=measured.warm_ms,
        cold_ms=measured.cold_ms,
    )


def _model(measured: "Measurement") -> Iterator[MeasuredModel]:
    """Yield a measured model, where its operators are known."""
    label = json.loads(measured.workload.label)
    if "operators" in label:
        yield MeasuredModel(
            name=label["file"],
            digest=measured.workload.file,
            ms=measured.median_ms,
            counts=label["operators"],
            uncut=label["uncut"],
        )


def _paths(sweeps: Any) -> list[Path]:
    several: Sequence[Any] = [sweeps] if isinstance(sweeps, str | os.PathLike) else sweeps
    paths: list[Path] = []
    for each in several:
        path = Path(each)
        paths += sorted(path.glob("*.sqlite")) if path.is_dir() else [path]
    if not paths:
        raise FileError("there is no measurement (*.sqlite) in the folder given")
    for path in paths:
        if not path.exists():
            raise FileError(f"cannot read {path}: there is no such file")
    return paths
