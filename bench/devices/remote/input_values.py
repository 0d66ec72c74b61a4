"""Values of a model file's inputs, as the runner on the device reads them."""

import numpy as np

from bench.backends.tflite_inputs import tflite_inputs
from bench.errors import InputError
from bench.models.model_file import ModelFile
from bench.models.tensors import InputSpec

SEED = 0  # of random values: every replicate uses the same file


def check_inputs(file: ModelFile) -> tuple[InputSpec, ...]:
    """Return the inputs that a TFLite file declares.

    `FileError` where it cannot be read; `InputError` where the runner on a phone cannot be given
    them: it takes fixed shapes alone.
    """
    inputs = tflite_inputs(file.content())
    for spec in inputs:
        if not spec.is_fixed:
            raise InputError(
                f"{spec} has dynamic dimensions, and phones run fixed shapes: export the model "
                "again with numbers for them"
            )
    file.input_values(inputs, SEED)
    return inputs


def value_bytes(file: ModelFile) -> bytes | None:
    """Return the values of all inputs in the signature's order, little-endian.

    None for a single random float32 input, whose values the runner draws itself.
    """
    inputs = check_inputs(file)
    if file.values is None and [spec.dtype for spec in inputs] == ["float32"]:
        return None
    values = file.input_values(inputs, SEED)
    parts = [np.ascontiguousarray(values[spec.name]) for spec in inputs]
    return b"".join(part.astype(part.dtype.newbyteorder("<")).tobytes() for part in parts)
