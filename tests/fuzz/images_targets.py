"""Fuzz targets of images: every file format, decoding to a square, and shards of images."""

import importlib.util
import io
import tarfile
from collections.abc import Sequence

import numpy as np
from PIL import Image

from supernet.data.decode import SUFFIXES, DecodeRequest, centre_view, try_decode
from supernet.data.shards import read_shard
from tests.fuzz.target import FuzzTarget, file_of

FORMATS = {
    ".jpg": "JPEG",
    ".png": "PNG",
    ".webp": "WEBP",
    ".bmp": "BMP",
    ".gif": "GIF",
    ".tif": "TIFF",
    ".ppm": "PPM",
}


def read_image(data: bytes) -> None:
    """A file as a colour image and as a grey one; either may be refused with a reason."""
    path = file_of(data, ".png")
    for channels in (1, 3):
        request = DecodeRequest(
            path=path, channels=channels, resolution=24, choose=centre_view, gap=2.0
        )
        result = try_decode(request)
        if isinstance(result, str):
            assert result.strip(), "no reason"
        else:
            assert result.shape == (24, 24, channels)


def _image(kind: str, mode: str = "RGB", **options: object) -> bytes:
    values = np.random.default_rng(0).integers(0, 256, (20, 12, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(values).convert(mode).save(buffer, kind, **options)
    return buffer.getvalue()


def _turned() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return _image("JPEG", exif=exif.tobytes())


def _large_chunk() -> bytes:
    """A PNG whose pixels say that they take 4 GB: a MemoryError where less may be mapped."""
    content = _image("PNG")
    place = content.index(b"IDAT")
    return content[: place - 4] + b"\xff" * 4 + content[place:]


def _seeds() -> list[bytes]:
    assert FORMATS.keys() <= SUFFIXES
    more = [_image("PNG", "P"), _image("PNG", "RGBA"), _image("PNG", "I;16"), _image("TIFF", "F")]
    packed = [_image("TIFF", compression=packing) for packing in ("tiff_lzw", "packbits")]
    return [*(_image(kind) for kind in FORMATS.values()), *more, *packed, _turned()]


def _shard(tar_format: int = tarfile.USTAR_FORMAT) -> bytes:
    """Two samples of an image and a class, without the padding at the end."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tar_format) as archive:
        for name, content in (
            ("a.jpg", b"x"),
            ("a.cls", b"1"),
            ("b\u00e9.png", b""),
            ("b\u00e9.cls", b"0"),
        ):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue().rstrip(b"\0") + bytes(2048)


def _endless_header() -> bytes:
    """A member whose extended header claims exabytes."""
    member = tarfile.TarInfo("x")
    member.type, member.size = tarfile.XHDTYPE, 2**70
    return member.tobuf(tarfile.GNU_FORMAT) + bytes(1024)


def _shard_seeds() -> Sequence[bytes]:
    return [_shard(), _shard(tarfile.PAX_FORMAT), _shard(tarfile.GNU_FORMAT)]


_SHARDS = FuzzTarget(
    name="image_shard",
    read=lambda data: read_shard(file_of(data, ".tar")),
    seeds=_shard_seeds,
    regressions=lambda: [_endless_header()],
    largest=1 << 13,
)
TARGETS = (
    FuzzTarget(
        name="image_file",
        read=read_image,
        seeds=_seeds,
        regressions=lambda: [_large_chunk()],
        largest=1 << 13,
    ),
    # Shards are read by an extra.
    *([_SHARDS] if importlib.util.find_spec("webdataset") else []),
)
