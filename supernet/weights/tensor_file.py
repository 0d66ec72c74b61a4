"""Save and load named tensors with JSON metadata in one safetensors file, atomically.

It is a standard safetensors file with tensors named `group/name`. Its header holds the kind of the
file, the metadata as JSON, and a digest over both and all tensors, since the format itself does not
detect flipped bits.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from bench.errors import FileError
from bench.files import VALUE_DAMAGE, parse_json, read_bytes, write_bytes

Tensors = dict[str, Tensor]

_LENGTH_BYTES = 8  # of the header's length, little endian, which a file begins with


def save_tensors(
    path: Path, *, what: str, metadata: Mapping[str, Any], **groups: Mapping[str, Tensor]
) -> None:
    """Write `groups` of tensors and `metadata` (JSON values) atomically.

    `what` is the kind of the file, which `load_tensors` checks.
    """
    tensors = {
        f"{group}/{name}": tensor.detach().cpu().contiguous()
        for group, named in groups.items()
        for name, tensor in named.items()
    }
    header = {"what": what, "groups": json.dumps(list(groups)), "metadata": json.dumps(metadata)}
    write_bytes(path, save(tensors, {**header, "digest": _digest(header, tensors)}))


def load_tensors(path: Path, *, what: str) -> tuple[dict[str, Any], dict[str, Tensors]]:
    """Read metadata and groups of `save_tensors`; `FileError` where the file is of another kind."""
    content = read_bytes(path)
    if content[:2] == b"PK":
        raise FileError(
            f"{path} is a torch file, expected a {what} in safetensors; networks of OFA's authors "
            "are read by `ofabench import-ofa`"
        )
    refusal = f"{path} is not a {what} written by ofabench, or is damaged"
    try:
        header = _header(content)
        tensors: Tensors = load(content)
    except (*VALUE_DAMAGE, SafetensorError) as error:
        raise FileError(refusal) from error
    if header.get("what") != what:
        raise FileError(
            f"{path} is a {header.get('what') or 'safetensors file of another program'}, expected "
            f"a {what} written by ofabench"
        )
    digest = header.pop("digest", "")
    if digest != _digest(header, tensors):
        raise FileError(f"{path} is damaged: its content does not match its digest")
    groups: dict[str, Tensors] = {group: {} for group in parse_json(header["groups"])}
    for key, tensor in tensors.items():
        group, _, name = key.partition("/")
        groups[group][name] = tensor
    metadata: dict[str, Any] = parse_json(header["metadata"])
    return metadata, groups


def kind_of(path: Path) -> str:
    """Return the kind of a file of `save_tensors`; "" where it is another file."""
    try:
        return _header(read_bytes(path)).get("what", "")
    except (*VALUE_DAMAGE, FileError):
        return ""


def _header(content: bytes) -> dict[str, str]:
    """Return the metadata; `ValueError`, `KeyError` or `TypeError` if it is no safetensors file."""
    length = int.from_bytes(content[:_LENGTH_BYTES], "little")
    header = parse_json(content[_LENGTH_BYTES : _LENGTH_BYTES + length])
    return dict(dict(header).get("__metadata__") or {})


def digest_tensors(tensors: Mapping[str, Tensor], before: bytes = b"") -> str:
    """Return the SHA-256 over `before` and named tensors, independent of the file format."""
    digest = hashlib.sha256(before)
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _digest(header: Mapping[str, str], tensors: Mapping[str, Tensor]) -> str:
    return digest_tensors(tensors, json.dumps(sorted(header.items())).encode())
