"""Named tensors beside JSON metadata in one safetensors file: no pickle, whole or not at all.

The file is an ordinary safetensors file, tensors named `group/name`. Its header holds what the
file is, our metadata as JSON, and a digest over both and every tensor, since the format itself
does not notice a flipped bit.
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
    """Write `groups` of tensors and `metadata` (JSON values), whole or not at all.

    `what` says what the file is; `load_tensors` asks for it again.
    """
    tensors = {
        f"{group}/{name}": tensor.detach().cpu().contiguous()
        for group, named in groups.items()
        for name, tensor in named.items()
    }
    told = {"what": what, "groups": json.dumps(list(groups)), "metadata": json.dumps(metadata)}
    write_bytes(path, save(tensors, {**told, "digest": _digest(told, tensors)}))


def load_tensors(path: Path, *, what: str) -> tuple[dict[str, Any], dict[str, Tensors]]:
    """Metadata and groups that `save_tensors` wrote; `FileError` where the file is another's."""
    content = read_bytes(path)
    if content[:2] == b"PK":
        raise FileError(
            f"{path} is a torch file, expected a {what} in safetensors; networks of OFA's authors "
            "are read by `ofabench import-ofa`"
        )
    refusal = f"{path} is not a {what} written by ofabench, or is damaged"
    try:
        told = _header(content)
        tensors: Tensors = load(content)
    except (*VALUE_DAMAGE, SafetensorError) as error:
        raise FileError(refusal) from error
    if told.get("what") != what:
        raise FileError(
            f"{path} is a {told.get('what') or 'safetensors file of another program'}, expected a "
            f"{what} written by ofabench"
        )
    digest = told.pop("digest", "")
    if digest != _digest(told, tensors):
        raise FileError(f"{path} is damaged: its content is not what its digest was taken over")
    groups: dict[str, Tensors] = {group: {} for group in parse_json(told["groups"])}
    for key, tensor in tensors.items():
        group, _, name = key.partition("/")
        groups[group][name] = tensor
    metadata: dict[str, Any] = parse_json(told["metadata"])
    return metadata, groups


def _header(content: bytes) -> dict[str, str]:
    """Metadata of a safetensors file; `ValueError`, `KeyError` or `TypeError` if it is none."""
    length = int.from_bytes(content[:_LENGTH_BYTES], "little")
    header = parse_json(content[_LENGTH_BYTES : _LENGTH_BYTES + length])
    return dict(dict(header).get("__metadata__") or {})


def digest_tensors(tensors: Mapping[str, Tensor], before: bytes = b"") -> str:
    """SHA-256 over `before` and named tensors; equal ones have equal digests in whatever file."""
    found = hashlib.sha256(before)
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        found.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        found.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()


def _digest(told: Mapping[str, str], tensors: Mapping[str, Tensor]) -> str:
    return digest_tensors(tensors, json.dumps(sorted(told.items())).encode())
