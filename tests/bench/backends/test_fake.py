import pytest

from bench.backends.fake import FakeBackend, block_cost_ns
from bench.blocks.model import random_model
from bench.blocks.spec import BlockSpec
from bench.protocol.target import Target

STEM = BlockSpec.parse("stem-32x3-m0-o16-k3-s2-hswish-se0-r0")
SMALL = BlockSpec.parse("mbconv-16x16-m48-o16-k3-s1-relu-se0-r1")
LARGE = BlockSpec.parse("mbconv-16x16-m96-o16-k7-s1-relu-se0-r1")


def cost(*blocks: BlockSpec, seed: int = 0, batch: int = 1, threads: int = 1) -> float:
    target = Target(
        device="test", backend="fake", backend_version="1", batch=batch, threads=threads
    )
    return FakeBackend().load(random_model(blocks, seed), target, seed=seed).cost_ns


def test_the_cost_depends_on_the_blocks_only() -> None:
    assert cost(SMALL, seed=1) == cost(SMALL, seed=2) == 3000 + block_cost_ns(SMALL)


def test_the_cost_of_a_block_equals_that_by_hand() -> None:
    # classifier: 10 x 10 = 100 MACs, 110 parameters, 80 bytes of activations
    spec = BlockSpec.parse("classifier-1x10-m0-o10-k1-s1-none-se0-r0")
    plain = 1500 + 100 * 0.05 + (80 + 440) * 0.02
    assert block_cost_ns(spec) == pytest.approx(plain, rel=0.021)


def test_more_work_costs_more() -> None:
    assert cost(SMALL) < cost(LARGE) < cost(LARGE, batch=2)
    assert cost(LARGE, threads=2) < cost(LARGE)


def test_chain_costs_less_than_its_blocks() -> None:
    blocks = block_cost_ns(STEM) + block_cost_ns(SMALL)
    assert cost(STEM, SMALL) == pytest.approx(3000 + 0.92 * blocks)
