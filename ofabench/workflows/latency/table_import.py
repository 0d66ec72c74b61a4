"""Import of other projects' tables, by format."""

from typing import TYPE_CHECKING

from bench.protocol.target import Target
from ofabench.options.table import TableImportOptions

if TYPE_CHECKING:
    from latency_models.networks.categories.predictor import CategoryPredictor
    from latency_models.tables.table import LatencyTable


def import_table(options: TableImportOptions) -> "LatencyTable | CategoryPredictor":
    """Convert files of another format to a table, and write it.

    Args:
        options: the files, their format, and their target.

    Returns:
        The latencies of blocks, or for `fbnet` the costs of categories.

    Raises:
        InputError, FileError: a file is not of the format, or cannot be read or written.
    """
    target = Target(
        device=options.device,
        backend=options.backend,
        backend_version="unknown",
        threads=options.threads,
        batch=options.batch,
    )
    table = _read(options, target)
    table.save(options.out)
    return table


def _read(options: TableImportOptions, target: Target) -> "LatencyTable | CategoryPredictor":
    if options.format == "fbnet":
        from latency_models.formats.fbnet import from_fbnet

        return from_fbnet(options.files[0], target)
    if options.format == "tfnas":
        from latency_models.formats.tfnas import from_tfnas

        return from_tfnas(options.files, target, measured_only=options.measured_only)
    from latency_models.formats.ofa import from_ofa

    return from_ofa(options.files, target)
