"""`supernet.data.decode`: any kind of image file to a square of bytes, or why not."""

import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from supernet.data.decode import DecodeRequest, View, centre_view, decode, try_decode

RED, BLUE = (255, 0, 0), (0, 0, 255)


def whole(width: int, height: int) -> View:
    return View(0, 0, width, height)


def ask(
    path: Path, *, channels: int = 3, resolution: int = 4, view: View | None = None, gap: float = 1
) -> DecodeRequest:
    def chosen(width: int, height: int) -> View:
        return view or whole(width, height)

    return DecodeRequest(
        path=path, channels=channels, resolution=resolution, choose=chosen, gap=gap
    )


def two_halves(width: int = 8, height: int = 4) -> Image.Image:
    """Red on the left, blue on the right."""
    image = Image.new("RGB", (width, height), RED)
    image.paste(BLUE, (width // 2, 0, width, height))
    return image


def flat(square: NDArray[np.uint8]) -> list[int]:
    """The one colour of a square."""
    colours = np.unique(square.reshape(-1, square.shape[-1]), axis=0)
    assert len(colours) == 1
    return [int(value) for value in colours[0]]


def test_the_centre_is_seven_eighths_of_the_shorter_side() -> None:
    assert centre_view(400, 200) == View(112.5, 12.5, 287.5, 187.5)
    assert centre_view(80, 80) == View(5, 5, 75, 75)


def test_a_view_is_cut_out_and_mirrored(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    two_halves().save(path)

    assert flat(decode(ask(path, view=View(0, 0, 4, 4)))) == [*RED]
    assert flat(decode(ask(path, view=View(4, 0, 8, 4)))) == [*BLUE]
    middle = decode(ask(path, view=View(2, 0, 6, 4)))
    assert middle.shape == (4, 4, 3)
    assert middle[0].tolist() == [[*RED], [*RED], [*BLUE], [*BLUE]]
    mirrored = decode(ask(path, view=View(2, 0, 6, 4, flip=True)))
    assert mirrored[0].tolist() == [[*BLUE], [*BLUE], [*RED], [*RED]]


def test_one_channel_gives_grey(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    two_halves().save(path)

    grey = decode(ask(path, channels=1, view=View(2, 0, 6, 4)))

    assert grey.shape == (4, 4, 1)
    assert grey[0, :, 0].tolist() == [76, 76, 29, 29]  # ITU-R 601: 0.299 and 0.114 of 255


@pytest.mark.parametrize("turn", [1, 3, 6, 8])
def test_an_image_that_a_camera_turned_comes_upright(turn: int, tmp_path: Path) -> None:
    upright, path = two_halves(8, 8), tmp_path / "a.png"
    undone = {1: 0, 3: 180, 6: 90, 8: -90}[turn]  # counter-clockwise, as the sensor lay
    exif = Image.Exif()
    exif[0x0112] = turn
    upright.rotate(undone).save(path, exif=exif)

    assert np.array_equal(decode(ask(path, resolution=8)), np.asarray(upright))


def test_a_turned_image_is_viewed_by_its_upright_sides(tmp_path: Path) -> None:
    path, exif, viewed_sizes = tmp_path / "a.png", Image.Exif(), []
    exif[0x0112] = 6
    two_halves(8, 4).save(path, exif=exif)

    def chosen(width: int, height: int) -> View:
        viewed_sizes.append((width, height))
        return View(0, 0, 4, 4)

    top = decode(DecodeRequest(path=path, channels=3, resolution=4, choose=chosen, gap=1))

    assert viewed_sizes == [(4, 8)]
    assert flat(top) == [*RED]  # turned clockwise, what was left is up


def kinds() -> dict[str, tuple[Image.Image, str, list[int]]]:
    """Images of one colour by kind, the format to save them in, and the colour expected."""
    clear = Image.new("RGBA", (8, 8), (10, 20, 30, 0))
    half = Image.new("RGBA", (8, 8), (0, 0, 0, 128))
    deep = Image.fromarray(np.full((8, 8), 40000, np.uint16))
    palette = Image.new("P", (8, 8), 1)
    palette.putpalette([0, 0, 0, 7, 8, 9])
    see_through = palette.copy()
    see_through.info["transparency"] = b"\xff\x00"
    return {
        "clear on white": (clear, "PNG", [255] * 3),
        "half clear on white": (half, "PNG", [127] * 3),
        "grey with alpha": (Image.new("LA", (8, 8), (90, 255)), "PNG", [90] * 3),
        "16 bits": (deep, "PNG", [40000 // 256] * 3),
        "16 bits in TIFF": (deep, "TIFF", [40000 // 256] * 3),
        "1 bit": (Image.new("1", (8, 8), 1), "PNG", [255] * 3),
        "grey": (Image.new("L", (8, 8), 77), "JPEG", [77] * 3),
        "palette": (palette, "PNG", [7, 8, 9]),
        "palette, clear": (see_through, "PNG", [255] * 3),
        "CMYK": (Image.new("CMYK", (8, 8), (0, 0, 0, 55)), "JPEG", [200] * 3),
        "GIF": (palette, "GIF", [7, 8, 9]),
        "WebP": (Image.new("RGB", (8, 8), (50, 50, 50)), "WEBP", [50] * 3),
    }


@pytest.mark.parametrize("kind", kinds())
def test_kinds_of_images(kind: str, tmp_path: Path) -> None:
    image, form, expected = kinds()[kind]
    path = tmp_path / "image"
    image.save(path, form)

    assert flat(decode(ask(path))) == pytest.approx(expected, abs=1)


def test_a_jpeg_is_decoded_no_larger_than_needed(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    noise = np.random.default_rng(0).integers(0, 256, (12, 16, 3), np.uint8)
    Image.fromarray(noise).resize((320, 240), Image.Resampling.BICUBIC).save(path)
    with Image.open(path) as image:
        image.draft(None, (160, 120))
        assert image.size == (160, 120)
        halved = np.asarray(image.crop((0, 0, 100, 100)))

    at_half = decode(ask(path, resolution=100, view=View(0, 0, 200, 200)))

    assert np.array_equal(at_half, halved)
    # With a gap of 2 the same is decoded whole, and then resized.
    finer = decode(ask(path, resolution=100, view=View(0, 0, 200, 200), gap=2))
    assert 0 < np.abs(finer.astype(int) - at_half).mean() < 2


def test_an_image_of_one_pixel(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.new("RGB", (1, 1), RED).save(path)

    request = DecodeRequest(path=path, channels=3, resolution=8, choose=centre_view, gap=2)
    assert flat(decode(request)) == [*RED]


def png_of(width: int, height: int) -> bytes:
    """A PNG file that says to be this large, and has no pixels."""
    chunks = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0), b"IDAT"
    written = [
        struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
        for chunk in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(written)


def jpeg() -> bytes:
    content = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
    Image.fromarray(noise).save(content, "JPEG")
    return content.getvalue()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "it is empty"),
        (b"this is text", "it is not an image"),
        (jpeg()[:-900], "truncated"),
        (jpeg()[:20], "it is not an image"),
        (png_of(10_000, 9_000), "more than 89 million pixels"),
        (png_of(60_000, 60_000), "more than 89 million pixels"),
        (png_of(8, 8), "truncated"),
    ],
)
def test_unreadable_content_gives_the_reason(content: bytes, expected: str, tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(content)

    reason = try_decode(ask(path))

    assert isinstance(reason, str)
    assert expected in reason
    assert str(tmp_path) not in reason


def test_a_path_that_is_no_file_is_refused(tmp_path: Path) -> None:
    assert try_decode(ask(tmp_path)) == os.strerror(21)  # a directory
    assert try_decode(ask(tmp_path / "none.jpg")) == os.strerror(2)


def test_pixels_that_are_no_bytes_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    Image.fromarray(np.zeros((4, 4), np.float32)).save(path)
    assert "kind F" in str(try_decode(ask(path)))

    Image.fromarray(np.full((4, 4), 70_000, np.int32)).save(path)
    assert "kind I" in str(try_decode(ask(path)))


def test_damage_is_never_fatal(tmp_path: Path) -> None:
    rng, path, seen = np.random.default_rng(0), tmp_path / "a", {True: 0, False: 0}
    for form in ("JPEG", "PNG", "WEBP", "TIFF", "GIF"):
        content = io.BytesIO()
        two_halves(24, 24).save(content, form)
        for cut in range(40):
            damaged = np.frombuffer(content.getvalue(), np.uint8).copy()
            damaged[rng.integers(0, len(damaged))] = rng.integers(0, 256)
            path.write_bytes(damaged.tobytes()[: len(damaged) - max(0, cut - 20)])
            seen[isinstance(try_decode(ask(path)), str)] += 1

    assert seen[True] > 20
    assert seen[False] > 20
