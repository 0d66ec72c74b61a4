"""Precisions of a search: of its limits in bytes, its latencies and its accuracies."""

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from bench.errors import InputError
from ofabench.options.search import FLOAT32
from ofabench.workflows.search.latencies import LatencySource

if TYPE_CHECKING:
    from supernet.accuracy.source import AccuracySource

logger = logging.getLogger(__name__)


def limits_precision(requested: str | None, sources: Sequence[LatencySource]) -> str:
    """Return the precision for limits in bytes: by default that of the predictors' files.

    A precision that differs from theirs is used, with a warning. Raises `InputError` where none is
    requested and the predictors differ.
    """
    measured = sorted({source.predictor.target.file_precision for source in sources})
    if requested is None:
        if len(measured) > 1:
            raise InputError(
                f"the latency predictors are of files in {' and '.join(measured)}: give "
                "--precision for the limits in bytes"
            )
        return measured[0] if measured else FLOAT32
    if measured and requested not in measured and {requested, *measured} & {"int8"}:
        logger.warning(
            "limits in bytes are for %s, latencies for files in %s: leave --precision out for "
            "both in the same precision",
            requested,
            " and ".join(measured),
        )
    return requested


def warn_of_other_precision(accuracy: "AccuracySource", sources: Sequence[LatencySource]) -> None:
    """Warn where accuracies and latencies are predicted for files of different precisions."""
    from supernet.accuracy.source import precision_of

    predicted = precision_of(accuracy)
    measured = sorted({source.predictor.target.file_precision for source in sources})
    if predicted is None or not measured or measured == [predicted]:
        return
    wanted = next(each for each in measured if each != predicted)
    logger.warning(
        "accuracies are predicted for %s, latencies for files in %s: rank by accuracies in %s, "
        "from ofabench evaluate-subnets --precision %s and ofabench accuracy",
        predicted,
        " and ".join(measured),
        wanted,
        wanted,
    )
