"""`ModelFile`: a model in a runtime's own format, with the inputs that it is timed with."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.digests import content_digest, file_digest
from bench.errors import FileError, InputError
from bench.files import read_bytes
from bench.models.tensors import (
    InputSpec,
    ShapeChoice,
    check_values,
    fix_shapes,
    random_values,
)

BACKEND_OF_SUFFIX = {".onnx": "onnx", ".tflite": "tflite", ".json": "fake"}
DIGEST_CHARACTERS = 32


@dataclass(frozen=True, kw_only=True)
class ModelFile:
    """A model file of any origin.

    Attributes:
        path: the file; files of external data are in the same folder.
        name: its name in results and messages.
        shapes: the shapes chosen for its dynamic inputs.
        values: the values of its inputs by name; None for random ones.
        external: files in the same folder that hold a part of its weights.
        data: its content, if it is not on disk.
        optimise: whether the runtime optimises its graph; an optimised one is run unchanged.
        given_digest: its digest, if that is not of content and values.
    """

    path: Path
    name: str
    shapes: ShapeChoice = field(default_factory=ShapeChoice)
    values: Mapping[str, NDArray[Any]] | None = None
    external: tuple[Path, ...] = ()
    data: bytes | None = None
    optimise: bool = True
    given_digest: str = ""

    @property
    def backend(self) -> str:
        """The backend that runs files of this suffix; `InputError` for an unknown suffix."""
        backend = BACKEND_OF_SUFFIX.get(self.path.suffix.lower())
        if backend is None:
            raise InputError(
                f"{self.path} has the suffix {self.path.suffix!r}, expected .onnx or .tflite"
            )
        return backend

    @cached_property
    def digest(self) -> str:
        """Digest of everything that its latency depends on: content, shapes, input values."""
        if self.given_digest:
            return self.given_digest
        parts = [file_digest(path) for path in (self.path, *self.external)]
        parts.append(json.dumps([self.shapes.shapes, self.shapes.batch]))
        for name, value in sorted((self.values or {}).items()):
            parts.append(f"{name} {value.dtype} {value.shape} {content_digest(value.tobytes())}")
        return content_digest("\n".join(parts))[:DIGEST_CHARACTERS]

    @cached_property
    def size_bytes(self) -> int:
        """Size on disk, external data included."""
        if self.data is not None:
            return len(self.data)
        try:
            return sum(path.stat().st_size for path in (self.path, *self.external))
        except OSError as error:
            raise FileError(f"cannot read {self.path}: {error.strerror or error}") from error

    @property
    def source(self) -> str | bytes:
        """What a runtime loads: the path, so that external data is found, else the content."""
        return str(self.path) if self.data is None else self.data

    def input_values(self, inputs: Sequence[InputSpec], seed: int = 0) -> dict[str, NDArray[Any]]:
        """Return the values of the inputs that the file declares: those given, or random ones."""
        if self.values is not None:
            return check_values(inputs, self.values)
        return random_values(fix_shapes(inputs, self.shapes), np.random.default_rng(seed))

    def content(self) -> bytes:
        """Read the file itself, for a device that takes single files only."""
        if self.external:
            raise InputError(
                f"{self.name} keeps weights in {self.external[0].name}; such a file runs on this "
                "machine's processor alone: save it with its weights inside"
            )
        return read_bytes(self.path) if self.data is None else self.data


def read_values(path: Path) -> dict[str, NDArray[Any]]:
    """Read input values by name from a `.npz` file, which may hold no pickled objects."""
    content = read_bytes(path)
    if content[:2] != b"PK":
        raise FileError(f"{path} is no .npz file: write it by numpy.savez(path, input=array)")
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, KeyError) as error:
        raise FileError(f"{path} is no whole .npz file of plain arrays: {error}") from error
