"""The accuracy of one sub-network by itself, beside which faster ways are tested."""

from torch import Tensor

from supernet.data.dataset import Dataset, Score, score
from supernet.space.arch import ArchConfig
from supernet.train.recalibrate import correct_answers, extract_calibrated
from supernet.weights.model import SuperNet


def measure_accuracy(
    supernet: SuperNet, arch: ArchConfig, calibration: Tensor, dataset: Dataset
) -> Score:
    """Return the score of a sub-network on `dataset`, recalibrated on `calibration`."""
    network = extract_calibrated(supernet, arch, calibration)
    return score(correct_answers(network, dataset, arch.resolution), dataset.groups.numpy())
