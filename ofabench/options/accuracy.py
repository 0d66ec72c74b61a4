"""Options of measuring sub-networks' accuracies, and of fitting a predictor on them."""

from dataclasses import dataclass
from pathlib import Path

from bench.options import Options, option

MODELS = ("kernel", "mlp", "best")
DRAWN = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationOptions(Options):
    """Which sub-networks of a supernet are measured, and on what images.

    Example:
        >>> EvaluationOptions(networks=50).images
        2000
    """

    networks: int | None = option(
        None, minimum=1, metavar="N", help=f"networks to draw ({DRAWN}; with --archs none)"
    )
    archs: Path | None = option(None, metavar="A.jsonl", help="networks to measure as well")
    images: int = option(2000, minimum=1, metavar="M", help="images to judge each on ({default})")
    part: str = option(
        "validation",
        choices=("validation",),
        help="which images (validation: those of the test decide nothing before the end)",
    )
    calibration: int = option(
        2000,
        minimum=1,
        metavar="N",
        help="training images for the batch norms' statistics ({default})",
    )
    seed: int = option(0, minimum=0, help="of the networks and images drawn")


@dataclass(frozen=True, slots=True, kw_only=True)
class AccuracyOptions(Options):
    """What model predicts accuracies; and, where they are measured for it, of how many networks.

    Example:
        >>> AccuracyOptions(model="kernel").networks
        100
    """

    model: str = option(
        "best",
        choices=MODELS,
        help="kernel ridge regression, an ensemble of neural networks, or whichever has the least "
        "cross-validated error (best)",
    )
    networks: int = option(100, minimum=1, metavar="N", help="networks to measure ({default})")
    images: int = option(
        2000,
        minimum=1,
        metavar="N",
        help="validation images to judge each on ({default})",
    )
    seed: int = option(0, minimum=0, help="of what is drawn")
