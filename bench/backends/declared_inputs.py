"""Inputs that a model file declares, whichever runtime it is for."""

from bench.models.model_file import ModelFile
from bench.models.tensors import InputSpec


def declared_inputs(file: ModelFile, threads: int = 1) -> tuple[InputSpec, ...]:
    """Return the inputs of an ONNX or TFLite file; none of files that have no such inputs.

    `FileError` where it cannot be read, or has an input of a type that cannot be given.
    """
    if file.backend == "onnx":
        from bench.backends.onnx_file_model import session_inputs

        return session_inputs(file, threads)
    if file.backend == "tflite":
        from bench.backends.tflite_inputs import tflite_inputs

        return tflite_inputs(file.content())
    return ()
