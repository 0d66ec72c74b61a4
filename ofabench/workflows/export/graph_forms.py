"""Backend of a file to write: in the graph forms that are requested, or that were measured."""

from collections.abc import Sequence

from bench.backends.registry import backend_of, formed_backend, get_backend
from bench.blocks.graph_form import GraphForm
from bench.protocol.backend import Backend
from bench.protocol.target import Target
from ofabench.options.export import ExportOptions


def export_backend(options: ExportOptions, targets: Sequence[Target] = ()) -> Backend:
    """Return the backend that writes the file.

    `targets` are those of latency predictors: without `options.forms`, a file has the forms that
    were measured for its runtime, preferably in its precision.
    """
    if options.forms:
        return formed_backend(options.format, GraphForm.parse(options.forms))
    measured = [target for target in targets if target.backend == options.format]
    same = [target for target in measured if target.precision == options.precision]
    for target in same or measured:
        return backend_of(target)
    return get_backend(options.format)
