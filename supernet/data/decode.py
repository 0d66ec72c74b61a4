"""Decoding of one image file to a square of bytes."""

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

SUFFIXES = frozenset(
    (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm")
)
LARGEST_PIXELS = 89_478_485  # Pillow's own mark for what may be a decompression bomb
UNREADABLE = (  # what Pillow makes of a file that is no image, depending on its first bytes
    OSError,
    ValueError,
    SyntaxError,  # its word for a broken PNG
    EOFError,
    KeyError,
    IndexError,
    TypeError,
    OverflowError,
    MemoryError,  # a piece that says it is of gigabytes
    RuntimeError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
    Warning,  # where warnings are errors
)

_MODES = {1: "L", 3: "RGB"}


@dataclass(frozen=True, slots=True)
class View:
    """The part of an upright image that is looked at: its box in pixels, and whether mirrored."""

    left: float
    top: float
    right: float
    bottom: float
    flip: bool = False


Choose = Callable[[int, int], View]
"""Width and height of the upright image to the view of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodeRequest:
    """An image, at `resolution` pixels a side.

    A JPEG is decoded at 1/2, 1/4 or 1/8 of its size where that leaves `gap` times as many pixels
    a side as are asked: 1 is fastest, 2 cannot be told from the whole decoding.
    """

    path: Path
    channels: int
    resolution: int
    choose: Choose
    gap: float


def centre_view(width: int, height: int, share: float = 0.875) -> View:
    """View of the middle square, `share` of the shorter side: what ImageNet is evaluated on.

    It is the usual resizing of the shorter side to size/0.875 and the crop of the centre, in one.
    """
    side = share * min(width, height)
    left, top = (width - side) / 2, (height - side) / 2
    return View(left, top, left + side, top + side)


def decode(asked: DecodeRequest) -> NDArray[np.uint8]:
    """Read the image: bytes (r, r, channels). One of `UNREADABLE` where that cannot be done."""
    with asked.path.open("rb") as file, Image.open(file) as image:
        pixels = image.width * image.height
        if pixels > LARGEST_PIXELS:
            raise Image.DecompressionBombError(f"{pixels} pixels")
        turned = image.getexif().get(ExifTags.Base.Orientation, 1)
        width, height = image.size if turned not in (5, 6, 7, 8) else image.size[::-1]
        view = asked.choose(width, height)
        _draft(image, view, asked.resolution * asked.gap)
        upright = ImageOps.exif_transpose(image) if turned != 1 else image
        plain = _plain(upright, _MODES[asked.channels])
        across, down = plain.width / width, plain.height / height
        square = plain.resize(
            (asked.resolution, asked.resolution),
            Image.Resampling.BILINEAR,
            box=(
                view.left * across,
                view.top * down,
                min(view.right * across, plain.width),
                min(view.bottom * down, plain.height),
            ),
        )
    found = np.asarray(square).reshape(asked.resolution, asked.resolution, asked.channels)
    return found[:, ::-1] if view.flip else found


def try_decode(asked: DecodeRequest) -> NDArray[np.uint8] | str:
    """Read the image as `decode` does, or say why it cannot be read."""
    try:
        return decode(asked)
    except UNREADABLE as error:
        return _why(error, asked.path)


def _draft(image: Image.Image, view: View, side: float) -> None:
    """Have a JPEG decoded no larger than its view needs, for `side` pixels."""
    factor = min(view.right - view.left, view.bottom - view.top) / side
    if factor >= 2:
        image.draft(None, (ceil(image.width / factor), ceil(image.height / factor)))


def _plain(image: Image.Image, mode: str) -> Image.Image:
    """Eight bits a channel; what is transparent lies on white."""
    image = _eight_bits(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image if image.mode == mode else image.convert(mode)


def _eight_bits(image: Image.Image) -> Image.Image:
    """Scale 16 bits of grey down, which Pillow would cut off at 255."""
    if image.mode != "F" and not image.mode.startswith("I"):
        return image
    values = np.asarray(image)
    if image.mode == "F" or values.min() < 0 or values.max() > 65535:
        raise ValueError(f"its pixels are of kind {image.mode}, expected 8 or 16 bits")
    return Image.fromarray((values // 256).astype(np.uint8))


def _why(error: Exception, path: Path) -> str:
    if isinstance(error, (Image.DecompressionBombError, Image.DecompressionBombWarning)):
        return f"it has more than {LARGEST_PIXELS / 1e6:.0f} million pixels"
    if isinstance(error, UnidentifiedImageError):
        return "it is no image" if _has_bytes(path) else "it is empty"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _has_bytes(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except OSError:
        return False
