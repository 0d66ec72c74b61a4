"""TFLite files of any origin: every input filled, dynamic ones resized."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.errors import FileError, InputError
from bench.models.model_file import ModelFile
from bench.models.tensors import InputSpec
from bench.protocol.backend import Array


class TfliteFileModel:
    """An interpreter with its tensors allocated and its inputs filled, ready to be timed."""

    def __init__(self, interpreter: Any, file: ModelFile, seed: int) -> None:
        self._interpreter = interpreter
        self._details = interpreter.get_input_details()
        self.inputs = tuple(_input_spec(detail) for detail in self._details)
        values = file.input_values(self.inputs, seed)
        self._resize(values)
        interpreter.allocate_tensors()
        for detail in self._details:
            interpreter.set_tensor(detail["index"], values[detail["name"]])
        self.run: Callable[[], object] = interpreter.invoke
        began_ns = time.perf_counter_ns()
        self.run()
        self.first_ns = float(time.perf_counter_ns() - began_ns)

    def outputs(self) -> list[NDArray[Any]]:
        """Run once and return every output."""
        self.run()
        details = self._interpreter.get_output_details()
        return [self._interpreter.get_tensor(detail["index"]) for detail in details]

    def infer(self, images: Array) -> Array:
        """Return the first output for `images`, which go to the only input as they are."""
        if len(self._details) != 1:
            raise InputError(f"the model has {len(self._details)} inputs, expected one")
        self._interpreter.set_tensor(self._details[0]["index"], images)
        result: Array = self.outputs()[0]
        return result

    def tensors(self) -> Iterator[tuple[int, tuple[int, ...], NDArray[Any] | None]]:
        """Yield index, shape and value of every tensor; None for a value that was not kept."""
        for detail in self._interpreter.get_tensor_details():
            index = int(detail["index"])
            try:
                value = self._interpreter.get_tensor(index)
            except ValueError:
                value = None
            yield index, tuple(int(side) for side in detail["shape"]), value

    def _resize(self, values: dict[str, NDArray[Any]]) -> None:
        for detail in self._details:
            shape = list(values[detail["name"]].shape)
            if shape != [int(side) for side in detail["shape"]]:
                self._interpreter.resize_tensor_input(detail["index"], shape)


def _input_spec(detail: dict[str, Any]) -> InputSpec:
    kind = np.dtype(detail["dtype"])
    if kind.kind not in "fiub":
        raise FileError(
            f"the input {detail['name']} is of type {kind.name}, expected numbers or booleans: "
            "such a model cannot be measured"
        )
    signature = detail.get("shape_signature", detail["shape"])
    sides = signature if len(signature) else detail["shape"]
    shape = tuple(int(side) if side >= 0 else None for side in sides)
    return InputSpec(name=detail["name"], dtype=kind.name, shape=shape)
