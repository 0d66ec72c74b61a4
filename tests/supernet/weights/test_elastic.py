"""`supernet.weights.elastic`: weights that a small block takes from the shared one, by hand."""

from dataclasses import replace

import pytest
import torch

from bench.blocks.spec import BlockSpec
from bench.blocks.torch_modules import build_block
from bench.errors import InputError
from supernet.weights.elastic import SharedBlock, _skeleton

LARGE = BlockSpec(
    kind="mbconv",
    in_size=9,
    in_channels=4,
    mid_channels=16,
    out_channels=4,
    kernel=7,
    act="hswish",
    se=8,
    residual=True,
)
SMALL = replace(LARGE, mid_channels=8, kernel=3, se=4)
BOTTLENECK = BlockSpec(
    kind="bottleneck",
    in_size=8,
    in_channels=8,
    mid_channels=12,
    out_channels=16,
    kernel=3,
    stride=2,
    act="relu",
    residual=True,
)


def filled(block: torch.nn.Module, seed: int = 0) -> None:
    """Give every tensor other numbers, running statistics too."""
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in block.state_dict().items():
        if tensor.is_floating_point():
            tensor.normal_(generator=generator)
            if name.endswith("running_var"):
                tensor.abs_().add_(0.1)


def test_a_smaller_block_takes_the_first_channels_of_everything() -> None:
    shared = SharedBlock(LARGE, smallest_kernel=7)

    state = shared.state(replace(LARGE, mid_channels=8, se=4))

    whole = shared.block.get_parameter
    assert torch.equal(state["main.expand.conv.weight"], whole("main.expand.conv.weight")[:8])
    assert torch.equal(state["main.depthwise.conv.weight"], whole("main.depthwise.conv.weight")[:8])
    assert torch.equal(state["main.depthwise.norm.bias"], whole("main.depthwise.norm.bias")[:8])
    assert torch.equal(state["main.se.reduce.weight"], whole("main.se.reduce.weight")[:4, :8])
    assert torch.equal(state["main.se.expand.bias"], whole("main.se.expand.bias")[:8])
    assert torch.equal(state["main.project.conv.weight"], whole("main.project.conv.weight")[:, :8])


def test_cut_blocks_have_just_the_state_that_the_static_block_has() -> None:
    narrower = replace(LARGE, in_channels=2, residual=False)
    for small in (SMALL, replace(LARGE, mid_channels=4, se=4), narrower):
        state = SharedBlock(LARGE, smallest_kernel=3).state(small)

        expected = {k: v.shape for k, v in build_block(small).state_dict().items()}
        assert {k: v.shape for k, v in state.items()} == expected


def test_kernels_start_as_centre_crops() -> None:
    shared = SharedBlock(LARGE, smallest_kernel=3)
    whole = shared.block.get_parameter("main.depthwise.conv.weight")

    for kernel, edge in ((5, 1), (3, 2)):
        small = shared.state(replace(LARGE, kernel=kernel))["main.depthwise.conv.weight"]
        assert torch.equal(small, whole[:, :, edge:-edge, edge:-edge])


def test_a_smaller_kernel_goes_through_both_matrices_in_turn() -> None:
    shared = SharedBlock(LARGE, smallest_kernel=3).double()
    filled(shared)
    to5, to3 = shared.transforms["5"], shared.transforms["3"]
    whole = shared.block.get_parameter("main.depthwise.conv.weight")

    small = shared.state(SMALL)["main.depthwise.conv.weight"]

    channel = 5
    five = (to5 @ whole[channel, 0, 1:6, 1:6].reshape(25)).reshape(5, 5)
    three = (to3 @ five[1:4, 1:4].reshape(9)).reshape(3, 3)
    assert torch.allclose(small[channel, 0], three, rtol=0, atol=1e-12)


def test_gradients_and_running_statistics_reach_the_shared_tensors() -> None:
    shared = SharedBlock(LARGE, smallest_kernel=3).train()
    running_mean = shared.block.get_buffer("main.depthwise.norm.running_mean")
    before = running_mean.clone()

    shared(torch.rand(3, 4, 9, 9) + 1, SMALL).square().sum().backward()

    gradient = shared.block.get_parameter("main.depthwise.conv.weight").grad
    assert gradient is not None
    assert gradient[:8].abs().sum() > 0
    assert torch.equal(gradient[8:], torch.zeros(8, 1, 7, 7))
    assert all(matrix.grad is not None for matrix in shared.transforms.values())
    assert not torch.equal(running_mean[:8], before[:8])
    assert torch.equal(running_mean[8:], before[8:])


def test_a_block_as_large_as_the_shared_one_runs_at_any_size() -> None:
    shared, small = SharedBlock(LARGE, smallest_kernel=3).eval(), replace(LARGE, in_size=5)
    filled(shared)
    images = torch.rand(2, 4, 5, 5)
    alone = build_block(small).eval()
    alone.load_state_dict(shared.state(small))

    assert torch.equal(shared(images, small), alone(images))


def test_a_call_leaves_no_state() -> None:
    shared, images = SharedBlock(LARGE, smallest_kernel=3).train(), torch.rand(2, 4, 9, 9)
    before = {name: id(tensor) for name, tensor in shared.state_dict(keep_vars=True).items()}

    shared(images, SMALL)
    with pytest.raises(RuntimeError):
        shared(torch.rand(2, 3, 9, 9), SMALL)

    after = {name: id(tensor) for name, tensor in shared.state_dict(keep_vars=True).items()}
    assert after == before
    skeleton = _skeleton(SMALL, True, shared.norm_eps)
    assert all(tensor.is_meta for tensor in skeleton.block.state_dict().values())
    assert len(skeleton.members) == len(skeleton.block.state_dict())


@pytest.mark.parametrize("spec", [LARGE, SMALL, replace(LARGE, kernel=5, in_size=4)])
def test_mixed_precision_trains_near_to_float32(spec: BlockSpec) -> None:
    results = []
    for mixed in (False, True):
        shared = SharedBlock(LARGE, smallest_kernel=3).train()
        filled(shared)
        images = torch.randn(8, 4, spec.in_size, spec.in_size, generator=seeded(1))
        with torch.autocast("cpu", torch.bfloat16, enabled=mixed):
            out = shared(images, spec)
        (out.float() * torch.randn(out.shape, generator=seeded(2))).sum().backward()
        gradient = shared.block.get_parameter("main.depthwise.conv.weight").grad
        assert gradient is not None
        results.append((out.detach().float(), gradient))

    for full, half in zip(*results, strict=True):
        assert not torch.equal(full, half)
        assert float((full - half).norm()) < 0.05 * float(full.norm())


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (replace(LARGE, mid_channels=24), "wider than its shared block"),
        (replace(LARGE, kernel=9), "larger than the shared block's"),
        (replace(LARGE, kernel=1), "no 1x1 kernel"),
        (BOTTLENECK, "has no main.reduce.conv.weight"),
    ],
)
def test_a_block_outside_the_shared_block_is_refused(spec: BlockSpec, message: str) -> None:
    with pytest.raises(InputError, match=message):
        SharedBlock(LARGE, smallest_kernel=3).state(spec)


def test_the_gradient_of_a_corner_is_where_the_corner_is() -> None:
    narrower = replace(LARGE, in_channels=2, out_channels=2, mid_channels=8, se=4)
    shared = SharedBlock(LARGE, smallest_kernel=7)
    weight = shared.block.get_parameter("main.expand.conv.weight")  # (16, 4, 1, 1)

    part = shared.state(narrower)["main.expand.conv.weight"]
    factors = torch.arange(1.0, 17.0).reshape(8, 2, 1, 1)
    (gradient,) = torch.autograd.grad((part * factors).sum(), weight)

    expected = torch.zeros(16, 4, 1, 1)
    expected[:8, :2] = factors
    assert torch.equal(part, weight[:8, :2])
    assert torch.equal(gradient, expected)


def test_a_small_block_has_the_outputs_of_a_static_one() -> None:
    shared = SharedBlock(LARGE, smallest_kernel=3, norm_eps=1e-1).eval()
    filled(shared)
    images = torch.rand(2, 4, 9, 9)
    alone = build_block(SMALL, norm_eps=1e-1).eval()
    alone.load_state_dict(shared.state(SMALL))
    other = build_block(SMALL, norm_eps=1e-5).eval()
    other.load_state_dict(shared.state(SMALL))

    assert torch.allclose(shared(images, SMALL), alone(images), atol=1e-5)
    assert not torch.allclose(shared(images, SMALL), other(images), atol=1e-3)


@pytest.mark.parametrize(("smallest", "kernels"), [(7, []), (5, ["5"]), (3, ["5", "3"])])
def test_there_is_a_matrix_for_each_kernel_below_the_largest(
    smallest: int, kernels: list[str]
) -> None:
    transforms = SharedBlock(LARGE, smallest_kernel=smallest).transforms

    assert sorted(transforms.keys()) == sorted(kernels)
    for kernel in kernels:
        assert torch.equal(transforms[kernel].detach(), torch.eye(int(kernel) ** 2))
