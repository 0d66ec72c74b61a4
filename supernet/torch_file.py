"""Torch files of ours: named tensors beside JSON metadata, read back without pickle."""

import io
import json
import lzma
import pickle
import struct
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bench.errors import FileError
from bench.files import read_bytes, write_bytes

Tensors = dict[str, Tensor]

_DAMAGE = (  # what zipfile makes of a damaged file, depending on where the damage is
    zipfile.BadZipFile,
    NotImplementedError,
    RuntimeError,
    ValueError,
    EOFError,
    OSError,
    struct.error,
    zlib.error,
    lzma.LZMAError,
)


def save_tensors(
    path: Path, *, what: str, metadata: Mapping[str, Any], **groups: Mapping[str, Tensor]
) -> None:
    """Write `groups` of tensors and `metadata` (JSON values), whole or not at all.

    `what` says what the file is; `load_tensors` asks for it again.
    """
    content = {"what": what, "metadata": json.dumps(metadata)}
    buffer = io.BytesIO()
    torch.save({**content, **{name: dict(group) for name, group in groups.items()}}, buffer)
    write_bytes(path, buffer.getvalue())


def load_tensors(path: Path, *, what: str) -> tuple[dict[str, Any], dict[str, Tensors]]:
    """Metadata and groups that `save_tensors` wrote; `FileError` where the file is another's."""
    content = read_bytes(path)
    try:
        _check_sums(content)
        loaded: Any = torch.load(io.BytesIO(content), weights_only=True)
    except (*_DAMAGE, pickle.UnpicklingError) as error:
        raise FileError(f"{path} is not a {what} written by ofabench, or is damaged") from error
    if not isinstance(loaded, dict) or loaded.get("what") != what:
        found = loaded.get("what") if isinstance(loaded, dict) else None
        raise FileError(
            f"{path} is a {found or 'torch file of another program'}, expected a {what} written by "
            "ofabench"
        )
    metadata: dict[str, Any] = json.loads(loaded.pop("metadata"))
    del loaded["what"]
    return metadata, loaded


def _check_sums(content: bytes) -> None:
    """Check the sums inside first: what torch makes of a damaged file is past foreseeing."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        damaged = archive.testzip()
    if damaged is not None:
        raise zipfile.BadZipFile(damaged)
