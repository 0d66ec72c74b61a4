"""Outputs of a model file computed on the phone, to compare with this machine's."""

import numpy as np

from bench.backends.inputs import check_images
from bench.backends.tflite_buffer import check_whole, schema
from bench.devices.android.adb.content import push_missing
from bench.devices.android.phone.connection import Connection
from bench.devices.android.phone.phone import Phone
from bench.devices.android.phone.settings_guard import WORK, error_line
from bench.devices.android.replicates.preparing import run_argv
from bench.errors import DeviceError, FileError
from bench.protocol.backend import Array
from bench.protocol.target import Target

FOLDER = f"{WORK}/infer"
TIMEOUT_S = 300.0


def infer_on(
    phone: Phone, connection: Connection, content: bytes, images: Array, target: Target
) -> Array:
    """Run a TFLite file on NCHW `images`; feature maps are returned as NCHW too.

    Raises `FileError` for a file that is not TFLite, `InputError` for images of another shape.
    """
    check_whole(content)
    input_shape, output_shape = shapes_of(content)
    nhwc = check_images(images, _nchw(input_shape)).transpose(0, 2, 3, 1)
    files = {"model.tflite": content, "in.bin": np.ascontiguousarray(nhwc, "<f4").tobytes()}
    phone.with_bundle(connection)
    push_missing(connection, FOLDER, files)
    fp16 = str(int(target.precision == "fp16"))
    paths = [f"../infer/{name}" for name in ("model.tflite", "in.bin", "out.bin")]
    argv = run_argv(phone, ["--infer", *paths, str(target.threads), fp16])
    completed = connection.run(argv, timeout_s=TIMEOUT_S)
    if completed.status != 0:
        message = error_line(completed.out.partition(b"\t")[0] + b" " + completed.err)
        raise DeviceError(f"the runner cannot compute this model: {message}")
    values = np.frombuffer(connection.pull(f"{FOLDER}/out.bin"), "<f4").astype(np.float32)
    if values.size != int(np.prod(output_shape)):
        raise DeviceError(f"the runner gave {values.size} numbers, the model makes {output_shape}")
    outputs = values.reshape(output_shape)
    return (
        np.ascontiguousarray(outputs.transpose(0, 3, 1, 2)) if len(output_shape) == 4 else outputs
    )


def shapes_of(content: bytes) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the shapes of the input and the output of a TFLite file (NHWC)."""
    graph = schema().Model.GetRootAs(content, 0).Subgraphs(0)
    if graph is None or graph.InputsLength() != 1 or graph.OutputsLength() != 1:
        raise FileError("model file has not one input and one output")
    model_input, model_output = (
        graph.Tensors(place) for place in (graph.Inputs(0), graph.Outputs(0))
    )
    shapes = tuple(
        tuple(int(side) for side in tensor.ShapeAsNumpy()) for tensor in (model_input, model_output)
    )
    if len(shapes[0]) != 4:
        raise FileError(f"model file takes a tensor of shape {list(shapes[0])}, expected images")
    return shapes[0], shapes[1]


def _nchw(shape: tuple[int, ...]) -> tuple[int, ...]:
    batch, height, width, channels = shape
    return batch, channels, height, width
