"""`compare`: latency tables of two targets or more, or two measurements of model files."""

from typing import TYPE_CHECKING, Any

from bench.errors import InputError
from ofabench.workflows.latency.compare import SeveralTablesComparison, TableComparison
from ofabench.workflows.latency.compare import compare as compare_tables
from ofabench.workflows.latency.compared_tables import TableSource

if TYPE_CHECKING:
    from ofabench.workflows.measure.comparison import MeasurementComparison
    from ofabench.workflows.measure.measurements import Measurements

__all__ = ["SeveralTablesComparison", "TableComparison", "compare"]


def compare(
    *sources: "TableSource | Measurements",
    fail_above: float | None = None,
    fail_slower: float | None = None,
) -> "TableComparison | SeveralTablesComparison | MeasurementComparison":
    """Return the differences of latency tables, or of a measurement, from the first one.

    Tables are compared block by block. Of two, each block's change is tested; of more, each is
    compared with the first, and every pair by its rank correlation. Two measurements of model files
    are compared file by file: those of one backend with the same name, or the only two.

    Args:
        sources: latency tables, tables of several targets, sweeps, or their files (`.parquet`,
            `.sqlite`); or two measurements of model files, or their files: JSON (`measure --out`)
            or SQLite (`measure --keep`).
        fail_above: of tables: the fraction by which another may be slower than the first, for
            example 0.05; None for no limit.
        fail_slower: of measurements: the fraction by which a file may be slower; a difference
            within noise is allowed. None for no limit.

    Raises:
        InputError: two have nothing in common, there are too few or too many, or the limit is that
            of the other kind.
        FileError: a file cannot be read, or holds something else.

    Example:
        >>> compare("before.json", "after.json", fail_slower=0.05)
        Traceback (most recent call last):
        bench.errors.FileError: cannot read before.json: No such file or directory
    """
    from ofabench.workflows.measure.compared_measurement import holds_measurement

    kinds = {holds_measurement(source) for source in sources}
    if kinds == {True, False}:
        raise InputError(
            "some are latency tables and others measurements of model files: compare tables "
            "(.parquet, or sweeps), or two results of `measure` (.json, .sqlite)"
        )
    if kinds == {True}:
        return _compare_measurements(sources, fail_above, fail_slower)
    if fail_slower is not None:
        raise InputError("the limit of tables is --fail-above; --fail-slower is of `measure`")
    tables: Any = sources
    return compare_tables(*tables, fail_above=fail_above)


def _compare_measurements(
    sources: Any, fail_above: float | None, fail_slower: float | None
) -> "MeasurementComparison":
    from ofabench.workflows.measure.compared_measurement import read_compared
    from ofabench.workflows.measure.comparison import compare_models

    if fail_above is not None:
        raise InputError("the limit of two results of `measure` is --fail-slower, not --fail-above")
    if len(sources) != 2:
        raise InputError(f"got {len(sources)} results of `measure`, expected two")
    first, second = map(read_compared, sources)
    return compare_models(first, second, fail_slower)
