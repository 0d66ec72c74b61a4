"""Options of measuring accuracies of sub-networks, and of fitting a predictor."""

from dataclasses import dataclass
from pathlib import Path

from bench.options import Options, option
from ofabench.options import shared

MODELS = ("kernel", "mlp", "best")
DRAWN = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationOptions(Options):
    """Sub-networks of a supernet to measure, and the images.

    Example:
        >>> EvaluationOptions(networks=50).images
        2000
    """

    networks: int | None = option(
        None, minimum=1, metavar="N", help=f"number of random networks ({DRAWN}; with --archs none)"
    )
    archs: Path | None = option(None, metavar="A.jsonl", help="file of networks to measure too")
    images: int = option(2000, minimum=1, metavar="M", help="images for each accuracy ({default})")
    part: str = option(
        "validation",
        choices=("validation",),
        help="part of the data set (test images are only for the final result)",
    )
    calibration: int = option(
        2000,
        minimum=1,
        metavar="N",
        help="training images for batch-norm statistics ({default})",
    )
    precision: str = option(
        "fp32",
        choices=("fp32", "int8"),
        help="fp32, or int8: each network is quantised after training, calibrated on training "
        "images, and run as a file of --backend ({default})",
    )
    backend: str = option(
        "onnx", choices=("onnx", "tflite"), help="with int8: runtime of the files ({default})"
    )
    seed: int = option(0, minimum=0, help="seed of random networks and images")
    device: str = shared.torch_device()

    def check(self) -> None:
        """Check the device."""
        shared.check_torch_device(self.device)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccuracyOptions(Options):
    """Model of an accuracy predictor, and the number of networks to measure for it.

    Example:
        >>> AccuracyOptions(model="kernel").networks
        100
    """

    model: str = option(
        "best",
        choices=MODELS,
        help="kernel ridge regression, an ensemble of neural networks, or the one with the lower "
        "cross-validated error (best)",
    )
    networks: int = option(100, minimum=1, metavar="N", help="networks to measure ({default})")
    images: int = option(
        2000,
        minimum=1,
        metavar="N",
        help="validation images for each accuracy ({default})",
    )
    seed: int = option(0, minimum=0, help="seed of random networks and images")
