"""The interface of a backend: it turns a `Model` into a file, and runs the file."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bench.blocks.model import Model
from bench.protocol.target import Target

Array = NDArray[np.float32]


class LoadedModel(Protocol):
    """A model in memory, its inputs and outputs allocated, ready to be called."""

    def run(self) -> object:
        """One inference over the preallocated tensors: what is timed, and nothing else."""
        ...

    def infer(self, images: Array) -> Array:
        """Outputs for `images`, (batch, channels, height, width); feature maps come as NCHW too."""
        ...


class Backend(Protocol):
    """A runtime. Its package is imported when first used, never with this one."""

    name: str
    file_suffix: str  # of what `serialise` makes: ".onnx", ".tflite", ".pt"

    def version(self) -> str:
        """Version of the runtime; `MissingRuntimeError` says how to install it."""
        ...

    def options(self) -> tuple[tuple[str, str], ...]:
        """What of this backend's settings changes a figure's meaning, for `Target.options`."""
        ...

    def serialise(self, model: Model, batch: int = 1) -> bytes:
        """The model as a file of the runtime's own format."""
        ...

    def load(self, model: Model, target: Target, *, seed: int = 0) -> LoadedModel:
        """Make the model ready on this machine with the target's threads, batch and precision.

        The preallocated input is standard normal from `seed`.
        """
        ...

    def load_file(self, content: bytes, target: Target, *, seed: int = 0) -> LoadedModel:
        """The same from a file's content, for what was exported earlier."""
        ...
