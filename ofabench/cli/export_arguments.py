"""What `deploy` has of `export`'s arguments."""

import argparse
from pathlib import Path

from bench.blocks.weight_bytes import PRECISIONS
from ofabench.cli.arguments import positive_int

FP32 = PRECISIONS[0]
CALIBRATION_IMAGES = 200
ACCURACY_IMAGES = 1000


def add_source(parser: argparse.ArgumentParser) -> None:
    """Add where the network comes from."""
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--checkpoint", type=Path, metavar="SUPERNET.safetensors", help="from `ofabench train`"
    )
    source.add_argument(
        "--network", type=Path, metavar="NET.safetensors", help="from `ofabench extract`"
    )


def add_form(parser: argparse.ArgumentParser, formats: tuple[str, ...]) -> None:
    """Add what file is made, and the images that this takes."""
    parser.add_argument("--format", required=True, choices=formats)
    parser.add_argument(
        "--precision",
        choices=PRECISIONS,
        default=FP32,
        help="fp16: half the size (an ONNX file may be slower on a processor than fp32: "
        "onnxruntime's kernels there are float32; TFLite computes in float32 unless the runtime "
        "forces fp16). int8: post-training quantisation of weights and activations (default fp32)",
    )
    parser.add_argument(
        "--data",
        metavar="NAME|FOLDER",
        help="images: training ones for batch-norm statistics and calibration, validation ones for "
        "the accuracy (default: what the checkpoint was trained on)",
    )
    parser.add_argument(
        "--calibration",
        type=positive_int,
        default=CALIBRATION_IMAGES,
        metavar="N",
        help=f"training images that int8 takes its ranges from ({CALIBRATION_IMAGES})",
    )
    parser.add_argument(
        "--images",
        type=positive_int,
        default=ACCURACY_IMAGES,
        metavar="N",
        help=f"validation images for the accuracy before and after ({ACCURACY_IMAGES})",
    )
    parser.add_argument("--no-accuracy", action="store_true", help="measure no accuracy")
