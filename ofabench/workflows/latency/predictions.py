"""`Predictions`: latencies of networks, as arrays and as a table."""

import html
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bench.protocol.target import Target

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from latency_models.networks.categories.predictor import CategoryPredictor
    from latency_models.predictors.predictor import Prediction

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Predictions:
    """Predicted latencies of n networks.

    Attributes:
        target: what they are predicted for.
        ms: latencies in ms, (n,); infinite where a block could not run on the target.
        std_ms: their standard deviations in ms, (n,); NaN where the predictor has none.
        extrapolated: whether a network has anything unlike all that was measured, (n,).
        guessed: by network, what that is: keys of blocks, or categories as `op3=9`.
        unmeasured: by network, keys of its blocks that were not measured by themselves.
        choices: a row a network, its choices as codes.
    """

    target: Target
    ms: Floats
    std_ms: Floats
    extrapolated: NDArray[np.bool_]
    guessed: tuple[tuple[str, ...], ...]
    unmeasured: tuple[tuple[str, ...], ...]
    choices: "pd.DataFrame"

    def __len__(self) -> int:
        return len(self.ms)

    def __repr__(self) -> str:
        count = f"{len(self)} network" + ("" if len(self) == 1 else "s")
        guessed = int(self.extrapolated.sum())
        words = f"Predictions of {count} on {self.target.key}: {_range_words(self.ms)}"
        return f"{words}, {guessed} extrapolated" if guessed else words

    def _repr_html_(self) -> str:
        table = self.frame.to_html(max_rows=10, max_cols=20)
        return f"<p>{html.escape(repr(self))}</p>\n{table}"

    @property
    def frame(self) -> "pd.DataFrame":
        """The choices with the columns `latency_ms`, `std_ms` and `extrapolated`."""
        return self.choices.assign(
            latency_ms=self.ms, std_ms=self.std_ms, extrapolated=self.extrapolated
        )

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values: the target, and for each network its choices and figures."""
        rows = self.frame.to_dict("records")
        return {
            "target": self.target.key,
            "networks": [{str(k): _plain(v) for k, v in row.items()} for row in rows],
        }


def predictions_of_blocks(
    target: Target, found: "Sequence[Prediction]", choices: "pd.DataFrame"
) -> Predictions:
    """Return what a predictor of blocks says of networks, whose choices are a row each."""
    guessed = tuple(tuple(block.key for block in one.extrapolated) for one in found)
    return Predictions(
        target=target,
        ms=np.array([one.ms for one in found]),
        std_ms=np.array([one.std_ms for one in found]),
        extrapolated=np.array([bool(blocks) for blocks in guessed]),
        guessed=guessed,
        unmeasured=tuple(tuple(block.key for block in one.unmeasured) for one in found),
        choices=choices,
    )


def predictions_of_categories(
    predictor: "CategoryPredictor", codes: "NDArray[np.int64]"
) -> Predictions:
    """Return what a predictor of categories says of rows of categories (n, columns)."""
    import pandas as pd

    columns, extrapolated = predictor.columns, predictor.extrapolated(codes)
    guessed = tuple(
        tuple(
            f"{column}={value}"
            for column, value in zip(columns, row, strict=True)
            if unsure and value not in predictor.seen[column]
        )
        for row, unsure in zip(codes.tolist(), extrapolated.tolist(), strict=True)
    )
    return Predictions(
        target=predictor.target,
        ms=predictor.predict(codes),
        std_ms=np.full(len(codes), np.nan),
        extrapolated=extrapolated,
        guessed=guessed,
        unmeasured=((),) * len(codes),
        choices=pd.DataFrame(codes, columns=list(columns)),
    )


def _range_words(ms: Floats) -> str:
    low, high = float(ms.min()), float(ms.max())
    return f"{low:.4g} ms" if low == high else f"{low:.4g} to {high:.4g} ms"


def _plain(value: Any) -> Any:
    """A JSON value; None for what is no finite number."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
