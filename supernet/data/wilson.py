"""Wilson's 95 % interval of an accuracy: inside 0 to 1, and never of zero width."""

import math

from bench.errors import InputError

Z_95 = 1.959964  # quantile of the normal distribution at 97.5 %


def wilson_interval(
    share: float, error: float, images: int, groups: int | None = None
) -> tuple[float, float]:
    """95 % interval of a share of right answers among `images`, both ends fractions.

    `error` is its standard error over groups of images that are alike (one writer's digits). It
    sets how many independent images the answers are worth, share (1 - share) / error^2, at most
    `images`. Where all are right or all are wrong, `error` is 0 and says nothing: then each of the
    `groups` counts as one image. Follows Wilson (1927) with the effective sample size of a
    clustered sample (Korn and Graubard 1998).
    """
    if not 0 <= share <= 1 or images < 1:
        raise InputError(f"a share of {share} among {images} images has no interval")
    variance = share * (1 - share)
    count = float(groups or images)
    if variance > 0:
        count = float(images) if error == 0 else min(float(images), variance / error**2)
    shrink = 1 + Z_95**2 / count
    middle = (share + Z_95**2 / (2 * count)) / shrink
    reach = Z_95 / shrink * math.sqrt(variance / count + Z_95**2 / (4 * count**2))
    return max(0.0, middle - reach), min(1.0, middle + reach)


def share_in_words(share: float, interval: tuple[float, float]) -> str:
    """A share in percent with its 95 % interval: "87.21% (86.43 to 87.92)"."""
    low, high = interval
    return f"{share:.2%} ({100 * low:.2f} to {100 * high:.2f})"
