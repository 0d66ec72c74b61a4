"""Fuzz targets of weights: our safetensors, torch files of OFA's authors and of the backend."""

import io
import json
import struct
import zipfile
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

import torch
from torch import Tensor

from bench.backends.torch_backend import TorchBackend, model_from_bytes
from bench.blocks.model import random_model
from bench.blocks.spec import BlockSpec
from bench.blocks.torch_modules import build_network
from supernet.accuracy.ofa_published import OfaPublished
from supernet.export.model_card import Normalisation
from supernet.export.network_file import StandaloneNetwork, load_network, save_network
from supernet.space.space import SearchSpace
from supernet.train.checkpoint import Checkpoint, Recipe, load_checkpoint, save_checkpoint
from supernet.train.schedule import IMPORTED, Schedule
from supernet.weights.model import SuperNet
from supernet.weights.tensor_file import load_tensors, save_tensors
from supernet.weights.torch_file import read_state
from tests.fuzz.target import FuzzTarget, file_of, scratch_folder

SPACE = SearchSpace.from_toml(
    """\
name = "least"
family = "mbconv"
in_channels = 1
classes = 2
resolutions = [8]
stem = { width = 8, kernel = 3, stride = 2, act = "relu" }
first = { width = 8, kernel = 3, stride = 1, act = "relu" }
head = { final_expand = 8, act = "relu" }

[[stages]]
width = 8
stride = 1
act = "relu"
se = false
depths = [1]
kernels = [3]
expands = [2]
"""
)
BLOCKS = (
    BlockSpec.parse("stem-8x3-m0-o8-k3-s2-hswish-se0-r0"),
    BlockSpec.parse("mbconv-4x8-m16-o8-k3-s1-relu-se8-r1"),
)


def read_checkpoint(data: bytes) -> None:
    """A supernet's file."""
    load_checkpoint(file_of(data)).supernet()


def read_network(data: bytes) -> None:
    """A sub-network's file."""
    load_network(file_of(data))


def read_metadata(read: Callable[[Path], object], seed: Callable[[], Path], data: bytes) -> None:
    """A whole file with other metadata, with its digest updated."""
    kind = "supernet" if read is load_checkpoint else "sub-network"
    _, groups = _tensors(seed(), kind)
    try:
        metadata = json.loads(data)
    except (ValueError, RecursionError):
        return
    path = scratch_folder() / "changed.safetensors"
    save_tensors(path, what=kind, metadata=metadata, **groups)
    read(path)


def read_ofa(data: bytes) -> None:
    """A torch file of named tensors, as OFA's authors publish their weights."""
    assert read_state(file_of(data, ".pth")).tensors


def read_published(data: bytes) -> None:
    """OFA's accuracy predictor."""
    OfaPublished.load(file_of(data, ".pth"))


def read_pickle(read: Callable[[bytes], object], seed: Callable[[], bytes], data: bytes) -> None:
    """A whole torch file with another pickle in it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(seed())) as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            new.writestr(name, data if name.endswith("data.pkl") else old.read(name))
    read(buffer.getvalue())


@cache
def _tensors(path: Path, kind: str) -> tuple[dict[str, object], dict[str, dict[str, Tensor]]]:
    return load_tensors(path, what=kind)


@cache
def _checkpoint() -> Path:
    path = scratch_folder() / "checkpoint.safetensors"
    recipe = Recipe(space=SPACE, schedule=Schedule.from_toml(IMPORTED), data="digits")
    state = SuperNet(SPACE).state_dict()
    save_checkpoint(path, Checkpoint(recipe=recipe, phase=0, epoch=0, network=state))
    return path


@cache
def _network() -> Path:
    path = scratch_folder() / "network.safetensors"
    arch = SPACE.largest()
    blocks = SPACE.blocks(arch)
    shades = Normalisation(mean=(0.5,), std=(0.25,))
    network = build_network(blocks).eval()
    cut = StandaloneNetwork(
        space="least", arch=arch, blocks=blocks, network=network, normalisation=shades
    )
    save_network(path, cut)
    return path


def _metadata(seed: Callable[[], Path], kind: str) -> list[bytes]:
    return [json.dumps(_tensors(seed(), kind)[0]).encode()]


@cache
def _torch(legacy: bool = False) -> bytes:
    buffer = io.BytesIO()
    state = {"first_conv.conv.weight": torch.ones(2, 2), "classifier.bias": torch.zeros(2)}
    content = {"state_dict": state, "epoch": 3}
    torch.save(content, buffer, _use_new_zipfile_serialization=not legacy)
    return buffer.getvalue()


@cache
def _published() -> bytes:
    buffer = io.BytesIO()
    torch.save({"0.weight": torch.zeros(2, 2), "0.bias": torch.zeros(2)}, buffer)
    return buffer.getvalue()


@cache
def _model() -> bytes:
    return TorchBackend().serialise(random_model(BLOCKS))


def _pickle(seed: Callable[[], bytes]) -> list[bytes]:
    with zipfile.ZipFile(io.BytesIO(seed())) as archive:
        return [archive.read(n) for n in archive.namelist() if n.endswith("data.pkl")]


def _zip_places() -> list[bytes]:
    """A zip archive whose 64-bit field gives an impossible offset for its file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a", b"")
    content = buffer.getvalue()
    end = content.rindex(b"PK\5\6")
    start = int.from_bytes(content[end + 16 : end + 20], "little")
    entry, more = content[start:end], struct.pack("<HHQ", 1, 8, 1 << 63)
    entry = (
        entry[:30] + struct.pack("<H", len(more)) + entry[32:42] + b"\xff" * 4 + entry[46:] + more
    )
    tail = content[end : end + 12] + struct.pack("<I", len(entry)) + content[end + 16 :]
    return [content[:start] + entry + tail]


TARGETS = (
    FuzzTarget(
        name="supernet_checkpoint",
        read=read_checkpoint,
        seeds=lambda: [_checkpoint().read_bytes()],
        largest=1 << 15,
    ),
    FuzzTarget(
        name="supernet_checkpoint_metadata",
        read=partial(read_metadata, load_checkpoint, _checkpoint),
        seeds=lambda: _metadata(_checkpoint, "supernet"),
    ),
    FuzzTarget(
        name="subnetwork_file",
        read=read_network,
        seeds=lambda: [_network().read_bytes()],
        largest=1 << 15,
    ),
    FuzzTarget(
        name="subnetwork_file_metadata",
        read=partial(read_metadata, load_network, _network),
        seeds=lambda: _metadata(_network, "sub-network"),
    ),
    FuzzTarget(
        name="ofa_weights",
        read=read_ofa,
        seeds=lambda: [_torch(), _torch(legacy=True)],
        largest=1 << 14,
    ),
    FuzzTarget(
        name="ofa_weights_pickle",
        read=partial(read_pickle, read_ofa, _torch),
        seeds=lambda: _pickle(_torch),
    ),
    FuzzTarget(
        name="ofa_accuracy_predictor",
        read=partial(read_pickle, read_published, _published),
        seeds=lambda: _pickle(_published),
        regressions=lambda: [b"\x80\x02X\x01"],  # a text's length, cut
    ),
    FuzzTarget(
        name="torch_model",
        read=model_from_bytes,
        seeds=lambda: [_model()],
        regressions=_zip_places,
        largest=1 << 14,
    ),
    FuzzTarget(
        name="torch_model_pickle",
        read=partial(read_pickle, model_from_bytes, _model),
        seeds=lambda: _pickle(_model),
        # Nothing, a memo of nothing, a text that is none, and a text's length, cut.
        regressions=lambda: [b"", b"\x80\x02q\0", b"\x80\x02X\1\0\0\0\x80", b"\x80\x02X\x01"],
    ),
)
