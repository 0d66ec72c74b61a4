"""Keys that identify this machine to phones."""

import base64
import struct
from pathlib import Path

import pytest

from bench.devices.android.adb.keys import make_key, packed, read_key, signers
from bench.errors import FileError


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("home") / ".android" / "adbkey"
    make_key(path)
    return path


def test_a_new_key_is_readable_by_its_user_only(key: Path) -> None:
    assert key.stat().st_mode & 0o777 == 0o600
    assert key.parent.stat().st_mode & 0o777 == 0o700
    assert key.read_bytes().startswith(b"-----BEGIN PRIVATE KEY-----")
    assert sorted(path.name for path in key.parent.iterdir()) == ["adbkey", "adbkey.pub"]


def test_the_public_key_has_androids_format(key: Path) -> None:
    text, _, owner = key.with_name("adbkey.pub").read_bytes().strip().partition(b" ")
    data = base64.b64decode(text)

    assert b"@" in owner
    assert len(data) == 4 + 4 + 256 + 256 + 4
    words, n0inv = struct.unpack_from("<II", data)
    modulus = int.from_bytes(data[8:264], "little")
    rr = int.from_bytes(data[264:520], "little")
    assert words == 64
    # Montgomery's constants, by definition.
    assert (n0inv * modulus + 1) % (1 << 32) == 0
    assert rr == pow(2, 4096, modulus)
    assert struct.unpack_from("<I", data, 520) == (65537,)
    assert packed(modulus, 65537) == data


def test_the_token_is_signed_without_hashing(key: Path) -> None:
    signer = read_key(key)
    numbers = signer.key.public_key().public_numbers()
    token = bytes(range(20))

    opened = pow(int.from_bytes(signer.sign(token), "big"), numbers.e, numbers.n)

    # PKCS #1 v1.5: padding, the identifier of SHA-1, and the token in place of the digest.
    assert opened.to_bytes(256, "big").startswith(b"\x00\x01\xff\xff")
    assert opened.to_bytes(256, "big").endswith(b"\x04\x14" + token)


def test_vendor_keys_come_first_and_a_missing_key_is_created(key: Path, tmp_path: Path) -> None:
    folder = tmp_path / "vendor"
    folder.mkdir()
    (folder / "a.adb_key").write_bytes(key.read_bytes())
    own = tmp_path / "own"

    result = signers(own, {"ANDROID_VENDOR_KEYS": f"{folder}:{key}"})

    assert [key_file.path for key_file in result] == [folder / "a.adb_key", key, own]
    assert own.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", [b"", b"no key", b"-----BEGIN PRIVATE KEY-----\nAAAA\n"])
def test_an_invalid_key_file_is_an_error_and_stays(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "adbkey"
    path.write_bytes(content)

    with pytest.raises(FileError, match="adbkey is not an RSA key; remove it"):
        signers(path, {})

    assert path.read_bytes() == content
