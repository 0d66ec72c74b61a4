"""Model files as the options describe them, and the backends that run them."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.backends.registry import get_backend
from bench.errors import InputError
from bench.models.model_file import ModelFile, read_values
from bench.models.tensors import ShapeChoice, parse_shape
from bench.protocol.backend import Backend
from ofabench.options.model_inputs import ModelInputOptions


def read_model(path: Path, name: str, options: ModelInputOptions) -> ModelFile:
    """Return a model file with the inputs that the options give it.

    `FileError` where it cannot be read, `InputError` for a suffix that no backend has.
    """
    from bench.backends.onnx_file_model import external_files

    values: Mapping[str, Any] | None = None
    if options.inputs is not None:
        values = read_values(options.inputs)
    shapes = ShapeChoice(shapes=tuple(map(parse_shape, options.shape)), batch=options.batch)
    model = ModelFile(path=path, name=name, shapes=shapes, values=values)
    if model.backend != "onnx":
        return model
    return replace(model, external=external_files(path))


def backends_of(model: ModelFile, names: Sequence[str] | None) -> list[Backend]:
    """Return the backends that run a file: of `names`, or the one of its suffix."""
    if names is None:
        return [get_backend(model.backend)]
    backends = [get_backend(name) for name in names]
    fitting = [backend for backend in backends if backend.file_suffix == model.path.suffix.lower()]
    if not fitting:
        suffixes = ", ".join(f"{backend.name} {backend.file_suffix}" for backend in backends)
        raise InputError(f"{model.name} is run by none of the backends given ({suffixes})")
    return fitting


def named_paths(files: Any) -> dict[str, Path]:
    """Return what `measure` was given by names: of files, with folders where two are the same.

    `InputError` where something is no path.
    """
    several = [files] if isinstance(files, str | os.PathLike) else files
    if not isinstance(several, Sequence) or not several:
        raise InputError(f"files are {files!r:.80}, expected the paths of model files")
    for each in several:
        if not isinstance(each, str | os.PathLike):
            raise InputError(f"a file is {each!r:.80}, expected a path")
    paths = list(dict.fromkeys(Path(each) for each in several))
    counts = Counter(path.name for path in paths)
    return {path.name if counts[path.name] == 1 else str(path): path for path in paths}
