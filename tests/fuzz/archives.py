"""Small archives for fuzz seeds."""

import gzip
import io
import lzma
import tarfile
from collections.abc import Callable, Mapping
from functools import partial
from typing import Literal

_PACK: Mapping[str, Callable[[bytes], bytes]] = {
    "xz": lzma.compress,
    "gz": partial(gzip.compress, mtime=0),
}


def deb(packing: Literal["xz", "gz"], damage: bytes = b"") -> bytes:
    """A Debian package of one library and a link to it (deb(5)), its data after `damage`."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        library = tarfile.TarInfo("./lib/aarch64-linux-gnu/libc.so.6")
        library.size = 4
        archive.addfile(library, io.BytesIO(b"\x7fELF"))
        link = tarfile.TarInfo("./lib/aarch64-linux-gnu/libm.so.6")
        link.type, link.linkname = tarfile.SYMTYPE, "libc.so.6"
        archive.addfile(link)
    data = damage + _PACK[packing](buffer.getvalue())
    members = {"debian-binary": b"2.0\n", f"data.tar.{packing}": data}
    return b"!<arch>\n" + b"".join(_member(name, content) for name, content in members.items())


def _member(name: str, content: bytes) -> bytes:
    head = f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n"
    return head.encode() + content + b"\n" * (len(content) % 2)
