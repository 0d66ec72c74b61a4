"""`supernet.weights.torch_file`: state dicts in checkpoints as training scripts save them."""

import io
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from bench.errors import FileError
from supernet.weights.torch_file import StoredState, plain_name, read_state

STATE = OrderedDict({"a.weight": torch.arange(6.0).reshape(2, 3), "a.bias": torch.ones(2)})


def read(folder: Path, content: object, *, zipped: bool = True) -> StoredState:
    path = folder / "net.pth"
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    return read_state(path)


SCALARS = {
    "acc": np.float64(76.5),
    "loss": np.float32(0.5),
    "half": np.float16(0.5),
    "epoch": np.int64(180),
    "small": np.uint8(3),
    "best": np.bool_(True),
    "name": np.str_("ofa"),
    "when": np.datetime64("2020-01-01"),
}


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "older"])
@pytest.mark.parametrize("name", SCALARS)
def test_numpy_scalars_beside_a_state_dict_do_not_matter(
    tmp_path: Path, name: str, zipped: bool
) -> None:
    before = set(torch.serialization.get_safe_globals())  # their order is not kept
    beside = {name: SCALARS[name], "args": {"lr": SCALARS[name]}, "epoch": 3}

    state = read(tmp_path, {**beside, "state_dict": STATE}, zipped=zipped)

    assert state.tensors.keys() == STATE.keys()
    assert torch.equal(state.tensors["a.weight"], STATE["a.weight"])
    assert set(torch.serialization.get_safe_globals()) == before


def test_numpy_scalars_as_numpy_1_names_them(tmp_path: Path) -> None:
    buffer, path = io.BytesIO(), tmp_path / "net.pth"
    content = {"acc": np.float64(76.5), "state_dict": STATE}
    torch.save(content, buffer, _use_new_zipfile_serialization=False)
    newer = buffer.getvalue()
    assert newer.count(b"numpy._core.multiarray") == 1
    path.write_bytes(newer.replace(b"numpy._core.multiarray", b"numpy.core.multiarray"))

    assert read_state(path).tensors.keys() == STATE.keys()


def test_a_numpy_scalar_is_no_tensor(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="holds a numpy scalar as 'b', expected named tensors"):
        read(tmp_path, {**STATE, "b": np.float64(1)})


class Runs:
    """Would run code where it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return eval, ("1 + 1",)


@pytest.mark.parametrize(
    ("extra", "name"),
    [
        (Runs(), "eval"),
        (np.zeros(3), "numpy._core.multiarray._reconstruct"),
        (Path("x"), "pathlib."),
        (nn.ReLU(), "torch.nn.modules.activation.ReLU"),
    ],
)
def test_other_objects_are_refused_by_name(tmp_path: Path, extra: object, name: str) -> None:
    with pytest.raises(FileError, match=rf"pickled objects besides tensors \({name}"):
        read(tmp_path, {"extra": extra, "state_dict": STATE})


def test_an_object_inside_a_numpy_scalar_is_refused(tmp_path: Path) -> None:
    class Scalar:
        def __reduce__(self) -> tuple[Any, ...]:
            return np.float64(1).__reduce__()[0], (np.dtype("O"), Runs())

    with pytest.raises(FileError, match=r"tensors \(eval\)"):
        read(tmp_path, {"extra": Scalar(), "state_dict": STATE})


@pytest.mark.parametrize(
    "place",
    [
        "state_dict", "model_state_dict", "net", "model", "network", "state_dict_ema",
        "model_ema", "ema", "weights",
    ],
)  # fmt: skip
def test_places_of_a_state_dict(tmp_path: Path, place: str) -> None:
    state = read(tmp_path, {"epoch": 3, place: STATE, "optimizer": {"state": {}}})

    assert state.tensors.keys() == STATE.keys()
    assert (state.place, state.left_out) == (place, ())


def test_nested_and_adjacent_places_of_a_state_dict(tmp_path: Path) -> None:
    averaged = {name: tensor + 1 for name, tensor in STATE.items()}
    content = {"model": {"state_dict": STATE, "state_dict_ema": averaged}, "model_ema": averaged}

    state = read(tmp_path, content)

    assert torch.equal(state.tensors["a.bias"], torch.ones(2))
    assert state.place == "model.state_dict"
    assert state.left_out == ("model_ema", "model.state_dict_ema")


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("blocks.0.conv.bn.weight", "blocks.0.conv.bn.weight"),
        ("module.blocks.0.bias", "blocks.0.bias"),
        ("_orig_mod.blocks.0.bias", "blocks.0.bias"),
        ("_orig_mod.module.blocks.0.bias", "blocks.0.bias"),
        ("module._orig_mod.module.blocks.0.bias", "blocks.0.bias"),
        ("model.net.blocks.0.bias", "blocks.0.bias"),
        ("blocks.0._orig_mod.conv.bias", "blocks.0.conv.bias"),
        ("_fsdp_wrapped_module.blocks.1._checkpoint_wrapped_module.bias", "blocks.1.bias"),
        ("module", "module"),
        ("model.module", "module"),
    ],
)
def test_prefixes_of_wrappers_are_taken_off(name: str, plain: str) -> None:
    assert plain_name(name) == plain


def test_prefixes_may_be_mixed_but_not_make_two_names_one(tmp_path: Path) -> None:
    mixed = {"module.a.weight": torch.ones(2), "_orig_mod.module.a.bias": torch.zeros(2)}
    assert read(tmp_path, {"net": mixed}).tensors.keys() == {"a.weight", "a.bias"}

    twice = {"module.a.weight": torch.ones(2), "a.weight": torch.zeros(2)}
    with pytest.raises(FileError, match=r"several tensors that are a\.weight without"):
        read(tmp_path, twice)


def test_wrappers_of_torch_are_read(tmp_path: Path) -> None:
    averaged = torch.optim.swa_utils.AveragedModel(nn.Sequential(nn.Linear(2, 2)))

    tensors = read(tmp_path, averaged.state_dict()).tensors

    assert tensors.keys() == {"n_averaged", "0.weight", "0.bias"}
