"""Choice of an accuracy predictor, and its error on held-out networks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from supernet.accuracy.cross_validation import CrossValidation, HeldOut
from supernet.accuracy.predictor import MOST_KERNEL_PAIRS, AccuracyPredictor, Kind, fit_accuracy
from supernet.constraints.constraints import CodedSpace
from supernet.space.codes import Codes

HELD_OUT = 5  # one network in five is held out
LEAST_PAIRS = 20  # with fewer, none is held out


@dataclass(frozen=True, slots=True, kw_only=True)
class KindComparison:
    """One kind's cross-validated error, which decides, and its figures on held-out networks.

    `held_out` is None where there are too few pairs.
    """

    kind: Kind
    settings: str
    cross_validation: CrossValidation
    held_out: HeldOut | None

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "settings": self.settings,
            "cross_validation": self.cross_validation.to_json(),
            "held_out": self.held_out and self.held_out.to_json(),
        }


def kinds_for(model: str, pairs: int) -> tuple[Kind, ...]:
    """Return the kinds to compare for `model`: kernel, mlp, or best (all that `pairs` allow)."""
    if model == "kernel":
        return ("kernel",)
    if model == "mlp" or pairs > MOST_KERNEL_PAIRS:
        return ("mlp",)
    return ("kernel", "mlp")


def compare(
    space: CodedSpace,
    codes: Codes,
    accuracy: NDArray[np.float64],
    kinds: Sequence[Kind],
    seed: int = 0,
) -> list[KindComparison]:
    """Fit each kind on four fifths of the pairs and evaluate it on the rest; best kind first.

    The best kind has the lowest cross-validated error within the four fifths. Held-out networks do
    not influence the choice, so their figures are unbiased.
    """
    order = np.random.default_rng(seed).permutation(len(accuracy))
    held_out = order[: len(order) // HELD_OUT] if len(order) >= LEAST_PAIRS else order[:0]
    fitted = order[len(held_out) :]
    comparisons = []
    for kind in kinds:
        predictor = fit_accuracy(space, codes[fitted], accuracy[fitted], kind=kind, seed=seed)
        comparisons.append(
            KindComparison(
                kind=kind,
                settings=predictor.model.settings,
                cross_validation=predictor.cross_validation,
                held_out=_held_out_figures(predictor, codes[held_out], accuracy[held_out])
                if len(held_out)
                else None,
            )
        )
    return sorted(comparisons, key=lambda comparison: comparison.cross_validation.rmse)


def _held_out_figures(
    predictor: AccuracyPredictor, codes: Codes, accuracy: NDArray[np.float64]
) -> HeldOut:
    return HeldOut.of(predictor.predict(codes), accuracy, predictor.accuracy)
