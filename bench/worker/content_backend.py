"""A backend that takes the files of some models from contents that the client sent."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from bench.blocks.model import Model
from bench.files import read_bytes
from bench.protocol.backend import Backend, LoadedModel
from bench.protocol.device import Workload
from bench.protocol.target import Target


class ContentBackend:
    """Wraps a backend; `contents` has a file for each workload that has one, else None."""

    def __init__(
        self, inner: Backend, work: Sequence[Workload], contents: Sequence[Path | None]
    ) -> None:
        self.name = inner.name
        self.file_suffix = inner.file_suffix
        self.inner = inner
        self._paths: Mapping[object, Path] = {
            workload.file or workload.blocks: path
            for workload, path in zip(work, contents, strict=True)
            if path is not None
        }

    def substitutes(self, model: Model) -> bool:
        """Return whether the client sent a file for the model."""
        return _key(model) in self._paths

    def version(self) -> str:
        return self.inner.version()

    def options(self) -> tuple[tuple[str, str], ...]:
        return self.inner.options()

    def serialise(self, model: Model, batch: int = 1, precision: str = "fp32") -> bytes:
        if self.substitutes(model):
            return read_bytes(self._paths[_key(model)])
        return self.inner.serialise(model, batch, precision)

    def load(self, model: Model, target: Target, *, seed: int = 0) -> LoadedModel:
        """Load the model's file, which may have another precision than the target."""
        if self.substitutes(model):
            return self.load_file(read_bytes(self._paths[_key(model)]), target, seed=seed)
        return self.inner.load(model, replace(target, precision=target.file_precision), seed=seed)

    def load_file(self, content: bytes, target: Target, *, seed: int = 0) -> LoadedModel:
        return self.inner.load_file(content, target, seed=seed)


def _key(model: Model) -> object:
    return model.file or model.blocks
