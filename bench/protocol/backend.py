"""The interface of a backend: it converts a `Model` to a file and runs the file."""

from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from bench.blocks.model import Model
from bench.protocol.target import Target

Array = NDArray[np.float32]


class LoadedModel(Protocol):
    """A model in memory with allocated inputs and outputs, ready to run."""

    def run(self) -> object:
        """Run one inference over the preallocated tensors; exactly this is timed."""
        ...

    def infer(self, images: Array) -> Array:
        """Return outputs for `images` (batch, channels, height, width); feature maps are NCHW."""
        ...


class Backend(Protocol):
    """A runtime. Its package is imported at first use, never with this module."""

    name: str
    file_suffix: str  # of the files that `serialise` makes: ".onnx", ".tflite", ".pt"

    def version(self) -> str:
        """Return the version of the runtime; `MissingRuntimeError` says how to install it."""
        ...

    def options(self) -> tuple[tuple[str, str], ...]:
        """Return the backend's settings that change what a figure means, for `Target.options`."""
        ...

    def serialise(self, model: Model, batch: int = 1, precision: str = "fp32") -> bytes:
        """Return the model as a file in the runtime's format.

        In int8, blocks get plausible scales, which is enough to time them.
        """
        ...

    def load(self, model: Model, target: Target, *, seed: int = 0) -> LoadedModel:
        """Prepare the model on this machine with the target's threads, batch size and precision.

        The preallocated input is standard normal, drawn from `seed`.
        """
        ...

    def load_file(self, content: bytes, target: Target, *, seed: int = 0) -> LoadedModel:
        """Prepare a model from a file's content, as for models exported earlier; see `load`."""
        ...


@runtime_checkable
class SubstitutingBackend(Protocol):
    """A backend that has files for some models, and leaves all others to another backend."""

    @property
    def inner(self) -> Backend:
        """The backend that makes all other models."""
        ...

    def substitutes(self, model: Model) -> bool:
        """Return whether it has a file for this model."""
        ...
