"""Predicts a sub-network's accuracy from its code: kernel ridge regression on measured pairs.

Which kernel, and how strongly it is held back, is chosen by cross-validation. What is stored is
one pandas table, a measured network a row: its code, its accuracy, and its weight in the sum that
is the prediction. So the samples are kept, and nothing needs a pickle.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.errors import FileError, InputError
from latency_models.storage import load_frame, origin, save_frame
from supernet.codes import Codes
from supernet.constraints import CodedSpace, column_values, thermometer
from supernet.kernels import CrossValidation, Kernel, choose, solve

MIN_PAIRS = 10  # fewer cannot be cross-validated in five parts of two
WHAT = "accuracy predictor"


@dataclass(frozen=True, kw_only=True)
class AccuracyPredictor:
    """Accuracy, as a fraction, of any network of `space`.

    `codes` (n, columns) and `accuracy` (n,) are the pairs it was fitted on, `weights` (n,) theirs.
    `values` are the values that each of the code's `columns` may have.
    """

    space: str
    columns: tuple[str, ...]
    values: tuple[tuple[int, ...], ...]
    codes: Codes
    accuracy: NDArray[np.float64]
    weights: NDArray[np.float64]
    kernel: Kernel
    cross_validation: CrossValidation
    provenance: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def _support(self) -> NDArray[np.float64]:
        return thermometer(self.codes, self.values)

    def predict(self, codes: Codes) -> NDArray[np.float64]:
        """Accuracies of encoded networks, (n,); a column outside the space is an `InputError`."""
        if codes.ndim != 2 or codes.shape[1] != len(self.values):
            raise InputError(
                f"codes of shape {codes.shape} were given to an accuracy predictor of "
                f"{self.space}, whose codes have {len(self.values)} columns"
            )
        features = thermometer(codes, self.values)
        similarity = self.kernel.between(features, self._support)
        return np.asarray(self.accuracy.mean() + similarity @ self.weights)

    def check_space(self, space: CodedSpace) -> None:
        """Raise `InputError` unless this predictor was fitted on `space`, choice for choice."""
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

    def to_frame(self) -> pd.DataFrame:
        """One measured network a row: its code, `accuracy` and `weight`."""
        frame = pd.DataFrame(self.codes, columns=list(self.columns))
        return frame.assign(accuracy=self.accuracy, weight=self.weights)

    def save(self, path: Path) -> None:
        """Write the table as parquet, with everything else as JSON in its metadata."""
        about = {
            "space": self.space,
            "values": dict(zip(self.columns, self.values, strict=True)),
            "kernel": self.kernel.to_json(),
            "cross_validation": self.cross_validation.to_json(),
            "provenance": dict(self.provenance),
        }
        save_frame(path, self.to_frame(), what=WHAT, metadata=about)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote; `FileError` where the file is anything else."""
        frame, about = load_frame(path, what=WHAT)
        try:
            columns = tuple(str(name) for name in about["values"])
            values = tuple(tuple(int(v) for v in of_one) for of_one in about["values"].values())
            return cls(
                space=str(about["space"]),
                columns=columns,
                values=values,
                codes=frame[list(columns)].to_numpy(dtype=np.int16),
                accuracy=frame["accuracy"].to_numpy(dtype=np.float64),
                weights=frame["weight"].to_numpy(dtype=np.float64),
                kernel=Kernel.from_json(about["kernel"]),
                cross_validation=CrossValidation.from_json(about["cross_validation"]),
                provenance=about["provenance"],
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise FileError(
                f"{path} is a damaged accuracy predictor ({error}); make it again with "
                "`ofabench accuracy`"
            ) from error


def fit_accuracy(
    space: CodedSpace,
    codes: Codes,
    accuracy: NDArray[np.float64],
    *,
    seed: int = 0,
    provenance: Mapping[str, Any] | None = None,
) -> AccuracyPredictor:
    """Fit on measured pairs: codes (n, columns) and accuracies as fractions (n,).

    `seed` deals the pairs into the parts of the cross-validation.
    """
    accuracy = np.asarray(accuracy, dtype=np.float64)
    _check_pairs(codes, accuracy)
    values = column_values(space.choices, codes.shape[1])
    features = thermometer(codes, values)
    kernel, cross_validation = choose(features, accuracy, np.random.default_rng(seed))
    return AccuracyPredictor(
        space=space.name,
        columns=tuple(space.columns),
        values=values,
        codes=codes,
        accuracy=accuracy,
        weights=solve(kernel, features, accuracy),
        kernel=kernel,
        cross_validation=cross_validation,
        provenance={**origin(), **(provenance or {})},
    )


def _check_pairs(codes: Codes, accuracy: NDArray[np.float64]) -> None:
    if codes.ndim != 2 or accuracy.shape != codes.shape[:1]:
        raise InputError(f"{codes.shape} codes came with {accuracy.shape} accuracies")
    if len(codes) < MIN_PAIRS:
        raise InputError(
            f"{len(codes)} networks with their accuracy are too few to fit and check a "
            f"predictor, at least {MIN_PAIRS}; measure more with `ofabench accuracy --networks N`"
        )
    if not ((accuracy >= 0) & (accuracy <= 1)).all():
        raise InputError("accuracies must be fractions from 0 to 1; percent divided by 100")
