"""PyTorch on a GPU: norms folded, channels_last, the target's precision."""

from typing import TYPE_CHECKING

import numpy as np

from bench.backends.inputs import check_images, check_precision
from bench.devices.cuda.driver import Driver
from bench.devices.cuda.options import CudaOptions
from bench.protocol.backend import Array
from bench.protocol.target import Target

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch
    from torch import Tensor

PRECISIONS = ("fp32", "fp16", "bf16")


def torch_version() -> str:
    """Return torch's version, which includes CUDA's; `MissingRuntimeError` without CUDA."""
    from bench.devices.cuda.torch_driver import check_torch

    check_torch()
    import torch

    return str(torch.__version__)


class TorchCudaModel:
    """A folded network and its input on the GPU; all arithmetic is in the target's precision."""

    recordable = True

    def __init__(self, network: "Callable[[Tensor], Tensor]", images: "Tensor") -> None:
        self._network = network
        self._images = images

    def run(self) -> object:
        """Queue one inference; the output is dropped, because graphs reuse its memory."""
        return self._network(self._images)

    def infer(self, images: Array) -> Array:
        import torch

        tensor = torch.from_numpy(check_images(images, tuple(self._images.shape)))
        with torch.inference_mode():
            previous = self._images.clone()
            self._images.copy_(tensor)
            result = self._network(self._images).float().cpu().numpy()
            self._images.copy_(previous)
        return np.array(result, order="C")


def load_torch(
    driver: Driver, content: bytes, target: Target, options: CudaOptions, seed: int
) -> TorchCudaModel:
    """Load a torch model file onto the GPU."""
    check_precision(target, PRECISIONS)
    import torch

    from bench.backends.torch_backend import model_from_bytes
    from bench.blocks.torch_modules import network_of

    model = model_from_bytes(content)
    dtype = dtypes()[target.precision]
    shape = (target.batch, *model.input_shape)
    with driver.at_work(), torch.inference_mode():
        network = network_of(model)
        network.to(device=driver.place, dtype=dtype)
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        # Drawn on the GPU: the host takes 0.07 s for a batch of 64, more than the rest of a
        # replicate.
        source = torch.Generator(driver.place).manual_seed(seed)
        images = torch.randn(shape, generator=source, device=driver.place, dtype=dtype)
        images = images.to(memory_format=torch.channels_last)
        if options.launch != "compile":
            return TorchCudaModel(network, images)
        loaded = TorchCudaModel(torch.compile(network, dynamic=False), images)
        loaded.run()  # compiles; its cost is not part of an inference
        return loaded


def dtypes() -> "dict[str, torch.dtype]":
    """Return torch's types by our names of precisions."""
    import torch

    return {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
