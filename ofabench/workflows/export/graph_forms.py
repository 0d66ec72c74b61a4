"""Backend of a file to write: in the graph forms that are requested, or that were measured."""

from collections.abc import Sequence
from dataclasses import replace

from bench.backends.registry import formed_backend, get_backend
from bench.blocks.graph_form import PLAIN, GraphForm
from bench.errors import InputError
from bench.protocol.backend import Backend
from bench.protocol.target import Target
from ofabench.options.export import ExportOptions
from supernet.export.precision import FP32


def export_backend(options: ExportOptions, targets: Sequence[Target] = ()) -> Backend:
    """Return the backend that writes the file.

    `targets` are those of latency predictors: without `options.forms`, a file has the forms that
    were measured for its runtime, preferably in its precision. Raises `InputError` for a form of
    weights that the precision has already.
    """
    if options.forms:
        form = GraphForm.parse(options.forms)
        if form.weights != PLAIN.weights and options.precision != FP32:
            raise InputError(
                f"the form weights={form.weights} is for files in {FP32}, and this file is in "
                f"{options.precision}: leave one of them out"
            )
        return formed_backend(options.format, form)
    measured = [target for target in targets if target.backend == options.format]
    same = [target for target in measured if target.precision == options.precision]
    for target in same or measured:
        form = GraphForm.from_options(target.options)
        weights = form.weights if options.precision == FP32 else PLAIN.weights
        return formed_backend(target.backend, replace(form, weights=weights))
    return get_backend(options.format)
