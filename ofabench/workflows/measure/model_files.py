"""Model files as the options describe them, and the backends that run them."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.backends.declared_inputs import declared_inputs
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


def check_input_names(files: Sequence[ModelFile], options: ModelInputOptions) -> None:
    """Raise `InputError` for a shape or values whose name is no input's of any of these files."""
    named = {f"--shape names the input {name!r}": name for name in _shape_names(options)}
    if options.inputs is not None:
        named |= {
            f"{options.inputs.name} has values of the input {name!r}": name
            for name in read_values(options.inputs)
        }
    if not named or not files:
        return
    inputs = {spec.name for file in files for spec in declared_inputs(file)}
    for what, name in named.items():
        if inputs and name not in inputs:
            raise InputError(
                f"{what}, the inputs are {', '.join(sorted(inputs))}: name one of them"
            )


def _shape_names(options: ModelInputOptions) -> list[str]:
    """Return the names of inputs that have a shape; none for that of the only input."""
    return [name for name, _ in map(parse_shape, options.shape) if name]


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
