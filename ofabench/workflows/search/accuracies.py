"""Accuracies of a search: from a file, a predictor, or a user's function."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bench.errors import InputError
from supernet.space.arch import ArchConfig
from supernet.space.codes import Codes

if TYPE_CHECKING:
    from supernet.accuracy.predictor import AccuracyPredictor
    from supernet.accuracy.source import AccuracySource
    from supernet.space.coded_space import CodedSpace
    from supernet.space.space import SearchSpace

Values: TypeAlias = "Sequence[float] | NDArray[Any]"
OnArchs = Callable[[list[ArchConfig]], Values]
_SLACK = 0.5  # a regression may be slightly outside 0 to 1, percentages are far outside


@dataclass(frozen=True, slots=True)
class OnCodes:
    """An accuracy function that takes encoded networks; `on_codes` makes it."""

    function: Callable[[Codes], Values]


def on_codes(function: Callable[[Codes], Values]) -> OnCodes:
    """Return an accuracy for `search` that takes encoded networks, which is faster.

    Args:
        function: takes an integer array (n, columns) of which each row is a network, and returns
            n accuracies, fractions from 0 to 1. `SearchSpace.columns` names the columns.

    Returns:
        What `search` and `pareto` take as `accuracy`.

    Example:
        >>> from supernet.space.space import SearchSpace
        >>> space = SearchSpace.load("tiny")
        >>> wide = on_codes(lambda codes: 0.5 + codes.sum(axis=1) / 1000)
    """
    return OnCodes(function)


class WithPredictor(Protocol):
    """Object with an accuracy predictor, as `SuperNet.accuracy_predictor` returns."""

    @property
    def predictor(self) -> "AccuracyPredictor": ...


_Source: TypeAlias = "AccuracySource | AccuracyPredictor | WithPredictor"
Accuracy: TypeAlias = "str | os.PathLike[str] | _Source | OnCodes | OnArchs"


@dataclass(frozen=True, slots=True)
class FunctionAccuracy:
    """User's function as a source of accuracies; its result is checked."""

    space: "SearchSpace"
    function: Callable[..., Values]
    takes_codes: bool

    def predict(self, codes: Codes, /) -> NDArray[np.float64]:
        """Return accuracies of encoded networks (n,), by the function."""
        networks = codes if self.takes_codes else self.space.decode(codes)
        return _checked(self.function(networks), len(codes))

    def check_space(self, space: "CodedSpace", /) -> None:
        """Accept every space: the function applies to the one that is searched."""
        del space

    def known_resolutions(self, resolutions: Sequence[int], /) -> list[int]:
        """Return all given resolutions."""
        return list(resolutions)

    def describe(self) -> str:
        """Return the function's name in words."""
        return f"the function {_name_of(self.function)}"

    def to_json(self) -> dict[str, Any]:
        """Return provenance like that of an `AccuracySource`."""
        return {
            "kind": "function",
            "space": self.space.name,
            "resolutions": list(self.space.resolutions),
            "cross_validation": None,
            "note": self.describe(),
        }


def _checked(values: Any, n: int) -> NDArray[np.float64]:
    """Check what an accuracy function returned: finite numbers (n,), else `InputError`."""
    expected = f"expected {n} numbers, one for each network"
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(
            f"the accuracy function returned {_short(values)}: {expected}; return a list or an "
            "array"
        ) from None
    if array.shape != (n,):
        shape = f"an array of shape {array.shape}" if array.ndim else f"one value, {_short(values)}"
        raise InputError(f"the accuracy function returned {shape}: {expected}")
    not_finite = ~np.isfinite(array)
    if not_finite.any():
        row = int(not_finite.argmax())
        raise InputError(
            f"the accuracy function returned {array[row]} for network {row}, expected a finite "
            "number: return a low accuracy for networks to avoid"
        )
    far = np.abs(array - 0.5) > 0.5 + _SLACK
    if far.any():
        row = int(far.argmax())
        raise InputError(
            f"the accuracy function returned {array[row]:g} for network {row}, expected a "
            "fraction from 0 to 1: divide percentages by 100"
        )
    return array


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _name_of(function: Callable[..., Any]) -> str:
    return str(getattr(function, "__qualname__", type(function).__name__))


def accuracy_of(accuracy: Any, space: "SearchSpace") -> "AccuracySource":
    """Return the source of accuracies for `search`'s argument; `InputError` for anything else."""
    from supernet.accuracy.predictor import AccuracyPredictor
    from supernet.accuracy.source import FittedAccuracy, open_accuracy

    if isinstance(accuracy, str | os.PathLike):
        return open_accuracy(os.fspath(accuracy))
    if isinstance(accuracy, OnCodes):
        return FunctionAccuracy(space, accuracy.function, takes_codes=True)
    if hasattr(accuracy, "known_resolutions") and hasattr(accuracy, "check_space"):
        source: AccuracySource = accuracy
        return source
    fitted = getattr(accuracy, "predictor", accuracy)  # from `SuperNet.accuracy_predictor`
    if isinstance(fitted, AccuracyPredictor):
        return FittedAccuracy(predictor=fitted, file="a predictor in memory", sha256="")
    if callable(accuracy):
        return FunctionAccuracy(space, accuracy, takes_codes=False)
    raise InputError(
        f"accuracy is {_short(accuracy)}, expected a file of `ofabench accuracy`, an accuracy "
        "predictor, or a function that takes a list of architectures"
    )
