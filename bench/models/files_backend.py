"""A backend that runs given model files, for sweeps whose workloads are files."""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from bench.blocks.model import Model
from bench.errors import InputError
from bench.models.model_file import ModelFile
from bench.models.tensors import InputSpec
from bench.protocol.backend import Backend, LoadedModel
from bench.protocol.target import Target


class LoadedFile(LoadedModel, Protocol):
    """A model file that is loaded and has run once, so that its outputs have memory."""

    @property
    def inputs(self) -> tuple[InputSpec, ...]:
        """The inputs as the file declares them."""
        ...

    @property
    def first_ns(self) -> float:
        """Duration of the first inference."""
        ...


@runtime_checkable
class ModelFileLoader(Protocol):
    """A backend that loads model files with any number of inputs, of any type and shape."""

    def load_model_file(self, file: ModelFile, target: Target, *, seed: int = 0) -> LoadedFile:
        """Load a file from its place on disk; random inputs are drawn from `seed`."""
        ...


@runtime_checkable
class ModelFileDevice(Protocol):
    """A device that says beforehand whether it can run a model file with its inputs."""

    def check_model_file(self, file: ModelFile) -> tuple[InputSpec, ...]:
        """Return the file's inputs; `FileError` or `InputError` for one that it cannot run."""
        ...


class ModelFilesBackend:
    """Wraps a backend, and takes a workload's model file from `files` by its digest.

    Reference workloads, which have no file, are created by the wrapped backend.
    """

    def __init__(self, inner: Backend, files: Mapping[str, ModelFile]) -> None:
        self.name = inner.name
        self.file_suffix = inner.file_suffix
        self.inner = inner
        self._files = files

    def version(self) -> str:
        return self.inner.version()

    def options(self) -> tuple[tuple[str, str], ...]:
        return self.inner.options()

    def serialise(self, model: Model, batch: int = 1, precision: str = "fp32") -> bytes:
        """Return the content of the model's file, or a file of a reference workload."""
        if model.file:
            return self.file_of(model.file).content()
        return self.inner.serialise(model, batch, precision)

    def load(self, model: Model, target: Target, *, seed: int = 0) -> LoadedModel:
        if not model.file:
            return self.inner.load(model, target, seed=seed)
        return load_model_file(self.inner, self.file_of(model.file), target, seed=seed)

    def load_file(self, content: bytes, target: Target, *, seed: int = 0) -> LoadedModel:
        return self.inner.load_file(content, target, seed=seed)

    def file_of(self, digest: str) -> ModelFile:
        """Return the model file of a workload by its digest."""
        if digest not in self._files:
            raise InputError(
                "the sweep holds an unfinished model file that is not among those given, or has "
                "changed since: give the same files, or begin a new sweep"
            )
        return self._files[digest]


def load_model_file(
    backend: Backend, file: ModelFile, target: Target, *, seed: int = 0
) -> LoadedModel:
    """Load a model file; a backend that is not a `ModelFileLoader` gets its content."""
    if isinstance(backend, ModelFileLoader):
        return backend.load_model_file(file, target, seed=seed)
    return backend.load_file(file.content(), target, seed=seed)
