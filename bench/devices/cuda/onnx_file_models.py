"""ONNX files of any origin on a GPU: every input and output bound to its memory beforehand."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.backends.inputs import check_precision
from bench.backends.onnx_file_model import OnnxFileModel, input_specs
from bench.backends.onnx_session import open_session
from bench.devices.cuda.driver import Driver
from bench.devices.cuda.onnx_models import (
    TENSORRT_PRECISIONS,
    cuda_provider,
    index_of,
    onnx_version,
    open_on_gpu,
    tensorrt_provider,
)
from bench.devices.cuda.options import CudaOptions
from bench.errors import InputError
from bench.models.model_file import ModelFile
from bench.protocol.backend import Array
from bench.protocol.target import Target

Place = tuple[str, int]
"""Where memory is: onnxruntime's name of the device, and its number."""


class OnnxCudaFileModel:
    """A session with any inputs and outputs, all in the memory at `place`."""

    recordable = False  # the session does more than queue kernels

    def __init__(self, session: Any, file: ModelFile, place: Place, seed: int) -> None:
        from onnxruntime import OrtValue, RunOptions

        values = file.input_values(input_specs(session), seed)
        self._session, self._names = session, list(values)
        self._binding = session.io_binding()
        for name, value in values.items():
            self._binding.bind_ortvalue_input(name, OrtValue.ortvalue_from_numpy(value, *place))
        for name, like in outputs_like(file, values, seed).items():
            memory = OrtValue.ortvalue_from_shape_and_type(list(like.shape), like.dtype, *place)
            self._binding.bind_ortvalue_output(name, memory)
        self._options = RunOptions()
        self._options.add_run_config_entry("disable_synchronize_execution_providers", "1")

    def run(self) -> object:
        self._session.run_with_iobinding(self._binding, self._options)
        return None

    def outputs(self) -> list[NDArray[Any]]:
        """Run once, wait, and return every output."""
        self._session.run_with_iobinding(self._binding)
        return [np.array(value.numpy()) for value in self._binding.get_outputs()]

    def infer(self, images: Array) -> Array:
        """Return the first output for `images`, which go to the only input."""
        if len(self._names) != 1:
            raise InputError(f"the model has the inputs {', '.join(self._names)}, expected one")
        result: Array = self._session.run(None, {self._names[0]: images})[0]
        return result


def outputs_like(
    file: ModelFile, values: Mapping[str, NDArray[Any]], seed: int
) -> dict[str, NDArray[Any]]:
    """Return an array of the shape and type of each output, by name, from a run on the processor.

    A file's own shapes may be dynamic, and a recorded graph needs its memory beforehand.
    """
    session = open_session(file.source, 1, optimise=False)
    arrays = OnnxFileModel(session, file, seed).outputs()
    names = [output.name for output in session.get_outputs()]
    if len(arrays) != len(names):
        raise InputError(
            f"{file.name} has an output that is a sequence or a map: GPUs measure tensors alone"
        )
    return dict(zip(names, arrays, strict=True))


def load_onnx_file(
    driver: Driver, file: ModelFile, target: Target, options: CudaOptions, seed: int
) -> OnnxCudaFileModel:
    """Load an ONNX file of any origin onto the GPU through onnxruntime's CUDA provider."""
    onnx_version(tensorrt=False)
    check_precision(target)
    return _load(driver, file, [cuda_provider(driver, options)], seed)


def load_tensorrt_file(
    driver: Driver, file: ModelFile, target: Target, options: CudaOptions, seed: int
) -> OnnxCudaFileModel:
    """Load an ONNX file of any origin through TensorRT."""
    onnx_version(tensorrt=True)
    check_precision(target, TENSORRT_PRECISIONS)
    engine = tensorrt_provider(driver, file.digest.encode(), target, options)
    return _load(driver, file, [engine, cuda_provider(driver, options)], seed)


def _load(
    driver: Driver, file: ModelFile, providers: list[tuple[str, dict[str, str]]], seed: int
) -> OnnxCudaFileModel:
    place = driver.place.partition(":")[0], index_of(driver)
    return open_on_gpu(
        file.source, providers, lambda session: OnnxCudaFileModel(session, file, place, seed)
    )
