"""What a model takes and gives: float32, or 8-bit integers that stand for float32."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.blocks.quantisation import Quantisation
from bench.protocol.backend import Array


@dataclass(frozen=True, slots=True)
class Boundary:
    """Type of an input or output; integers have a quantisation."""

    dtype: type[np.generic]
    quantisation: Quantisation | None = None

    def stored(self, values: Array) -> NDArray[Any]:
        """Return float32 values as the model stores them."""
        if self.quantisation is None:
            return values
        return self.quantisation.integers(values).astype(self.dtype)

    def values(self, stored: NDArray[Any]) -> Array:
        """Return what the model stores as float32 values."""
        if self.quantisation is None:
            return np.asarray(stored, dtype=np.float32)
        return self.quantisation.values(stored)


FLOAT32 = Boundary(np.float32)
