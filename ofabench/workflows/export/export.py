"""What `export` and `deploy` share: their arguments, the images, the file and its accuracies."""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bench.blocks.weight_bytes import PRECISIONS
from ofabench.cli.arguments import positive_int
from supernet.export.precision import CALIBRATION_IMAGES, FP32, INT8

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ofabench.workflows.train.extraction import Cut
    from supernet.data.dataset import Dataset
    from supernet.export.card import Accuracies, Card
    from supernet.export.export import Form, Made

ACCURACY_IMAGES = 1000
CHECKED_IMAGES = 100  # int8 against torch, where no accuracy is asked
PART = "validation"


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


def cut_of(args: argparse.Namespace) -> "Cut":
    """Cut or read the network that the arguments name, and open the images that are needed."""
    from bench.errors import InputError
    from ofabench.workflows.train.extraction import from_checkpoint, from_network

    if args.network is not None:
        if args.arch is not None:
            raise InputError("--network is one network already; --arch is for --checkpoint")
        if args.pick is not None and getattr(args, "result", None) is None:
            raise InputError("--network is one network already; --pick is for --arch")
        images = args.precision == INT8 or not args.no_accuracy
        return from_network(args.network, args.data, images=images)
    if args.arch is None:
        raise InputError("give --arch: which network of the checkpoint; or --network")
    return from_checkpoint(args.checkpoint, args.arch, args.data, args.pick)


@dataclass(frozen=True, kw_only=True)
class Product:
    """A file and its card, not written yet; `unjudged` says why it has no accuracies, or is ''."""

    content: bytes
    card: "Card"
    unjudged: str


def make_product(args: argparse.Namespace, cut: "Cut") -> Product:
    """Make the file, hold it against torch, and judge both on validation images."""
    from bench.backends.registry import get_backend
    from supernet.export.export import Form, make_card, make_file

    judged, unjudged = _judged_images(args, cut)
    data, size = cut.data, cut.network.blocks[0].in_size
    calibration = None
    if args.precision == INT8 and data is not None:
        drawn = data.train_source.calibration(args.calibration, size)
        calibration = drawn.contiguous().numpy()
    form = Form(
        backend=get_backend(args.format),
        precision=args.precision,
        calibration=calibration,
        calibrated_on="" if data is None else data.name,
        checked=None if judged is None else _pixels(judged, size),
        of="" if data is None else f"{PART} images of {data.name}",
    )
    made = make_file(cut.network, form)
    accuracies = None
    if judged is not None and not unjudged:
        accuracies = _accuracies(form, made, judged, "" if data is None else data.name)
    card = make_card(cut.network, form, made, accuracies)
    return Product(content=made.content, card=card, unjudged=unjudged)


def _judged_images(args: argparse.Namespace, cut: "Cut") -> "tuple[Dataset | None, str]":
    """Draw validation images, of which none calibrate; and why they judge nothing, or ''."""
    from supernet.data.class_names import differ, shortened

    if cut.data is None:
        return None, "none was asked"
    unjudged = "none was asked" if args.no_accuracy else ""
    classes = cut.network.blocks[-1].out_channels
    if not unjudged and cut.data.classes != classes:
        unjudged = f"{cut.data.name} has {cut.data.classes} classes, the network {classes}"
    names = cut.network.class_names
    if not unjudged and differ(names, cut.data.class_names):
        unjudged = (
            f"the classes of {cut.data.name} are {shortened(cut.data.class_names)}, the network's "
            f"{shortened(names)}"
        )
    if unjudged and args.precision != INT8:
        return None, unjudged
    most = CHECKED_IMAGES if unjudged else args.images
    return cut.data.validation.subset(most, np.random.default_rng(0)), unjudged


def _pixels(images: "Dataset", size: int) -> "NDArray[np.float32]":
    from supernet.data.dataset import resize

    pixels: NDArray[np.float32] = resize(images.images, size).contiguous().numpy()
    return pixels


def _accuracies(form: "Form", made: "Made", judged: "Dataset", name: str) -> "Accuracies":
    from supernet.data.dataset import score
    from supernet.export.card import Accuracies

    labels, groups = judged.labels.numpy(), judged.groups.numpy()
    before = score(made.expected.argmax(axis=1) == labels, groups)
    after = score(made.got.argmax(axis=1) == labels, groups)
    return Accuracies(
        data=name,
        part=PART,
        images=len(labels),
        before=before.accuracy,
        before_error=before.error,
        after=after.accuracy,
        after_error=after.error,
        groups=after.groups,
    )


def show_card(card: "Card", unjudged: str) -> None:
    """Print what a file is, how near torch it is, and what that does to its accuracy."""
    size = 0 if card.size_bytes is None else card.size_bytes
    told = f"{card.backend} of {card.precision}, {size / 1e6:.3g} MB"
    if card.calibration is not None:
        told += f", calibrated on {card.calibration.images} training images of "
        told += card.calibration.data
    print(f"  {told}")
    close = card.closeness
    if close is not None:
        ratio = "" if close.snr_db is None else f", signal to noise {close.snr_db:.1f} dB"
        print(
            f"  differs from torch by {close.largest:.1g} at most{ratio}, same class for "
            f"{close.agreement:.1%} ({close.images} {close.of}{' images' * (close.of == 'random')})"
        )
    from supernet.data.wilson import share_in_words

    found = card.accuracies
    if found is None:
        print(f"  accuracy: not measured ({unjudged})")
        return
    print(
        f"  accuracy on {found.images} {found.part} images of {found.data}: "
        f"{share_in_words(found.before, found.before_interval)} before (torch, float32), "
        f"{share_in_words(found.after, found.after_interval)} after (this file)"
    )
