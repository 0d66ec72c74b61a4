"""What a replicate needs, as it travels: workloads, a backend by name, model files by content.

Blocks travel as their shapes: the worker makes them with its own runtime, as this machine would.
Model files, and files that stand for a network, travel as contents, each once by its digest.
"""

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from bench.backends.registry import FORMS, get_backend
from bench.digests import content_digest, file_digest
from bench.errors import FileError, InputError, PluginError
from bench.models.files_backend import ModelFilesBackend
from bench.models.model_file import ModelFile
from bench.models.tensors import ShapeChoice
from bench.protocol.backend import Backend, SubstitutingBackend
from bench.protocol.device import Workload
from bench.protocol.target import Target
from bench.protocol.workload_model import workload_model

CONTENT_SEED = 0  # weights of blocks that travel as files: the same in every replicate


@dataclass(frozen=True, slots=True)
class NamedBackend:
    """A backend by name and options, which each side creates for itself."""

    name: str
    options: tuple[tuple[str, str], ...] = ()

    def create(self) -> Backend:
        """Return the backend; `InputError` if it does not have these options."""
        backend = get_backend(self.name, **self._arguments())
        if self.options and backend.options() != self.options:
            raise InputError(f"backend {self.name} cannot be created with {dict(self.options)}")
        return backend

    def _arguments(self) -> dict[str, object]:
        options: dict[str, object] = dict(self.options)
        if self.name == "torch":
            return {"compile": options.get("mode") == "compile"}
        return options if self.name in FORMS else {}


@dataclass(frozen=True, slots=True, kw_only=True)
class ShippedArray:
    """Values of a model's input: their type and shape, and the digest of their bytes."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShippedFile:
    """A `ModelFile`: everything but its contents, which are given by their digests.

    `content` is that of the model itself, `external` has the names and digests of other files.
    """

    digest: str
    name: str
    file_name: str
    content: str
    external: tuple[tuple[str, str], ...] = ()
    shapes: ShapeChoice = field(default_factory=ShapeChoice)
    values: tuple[ShippedArray, ...] | None = None
    optimise: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ShippedWork:
    """Workloads of a replicate.

    `files` are those of `ModelFilesBackend`. `contents` has a digest for each workload: of the file
    that stands for it, or None where the worker's backend makes it.
    """

    work: tuple[Workload, ...]
    backend: NamedBackend
    files: tuple[ShippedFile, ...] = ()
    contents: tuple[str | None, ...] = ()


@dataclass(slots=True)
class Contents:
    """Contents by digest: bytes in memory, or files that are read when they are sent."""

    _sources: dict[str, bytes | Path] = field(default_factory=dict)

    def add(self, content: bytes) -> str:
        """Add bytes; return their digest."""
        digest = content_digest(content)
        self._sources[digest] = content
        return digest

    def add_file(self, path: Path) -> str:
        """Add a file; return its digest. `FileError` if it cannot be read."""
        digest = file_digest(path)
        self._sources[digest] = path
        return digest

    def digests(self) -> tuple[str, ...]:
        """Return the digests of all contents."""
        return tuple(self._sources)

    def parts(self, digest: str, start: int, part_bytes: int) -> Iterator[tuple[int, bytes, bool]]:
        """Yield a content from `start` on, in parts: their start, bytes, and which is last."""
        source = self._sources[digest]
        try:
            with io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as file:
                file.seek(start)
                part, following = file.read(part_bytes), file.read(part_bytes)
                while True:
                    yield start, part, not following
                    if not following:
                        return
                    start += len(part)
                    part, following = following, file.read(part_bytes)
        except OSError as error:
            raise FileError(f"cannot read {source!s}: {error.strerror or error}") from error


def ship_work(
    work: Sequence[Workload], backend: Backend, target: Target, contents: Contents
) -> ShippedWork:
    """Return workloads as they travel; what they need is added to `contents`."""
    files: Mapping[str, ModelFile] = {}
    if isinstance(backend, ModelFilesBackend):
        digests = [workload.file for workload in work if workload.file]
        files = {digest: backend.file_of(digest) for digest in digests}
        backend = backend.inner
    named = named_backend(backend)
    return ShippedWork(
        work=tuple(work),
        backend=NamedBackend(backend.name) if named is None else named,
        files=tuple(ship_file(file, contents) for file in files.values()),
        contents=tuple(
            None
            if workload.file in files
            else _substitute(workload, backend, target, contents, made_there=named is not None)
            for workload in work
        ),
    )


def ship_file(file: ModelFile, contents: Contents) -> ShippedFile:
    """Return a model file as it travels; its contents are added to `contents`."""
    return ShippedFile(
        digest=file.digest,
        name=file.name,
        file_name=file.path.name,
        content=contents.add_file(file.path) if file.data is None else contents.add(file.data),
        external=tuple((path.name, contents.add_file(path)) for path in file.external),
        shapes=file.shapes,
        values=None
        if file.values is None
        else tuple(
            ShippedArray(
                name=name,
                dtype=value.dtype.name,
                shape=value.shape,
                content=contents.add(np.ascontiguousarray(value).tobytes()),
            )
            for name, value in file.values.items()
        ),
        optimise=file.optimise,
    )


def named_backend(backend: Backend) -> NamedBackend | None:
    """Return the name by which the other side creates the same backend; None if it cannot."""
    inner = backend.inner if isinstance(backend, SubstitutingBackend) else backend
    named = NamedBackend(inner.name, inner.options())
    try:
        created = named.create()
    except (InputError, PluginError):
        return None
    return named if type(created) is type(inner) else None


def _substitute(
    workload: Workload, backend: Backend, target: Target, contents: Contents, *, made_there: bool
) -> str | None:
    """Return the digest of a file for the workload; None where the other side makes it."""
    model = workload_model(workload, CONTENT_SEED)
    replaced = isinstance(backend, SubstitutingBackend) and backend.substitutes(model)
    if made_there and not replaced:
        return None
    return contents.add(backend.serialise(model, target.batch, target.file_precision))
