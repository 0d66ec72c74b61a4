"""Who may debug the phone: public keys, their signatures, and the dialog on its screen."""

import base64
import binascii
import threading
from collections.abc import Callable
from pathlib import Path

MODULUS_BYTES = 256
ENCODED_BYTES = 4 + 4 + 2 * MODULUS_BYTES + 4  # words, n0inv, modulus, rr, exponent
# PKCS #1 v1.5 (RFC 8017, 9.2): DigestInfo of SHA-1. adb signs the token as if it were a digest.
SHA1_PREFIX = bytes.fromhex("3021300906052b0e03021a05000414")
TOKEN_BYTES = 20


def decode_key(text: str) -> tuple[int, int] | None:
    """Read modulus and exponent of a key as adb writes it (libcrypto_utils/android_pubkey.c)."""
    try:
        raw = base64.b64decode(text.split(maxsplit=1)[0], validate=True)
    except (IndexError, binascii.Error):
        return None
    if len(raw) != ENCODED_BYTES or int.from_bytes(raw[:4], "little") != MODULUS_BYTES // 4:
        return None
    modulus = int.from_bytes(raw[8 : 8 + MODULUS_BYTES], "little")
    return modulus, int.from_bytes(raw[-4:], "little")


def verify(key_text: str, token: bytes, signature: bytes) -> bool:
    """Whether the signature of a token is of this public key."""
    key = decode_key(key_text)
    if key is None or len(signature) != MODULUS_BYTES:
        return False
    modulus, exponent = key
    block = pow(int.from_bytes(signature, "big"), exponent, modulus)
    tail = b"\x00" + SHA1_PREFIX + token
    wanted = b"\x00\x01" + b"\xff" * (MODULUS_BYTES - 2 - len(tail)) + tail
    return block.to_bytes(MODULUS_BYTES, "big") == wanted


class Screen:
    """Keys in /data/misc/adb/adb_keys, and the one dialog that may be up.

    A refusal sends nothing to the host, as on a phone: it continues to wait.
    """

    def __init__(self, keys: Path) -> None:
        self._keys = keys
        self._lock = threading.Lock()
        self._answers: list[tuple[bool, bool]] = []
        self._up: tuple[str, Callable[[], None]] | None = None
        self.asked: list[str] = []  # keys that a dialog came up for

    def knows(self, token: bytes, signature: bytes) -> bool:
        """Whether the phone trusts the key that signed."""
        return any(verify(key, token, signature) for key in self._trusted())

    def trust(self, key_text: str) -> None:
        """Take a key without asking."""
        with self._lock:
            self._keys.parent.mkdir(parents=True, exist_ok=True)
            with self._keys.open("a") as file:
                file.write(f"{key_text.strip()}\n")

    def forget(self) -> None:
        """Trust nobody."""
        with self._lock:
            self._keys.unlink(missing_ok=True)

    def ask(self, key_text: str, grant: Callable[[], None]) -> None:
        """Put the dialog up, in place of any before; `grant` is called when it is allowed."""
        with self._lock:
            self.asked.append(key_text)
            self._up = (key_text, grant)
            answer = self._answers.pop(0) if self._answers else None
        if answer:
            self.answer(*answer)

    def answer(self, allow: bool, always: bool) -> None:
        """Answer the dialog that is up, or the next one."""
        with self._lock:
            up, self._up = self._up, None
            if up is None:
                self._answers.append((allow, always))
                return
        key_text, grant = up
        if allow and always:
            self.trust(key_text)
        if allow:
            grant()

    def _trusted(self) -> list[str]:
        with self._lock:
            return self._keys.read_text().splitlines() if self._keys.exists() else []
