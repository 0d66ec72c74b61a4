"""Options of making a file of a sub-network, for a runtime."""

from dataclasses import dataclass

from bench.blocks.weight_bytes import PRECISIONS
from bench.errors import InputError
from bench.options import Options, option

FORMATS = ("onnx", "tflite", "torch")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportOptions(Options):
    """What file is made, and how many images it is calibrated and judged on.

    Example:
        >>> ExportOptions(format="tflite", precision="int8").calibration
        200
    """

    format: str = option("onnx", choices=FORMATS, help="the file's runtime")
    precision: str = option(
        PRECISIONS[0],
        choices=PRECISIONS,
        help="fp16: half the size (an ONNX file may be slower on a processor than fp32: "
        "onnxruntime's kernels there are float32; TFLite computes in float32 unless the runtime "
        "forces fp16). int8: post-training quantisation of weights and activations (default fp32)",
    )
    calibration: int = option(
        200,
        minimum=1,
        metavar="N",
        help="training images that int8 takes its ranges from ({default})",
    )
    images: int = option(
        1000,
        minimum=1,
        metavar="N",
        help="validation images for the accuracy before and after ({default})",
    )
    accuracy: bool = option(True, help="measure no accuracy")


def check_source(*, network: object, arch: object, pick: int | None) -> None:
    """Raise `InputError` unless a network is named, or a checkpoint and an architecture."""
    if network is None:
        if arch is None:
            raise InputError("give --arch: which network of the checkpoint; or --network")
        return
    if arch is not None:
        raise InputError("--network is one network already; --arch is for --checkpoint")
    if pick is not None:
        raise InputError("--network is one network already; --pick is for --arch")
