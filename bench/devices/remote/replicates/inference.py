"""Outputs of a model file computed on the device, to compare with this machine's."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.backends.boundary import FLOAT32, Boundary
from bench.backends.inputs import check_images
from bench.backends.tflite_schema import check_whole, schema
from bench.blocks.quantisation import INT8_LOWEST, Quantisation
from bench.devices.remote.connection import Connection, error_line
from bench.devices.remote.content import push_missing
from bench.devices.remote.machine import RemoteMachine
from bench.errors import DeviceError, FileError
from bench.protocol.backend import Array
from bench.protocol.target import Target

TIMEOUT_S = 300.0


def infer_on(
    machine: RemoteMachine, connection: Connection, content: bytes, images: Array, target: Target
) -> Array:
    """Run a TFLite file on NCHW `images`; feature maps are returned as NCHW too.

    Raises `FileError` for a file that is not TFLite, `InputError` for images of another shape.
    """
    check_whole(content)
    model_input, model_output = ends_of(content)
    if len(model_input.shape) != 4:
        raise FileError(
            f"model file takes a tensor of shape {list(model_input.shape)}, expected images"
        )
    nhwc = check_images(images, _nchw(model_input.shape)).transpose(0, 2, 3, 1)
    stored = model_input.boundary.stored(np.ascontiguousarray(nhwc))
    files = {"model.tflite": content, "in.bin": _little(stored).tobytes()}
    machine.with_bundle(connection)
    push_missing(connection, machine.folder.infer, files)
    fp16 = str(int(target.precision == "fp16"))
    paths = [f"../infer/{name}" for name in ("model.tflite", "in.bin", "out.bin")]
    argv = machine.run_argv(["--infer", *paths, str(target.threads), fp16])
    completed = connection.run(argv, timeout_s=TIMEOUT_S)
    if completed.status != 0:
        message = error_line(completed.out.partition(b"\t")[0] + b" " + completed.err)
        raise DeviceError(f"the runner cannot compute this model: {message}")
    shape, boundary = model_output.shape, model_output.boundary
    pulled = connection.pull(f"{machine.folder.infer}/out.bin")
    dtype = np.dtype(boundary.dtype).newbyteorder("<")
    if len(pulled) != int(np.prod(shape)) * dtype.itemsize:
        raise DeviceError(f"the runner gave {len(pulled)} bytes, the model makes {shape}")
    outputs = boundary.values(np.frombuffer(pulled, dtype).reshape(shape))
    return np.ascontiguousarray(outputs.transpose(0, 3, 1, 2)) if len(shape) == 4 else outputs


@dataclass(frozen=True, slots=True)
class ModelEnd:
    """Input or output of a TFLite file: shape (NHWC), and what it stores."""

    shape: tuple[int, ...]
    boundary: Boundary


def ends_of(content: bytes) -> tuple[ModelEnd, ModelEnd]:
    """Return the input and the output of a TFLite file; `FileError` for other numbers of them."""
    graph = schema().Model.GetRootAs(content, 0).Subgraphs(0)
    if graph is None or graph.InputsLength() != 1 or graph.OutputsLength() != 1:
        raise FileError("model file has not one input and one output")
    return _end(graph.Tensors(graph.Inputs(0))), _end(graph.Tensors(graph.Outputs(0)))


def _end(tensor: Any) -> ModelEnd:
    shape = tuple(int(side) for side in tensor.ShapeAsNumpy())
    kinds = schema().TensorType
    if tensor.Type() == kinds.FLOAT32:
        return ModelEnd(shape, FLOAT32)
    quantisation = tensor.Quantization()
    if tensor.Type() != kinds.INT8 or quantisation is None or quantisation.ScaleLength() != 1:
        raise FileError("model file takes or gives other values than float32 and scaled int8")
    scale, zero_point = float(quantisation.Scale(0)), int(quantisation.ZeroPoint(0))
    return ModelEnd(shape, Boundary(np.int8, Quantisation(scale, zero_point, INT8_LOWEST)))


def _little(values: NDArray[Any]) -> NDArray[Any]:
    return values.astype(values.dtype.newbyteorder("<"))


def _nchw(shape: tuple[int, ...]) -> tuple[int, ...]:
    batch, height, width, channels = shape
    return batch, channels, height, width
