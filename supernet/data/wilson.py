"""Wilson's 95 % interval of an accuracy: within 0 to 1, and never of zero width."""

import math

from bench.errors import InputError

Z_95 = 1.959964  # quantile of the normal distribution at 97.5 %


def wilson_interval(
    share: float, error: float, images: int, groups: int | None = None
) -> tuple[float, float]:
    """Return the 95 % interval of the share of correct answers among `images`, as fractions.

    `error` is its standard error over groups of dependent images (the digits of one writer). It
    determines the effective number of images, share (1 - share) / error^2, at most `images`. Where
    all answers are correct or all are wrong, `error` is 0, and each of the `groups` counts as one
    image. Follows Wilson (1927) with the effective sample size of a clustered sample (Korn and
    Graubard 1998).
    """
    if not 0 <= share <= 1 or images < 1:
        raise InputError(f"a share of {share} among {images} images has no interval")
    variance = share * (1 - share)
    count = float(groups or images)
    if variance > 0:
        count = float(images) if error == 0 else min(float(images), variance / error**2)
    shrink = 1 + Z_95**2 / count
    centre = (share + Z_95**2 / (2 * count)) / shrink
    half_width = Z_95 / shrink * math.sqrt(variance / count + Z_95**2 / (4 * count**2))
    return max(0.0, centre - half_width), min(1.0, centre + half_width)


def format_share(share: float, interval: tuple[float, float]) -> str:
    """Format a share in percent with its 95 % interval: "87.21% (86.43 to 87.92)"."""
    low, high = interval
    return f"{share:.2%} ({100 * low:.2f} to {100 * high:.2f})"
