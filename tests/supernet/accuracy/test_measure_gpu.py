"""Networks that are measured on a GPU are as accurate as on the CPU."""

import numpy as np
import pytest
import torch

from supernet.accuracy.measure import measure_each
from supernet.data.open_data import open_data
from supernet.weights.model import SuperNet
from tests.support.micro_supernets import MICRO, micro_images


@pytest.mark.gpu
def test_accuracies_on_a_gpu_are_those_on_the_cpu() -> None:
    if torch.version.cuda is None or not torch.cuda.is_available():
        pytest.skip("no GPU, or a torch without CUDA")
    parts = open_data(micro_images(), MICRO)
    codes = MICRO.encode([MICRO.smallest(), MICRO.largest()])
    validation = parts.validation.subset(30, np.random.default_rng(0))

    def accuracies(device: str) -> list[float]:
        scores = measure_each(
            SuperNet(MICRO, 4).eval(),
            codes,
            lambda size: parts.train_source.calibration(200, size),
            validation,
            device=torch.device(device),
        )
        return [score.accuracy for _, score in sorted(scores, key=lambda pair: pair[0])]

    # Rounding may decide an image that lies between two classes.
    assert accuracies("cuda") == pytest.approx(accuracies("cpu"), abs=2 / 30)
