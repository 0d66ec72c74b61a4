"""`LossEstimate`: a regression of training losses on choices.

Ridge regression on the thermometer features of codes. Networks of one step saw the same images
with the same weights, so it is their differences from the step's mean that tell; earlier epochs
are forgotten by degrees, as the weights that they saw are gone.
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
KEPT = 0.7  # of an epoch's weight when the next one is learnt
RIDGE = 1.0  # in differences of one feature seen once


@dataclass(frozen=True, kw_only=True)
class LossEstimate:
    """Predicted loss of sub-networks beside one another; a value, `learnt` gives the next.

    `gram` (features, features) and `moment` (features,) are sums over what was seen, of features
    by features and features by losses; `seen` is how many networks, forgotten ones less.
    """

    values: tuple[tuple[int, ...], ...]
    gram: Floats = field(repr=False)
    moment: Floats = field(repr=False)
    seen: float

    @classmethod
    def empty(cls, layout: Layout) -> Self:
        """Nothing learnt. `layout` is that of the whole space, so that all phases share one."""
        absent = {j for group in layout.groups for j in range(group.start, group.stop)}
        values = tuple(
            (0, *column.values) if j in absent else column.values
            for j, column in enumerate(layout.columns)
        )
        size = sum(len(of_column) - 1 for of_column in values)
        return cls(values=values, gram=np.zeros((size, size)), moment=np.zeros(size), seen=0.0)

    def learnt(self, codes: Codes, losses: Floats) -> Self:
        """Learn an epoch: codes (steps, subnets, columns), and training losses (steps, subnets).

        With one network a step, losses are taken beside the epoch's mean instead of the step's.
        `InputError` where shapes differ or a loss is not a number.
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
        beside = (1,) if losses.shape[1] > 1 else (0, 1)
        features = features - features.mean(axis=beside, keepdims=True)
        losses = losses - losses.mean(axis=beside, keepdims=True)
        design = features.reshape(losses.size, -1)
        return type(self)(
            values=self.values,
            gram=KEPT * self.gram + design.T @ design,
            moment=KEPT * self.moment + design.T @ losses.ravel(),
            seen=KEPT * self.seen + losses.size,
        )

    def predict(self, codes: Codes) -> Floats:
        """Losses (n,) of networks (n, columns), but for a constant that all have in common."""
        return np.asarray(thermometer(codes, self.values) @ self._weights)

    @cached_property
    def _weights(self) -> Floats:
        held_back = self.gram + RIDGE * np.eye(len(self.moment))
        return np.asarray(np.linalg.solve(held_back, self.moment), dtype=np.float64)

    def to_tensors(self) -> "dict[str, torch.Tensor]":
        """All that was learnt, as float64 tensors for a checkpoint."""
        import torch

        return {
            "gram": torch.from_numpy(self.gram.copy()),
            "moment": torch.from_numpy(self.moment.copy()),
            "seen": torch.tensor([self.seen], dtype=torch.float64),
        }

    @classmethod
    def from_tensors(cls, layout: Layout, tensors: "Mapping[str, torch.Tensor]") -> Self:
        """Take up what `to_tensors` gave, bit for bit; `InputError` if it is of another layout."""
        import torch

        empty = cls.empty(layout)
        size = len(empty.moment)
        expected = {"gram": (size, size), "moment": (size,), "seen": (1,)}
        for name, shape in expected.items():
            got = tensors.get(name)
            if got is None or tuple(got.shape) != shape or got.dtype != torch.float64:
                told = "nothing" if got is None else f"{got.dtype} {tuple(got.shape)}"
                raise InputError(
                    f"what was learnt of losses has {told} for {name}, expected float64 {shape}: "
                    "it is of another space; train from the start"
                )
        return cls(
            values=empty.values,
            gram=tensors["gram"].cpu().numpy().copy(),
            moment=tensors["moment"].cpu().numpy().copy(),
            seen=float(tensors["seen"][0]),
        )
