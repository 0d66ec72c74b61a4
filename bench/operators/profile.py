"""Time by operator, and that of an ONNX file by onnxruntime's profiler."""

import tempfile
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from bench.errors import FileError
from bench.files import read_json
from bench.models.model_file import ModelFile
from bench.operators.precision import precision_of

_TYPES = {"float": "float32", "double": "float64"}  # that the profiler names as C++ does
_KERNEL = "_kernel_time"  # the end of the name of an operator's event
WARM_UP = 3  # inferences before those that count


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorTime:
    """One operator of a model as it ran.

    Attributes:
        name: of the node in the optimised graph, or of the tensor that it writes.
        kind: the operator's name.
        ms: median over inferences.
        share: of the sum of all operators.
        shapes: of its outputs.
        precision: the type of its values; "float32 to uint8" where it reads one type and writes
            another. See `precision_of`.
        delegated: whether the runtime's delegate runs it; None where it has none or does not say.
    """

    name: str
    kind: str
    ms: float
    share: float
    shapes: str
    precision: str = ""
    delegated: bool | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        return asdict(self)


@runtime_checkable
class ModelProfiler(Protocol):
    """A device whose runtime times the operators of a model file."""

    def profile_model_file(self, file: ModelFile, threads: int) -> "OperatorProfile":
        """Profile a file; `FileError` or `InputError` where it cannot run there."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorProfile:
    """Operators of a model with their times, in order of execution.

    `uncut` are kinds of operators that have no time, with how often they occur. `note` says how far
    the times are those of the model, where that differs from device to device.
    """

    operators: tuple[OperatorTime, ...]
    uncut: Mapping[str, int]
    note: str = ""


def profile_onnx(
    source: str | bytes, inputs: Mapping[str, NDArray[Any]], *, threads: int = 1, runs: int = 30
) -> tuple[OperatorTime, ...]:
    """Run a model with onnxruntime's profiler and return its operators in order of execution.

    The profiler itself takes a few microseconds an operator: use the shares, and `measure` for
    latencies.

    Args:
        source: path or content of an ONNX file.
        inputs: values of its inputs by name.
        threads: of the runtime.
        runs: how many inferences count, after `WARM_UP` others.

    Raises:
        FileError: onnxruntime cannot run the model.
    """
    from bench.backends.onnx_session import (
        open_session,
        reason,
        refusals,
        session_options,
    )

    with tempfile.TemporaryDirectory(prefix="ofabench-") as folder:
        options = session_options(threads)
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(folder) / "profile")
        session = open_session(source, threads, options=options)
        refused: tuple[type[Exception], ...] = (*refusals(), ValueError)
        try:
            for _ in range(WARM_UP + runs):
                session.run(None, dict(inputs))
        except refused as error:
            raise FileError(f"onnxruntime cannot run the model: {reason(error)}") from error
        events = read_json(Path(session.end_profiling()))
    return operator_times(events, runs)


def operator_times(events: Any, runs: int) -> tuple[OperatorTime, ...]:
    """Return the operators in a profiler's events, of which the last `runs` of each count."""
    durations: dict[tuple[str, str], list[float]] = defaultdict(list)
    facts: dict[tuple[str, str], Mapping[str, Any]] = {}
    for event in events:
        name, args = str(event.get("name", "")), event.get("args", {})
        if event.get("cat") == "Node" and name.endswith(_KERNEL):
            # Names are not unique: onnxruntime gives those that it adds the operator's name.
            node = name.removesuffix(_KERNEL), str(args.get("node_index", ""))
            durations[node].append(float(event["dur"]) / 1e3)
            facts[node] = args
    median_ms = {node: float(np.median(ms[-runs:])) for node, ms in durations.items()}
    total_ms = sum(median_ms.values()) or 1.0
    return tuple(
        OperatorTime(
            name=node[0],
            kind=_kind(facts[node]),
            ms=ms,
            share=ms / total_ms,
            shapes=_shapes(facts[node].get("output_type_shape", [])),
            precision=precision_of(
                _kind(facts[node]),
                _types(facts[node].get("input_type_shape", [])),
                _types(facts[node].get("output_type_shape", [])),
            ),
        )
        for node, ms in median_ms.items()
    )


def _kind(facts: Mapping[str, Any]) -> str:
    return str(facts.get("op_name", "?"))


def _types(described: Any) -> list[tuple[str, int]]:
    """Return element type and number of dimensions of tensors, described as for `_shapes`."""
    return [
        (_TYPES.get(dtype, dtype), len(shape))
        for tensor in described
        for dtype, shape in tensor.items()
    ]


def _shapes(described: Any) -> str:
    """Return shapes that the profiler describes as [{"float": [1, 3]}, ...]."""
    sides = [shape for output in described for shape in output.values()]
    return ", ".join("x".join(map(str, shape)) or "1" for shape in sides)
