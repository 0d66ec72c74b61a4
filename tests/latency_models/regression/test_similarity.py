"""`latency_models.regression.similarity`: a kernel over blocks."""

from dataclasses import replace

import numpy as np
import pytest

from latency_models.regression.similarity import LENGTHS, similarity
from supernet.space.space import SearchSpace

BLOCKS = SearchSpace.load("tiny").unique_blocks()
ONE = next(block for block in BLOCKS if block.kind == "mbconv" and not block.residual)


def test_a_block_is_like_itself_and_others_less() -> None:
    found = similarity(BLOCKS, BLOCKS)

    assert np.diagonal(found) == pytest.approx(1.0)
    assert found == pytest.approx(found.T)
    assert found.min() >= 0
    assert found.max() <= 1 + 1e-12


def test_it_is_a_covariance() -> None:
    assert np.linalg.eigvalsh(similarity(BLOCKS, BLOCKS)).min() > -1e-9


def test_a_step_of_the_kernel_is_one_length() -> None:
    """Kernels 3 and 5 lie one half-width apart: exp(-1/2)."""
    other = replace(ONE, kernel=ONE.kernel + 2)

    assert similarity([ONE], [other])[0, 0] == pytest.approx(np.exp(-0.5 / LENGTHS["kernel"] ** 2))


def test_unlike_kinds_tell_nothing_of_each_other() -> None:
    kinds = {block.kind: block for block in BLOCKS}
    found = similarity(list(kinds.values()), list(kinds.values()))

    assert found == pytest.approx(np.eye(len(kinds)))
