"""Options of exporting a sub-network to a runtime's file."""

from dataclasses import dataclass

from bench.blocks.graph_form import GraphForm
from bench.blocks.weight_bytes import PRECISIONS
from bench.errors import InputError
from bench.options import Options, option

FORMATS = ("onnx", "tflite", "torch")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportOptions(Options):
    """Format and precision of the file, and numbers of images.

    Example:
        >>> ExportOptions(format="tflite", precision="int8").calibration
        200
    """

    format: str = option("onnx", choices=FORMATS, help="runtime of the file")
    precision: str = option(
        PRECISIONS[0],
        choices=PRECISIONS,
        help="fp16: half the size (on CPUs an ONNX file may be slower than fp32, since "
        "onnxruntime's kernels are float32; TFLite computes in float32 unless the runtime forces "
        "fp16). int8: post-training quantisation of weights and activations (default fp32)",
    )
    forms: str = option(
        "",
        metavar="NAME=VALUE,...",
        help="how the graph is written, as in `ofabench sweep --forms`: hswish=decomposed, "
        "depthwise7=split, weights=float16 (tflite), stem=float (int8). Default: the plain forms; "
        "`deploy` takes those of --latency",
    )
    calibration: int = option(
        200,
        minimum=1,
        metavar="N",
        help="training images for the value ranges of int8 ({default})",
    )
    images: int = option(
        1000,
        minimum=1,
        metavar="N",
        help="validation images for the accuracy before and after ({default})",
    )
    accuracy: bool = option(True, help="do not measure the accuracy")

    def check(self) -> None:
        """Check the names of the forms."""
        GraphForm.parse(self.forms)


def check_source(*, network: object, arch: object, pick: int | None) -> None:
    """Raise `InputError` unless a network is named, or a checkpoint and an architecture."""
    if network is None:
        if arch is None:
            raise InputError("give --arch, a network of the checkpoint, or --network")
        return
    if arch is not None:
        raise InputError("--network is one network already; --arch is for --checkpoint")
    if pick is not None:
        raise InputError("--network is one network already; --pick is for --arch")
