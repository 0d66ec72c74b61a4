"""Inputs of a model file: names, types, shapes, and the values that they are timed with."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.errors import FileError, InputError

MOST_VALUES = 1 << 28  # of one input; a larger shape is a typing error
Dimension = int | str | None
"""An integer, the name of a dynamic dimension, or None for a dynamic one without a name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InputSpec:
    """One input of a model file as the file declares it; dimensions may be dynamic."""

    name: str
    dtype: str  # numpy's name: "float32", "int64", ...
    shape: tuple[Dimension, ...]

    @property
    def is_fixed(self) -> bool:
        """Whether every dimension is a number."""
        return all(isinstance(side, int) and side >= 0 for side in self.shape)

    def __str__(self) -> str:
        sides = ", ".join("?" if side is None else str(side) for side in self.shape)
        return f"{self.name} ({self.dtype}, [{sides}])"


@dataclass(frozen=True, slots=True, kw_only=True)
class InputTensor:
    """One input with a fixed shape."""

    name: str
    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShapeChoice:
    """Shapes that a user chose for the inputs of a model file.

    `shapes` holds an input's name with its shape; the name "" stands for the only input. `batch`
    replaces every dynamic first dimension.
    """

    shapes: tuple[tuple[str, tuple[int, ...]], ...] = ()
    batch: int | None = None

    def for_inputs(self, inputs: Sequence[InputSpec]) -> dict[str, tuple[int, ...]]:
        """Return the shapes of these inputs by name; other names are of other models."""
        names = {spec.name for spec in inputs}
        only = next(iter(names)) if len(names) == 1 else ""
        chosen = {(name or only): shape for name, shape in self.shapes}
        return {name: shape for name, shape in chosen.items() if name in names}


def parse_shape(text: str) -> tuple[str, tuple[int, ...]]:
    """Read `input=1x3x224x224`, or `1x3x224x224` for the only input.

    Example:
        >>> parse_shape("tokens=1x128")
        ('tokens', (1, 128))
    """
    name, _, sides = text.rpartition("=")
    parts = sides.lower().split("x")
    if not all(part.isascii() and part.isdigit() and len(part) < 10 for part in parts):
        raise InputError(f"a shape is {text!r:.80}, expected NAME=1x3x224x224")
    return name, tuple(int(part) for part in parts)


def fix_shapes(inputs: Sequence[InputSpec], choice: ShapeChoice) -> tuple[InputTensor, ...]:
    """Return the inputs with fixed shapes.

    A dynamic dimension has the size that `choice` gives for its input, else that of a dimension
    with the same name in another input, else, if it is the first, the batch size. Raises
    `InputError` if one stays unknown, or a chosen shape contradicts the file.
    """
    chosen = choice.for_inputs(inputs)
    named = _named_dimensions(inputs, chosen)
    tensors = tuple(
        InputTensor(name=spec.name, dtype=spec.dtype, shape=_fixed(spec, chosen, named, choice))
        for spec in inputs
    )
    _check_batch(tensors, choice, chosen)
    return tensors


def random_values(
    tensors: Sequence[InputTensor], rng: np.random.Generator
) -> dict[str, NDArray[Any]]:
    """Draw a value for each input by its type.

    Floating-point inputs are standard normal, 8-bit ones uniform over their whole range, booleans
    true, and wider integers 0 or 1, which every embedding table and mask accepts.
    """
    return {tensor.name: _random_value(tensor, rng) for tensor in tensors}


def check_values(
    inputs: Sequence[InputSpec], values: Mapping[str, NDArray[Any]]
) -> dict[str, NDArray[Any]]:
    """Return the values of the inputs, each contiguous.

    `InputError` where one is absent, of another type, or of a shape that the input does not have.
    """
    checked = {}
    for spec in inputs:
        if spec.name not in values:
            given = ", ".join(sorted(values)) or "none"
            raise InputError(f"no value for {spec}; the values given are: {given}")
        value = values[spec.name]
        if value.dtype.name != spec.dtype:
            raise InputError(f"the value of {spec} is of type {value.dtype.name}")
        if not _fits(spec, value.shape):
            raise InputError(f"the value of {spec} is of shape {list(value.shape)}")
        checked[spec.name] = np.ascontiguousarray(value)
    return checked


def _random_value(tensor: InputTensor, rng: np.random.Generator) -> NDArray[Any]:
    kind = np.dtype(tensor.dtype)
    if kind.kind == "f":
        return rng.standard_normal(tensor.shape, dtype=np.float32).astype(kind)
    if kind.kind == "b":
        return np.ones(tensor.shape, dtype=kind)
    if kind.itemsize == 1:
        limits = np.iinfo(kind)
        return rng.integers(limits.min, limits.max, tensor.shape, dtype=kind, endpoint=True)
    return rng.integers(0, 1, tensor.shape, endpoint=True).astype(kind)


def _named_dimensions(
    inputs: Sequence[InputSpec], chosen: Mapping[str, tuple[int, ...]]
) -> dict[str, int]:
    """Return the sizes of named dynamic dimensions, from the shapes that were chosen."""
    sizes: dict[str, int] = {}
    for spec in inputs:
        for side, size in zip(spec.shape, chosen.get(spec.name, ()), strict=False):
            if isinstance(side, str) and sizes.setdefault(side, size) != size:
                raise InputError(
                    f"the dimension {side} of {spec} is {size} here and {sizes[side]} in another "
                    "input: give both the same size"
                )
    return sizes


def _fixed(
    spec: InputSpec,
    chosen: Mapping[str, tuple[int, ...]],
    named: Mapping[str, int],
    choice: ShapeChoice,
) -> tuple[int, ...]:
    """Return the shape of one input."""
    shape = chosen.get(spec.name)
    if shape is None:
        sides: list[Dimension] = [
            named.get(side, side) if isinstance(side, str) else side for side in spec.shape
        ]
        if sides and not isinstance(sides[0], int) and choice.batch is not None:
            sides[0] = choice.batch
        if not all(isinstance(side, int) for side in sides):
            example = "x".join(str(side) if isinstance(side, int) else "N" for side in sides)
            raise InputError(
                f"{spec} has dynamic dimensions: give --shape {spec.name}={example} with numbers, "
                "or --batch 1 where only the first one is dynamic"
            )
        shape = tuple(side for side in sides if isinstance(side, int))
    if not _fits(spec, shape):
        raise InputError(f"the shape of {spec} was given as {list(shape)}, which does not fit it")
    if math.prod(shape) > MOST_VALUES:
        raise FileError(f"{spec} has {math.prod(shape)} values, expected at most {MOST_VALUES}")
    return shape


def _fits(spec: InputSpec, shape: tuple[int, ...]) -> bool:
    """Return whether a shape has the dimensions that are numbers in the file."""
    return len(shape) == len(spec.shape) and all(
        side == size for side, size in zip(spec.shape, shape, strict=True) if isinstance(side, int)
    )


def _check_batch(
    tensors: Sequence[InputTensor], choice: ShapeChoice, chosen: Mapping[str, tuple[int, ...]]
) -> None:
    """Raise `InputError` if no input has the chosen batch size."""
    firsts = [tensor.shape[0] for tensor in tensors if tensor.shape and tensor.name not in chosen]
    if choice.batch is not None and firsts and choice.batch not in firsts:
        raise InputError(
            f"the model is for batch {firsts[0]}, --batch is {choice.batch}: export it again with "
            "that batch or a dynamic one, or leave --batch out"
        )
