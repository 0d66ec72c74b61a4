import numpy as np
import pytest
import torch
from torch.func import functional_call
from torch.utils.flop_counter import FlopCounterMode

from bench.blocks.model import Model, random_model, weight_shapes
from bench.blocks.spec import BlockSpec
from bench.blocks.torch_modules import (
    activate,
    build_block,
    build_network,
    fold,
    model_of,
    network_of,
)
from bench.errors import InputError

KEYS = [
    "stem-16x3-m0-o8-k3-s2-hswish-se0-r0",
    "stem-8x4-m0-o4-k3-s1-relu-se0-r1",
    "mbconv-9x8-m24-o8-k5-s1-hswish-se8-r1",
    "mbconv-8x8-m24-o12-k7-s2-relu6-se0-r0",
    "mbconv-8x8-m8-o8-k3-s1-relu-se0-r0",
    "bottleneck-9x8-m4-o16-k3-s2-relu-se0-r1",
    "bottleneck-8x8-m4-o8-k3-s1-relu-se0-r1",
    "max_pool-9x4-m0-o4-k3-s2-none-se0-r0",
    "avg_pool-5x4-m0-o4-k1-s1-none-se0-r0",
    "final_expand-5x4-m0-o8-k1-s1-hswish-se0-r0",
    "feature_mix-1x8-m0-o6-k1-s1-hswish-se0-r0",
    "classifier-1x6-m0-o10-k1-s1-none-se0-r0",
]
CHAIN = [
    "stem-16x3-m0-o8-k3-s2-hswish-se0-r0",
    "mbconv-8x8-m24-o12-k3-s2-relu-se8-r0",
    "final_expand-4x12-m0-o24-k1-s1-hswish-se0-r0",
    "avg_pool-4x24-m0-o24-k1-s1-none-se0-r0",
    "feature_mix-1x24-m0-o16-k1-s1-hswish-se0-r0",
    "classifier-1x16-m0-o10-k1-s1-none-se0-r0",
]

all_blocks = pytest.mark.parametrize("spec", [BlockSpec.parse(key) for key in KEYS], ids=KEYS)


def image(spec: BlockSpec, batch: int = 2) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    shape = (batch, spec.in_channels, spec.in_size, spec.in_size)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def shuffle_norms(module: torch.nn.Module) -> None:
    """Give every norm different statistics, scale and shift, as training would."""
    generator = torch.Generator().manual_seed(2)
    for norm in module.modules():
        if isinstance(norm, torch.nn.BatchNorm2d):
            for tensor in (norm.weight, norm.bias, norm.running_mean, norm.running_var):
                assert tensor is not None
                values = torch.rand(tensor.shape, generator=generator, dtype=torch.float64)
                tensor.data.copy_(values + 0.5)


@all_blocks
def test_a_module_has_the_parameters_and_macs_of_its_spec(spec: BlockSpec) -> None:
    block = build_block(spec)
    assert sum(p.numel() for p in block.parameters()) == spec.params
    block.eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        outputs = block(image(spec, batch=1).float())
    assert counter.get_total_flops() == 2 * spec.macs
    sides = () if spec.kind == "classifier" else (spec.out_size, spec.out_size)
    assert outputs.shape == (1, spec.out_channels, *sides)


@all_blocks
def test_folding_norms_keeps_the_outputs(spec: BlockSpec) -> None:
    block = build_block(spec).double().eval()
    shuffle_norms(block)
    weights = fold(block, spec)
    assert {name: value.shape for name, value in weights.items()} == weight_shapes(spec)
    folded = network_of(Model((spec,), (weights,)))
    with torch.no_grad():
        expected = block(image(spec)).numpy()
        outputs = folded(image(spec).float()).numpy()
    np.testing.assert_allclose(outputs, expected, rtol=1e-5, atol=1e-5)


@all_blocks
def test_a_meta_skeleton_runs_with_other_parameters(spec: BlockSpec) -> None:
    real = build_block(spec).double().eval()
    shuffle_norms(real)
    with torch.device("meta"):
        skeleton = build_block(spec).eval()
    state = {**dict(real.named_parameters()), **dict(real.named_buffers())}
    with torch.no_grad():
        outputs = functional_call(skeleton, state, (image(spec),))
        assert torch.equal(outputs, real(image(spec)))


def test_a_network_of_folded_weights_has_the_same_outputs() -> None:
    blocks = tuple(map(BlockSpec.parse, CHAIN))
    network = build_network(blocks).double().eval()
    shuffle_norms(network)
    model = model_of(network, blocks)
    assert model.output_shape == (10,)
    with torch.no_grad():
        expected = network(image(blocks[0])).numpy()
        outputs = network_of(model)(image(blocks[0]).float()).numpy()
    np.testing.assert_allclose(outputs, expected, rtol=1e-5, atol=1e-5)


def test_network_of_is_the_inverse_of_fold() -> None:
    blocks = [BlockSpec.parse(key) for key in CHAIN]
    model = random_model(blocks, seed=3)
    restored = model_of(network_of(model), blocks)
    for ours, theirs in zip(model.weights, restored.weights, strict=True):
        assert ours.keys() == theirs.keys()
        assert all(np.array_equal(ours[name], theirs[name]) for name in ours)


def test_a_model_is_not_changed_by_later_training() -> None:
    spec = BlockSpec.parse(KEYS[-1])
    network = build_network([spec])
    model = model_of(network, [spec])
    before = model.weights[0]["linear.bias"].copy()
    with torch.no_grad():
        network[0].main["linear"].bias.add_(1.0)  # type: ignore[union-attr,index]
    assert np.array_equal(model.weights[0]["linear.bias"], before)


def test_parameters_are_named_after_the_layers() -> None:
    state = build_block(BlockSpec.parse("bottleneck-9x8-m4-o16-k3-s2-relu-se0-r1")).state_dict()
    assert "main.reduce.conv.weight" in state
    assert "main.spatial.norm.running_var" in state
    assert "shortcut.downsample.conv.weight" in state
    state = build_block(BlockSpec.parse("mbconv-9x8-m24-o8-k5-s1-hswish-se8-r1")).state_dict()
    assert "main.se.reduce.bias" in state
    assert build_block(BlockSpec.parse(KEYS[-1])).state_dict().keys() == {
        "main.linear.weight",
        "main.linear.bias",
    }


def test_squeeze_excite_equals_that_by_hand() -> None:
    # One pixel, so the mean is the value itself; weights 1, biases 0: gate = relu6(x + 3) / 6.
    spec = BlockSpec.parse("mbconv-1x1-m1-o1-k1-s1-none-se1-r0")
    weights = {
        name: np.full(shape, name.endswith("weight"), np.float32)
        for name, shape in weight_shapes(spec).items()
    }
    network = network_of(Model((spec,), (weights,)))
    for x, gate in [(1.0, 4 / 6), (-2.0, 3 / 6), (5.0, 1.0)]:
        assert network(torch.full((1, 1, 1, 1), x)).item() == pytest.approx(x * gate)


@pytest.mark.parametrize(
    ("act", "at_minus_one", "at_two", "at_nine"),
    [
        ("none", -1, 2, 9),
        ("relu", 0, 2, 9),
        ("relu6", 0, 2, 6),
        ("hswish", -1 * 2 / 6, 2 * 5 / 6, 9),
    ],
)
def test_activations_equal_those_by_hand(
    act: str, at_minus_one: float, at_two: float, at_nine: float
) -> None:
    outputs = activate(torch.tensor([-1.0, 2.0, 9.0]), act)
    assert outputs.tolist() == pytest.approx([at_minus_one, at_two, at_nine])


def test_pooling_averages_only_pixels_of_the_image() -> None:
    spec = BlockSpec.parse("bottleneck-3x1-m1-o1-k1-s2-none-se0-r1")
    zeros = {name: np.zeros(shape, np.float32) for name, shape in weight_shapes(spec).items()}
    zeros["downsample.weight"] += 1
    network = network_of(Model((spec,), (zeros,)))
    outputs = network(torch.arange(9.0).reshape(1, 1, 3, 3))
    # 0 1 | 2     mean of 0 1 3 4 is 2, of 2 5 is 3.5, of 6 7 is 6.5, of 8 is 8
    assert outputs.flatten().tolist() == [2.0, 3.5, 6.5, 8.0]


def test_unknown_activation_is_refused() -> None:
    with pytest.raises(InputError, match="activation is 'gelu'"):
        activate(torch.zeros(1), "gelu")


def test_network_of_other_blocks_is_refused() -> None:
    blocks = [BlockSpec.parse(key) for key in CHAIN]
    with pytest.raises(InputError, match="6 modules came with 5 blocks"):
        model_of(build_network(blocks), blocks[:5])


def test_initial_norms_equal_those_of_ofa() -> None:
    norm = build_block(BlockSpec.parse(KEYS[0])).main["conv"].norm
    assert isinstance(norm, torch.nn.BatchNorm2d)
    assert (norm.eps, norm.momentum) == (1e-5, 0.1)


def test_the_epsilon_of_norms_is_set_and_folded() -> None:
    spec = BlockSpec.parse("mbconv-9x8-m24-o8-k5-s1-hswish-se8-r1")
    block = build_block(spec, norm_eps=0.5).double().eval()
    norms = [m for m in block.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert [norm.eps for norm in norms] == [0.5] * 3

    weight = fold(block, spec)["project.weight"]

    raw = block.get_parameter("main.project.conv.weight").detach().float().numpy()
    assert np.allclose(weight, raw / np.sqrt(1.5), rtol=1e-6)
