"""PyTorch on the CPU: norms folded, channels_last, inference mode; eager or `torch.compile`d.

What is timed is what is shipped: a `.pt` file holds the blocks' keys and folded weights, and
loading it creates the same network as `load`.
"""

import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.backends.inputs import check_images, check_precision, random_images
from bench.blocks.model import Model, weight_shapes
from bench.blocks.spec import BlockSpec
from bench.errors import FileError, InputError, MissingRuntimeError, first_line
from bench.files import TORCH_DAMAGE, zip_damage
from bench.protocol.backend import Array
from bench.protocol.target import Target

if TYPE_CHECKING:
    from torch import Tensor

_FORMAT = "ofabench-torch-1"


class TorchModel:
    """A folded network and its input tensor."""

    def __init__(self, network: "Callable[[Tensor], Tensor]", images: "Tensor") -> None:
        import torch

        self._images = images
        self._network = network

        # As a decorator, inference mode costs one guard per call, as `with` would.
        @torch.inference_mode()
        def run() -> "Tensor":
            return network(images)

        self.run: Callable[[], Tensor] = run

    def infer(self, images: Array) -> Array:
        import torch

        tensor = torch.from_numpy(check_images(images, tuple(self._images.shape)))
        with torch.inference_mode():
            previous = self._images.clone()
            self._images.copy_(tensor)
            result = np.array(self.run().numpy(), order="C")
            self._images.copy_(previous)
        return result


class TorchBackend:
    """Backend on PyTorch; `compile=True` uses `torch.compile` (needs a C++ compiler)."""

    name = "torch"
    file_suffix = ".pt"

    def __init__(self, *, compile: bool = False) -> None:
        self._compile = compile

    def version(self) -> str:
        try:
            import torch
        except ImportError as error:
            raise MissingRuntimeError(
                "backend torch needs PyTorch, which is not installed: pip install torch"
            ) from error
        return str(torch.__version__)

    def options(self) -> tuple[tuple[str, str], ...]:
        return (("mode", "compile" if self._compile else "eager"),)

    def serialise(self, model: Model, batch: int = 1, precision: str = "fp32") -> bytes:
        """Return keys and folded weights, readable with `torch.load(weights_only=True)`."""
        self.version()
        import torch

        # Copied, since torch takes only writable arrays.
        weights = [
            {name: torch.from_numpy(np.array(weight)) for name, weight in named.items()}
            for named in model.weights
        ]
        content = {
            "format": _FORMAT,
            "batch": batch,
            "blocks": [spec.key for spec in model.blocks],
            "weights": weights,
        }
        buffer = io.BytesIO()
        torch.save(content, buffer)
        return buffer.getvalue()

    def load(self, model: Model, target: Target, *, seed: int = 0) -> TorchModel:
        """Load a model. Torch's number of threads is global: the last model loaded decides it."""
        self.version()
        check_precision(target)
        import torch

        from bench.blocks.torch_modules import network_of

        torch.set_num_threads(target.threads)
        network = network_of(model)
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        images = random_images((target.batch, *model.input_shape), seed)
        # Created in inference mode, because it is written to in inference mode.
        with torch.inference_mode():
            model_input = torch.from_numpy(images).to(memory_format=torch.channels_last, copy=True)
        if not self._compile:
            return TorchModel(network, model_input)
        loaded = TorchModel(torch.compile(network, dynamic=False), model_input)
        loaded.run()  # compiles; its cost is not part of an inference
        return loaded

    def load_file(self, content: bytes, target: Target, *, seed: int = 0) -> TorchModel:
        self.version()
        return self.load(model_from_bytes(content), target, seed=seed)


def model_from_bytes(content: bytes) -> Model:
    """Read the content that `TorchBackend.serialise` returned; `FileError` for anything else."""
    import torch

    # Check the checksums first: torch's errors for damaged files are unpredictable.
    if reason := zip_damage(content):
        raise FileError(f"not a model file of backend torch, or damaged: {reason}")
    try:
        loaded: Any = torch.load(io.BytesIO(content), weights_only=True)
        if loaded["format"] != _FORMAT:
            raise FileError(f"model file has format {loaded['format']!r}, expected {_FORMAT!r}")
        blocks = tuple(BlockSpec.parse(key) for key in loaded["blocks"])
        weights = tuple(
            {name: weight.numpy() for name, weight in named.items()} for named in loaded["weights"]
        )
        model = Model(blocks, weights)
    except (*TORCH_DAMAGE, InputError) as error:
        line = first_line(error)
        raise FileError(f"a torch file that holds no model of ofabench: {line}") from error
    for spec, named in zip(blocks, weights, strict=True):
        if {name: value.shape for name, value in named.items()} != weight_shapes(spec):
            raise FileError(f"model file's weights do not fit block {spec.key}")
    return model
