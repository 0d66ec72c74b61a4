"""RSA keys that identify this machine to phones: adb's own, or a new one in its place.

A private key is PKCS#8 in PEM; its public key is a C structure in base64 (AOSP,
system/core/libcrypto_utils/android_pubkey.c).
"""

import base64
import getpass
import os
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import FileError
from bench.extras import missing_extra
from bench.files import read_bytes

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

KEY_BITS, EXPONENT = 2048, 65537
_WORDS = KEY_BITS // 32


@dataclass(frozen=True)
class Signer:
    """A private key and its file."""

    path: Path
    key: "RSAPrivateKey"

    def sign(self, token: bytes) -> bytes:
        """Sign a daemon's token of 20 bytes, which takes the place of a SHA-1 digest."""
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
        from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
        from cryptography.hazmat.primitives.hashes import SHA1

        return self.key.sign(token, PKCS1v15(), Prehashed(SHA1()))

    def public(self) -> bytes:
        """Return the public key in the phone's format, with a name for its dialog."""
        numbers = self.key.public_key().public_numbers()
        return base64.b64encode(packed(numbers.n, numbers.e)) + b" " + owner().encode()


def signers(own: Path | None = None, environment: Mapping[str, str] = os.environ) -> list[Signer]:
    """Return every key to try, the user's own last; it is created if missing.

    `own` names another key file than ~/.android/adbkey. Raises `FileError` if a key cannot be read.
    """
    vendors = environment.get("ANDROID_VENDOR_KEYS", "").split(os.pathsep)
    paths = [path for name in vendors if name for path in _keys_at(Path(name))]
    own = own or Path.home() / ".android" / "adbkey"
    if not own.exists():
        make_key(own)
    return [read_key(path) for path in [*paths, own]]


def read_key(path: Path) -> Signer:
    """Read a private key."""
    _check_library()
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    try:
        key = serialization.load_pem_private_key(read_bytes(path), password=None)
    except (ValueError, TypeError) as error:
        raise FileError(f"{path} is not an RSA key; remove it, and a new one is created") from error
    if not isinstance(key, rsa.RSAPrivateKey) or key.key_size != KEY_BITS:
        raise FileError(
            f"{path} is not an RSA key of {KEY_BITS} bits; remove it, and one is created"
        )
    return Signer(path, key)


def make_key(path: Path) -> Signer:
    """Create a key as `adb` would: readable for its user only, its public key in PATH.pub."""
    _check_library()
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=EXPONENT, key_size=KEY_BITS)
    text = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    signer = Signer(path, key)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write_new(path, text, 0o600)
        _write_new(path.with_name(path.name + ".pub"), signer.public() + b"\n", 0o644)
    except OSError as error:
        raise FileError(f"cannot make key {path}: {error.strerror or error}") from error
    return signer


def packed(modulus: int, exponent: int) -> bytes:
    """Return a public key as Android's `RSAPublicKey` structure, with Montgomery constants."""
    size_bytes = KEY_BITS // 8
    n0inv = -pow(modulus, -1, 1 << 32) % (1 << 32)
    rr = pow(1 << KEY_BITS, 2, modulus)
    head = struct.pack("<II", _WORDS, n0inv)
    numbers = modulus.to_bytes(size_bytes, "little") + rr.to_bytes(size_bytes, "little")
    return head + numbers + struct.pack("<I", exponent)


def owner() -> str:
    """Return user@host, which the phone's dialog shows."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):
        user = "unknown"
    return f"{user}@{socket.gethostname()}"


def _keys_at(path: Path) -> list[Path]:
    return sorted(path.glob("*.adb_key")) if path.is_dir() else [path]


def _write_new(path: Path, content: bytes, mode: int) -> None:
    """Write a file that never exists with other permissions."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with os.fdopen(
            os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb"
        ) as file:
            file.write(content)
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _check_library() -> None:
    if find_spec("cryptography") is None:  # adb-shell brings it
        raise missing_extra("adb_shell", "phones need")
