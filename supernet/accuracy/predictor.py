"""Predict a sub-network's accuracy from its encoding, with a standard deviation.

Two kinds of model are available: kernel ridge regression (`supernet.accuracy.kernels`) and an
ensemble of neural networks (`supernet.accuracy.mlp`). The file is one pandas table with a row per
measured network (code and accuracy), and the model in its metadata; the weights of a kernel are a
column. The samples remain available, and no pickle is needed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.errors import FileError, InputError
from bench.files import VALUE_DAMAGE
from latency_models.tables.storage import load_frame, origin, save_frame
from supernet.accuracy.cross_validation import CrossValidation
from supernet.accuracy.kernels import Kernel, KernelModel, fit_kernel
from supernet.accuracy.mlp import MlpModel
from supernet.space.coded_space import CodedSpace, Thermometer, column_values, thermometer
from supernet.space.codes import Codes

MIN_PAIRS = 10  # cross-validation needs five folds of two
MOST_KERNEL_PAIRS = 5000  # computing time grows with the cube of the pairs: some seconds here
WHAT = "accuracy predictor"
Kind = Literal["kernel", "mlp"]
Model = KernelModel | MlpModel


@dataclass(frozen=True, kw_only=True)
class AccuracyPredictor:
    """Predictor of the accuracy, as a fraction, of any network of `space`.

    `codes` (n, columns) and `accuracy` (n,) are the pairs that `model` was fitted on. `values` are
    the possible values of each of the code's `columns`.
    """

    space: str
    columns: tuple[str, ...]
    values: tuple[tuple[int, ...], ...]
    codes: Codes
    accuracy: NDArray[np.float64]
    model: Model
    cross_validation: CrossValidation
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def predict(self, codes: Codes) -> NDArray[np.float64]:
        """Return accuracies of encoded networks, 0 to 1, (n,); `InputError` for another space."""
        return np.clip(self.predict_unbounded(codes), 0.0, 1.0)

    def predict_unbounded(self, codes: Codes) -> NDArray[np.float64]:
        """Return unclipped predictions (n,): they can exceed 1, and rank the best networks."""
        return self.model.predict(self._features(codes))

    def predict_spread(self, codes: Codes) -> NDArray[np.float64]:
        """Return standard deviations of measured accuracies around the predictions, (n,)."""
        return self.model.spread(self._features(codes))

    def _features(self, codes: Codes) -> NDArray[np.float64]:
        if codes.ndim != 2 or codes.shape[1] != len(self.values):
            raise InputError(
                f"codes of shape {codes.shape} were given to an accuracy predictor of "
                f"{self.space}, whose codes have {len(self.values)} columns"
            )
        return self._thermometer(codes)

    @cached_property
    def _thermometer(self) -> Thermometer:
        return Thermometer.of(self.values)

    def check_space(self, space: CodedSpace) -> None:
        """Raise `InputError` unless this predictor was fitted on `space` with the same choices."""
        if self.space != space.name:
            raise InputError(
                f"the accuracy predictor is of the space {self.space}, the search is in "
                f"{space.name}; fit one with `ofabench accuracy` on a supernet of {space.name}"
            )
        same_columns = self.columns == tuple(space.columns)
        if not same_columns or self.values != column_values(space.choices, len(self.values)):
            raise InputError(
                f"the space {space.name} offers other choices than when the accuracy predictor "
                "was fitted; fit it again with `ofabench accuracy`"
            )

    def with_provenance(self, provenance: Mapping[str, Any]) -> Self:
        """Return the same predictor with additional provenance."""
        return replace(self, provenance={**self.provenance, **provenance})

    def to_frame(self) -> pd.DataFrame:
        """Return a row per measured network: its code, `accuracy`, and `weight` of a kernel."""
        frame = pd.DataFrame(self.codes, columns=list(self.columns)).assign(accuracy=self.accuracy)
        if isinstance(self.model, KernelModel):
            frame = frame.assign(weight=self.model.weights)
        return frame

    def save(self, path: Path) -> None:
        """Write the table as parquet, with everything else as JSON in its metadata."""
        model = self.model
        metadata = {
            "space": self.space,
            "values": dict(zip(self.columns, self.values, strict=True)),
            model.kind: (
                model.kernel.to_json() if isinstance(model, KernelModel) else model.to_json()
            ),
            "cross_validation": self.cross_validation.to_json(),
            "provenance": dict(self.provenance),
        }
        save_frame(path, self.to_frame(), what=WHAT, metadata=metadata)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a file of `save`; `FileError` where it is another file."""
        frame, metadata = load_frame(path, what=WHAT)
        try:
            columns = tuple(str(name) for name in metadata["values"])
            values = tuple(
                tuple(int(v) for v in column_values_)
                for column_values_ in metadata["values"].values()
            )
            codes = frame[list(columns)].to_numpy(dtype=np.int16)
            features = thermometer(codes, values)
            return cls(
                space=str(metadata["space"]),
                columns=columns,
                values=values,
                codes=codes,
                accuracy=frame["accuracy"].to_numpy(dtype=np.float64),
                model=_model(frame, metadata, features),
                cross_validation=CrossValidation.from_json(metadata["cross_validation"]),
                provenance=metadata["provenance"],
            )
        except VALUE_DAMAGE as error:
            raise FileError(
                f"{path} is a damaged accuracy predictor ({error}); make it again with "
                "`ofabench accuracy`"
            ) from error


def fit_accuracy(
    space: CodedSpace,
    codes: Codes,
    accuracy: NDArray[np.float64],
    *,
    kind: Kind = "kernel",
    seed: int = 0,
) -> AccuracyPredictor:
    """Fit on measured pairs: codes (n, columns) and accuracies as fractions (n,).

    `seed` assigns the pairs to the folds of the cross-validation and initialises an ensemble.
    """
    accuracy = np.asarray(accuracy, dtype=np.float64)
    _check_pairs(codes, accuracy, kind)
    values = column_values(space.choices, codes.shape[1])
    features = thermometer(codes, values)
    model: Model
    if kind == "kernel":
        model, cross_validation = fit_kernel(features, accuracy, seed)
    else:
        from supernet.accuracy.mlp_fit import fit_mlp  # only fitting needs torch

        model, cross_validation = fit_mlp(features, accuracy, seed)
    return AccuracyPredictor(
        space=space.name,
        columns=tuple(space.columns),
        values=values,
        codes=codes,
        accuracy=accuracy,
        model=model,
        cross_validation=cross_validation,
        provenance=origin(),
    )


def _model(
    frame: pd.DataFrame, metadata: Mapping[str, Any], features: NDArray[np.float64]
) -> Model:
    if "mlp" in metadata:
        model = MlpModel.from_json(metadata["mlp"])
        if model.centre.shape != features.shape[1:]:
            raise ValueError(f"networks of {model.centre.shape} features")
        return model
    return KernelModel(
        kernel=Kernel.from_json(metadata["kernel"]),
        support=features,
        values=frame["accuracy"].to_numpy(dtype=np.float64),
        weights=frame["weight"].to_numpy(dtype=np.float64),
    )


def _check_pairs(codes: Codes, accuracy: NDArray[np.float64], kind: Kind) -> None:
    if codes.ndim != 2 or accuracy.shape != codes.shape[:1]:
        raise InputError(f"{codes.shape} codes came with {accuracy.shape} accuracies")
    if len(codes) < MIN_PAIRS:
        raise InputError(
            f"{len(codes)} networks with their accuracy are too few to fit and check a "
            f"predictor, at least {MIN_PAIRS}; measure more with `ofabench evaluate-subnets`"
        )
    if kind == "kernel" and len(codes) > MOST_KERNEL_PAIRS:
        raise InputError(
            f"a kernel takes at most {MOST_KERNEL_PAIRS} pairs, got {len(codes)}: fit an mlp"
        )
    if not ((accuracy >= 0) & (accuracy <= 1)).all():
        raise InputError("accuracies must be fractions from 0 to 1: divide percentages by 100")
