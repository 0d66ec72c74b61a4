"""`supernet.weights.import_ofa`: names in OFA's files, and refused files."""

import io
import pickle
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from torch import Tensor

from bench.errors import FileError, InputError
from supernet.space.space import SearchSpace
from supernet.weights.import_ofa import IGNORED, import_ofa, ofa_name
from supernet.weights.model import SuperNet
from supernet.weights.torch_file import read_state

MBV3 = SearchSpace.load("ofa-mbv3-w1.0")


@pytest.mark.parametrize(
    ("space", "ours", "theirs"),
    [
        ("ofa-mbv3-w1.0", "stem.block.main.conv.norm.bias", "first_conv.bn.bias"),
        (
            "ofa-mbv3-w1.0",
            "first.block.main.depthwise.conv.weight",
            "blocks.0.conv.depth_conv.conv.weight",
        ),
        (
            "ofa-mbv3-w1.0",
            "s2_b1.block.main.expand.conv.weight",
            "blocks.6.conv.inverted_bottleneck.conv.conv.weight",
        ),
        (
            "ofa-mbv3-w1.0",
            "s5_b3.block.main.project.norm.running_var",
            "blocks.20.conv.point_linear.bn.bn.running_var",
        ),
        ("ofa-mbv3-w1.0", "s1_b0.transforms.5", "blocks.1.conv.depth_conv.conv.7to5_matrix"),
        ("ofa-mbv3-w1.0", "s1_b0.transforms.3", "blocks.1.conv.depth_conv.conv.5to3_matrix"),
        (
            "ofa-mbv3-w1.2",
            "s2_b0.block.main.se.reduce.bias",
            "blocks.5.conv.depth_conv.se.fc.reduce.bias",
        ),
        (
            "ofa-mbv3-w1.0",
            "head_final_expand.block.main.conv.conv.weight",
            "final_expand_layer.conv.weight",
        ),
        (
            "ofa-mbv3-w1.0",
            "head_feature_mix.block.main.conv.conv.weight",
            "feature_mix_layer.conv.weight",
        ),
        (
            "ofa-proxyless-w1.3",
            "head_final_expand.block.main.conv.norm.weight",
            "feature_mix_layer.bn.weight",
        ),
        ("ofa-proxyless-w1.3", "head_classifier.block.main.linear.bias", "classifier.linear.bias"),
        (
            "ofa-proxyless-w1.3",
            "s6_b0.block.main.depthwise.conv.weight",
            "blocks.21.conv.depth_conv.conv.conv.weight",
        ),
        (
            "ofa-resnet50d",
            "stem_conv1.block.main.conv.conv.weight",
            "input_stem.1.conv.conv.conv.weight",
        ),
        ("ofa-resnet50d", "stem_conv2.block.main.conv.norm.weight", "input_stem.2.bn.bn.weight"),
        (
            "ofa-resnet50d",
            "s2_b0.block.shortcut.downsample.conv.weight",
            "blocks.4.downsample.conv.conv.weight",
        ),
        ("ofa-resnet50d", "s3_b2.block.main.spatial.norm.bias", "blocks.10.conv2.bn.bn.bias"),
        (
            "ofa-resnet50d",
            "head_classifier.block.main.linear.weight",
            "classifier.linear.linear.weight",
        ),
    ],
)
def test_tensors_go_by_their_names_in_ofas_networks(space: str, ours: str, theirs: str) -> None:
    assert ofa_name(f"units.{ours}", SearchSpace.load(space)) == theirs


@pytest.fixture(scope="module")
def weights() -> dict[str, Tensor]:
    """State of a network of ours, by the names that OFA's files have."""
    state = SuperNet(MBV3, seed=3).state_dict()
    return {ofa_name(name, MBV3): tensor for name, tensor in state.items()}


def test_every_tensor_is_imported_to_its_place(weights: dict[str, Tensor]) -> None:
    expected = SuperNet(MBV3, seed=3).state_dict()

    imported = import_ofa(weights, MBV3, "net")

    assert imported.keys() == expected.keys()
    assert all(torch.equal(imported[name], tensor) for name, tensor in expected.items())


def test_older_names_and_those_of_parallel_training_are_known(weights: dict[str, Tensor]) -> None:
    older = {
        f"module.{name.replace('.conv.', '.mobile_inverted_conv.', 1)}"
        if name.startswith("blocks.")
        else f"module.{name}": tensor
        for name, tensor in weights.items()
    }
    assert "module.blocks.1.mobile_inverted_conv.depth_conv.conv.7to5_matrix" in older

    imported = import_ofa(older, MBV3, "net")

    name = "units.s1_b0.block.main.expand.conv.weight"
    assert torch.equal(imported[name], SuperNet(MBV3, seed=3).state_dict()[name])


def test_tensors_of_a_profiler_are_ignored(weights: dict[str, Tensor]) -> None:
    extra = {f"blocks.3.conv.{name}": torch.zeros(1, dtype=torch.float64) for name in IGNORED}

    assert len(import_ofa(weights | extra, MBV3, "net")) == len(weights)


def test_imported_tensors_share_no_memory_with_the_file(weights: dict[str, Tensor]) -> None:
    imported = import_ofa(weights, MBV3, "net")["units.stem.block.main.conv.conv.weight"]

    assert imported.data_ptr() != weights["first_conv.conv.weight"].data_ptr()


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ("ofa-mbv3-w1.2", r"net: first_conv.conv.weight is \(16, 3, 3, 3\), .* \(24, 3, 3"),
        ("ofa-proxyless-w1.3", r"net: first_conv.conv.weight is \(16, 3, 3, 3\), .* \(40, 3, 3"),
        ("ofa-resnet50d", "net has no tensor input_stem.0.conv.conv.weight"),
        ("tiny", "no network of tiny, only of ofa-mbv3-w1.0"),
    ],
)
def test_another_space_is_refused_with_the_first_tensor_that_does_not_fit(
    space: str, message: str, weights: dict[str, Tensor]
) -> None:
    with pytest.raises(InputError, match=message):
        import_ofa(weights, SearchSpace.load(space), "net")


def test_the_space_that_fits_is_named(weights: dict[str, Tensor]) -> None:
    wider = SearchSpace.load("ofa-mbv3-w1.2")
    state = {ofa_name(name, wider): t for name, t in SuperNet(wider).state_dict().items()}
    with pytest.raises(
        InputError, match=r"its tensors fit ofa-mbv3-w1\.2: give --space ofa-mbv3-w"
    ):
        import_ofa(state, MBV3, "net")
    with pytest.raises(
        InputError, match=r"its tensors fit ofa-mbv3-w1\.0: give --space ofa-mbv3-w"
    ):
        import_ofa(weights, SearchSpace.load("ofa-resnet50d"), "net")


def test_a_network_with_other_classes_fits_a_space_file(weights: dict[str, Tensor]) -> None:
    tuned = {
        name: tensor[:10] if name.startswith("classifier.") else tensor
        for name, tensor in weights.items()
    }
    with pytest.raises(InputError, match=r"fit ofa-mbv3-w1\.0 with 10 classes: .* classes = 10 in"):
        import_ofa(tuned, MBV3, "net")

    own = SearchSpace.from_toml(MBV3.text.replace("classes = 1000", "classes = 10"))
    assert len(import_ofa(tuned, own, "net")) == len(tuned)


def test_a_network_of_no_shipped_space(weights: dict[str, Tensor]) -> None:
    narrow = {**weights, "first_conv.conv.weight": torch.zeros(12, 3, 3, 3)}
    with pytest.raises(InputError, match=r"\(12, 3, 3, 3\).*; its tensors fit none of ofa-mbv3"):
        import_ofa(narrow, MBV3, "net")


def test_prefixes_of_wrappers_are_removed(weights: dict[str, Tensor]) -> None:
    prefixes = ("module.", "_orig_mod.", "module._orig_mod.", "")
    mixed = {f"{prefixes[i % 4]}{name}": t for i, (name, t) in enumerate(weights.items())}
    mixed["n_averaged"] = torch.tensor(5)

    assert len(import_ofa(mixed, MBV3, "net")) == len(weights)


@pytest.mark.slow
def test_a_missing_and_an_unknown_tensor_are_named(weights: dict[str, Tensor]) -> None:
    name = "blocks.20.conv.depth_conv.conv.5to3_matrix"
    missing = {key: tensor for key, tensor in weights.items() if key != name}
    with pytest.raises(InputError, match=f"net has no tensor {name}"):
        import_ofa(missing, MBV3, "net")

    unknown = {**weights, "blocks.21.conv.depth_conv.bn.bn.weight": torch.ones(8)}
    with pytest.raises(InputError, match=r"net holds blocks\.21\.conv\.depth_conv\.bn\.bn\.weight"):
        import_ofa(unknown, MBV3, "net")


def test_whole_numbers_are_no_weights(weights: dict[str, Tensor]) -> None:
    whole = {**weights, "classifier.linear.bias": torch.zeros(1000, dtype=torch.int64)}

    with pytest.raises(InputError, match=r"classifier\.linear\.bias is torch\.int64"):
        import_ofa(whole, MBV3, "net")


def saved(content: object, *, zipped: bool = True) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer, _use_new_zipfile_serialization=zipped)
    return buffer.getvalue()


STATE = {"a.weight": torch.arange(6.0).reshape(2, 3), "a.bias": torch.ones(2)}


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "older"])
@pytest.mark.parametrize("inside", [True, False])
def test_state_dicts_are_read_alone_or_inside(tmp_path: Path, inside: bool, zipped: bool) -> None:
    path = tmp_path / "net"
    state = OrderedDict(STATE)
    path.write_bytes(saved({"epoch": 3, "state_dict": state} if inside else state, zipped=zipped))

    tensors = read_state(path).tensors

    assert tensors.keys() == STATE.keys()
    assert torch.equal(tensors["a.weight"], STATE["a.weight"])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a torch file of tensors"),
        (b"not a network", "not a torch file of tensors"),
        (saved(STATE)[:-40], "is damaged"),
        (saved(STATE, zipped=False)[:-10], "not a torch file of tensors"),
        (saved([1, 2]), "holds a list, expected a state dict"),
        (saved({}), "holds an empty dict, expected a state dict"),
        (saved({"state_dict": {}}), "holds an empty dict, expected a state dict"),
        (saved({"weight": 3}), "holds a int as 'weight'"),
        (saved({3: torch.ones(1)}), "expected named tensors alone"),
        (saved(torch.nn.ReLU()), "holds pickled objects besides tensors"),
        (pickle.dumps(Path("x"), protocol=2), "holds pickled objects besides tensors"),
    ],
)
def test_a_file_without_a_state_dict_is_refused_in_one_line(
    content: bytes, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "net"
    path.write_bytes(content)

    with pytest.raises(FileError, match=message) as caught:
        read_state(path)

    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "older"])
def test_damage_anywhere_is_refused_or_harmless(tmp_path: Path, zipped: bool) -> None:
    """Flip a byte at a time; an older file has no sums, so that its numbers may change unseen."""
    whole, path = saved(STATE, zipped=zipped), tmp_path / "net"
    refused = 0
    for at in range(0, len(whole), 7):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :])
        try:
            read_state(path)
        except FileError as error:
            refused += "\n" not in str(error)
    assert refused > 10
