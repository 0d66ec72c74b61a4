"""The graph that onnxruntime executes: optimised on this machine, with the shapes of a run."""

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.errors import FileError

VALUES_KEPT = 64  # of an integer tensor: shapes, axes and indices decide what an operator does
_BITS = {"int2": 2, "int4": 4, "uint4": 4, "bfloat16": 16}  # of types that numpy lacks


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorFacts:
    """What is known of a tensor of a graph.

    `values` are those of a small integer or boolean tensor, which may decide what an operator
    does; None for any other.
    """

    dtype: str
    shape: tuple[int, ...]
    values: NDArray[Any] | None = None

    @property
    def elements(self) -> int:
        """Number of values."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def size_bytes(self) -> int:
        """Size in memory."""
        if self.dtype in _BITS:
            return -(-self.elements * _BITS[self.dtype] // 8)
        return self.elements * np.dtype(self.dtype).itemsize


@dataclass(frozen=True, kw_only=True)
class ExecutedGraph:
    """A graph as onnxruntime executes it.

    Attributes:
        model: the optimised model, an `onnx.ModelProto`.
        constants: initialisers by name, `onnx.TensorProto`.
        tensors: facts of every tensor that is no sequence, by name; constants included.
    """

    model: Any
    constants: Mapping[str, Any]
    tensors: Mapping[str, TensorFacts]

    @property
    def nodes(self) -> list[Any]:
        """The operators in their order, `onnx.NodeProto`."""
        return list(self.model.graph.node)


def executed_graph(
    source: str | bytes, inputs: Mapping[str, NDArray[Any]], threads: int = 1
) -> ExecutedGraph:
    """Optimise a model on this machine, run it once, and return its graph with all shapes.

    Fusions and blocked layouts depend on the machine, so the graph is that of this one.

    Args:
        source: path or content of an ONNX file.
        inputs: values of its inputs by name.
        threads: of the run.

    Raises:
        FileError: onnxruntime cannot optimise or run the model.
    """
    import onnx
    from onnx import numpy_helper

    model = _optimised(source, threads)
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    tensors = {name: _facts(numpy_helper.to_array(value)) for name, value in constants.items()}
    tensors |= {name: _facts(np.asarray(value)) for name, value in inputs.items()}
    names = [name for node in model.graph.node for name in node.output if name]
    shown = onnx.ModelProto()
    shown.CopyFrom(model)
    known = {output.name for output in model.graph.output}
    shown.graph.output.extend(
        onnx.helper.make_empty_tensor_value_info(name) for name in names if name not in known
    )
    tensors |= dict(_run_facts(shown, inputs, threads))
    return ExecutedGraph(model=model, constants=constants, tensors=tensors)


def _optimised(source: str | bytes, threads: int) -> Any:
    """Return the model as onnxruntime optimises it for this machine."""
    import onnx
    import onnxruntime

    from bench.backends.onnx_session import reason, refusals, session_options

    with tempfile.TemporaryDirectory(prefix="ofabench-") as folder:
        path = Path(folder) / "optimised.onnx"
        options = session_options(threads)
        options.optimized_model_filepath = str(path)
        try:
            onnxruntime.InferenceSession(
                _content(source), options, providers=["CPUExecutionProvider"]
            )
        except refusals() as error:
            raise FileError(f"onnxruntime cannot optimise the model: {reason(error)}") from error
        return onnx.load(str(path))


def _content(source: str | bytes) -> bytes:
    """Return a model's content with its external data, which the optimised model has inside."""
    import onnx

    if isinstance(source, bytes):
        return source
    try:
        content: bytes = onnx.load(source).SerializeToString()
    except ValueError as error:
        raise FileError("the model has 2 GB or more: its operators cannot be cut out") from error
    return content


def _run_facts(
    model: Any, inputs: Mapping[str, NDArray[Any]], threads: int
) -> Iterator[tuple[str, TensorFacts]]:
    """Run a model that shows every tensor as an output, as it is; yield what each is."""
    import onnxruntime

    from bench.backends.onnx_session import reason, refusals, session_options

    options = session_options(threads, optimise=False)
    refused: tuple[type[Exception], ...] = (*refusals(), ValueError)
    try:
        session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        outputs = session.run(None, dict(inputs))
    except refused as error:
        raise FileError(
            f"the operators of the model cannot be looked at: {reason(error)}"
        ) from error
    for output, value in zip(session.get_outputs(), outputs, strict=True):
        if isinstance(value, np.ndarray) and value.dtype.kind in "fiub":
            yield output.name, _facts(value)


def _facts(value: NDArray[Any]) -> TensorFacts:
    decisive = value.dtype.kind in "iub" and value.size <= VALUES_KEPT
    return TensorFacts(
        dtype=value.dtype.name,
        shape=tuple(value.shape),
        values=np.array(value) if decisive else None,
    )
