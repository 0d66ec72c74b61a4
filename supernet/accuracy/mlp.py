"""Predict accuracies with an ensemble of small neural networks, similar to OFA's predictor.

Prediction does not need torch: it takes a few matrix products per member, also for the 20,000
networks of a search step.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from supernet.accuracy.cross_validation import Array

Weights = NDArray[np.float32]
_ROWS_AT_ONCE = 8192


@dataclass(frozen=True, slots=True, kw_only=True)
class MlpModel:
    """Ensemble members of one shape with different initial weights; the prediction is their mean.

    `weights[i]` of layer i are (members, in, out), `biases[i]` (members, 1, out). `centre` (f,) is
    subtracted from the features; outputs are standardised by `means` and `scales`, (members,), of
    the accuracies that each member was fitted on. `noise` is the part of the error on unseen pairs
    that exceeds the members' disagreement: label noise, and errors common to all members.
    """

    kind: ClassVar[str] = "mlp"
    weights: tuple[Weights, ...]
    biases: tuple[Weights, ...]
    centre: Weights
    means: Weights
    scales: Weights
    noise: float
    weight_decay: float

    def __post_init__(self) -> None:
        width = len(self.centre)
        for weight, bias in zip(self.weights, self.biases, strict=True):
            members = self.members
            if weight.shape[:2] != (members, width) or bias.shape != (members, 1, weight.shape[2]):
                raise ValueError(f"layers of shapes {weight.shape} and {bias.shape}")
            width = weight.shape[2]
        if width != 1 or not self.means.shape == self.scales.shape == (self.members,):
            raise ValueError(f"{width} outputs, means of shape {self.means.shape}")

    @property
    def members(self) -> int:
        return int(self.weights[0].shape[0])

    @property
    def settings(self) -> str:
        """The chosen settings, as text."""
        hidden = "-".join(str(weight.shape[2]) for weight in self.weights[:-1])
        return f"{self.members} networks of {hidden}, weight decay {self.weight_decay:g}"

    def predict(self, features: Array) -> Array:
        """Return predicted accuracies (n,) from features (n, f)."""
        return np.asarray(self.each(features).mean(axis=0))

    def spread(self, features: Array) -> Array:
        """Return the standard deviation of a measured accuracy around its prediction, (n,)."""
        return np.asarray(np.hypot(self.each(features).std(axis=0, ddof=1), self.noise))

    def each(self, features: Array) -> Array:
        """Return the predictions of each member: (members, n)."""
        parts = np.array_split(features, max(1, -(-len(features) // _ROWS_AT_ONCE)))
        return np.concatenate(
            [self._predict_chunk(part.astype(np.float32)) for part in parts], axis=1
        )

    def _predict_chunk(self, features: Weights) -> Array:
        outputs = np.empty((self.members, len(features)))
        for member in range(self.members):
            x = features - self.centre
            for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
                x = x @ weight[member] + bias[member]
                if layer < len(self.weights) - 1:
                    np.maximum(x, 0, out=x)
            outputs[member] = self.means[member] + self.scales[member] * x[:, 0]
        return outputs

    def to_json(self) -> dict[str, Any]:
        """Numbers as they are, arrays as base64 of little-endian float32 beside their shapes."""
        return {
            "weights": [_packed(array) for array in self.weights],
            "biases": [_packed(array) for array in self.biases],
            "centre": _packed(self.centre),
            "means": _packed(self.means),
            "scales": _packed(self.scales),
            "noise": self.noise,
            "weight_decay": self.weight_decay,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote; `KeyError`, `TypeError` or `ValueError` if damaged."""
        return cls(
            weights=tuple(_unpacked(array) for array in data["weights"]),
            biases=tuple(_unpacked(array) for array in data["biases"]),
            centre=_unpacked(data["centre"]),
            means=_unpacked(data["means"]),
            scales=_unpacked(data["scales"]),
            noise=float(data["noise"]),
            weight_decay=float(data["weight_decay"]),
        )


def _packed(array: Weights) -> dict[str, Any]:
    content = np.ascontiguousarray(array, dtype="<f4").tobytes()
    return {"shape": list(array.shape), "float32": base64.b64encode(content).decode()}


def _unpacked(data: Mapping[str, Any]) -> Weights:
    content = base64.b64decode(data["float32"], validate=True)
    shape = tuple(int(size) for size in data["shape"])
    return np.frombuffer(content, dtype="<f4").astype(np.float32).reshape(shape)
