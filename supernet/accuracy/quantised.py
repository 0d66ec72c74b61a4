"""Accuracy of a sub-network as it ships in int8: quantised after training, run by a runtime."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from bench.blocks.spec import BlockSpec
from bench.blocks.torch_modules import model_of
from bench.errors import InputError
from bench.protocol.backend import Backend
from supernet.export.export import run_file
from supernet.export.precision import CALIBRATION_IMAGES, INT8, convert

BACKENDS = ("onnx", "tflite")


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantiser:
    """Quantises networks for a backend; ranges are calibrated on the first training images."""

    backend: Backend
    images: int = CALIBRATION_IMAGES

    def __post_init__(self) -> None:
        if self.backend.name not in BACKENDS:
            raise InputError(
                f"int8 accuracies are of {' or '.join(BACKENDS)} files, got {self.backend.name}"
            )

    def classes(
        self, network: nn.Module, blocks: Sequence[BlockSpec], training: Tensor, images: Tensor
    ) -> NDArray[np.int64]:
        """Return the class of each image (n, c, r, r), computed by the network's int8 file."""
        content = self.backend.serialise(model_of(network, blocks), batch=1)
        calibration = training[: self.images].contiguous().numpy()
        quantised = convert(content, self.backend.name, INT8, calibration)
        outputs = run_file(quantised, self.backend, images.contiguous().numpy(), INT8)
        return np.asarray(outputs.argmax(axis=1), dtype=np.int64)
