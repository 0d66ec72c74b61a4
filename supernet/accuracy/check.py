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

HELD_OUT = 5  # one network in so many is kept back
LEAST_PAIRS = 20  # with fewer there is nothing to keep back


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One kind's cross-validated error, by which it is chosen, and its figures on those kept back.

    `held_out` is None where the pairs are too few for it.
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
    """Kinds to compare for `model`: kernel, mlp, or best, which is all that so many pairs allow."""
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
) -> list[Compared]:
    """Fit each of `kinds` on four fifths of the pairs and judge it on the rest, best one first.

    Best is the least cross-validated error within the four fifths: what is kept back decides
    nothing, so that its figures are those of networks never seen.
    """
    order = np.random.default_rng(seed).permutation(len(accuracy))
    kept = order[: len(order) // HELD_OUT] if len(order) >= LEAST_PAIRS else order[:0]
    fitted = order[len(kept) :]
    found = []
    for kind in kinds:
        predictor = fit_accuracy(space, codes[fitted], accuracy[fitted], kind=kind, seed=seed)
        found.append(
            Compared(
                kind=kind,
                settings=predictor.model.settings,
                cross_validation=predictor.cross_validation,
                held_out=_judge(predictor, codes[kept], accuracy[kept]) if len(kept) else None,
            )
        )
    return sorted(found, key=lambda one: one.cross_validation.rmse)


def _judge(predictor: AccuracyPredictor, codes: Codes, accuracy: NDArray[np.float64]) -> HeldOut:
    return HeldOut.of(predictor.predict(codes), accuracy, predictor.accuracy)
