"""ONNX files of any origin on onnxruntime: every input and output bound to memory beforehand."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.backends.onnx_session import open_session
from bench.errors import FileError, InputError
from bench.models.model_file import ModelFile
from bench.models.tensors import InputSpec
from bench.protocol.backend import Array

_DTYPES = {
    "float16": "float16",
    "float": "float32",
    "double": "float64",
    "int8": "int8",
    "int16": "int16",
    "int32": "int32",
    "int64": "int64",
    "uint8": "uint8",
    "uint16": "uint16",
    "uint32": "uint32",
    "uint64": "uint64",
    "bool": "bool",
}


class OnnxFileModel:
    """A session whose inputs are filled and whose outputs have memory, ready to be timed."""

    def __init__(self, session: Any, file: ModelFile, seed: int) -> None:
        self.inputs = input_specs(session)
        values = file.input_values(self.inputs, seed)
        self._session = session
        self._names = list(values)
        self._binding = session.io_binding()
        self._bind_inputs(values)
        self._bind_outputs()
        self.run: Callable[[], object] = partial(session.run_with_iobinding, self._binding)

    def outputs(self) -> list[NDArray[Any]]:
        """Run once and return every output that is a tensor."""
        self.run()
        return [
            np.array(value.numpy()) for value in self._binding.get_outputs() if value.is_tensor()
        ]

    def infer(self, images: Array) -> Array:
        """Return the first output for `images`, which go to the only input."""
        if len(self._names) != 1:
            raise InputError(f"the model has the inputs {', '.join(self._names)}, expected one")
        result: Array = self._session.run(None, {self._names[0]: images})[0]
        return result

    def _bind_inputs(self, values: Mapping[str, NDArray[Any]]) -> None:
        from onnxruntime import OrtValue

        for name, value in values.items():
            self._binding.bind_ortvalue_input(name, OrtValue.ortvalue_from_numpy(value))

    def _bind_outputs(self) -> None:
        """Run once to learn the outputs' shapes, then give each tensor memory of that shape."""
        from onnxruntime import OrtValue

        names = [output.name for output in self._session.get_outputs()]
        for name in names:
            self._binding.bind_output(name)
        began_ns = time.perf_counter_ns()
        self._session.run_with_iobinding(self._binding)
        self.first_ns = float(time.perf_counter_ns() - began_ns)
        outputs = self._binding.get_outputs()
        self._binding.clear_binding_outputs()
        for name, value in zip(names, outputs, strict=True):
            # No memory can be allocated beforehand for strings, sequences and maps.
            if value.is_tensor() and value.data_type() != "tensor(string)":
                self._binding.bind_ortvalue_output(name, _like(OrtValue, value))
            else:
                self._binding.bind_output(name)


def input_specs(session: Any) -> tuple[InputSpec, ...]:
    """Return the inputs of a session; `FileError` for a type that cannot be filled."""
    return tuple(_input_spec(given) for given in session.get_inputs())


def session_inputs(file: ModelFile, threads: int) -> tuple[InputSpec, ...]:
    """Return the inputs that a file declares; its graph is not optimised for that."""
    return input_specs(open_session(file.source, threads, optimise=False))


def external_files(path: Path) -> tuple[Path, ...]:
    """Return the external files with weights of an ONNX file; `FileError` for a missing one."""
    import onnx
    from google.protobuf.message import DecodeError
    from onnx.external_data_helper import ExternalDataInfo, uses_external_data

    try:
        model = onnx.load(str(path), load_external_data=False)
    except OSError as error:
        raise FileError(f"cannot read {path}: {error.strerror or error}") from error
    except (DecodeError, ValueError) as error:
        raise FileError(f"{path} is no ONNX file, or is damaged: {error}") from error
    places = {
        ExternalDataInfo(tensor).location
        for tensor in _tensors(model)
        if uses_external_data(tensor)
    }
    files = tuple(path.parent / place for place in sorted(places))
    for file in files:
        if not file.is_file():
            raise FileError(
                f"{path.name} keeps weights in {file.name}, which is not beside it: put it there"
            )
    return files


def _tensors(model: Any) -> Iterator[Any]:
    """Yield every stored tensor: of attributes, of graphs of control flow, of functions too."""
    yield from _graph_tensors(model.graph)
    for function in model.functions:
        yield from _node_tensors(function.node)


def _graph_tensors(graph: Any) -> Iterator[Any]:
    yield from graph.initializer
    yield from _node_tensors(graph.node)


def _node_tensors(nodes: Iterable[Any]) -> Iterator[Any]:
    for attribute in (attribute for node in nodes for attribute in node.attribute):
        yield from attribute.tensors
        if attribute.HasField("t"):
            yield attribute.t
        for graph in (*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])):
            yield from _graph_tensors(graph)


def _input_spec(given: Any) -> InputSpec:
    kind = str(given.type).removeprefix("tensor(").removesuffix(")")
    if kind not in _DTYPES:
        raise FileError(
            f"the input {given.name} is of type {given.type}, expected a tensor of numbers or "
            "booleans: such a model cannot be measured"
        )
    shape = tuple(side if isinstance(side, int | str) else None for side in given.shape)
    return InputSpec(name=given.name, dtype=_DTYPES[kind], shape=shape)


def _like(kind: Any, value: Any) -> Any:
    """Return a new tensor of the shape and type of another."""
    if value.data_type() == "tensor(bfloat16)":  # numpy has no such type
        return value
    return kind.ortvalue_from_shape_and_type(list(value.shape()), value.numpy().dtype.type)
