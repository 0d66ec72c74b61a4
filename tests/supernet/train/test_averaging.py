"""`WeightAverage`: values computed by hand, and its restoration."""

import pytest
import torch
from torch import nn

from supernet.train.averaging import WeightAverage


class Scalar(nn.Module):
    """A weight, and a counter that is no floating-point number."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))

    def become(self, weight: float, count: int) -> "Scalar":
        self.load_state_dict({"weight": torch.tensor(weight), "count": torch.tensor(count)})
        return self


def test_the_decay_rises_to_its_final_value() -> None:
    network = Scalar()
    average = WeightAverage(0.2, network)

    average.update(network.become(11.0, 1))  # decay 2 / 11
    first = float(average.state["weight"])
    average.update(network.become(0.0, 2))  # 3 / 12 is above 0.2

    assert first == pytest.approx(9.0)
    assert float(average.state["weight"]) == pytest.approx(1.8)
    assert int(average.state["count"]) == 2


def test_a_restored_average_continues_equally() -> None:
    network = Scalar()
    whole, begun = WeightAverage(0.999, network), WeightAverage(0.999, network)
    for average in (whole, begun):
        average.update(network.become(1.0, 1))
    continued = WeightAverage(0.999, Scalar())
    continued.restore({name: each.clone() for name, each in begun.to_tensors().items()})

    for average in (whole, continued):
        average.update(network.become(3.0, 2))

    assert torch.equal(whole.state["weight"], continued.state["weight"])
    assert int(continued.to_tensors()["steps"]) == 2
