"""Options of augmenting training images."""

from dataclasses import dataclass

from bench.options import Options, option


@dataclass(frozen=True, slots=True, kw_only=True)
class AugmentationOptions(Options):
    """Augmentation of training images, after that of the data itself; 0 turns each off.

    Example:
        >>> AugmentationOptions(rand_augment=9, mixup=0.2).rand_augment_operations
        2
    """

    rand_augment: float = option(
        0.0,
        minimum=0,
        maximum=10,
        metavar="MAGNITUDE",
        help="RandAugment: random operations of this magnitude, to 10, on each image ({default})",
    )
    rand_augment_operations: int = option(
        2, minimum=1, maximum=14, metavar="N", help="RandAugment's operations per image ({default})"
    )
    mixup: float = option(
        0.0,
        minimum=0,
        metavar="ALPHA",
        help="blend images and labels in pairs, by shares from Beta(ALPHA, ALPHA) ({default})",
    )
    cutmix: float = option(
        0.0,
        minimum=0,
        metavar="ALPHA",
        help="paste boxes of other images, by shares from Beta(ALPHA, ALPHA); with --mixup, one of "
        "both for each batch ({default})",
    )
    random_erasing: float = option(
        0.0,
        minimum=0,
        maximum=1,
        metavar="P",
        help="set a random box of an image to the mean colour with this probability ({default})",
    )
