"""Decode an image file to a square array of bytes."""

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

SUFFIXES = frozenset(
    (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm")
)
LARGEST_PIXELS = 89_478_485  # Pillow's limit for a possible decompression bomb
UNREADABLE = (  # errors of Pillow for a file that is not an image, depending on its first bytes
    OSError,
    ValueError,
    SyntaxError,  # broken PNG
    EOFError,
    KeyError,
    IndexError,
    TypeError,
    OverflowError,
    MemoryError,  # a header that claims gigabytes
    RuntimeError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
    Warning,  # where warnings are errors
)

_MODES = {1: "L", 3: "RGB"}


@dataclass(frozen=True, slots=True)
class View:
    """Part of an upright image to use: its box in pixels, and whether to mirror it."""

    left: float
    top: float
    right: float
    bottom: float
    flip: bool = False


Choose = Callable[[int, int], View]
"""Chooses the view from the width and height of the upright image."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodeRequest:
    """Request to decode an image to `resolution` pixels a side.

    A JPEG is decoded at 1/2, 1/4 or 1/8 of its size where that leaves at least `gap` times the
    requested pixels a side: 1 is fastest, 2 is indistinguishable from full decoding. An image that
    is no file is read by `open`; `path` only names it.
    """

    path: Path
    channels: int
    resolution: int
    choose: Choose
    gap: float
    open: Callable[[], BinaryIO] | None = None

    def content(self) -> BinaryIO:
        """Open the image."""
        return self.path.open("rb") if self.open is None else self.open()


def centre_view(width: int, height: int, share: float = 0.875) -> View:
    """Return the centre square with `share` of the shorter side, as for ImageNet evaluation.

    It combines the usual resizing of the shorter side to size / 0.875 and the centre crop.
    """
    side = share * min(width, height)
    left, top = (width - side) / 2, (height - side) / 2
    return View(left, top, left + side, top + side)


def decode(request: DecodeRequest) -> NDArray[np.uint8]:
    """Decode an image to bytes (r, r, channels); raises one of `UNREADABLE` where it cannot."""
    with request.content() as file, Image.open(file) as image:
        pixels = image.width * image.height
        if pixels > LARGEST_PIXELS:
            raise Image.DecompressionBombError(f"{pixels} pixels")
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
        width, height = image.size if orientation not in (5, 6, 7, 8) else image.size[::-1]
        view = request.choose(width, height)
        _draft(image, view, request.resolution * request.gap)
        upright = ImageOps.exif_transpose(image) if orientation != 1 else image
        converted = _to_mode(upright, _MODES[request.channels])
        x_scale, y_scale = converted.width / width, converted.height / height
        square = converted.resize(
            (request.resolution, request.resolution),
            Image.Resampling.BILINEAR,
            box=(
                view.left * x_scale,
                view.top * y_scale,
                min(view.right * x_scale, converted.width),
                min(view.bottom * y_scale, converted.height),
            ),
        )
    pixels_ = np.asarray(square).reshape(request.resolution, request.resolution, request.channels)
    return pixels_[:, ::-1] if view.flip else pixels_


def try_decode(request: DecodeRequest) -> NDArray[np.uint8] | str:
    """Decode an image as `decode` does, or return the reason why it cannot be read."""
    try:
        return decode(request)
    except UNREADABLE as error:
        return _reason(error, request)


def _draft(image: Image.Image, view: View, side: float) -> None:
    """Reduce the decoding size of a JPEG to what its view needs for `side` pixels."""
    factor = min(view.right - view.left, view.bottom - view.top) / side
    if factor >= 2:
        image.draft(None, (ceil(image.width / factor), ceil(image.height / factor)))


def _to_mode(image: Image.Image, mode: str) -> Image.Image:
    """Convert to eight bits per channel, with transparency on white."""
    image = _eight_bits(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image if image.mode == mode else image.convert(mode)


def _eight_bits(image: Image.Image) -> Image.Image:
    """Scale 16-bit grey to 8 bits, which Pillow would clip at 255."""
    if image.mode != "F" and not image.mode.startswith("I"):
        return image
    values = np.asarray(image)
    if image.mode == "F" or values.min() < 0 or values.max() > 65535:
        raise ValueError(f"its pixels are of kind {image.mode}, expected 8 or 16 bits")
    return Image.fromarray((values // 256).astype(np.uint8))


def _reason(error: Exception, request: DecodeRequest) -> str:
    if isinstance(error, (Image.DecompressionBombError, Image.DecompressionBombWarning)):
        return f"it has more than {LARGEST_PIXELS / 1e6:.0f} million pixels"
    if isinstance(error, UnidentifiedImageError):
        return "it is not an image" if _has_bytes(request) else "it is empty"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _has_bytes(request: DecodeRequest) -> bool:
    try:
        with request.content() as file:
            return bool(file.read(1))
    except OSError:
        return False
