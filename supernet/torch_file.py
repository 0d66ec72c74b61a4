"""Torch files of ours: named tensors beside JSON metadata, read back without pickle."""

import io
import json
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bench.errors import FileError
from bench.files import ZIP_DAMAGE, read_bytes, write_bytes, zip_damage

Tensors = dict[str, Tensor]


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
    refusal = f"{path} is not a {what} written by ofabench, or is damaged"
    # The sums inside first: what torch makes of a damaged file is past foreseeing.
    if zip_damage(content):
        raise FileError(refusal)
    try:
        loaded: Any = torch.load(io.BytesIO(content), weights_only=True)
    except (*ZIP_DAMAGE, pickle.UnpicklingError) as error:
        raise FileError(refusal) from error
    if not isinstance(loaded, dict) or loaded.get("what") != what:
        found = loaded.get("what") if isinstance(loaded, dict) else None
        raise FileError(
            f"{path} is a {found or 'torch file of another program'}, expected a {what} written by "
            "ofabench"
        )
    metadata: dict[str, Any] = json.loads(loaded.pop("metadata"))
    del loaded["what"]
    return metadata, loaded
