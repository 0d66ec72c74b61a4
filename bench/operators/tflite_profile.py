"""Time by operator of a TFLite file: each operator timed by itself, in the order of the model.

LiteRT's profiler is not reachable from Python.
"""

import time
from collections.abc import Callable, Sequence

import numpy as np

from bench.backends.tflite_backend import open_file
from bench.backends.tflite_file_model import TfliteFileModel
from bench.models.model_file import ModelFile
from bench.operators.precision import precision_of
from bench.operators.profile import WARM_UP, OperatorProfile, OperatorTime
from bench.operators.runnable import runnable
from bench.operators.tflite_cut import cut_tflite
from bench.operators.tflite_delegation import all_delegated
from bench.operators.tflite_graph import tflite_graph


def profile_tflite(file: ModelFile, threads: int = 1, runs: int = 30) -> OperatorProfile:
    """Time every operator of a TFLite file by itself and return them in order of execution.

    In each of `runs` passes every operator runs once, in the model's order, so that each begins
    with the caches about as the others leave them.

    Args:
        file: the file and its inputs.
        threads: of the interpreter.
        runs: how many passes count, after `WARM_UP` others.

    Raises:
        FileError: it is no TFLite file, or the runtime cannot run it.
        InputError: a dynamic input has no shape.
    """
    loaded: dict[str, TfliteFileModel] = {}

    def load(alone: ModelFile) -> None:
        loaded[alone.digest] = open_file(alone, threads)

    cut = runnable(cut_tflite(tflite_graph(file, threads)), load)
    operators = {operator.digest: operator for operator, _ in cut.operators}
    delegated = {
        alone.digest: all_delegated(alone.content(), threads) for _, alone in cut.operators
    }
    median_ms = _median_ms([loaded[digest].run for digest in cut.sequence], runs)
    total_ms = sum(median_ms) or 1.0
    times = tuple(
        OperatorTime(
            name=name,
            kind=operators[digest].kind,
            ms=ms,
            share=ms / total_ms,
            shapes=operators[digest].shapes.rpartition(" -> ")[2],
            precision=_precision(operators[digest].kind, loaded[digest]),
            delegated=delegated[digest],
        )
        for digest, name, ms in zip(cut.sequence, cut.names, median_ms, strict=True)
    )
    return OperatorProfile(operators=times, uncut=cut.uncut)


def _precision(kind: str, alone: TfliteFileModel) -> str:
    return precision_of(
        kind,
        [(each.dtype, len(each.shape)) for each in alone.inputs],
        [(each.dtype.name, each.ndim) for each in alone.outputs()],
    )


def _median_ms(calls: Sequence[Callable[[], object]], runs: int) -> list[float]:
    """Return the median duration of each call over passes through all of them."""
    durations_ns = np.zeros((WARM_UP + runs, len(calls)))
    for durations in durations_ns:
        for place, call in enumerate(calls):
            began_ns = time.perf_counter_ns()
            call()
            durations[place] = time.perf_counter_ns() - began_ns
    medians_ms: list[float] = (np.median(durations_ns[WARM_UP:], axis=0) / 1e6).tolist()
    return medians_ms
