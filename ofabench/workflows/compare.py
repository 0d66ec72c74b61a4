"""`compare`: two latency tables, or two measurements of model files."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import InputError
from ofabench.workflows.latency.compare import TableComparison
from ofabench.workflows.latency.compare import compare as compare_tables

if TYPE_CHECKING:
    from latency_models.tables.table import LatencyTable
    from ofabench.workflows.measure.comparison import MeasurementComparison
    from ofabench.workflows.measure.measurements import Measurements

__all__ = ["TableComparison", "compare"]


def compare(
    first: "LatencyTable | Measurements | str | Path",
    second: "LatencyTable | Measurements | str | Path",
    *,
    fail_above: float | None = None,
    fail_slower: float | None = None,
) -> "TableComparison | MeasurementComparison":
    """Return the differences of the second latency table, or measurement, from the first.

    Tables are compared block by block, measurements of model files file by file: those of one
    backend with the same name, or the only two. Files of measurements are JSON (`measure --out`)
    or SQLite (`measure --keep`).

    Args:
        first, second: two tables or two measurements, or their files.
        fail_above: of tables: the fraction by which the second may be slower, for example 0.05;
            None for no limit.
        fail_slower: of measurements: the fraction by which a file may be slower; a difference
            within noise is allowed. None for no limit.

    Raises:
        InputError: the two have nothing in common, or the limit is that of the other kind.
        FileError: a file cannot be read, or holds something else.

    Example:
        >>> compare("before.json", "after.json", fail_slower=0.05)
        Traceback (most recent call last):
        bench.errors.FileError: cannot read before.json: No such file or directory
    """
    from ofabench.workflows.measure.compared_measurement import holds_measurement

    kinds = {holds_measurement(first), holds_measurement(second)}
    if kinds == {True, False}:
        raise InputError(
            "one is a latency table and the other a measurement of model files: compare two tables "
            "(.parquet), or two results of `measure` (.json, .sqlite)"
        )
    if kinds == {True}:
        return _compare_measurements(first, second, fail_above, fail_slower)
    if fail_slower is not None:
        raise InputError("the limit of two tables is --fail-above; --fail-slower is of `measure`")
    tables: Any = (first, second)
    return compare_tables(*tables, fail_above=fail_above)


def _compare_measurements(
    first: Any, second: Any, fail_above: float | None, fail_slower: float | None
) -> "MeasurementComparison":
    from ofabench.workflows.measure.compared_measurement import read_compared
    from ofabench.workflows.measure.comparison import compare_models

    if fail_above is not None:
        raise InputError("the limit of two results of `measure` is --fail-slower, not --fail-above")
    return compare_models(read_compared(first), read_compared(second), fail_slower)
