"""`LossEstimate`: regression of training losses on architecture choices.

Ridge regression on thermometer features of codes. Networks of one step are trained on the same
images with the same weights, so it fits their differences from the step's mean. Earlier epochs are
discounted, since the weights have changed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from bench.errors import InputError
from supernet.constraints.constraints import thermometer
from supernet.space.codes import Codes, Layout

if TYPE_CHECKING:
    import torch

Floats = NDArray[np.float64]
KEPT = 0.7  # discount of earlier epochs with each new epoch
RIDGE = 1.0  # ridge parameter


@dataclass(frozen=True, kw_only=True)
class LossEstimate:
    """Predicted relative losses of sub-networks; immutable, `learnt` returns an updated copy.

    `gram` (features, features) and `moment` (features,) are discounted sums of products of
    features, and of features and losses; `seen` is the discounted number of networks.
    """

    values: tuple[tuple[int, ...], ...]
    gram: Floats = field(repr=False)
    moment: Floats = field(repr=False)
    seen: float

    @classmethod
    def empty(cls, layout: Layout) -> Self:
        """Return an estimate without data; all phases use the `layout` of the whole space."""
        absent = {j for group in layout.groups for j in range(group.start, group.stop)}
        values = tuple(
            (0, *column.values) if j in absent else column.values
            for j, column in enumerate(layout.columns)
        )
        size = sum(len(column_values) - 1 for column_values in values)
        return cls(values=values, gram=np.zeros((size, size)), moment=np.zeros(size), seen=0.0)

    def learnt(self, codes: Codes, losses: Floats) -> Self:
        """Add an epoch: codes (steps, subnets, columns), and training losses (steps, subnets).

        With one network per step, losses are relative to the mean of the epoch, not of the step.
        Raises `InputError` where shapes differ or a loss is not a number.
        """
        losses = np.asarray(losses, dtype=np.float64)
        if codes.ndim != 3 or losses.shape != codes.shape[:2]:
            raise InputError(
                f"codes of shape {codes.shape} came with losses of shape {losses.shape}, expected "
                "(steps, subnets, columns) and (steps, subnets)"
            )
        if not np.isfinite(losses).all():
            raise InputError("a training loss is not a finite number; lower the learning rate")
        if not losses.size:
            return self
        features = thermometer(codes.reshape(losses.size, -1), self.values)
        features = features.reshape(*losses.shape, -1)
        axes = (1,) if losses.shape[1] > 1 else (0, 1)
        features = features - features.mean(axis=axes, keepdims=True)
        losses = losses - losses.mean(axis=axes, keepdims=True)
        design = features.reshape(losses.size, -1)
        return type(self)(
            values=self.values,
            gram=KEPT * self.gram + design.T @ design,
            moment=KEPT * self.moment + design.T @ losses.ravel(),
            seen=KEPT * self.seen + losses.size,
        )

    def predict(self, codes: Codes) -> Floats:
        """Return losses (n,) of networks (n, columns), up to a common constant."""
        return np.asarray(thermometer(codes, self.values) @ self._weights)

    @cached_property
    def _weights(self) -> Floats:
        regularised = self.gram + RIDGE * np.eye(len(self.moment))
        return np.asarray(np.linalg.solve(regularised, self.moment), dtype=np.float64)

    def to_tensors(self) -> "dict[str, torch.Tensor]":
        """Return the state as float64 tensors for a checkpoint."""
        import torch

        return {
            "gram": torch.from_numpy(self.gram.copy()),
            "moment": torch.from_numpy(self.moment.copy()),
            "seen": torch.tensor([self.seen], dtype=torch.float64),
        }

    @classmethod
    def from_tensors(cls, layout: Layout, tensors: "Mapping[str, torch.Tensor]") -> Self:
        """Restore the state of `to_tensors` exactly; `InputError` if it is of another layout."""
        import torch

        empty = cls.empty(layout)
        size = len(empty.moment)
        expected = {"gram": (size, size), "moment": (size,), "seen": (1,)}
        for name, shape in expected.items():
            tensor = tensors.get(name)
            if tensor is None or tuple(tensor.shape) != shape or tensor.dtype != torch.float64:
                actual = "nothing" if tensor is None else f"{tensor.dtype} {tuple(tensor.shape)}"
                raise InputError(
                    f"the loss estimate has {actual} for {name}, expected float64 {shape}: "
                    "it is of another space; train from the start"
                )
        return cls(
            values=empty.values,
            gram=tensors["gram"].cpu().numpy().copy(),
            moment=tensors["moment"].cpu().numpy().copy(),
            seen=float(tensors["seen"][0]),
        )
