"""Read torch files of other projects: the state dict of a checkpoint, without prefixes of wrappers.

No code of a file is executed: `torch.load` gets `weights_only=True`, which only creates tensors and
plain values. Numpy scalars, such as a best accuracy or an epoch, are also allowed, but replaced by
stand-ins, so that no numpy code reads data of the file.
"""

import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bench.errors import FileError
from bench.files import TORCH_DAMAGE, read_bytes, zip_damage
from supernet.weights.tensor_file import Tensors

# Keys of a state dict; the first one present is used.
PLACES = (
    "state_dict",
    "model_state_dict",
    "net_state_dict",
    "model",
    "net",
    "network",
    "weights",
    "state_dict_ema",
    "model_ema_state_dict",
    "model_ema",
    "ema_state_dict",
    "ema",
)
# Prefixes of wrappers: data-parallel and averaged models and Lightning modules (module, model, net,
# network), torch.compile, FSDP and activation checkpointing.
_LEADING = ("module", "model", "net", "network")
_ANYWHERE = ("_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module")
_DEEPEST = 4  # nested keys


class _Dtype:
    """Stand-in for `numpy.dtype` that ignores its arguments."""

    def __init__(self, *arguments: object) -> None:
        pass

    def __setstate__(self, state: object) -> None:
        pass


class _Scalar:
    """Stand-in for a numpy scalar that ignores its type and value."""

    def __init__(self, *arguments: object) -> None:
        pass


class _OldScalar(_Scalar):
    """The same under the name of numpy 1."""


# The unpickler finds them by these names, the only way before torch 2.6.
for _stand_in, _module, _name in (
    (_Dtype, "numpy", "dtype"),
    (_Scalar, "numpy._core.multiarray", "scalar"),
    (_OldScalar, "numpy.core.multiarray", "scalar"),
):
    _stand_in.__module__, _stand_in.__name__, _stand_in.__qualname__ = _module, _name, _name
_ALLOWED: list[Any] = [_Dtype, _Scalar, _OldScalar]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredState:
    """State dict by the network's own names, its key path in the file, and the unused keys.

    `place` is empty where the file is the state dict itself.
    """

    tensors: Tensors
    place: str
    left_out: tuple[str, ...]


def read_state(path: Path) -> StoredState:
    """Read the state dict of a torch file; `FileError` where there is none.

    It is the file itself or under one of `PLACES`, possibly nested. Prefixes of wrappers
    (`module.`, `_orig_mod.` etc.) are removed, in any order and number.
    """
    state, places, left_out = _find(_load(path))
    where = "alone or under one of " + ", ".join(repr(place) for place in PLACES)
    if not isinstance(state, dict) or not state:
        raise FileError(
            f"{path} holds {_kind(state)}, expected a state dict of named tensors, {where}"
        )
    for name, tensor in state.items():
        if not isinstance(name, str) or not isinstance(tensor, Tensor):
            raise FileError(
                f"{path} holds {_kind(tensor)} as {name!r:.60}, expected named tensors alone, "
                f"{where}"
            )
    return StoredState(
        tensors=_plain_names(state, path), place=".".join(places), left_out=tuple(left_out)
    )


def _load(path: Path) -> Any:
    content = read_bytes(path)
    if content[:2] == b"PK" and (damage := zip_damage(content)):
        raise FileError(f"{path} is damaged ({damage}); copy it again from where it came")
    try:
        with torch.serialization.safe_globals(_ALLOWED):
            return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except TORCH_DAMAGE as error:
        if "GLOBAL" in str(error) or "Unsupported global" in str(error):
            match = re.search(r"GLOBAL ([\w.]{1,80}) was not", str(error))
            detail = f" ({match[1]})" if match else ""
            raise FileError(
                f"{path} holds pickled objects besides tensors{detail}, which might run code and "
                "are not loaded; save its network's `state_dict()` alone"
            ) from error
        raise FileError(
            f"{path} is not a torch file of tensors, or is cut short; expected the weights of a "
            "network as `torch.save` writes its state dict"
        ) from error


def _find(loaded: Any) -> tuple[Any, list[str], list[str]]:
    """Return the innermost dictionary by `PLACES`, its key path, and unused keys on the way."""
    places: list[str] = []
    left_out: list[str] = []
    while isinstance(loaded, dict) and len(places) < _DEEPEST:
        present = [place for place in PLACES if isinstance(loaded.get(place), dict)]
        if not present:
            break
        left_out += [".".join([*places, unused]) for unused in present[1:] if loaded[unused]]
        places.append(present[0])
        loaded = loaded[present[0]]
    return loaded, places, left_out


def _plain_names(state: Mapping[str, Tensor], path: Path) -> Tensors:
    plain: Tensors = {}
    for name, tensor in state.items():
        short = plain_name(name)
        if short in plain:
            raise FileError(
                f"{path} holds several tensors that are {short} without the prefixes of wrappers; "
                "save the state dict of one network alone"
            )
        plain[short] = tensor
    return plain


def plain_name(name: str) -> str:
    """Return the name of a tensor without the name parts of wrappers."""
    parts = [part for part in name.split(".") if part not in _ANYWHERE]
    while len(parts) > 1 and parts[0] in _LEADING:
        parts.pop(0)
    return ".".join(parts)


def _kind(value: object) -> str:
    if isinstance(value, _Scalar):
        return "a numpy scalar"
    return f"a {type(value).__name__}" if value else f"an empty {type(value).__name__}"
