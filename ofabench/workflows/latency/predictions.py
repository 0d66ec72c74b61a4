"""`Predictions`: predicted latencies of networks, as arrays and as a table."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bench.notebook.html_table import frame_html
from bench.protocol.target import Target

if TYPE_CHECKING:
    import pandas as pd

    from latency_models.networks.categories.predictor import CategoryPredictor
    from latency_models.predictors.network_blocks import NetworkBlocks
    from latency_models.predictors.predictor import LatencyPredictor

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Predictions:
    """Predicted latencies of n networks.

    Attributes:
        target: the target of the predictions.
        ms: latencies in ms, (n,); infinite if a block cannot run on the target.
        std_ms: their standard deviations in ms, (n,); NaN if the predictor has none.
        extrapolated: whether a network has a part outside of the measured range, (n,).
        choices: the choices of each network as codes, one row each.
        parts: parts of networks: keys of blocks, or categories such as `op3=9`.
        part_indices: the indices of each network's parts, (n, most parts); below 0 for none.
        part_extrapolated: whether a part is outside of the measured range, (parts,).
        part_unmeasured: whether a part is a block that was not measured, (parts,).
    """

    target: Target
    ms: Floats
    std_ms: Floats
    extrapolated: NDArray[np.bool_]
    choices: "pd.DataFrame"
    parts: tuple[str, ...]
    part_indices: NDArray[np.intp]
    part_extrapolated: NDArray[np.bool_]
    part_unmeasured: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.ms)

    def __repr__(self) -> str:
        count = f"{len(self)} network" + ("" if len(self) == 1 else "s")
        extrapolated = int(self.extrapolated.sum())
        text = f"Predictions of {count} on {self.target.key}: {_range_words(self.ms)}"
        return f"{text}, {extrapolated} extrapolated" if extrapolated else text

    def _repr_html_(self) -> str:
        return frame_html(repr(self), self.frame)

    @property
    def frame(self) -> "pd.DataFrame":
        """The choices with the columns `latency_ms`, `std_ms` and `extrapolated`."""
        return self.choices.assign(
            latency_ms=self.ms, std_ms=self.std_ms, extrapolated=self.extrapolated
        )

    @property
    def extrapolated_parts(self) -> tuple[tuple[str, ...], ...]:
        """For each network, its parts outside of the measured range."""
        return self._parts_that(self.part_extrapolated)

    @property
    def unmeasured(self) -> tuple[tuple[str, ...], ...]:
        """For each network, its blocks that were not measured."""
        return self._parts_that(self.part_unmeasured)

    def _parts_that(self, selected: NDArray[np.bool_]) -> tuple[tuple[str, ...], ...]:
        present = self.part_indices >= 0
        present &= selected[np.where(present, self.part_indices, 0)]
        rows = zip(self.part_indices, present, strict=True)
        return tuple(tuple(self.parts[i] for i in row[chosen].tolist()) for row, chosen in rows)

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values: the target, and for each network its choices and figures."""
        rows = self.frame.to_dict("records")
        return {
            "target": self.target.key,
            "networks": [{str(k): _plain(v) for k, v in row.items()} for row in rows],
        }


def predictions_of_blocks(
    predictor: "LatencyPredictor", blocks: "NetworkBlocks", choices: "pd.DataFrame"
) -> Predictions:
    """Return the predictions for networks of blocks; `choices` has one row for each."""
    ms, std_ms, _ = predictor.predict_blocks(blocks)
    outside = np.array([spec not in predictor.domain for spec in blocks.specs])
    present = blocks.indices >= 0
    return Predictions(
        target=predictor.target,
        ms=ms,
        std_ms=std_ms,
        extrapolated=(present & outside[blocks.indices]).any(axis=1),
        choices=choices,
        parts=tuple(spec.key for spec in blocks.specs),
        part_indices=blocks.indices,
        part_extrapolated=outside,
        part_unmeasured=np.array([spec not in predictor.known for spec in blocks.specs]),
    )


def predictions_of_categories(
    predictor: "CategoryPredictor", codes: NDArray[np.int64]
) -> Predictions:
    """Return the predictions for rows of categories (n, columns)."""
    import pandas as pd

    columns = predictor.columns
    parts: dict[tuple[str, int], int] = {}
    indices = np.empty(codes.shape, dtype=np.intp)
    for index, column in enumerate(columns):
        categories, numbers = np.unique(codes[:, index], return_inverse=True)
        part_numbers = [
            parts.setdefault((column, category), len(parts)) for category in categories.tolist()
        ]
        indices[:, index] = np.array(part_numbers, dtype=np.intp)[numbers]
    return Predictions(
        target=predictor.target,
        ms=predictor.predict(codes),
        std_ms=np.full(len(codes), np.nan),
        extrapolated=predictor.extrapolated(codes),
        choices=pd.DataFrame(codes, columns=list(columns)),
        parts=tuple(f"{column}={category}" for column, category in parts),
        part_indices=indices,
        part_extrapolated=np.array(
            [category not in predictor.seen[column] for column, category in parts]
        ),
        part_unmeasured=np.zeros(len(parts), dtype=np.bool_),
    )


def _range_words(ms: Floats) -> str:
    low, high = float(ms.min()), float(ms.max())
    return f"{low:.4g} ms" if low == high else f"{low:.4g} to {high:.4g} ms"


def _plain(value: Any) -> Any:
    """Return a JSON value; None for numbers that are not finite."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
