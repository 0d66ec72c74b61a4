"""Distributed training: the ranks of torchrun, or this process alone.

Gradients of a step come from several sub-networks and micro-batches, and most sub-networks leave
some parameters without one. `GradientMean` therefore lets every backward pass run on the bare
network, and then has DistributedDataParallel average what came together, in its buckets, in one
pass that touches every parameter. A parameter that no sub-network of the step used keeps no
gradient, as in one process.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from bench.errors import DeviceLostError, InputError, first_line


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranks:
    """This process's `rank` among `world`; `local` is its number on this machine."""

    rank: int = 0
    world: int = 1
    local: int = 0

    @property
    def first(self) -> bool:
        """Whether this is the rank that writes and tells."""
        return self.rank == 0

    def device_of(self, name: str) -> torch.device:
        """Device of this rank: of several on one machine, each takes the GPU of its number."""
        return torch.device("cuda", self.local) if name == "cuda" else torch.device(name)

    def sums(self, values: Sequence[float]) -> list[float]:
        """Sum of each value over all ranks, in float64."""
        if self.world == 1:
            return list(values)
        backend = distributed.get_backend()
        device = self.device_of("cuda" if backend == "nccl" else "cpu")
        total = torch.tensor(values, dtype=torch.float64, device=device)
        with _told_when_lost():
            distributed.all_reduce(total)
        return total.tolist()

    def wait(self) -> None:
        """Wait until every rank is here."""
        if self.world > 1:
            with _told_when_lost():
                distributed.barrier()


def is_first() -> bool:
    """Whether this process is torchrun's first, or the only one."""
    return os.environ.get("RANK", "0") == "0"


@contextmanager
def joined(device: str) -> Iterator[Ranks]:
    """Ranks as torchrun's environment tells; joined by NCCL on GPUs, by gloo on CPUs.

    `InputError` where the environment is not whole, `DeviceLostError` where others do not come.
    """
    if "RANK" not in os.environ:
        yield Ranks()
        return
    try:
        rank, world, local = (int(os.environ[n]) for n in ("RANK", "WORLD_SIZE", "LOCAL_RANK"))
    except (KeyError, ValueError) as error:
        raise InputError(
            f"RANK is set, but {error} is not as torchrun sets it; start by torchrun, or unset RANK"
        ) from error
    if device == "cuda":
        torch.cuda.set_device(local)
    with _told_when_lost():
        distributed.init_process_group("nccl" if device == "cuda" else "gloo")
    try:
        yield Ranks(rank=rank, world=world, local=local)
    finally:
        distributed.destroy_process_group()


class GradientMean:
    """Replaces the gradients of `network` by their mean over the ranks."""

    def __init__(self, network: nn.Module, ranks: Ranks) -> None:
        self._parameters = list(network.parameters())
        self._meeting: DistributedDataParallel | None = None
        if ranks.world > 1:
            with _told_when_lost():
                self._meeting = DistributedDataParallel(_Meeting(self._parameters))

    def __call__(self) -> None:
        """Take the mean; every rank must have used the same parameters."""
        if self._meeting is None:
            return
        unused = [p for p in self._parameters if p.grad is None]
        with _told_when_lost():
            self._meeting(torch.zeros((), requires_grad=True)).backward()
        for parameter in unused:
            parameter.grad = None  # else momentum and decay would move what was not trained


class _Meeting(nn.Module):
    """Computes nothing from every parameter, so that their gradients are gathered.

    It has no buffers: batch norm's statistics are each rank's own.
    """

    def __init__(self, parameters: Sequence[nn.Parameter]) -> None:
        super().__init__()
        self.shared = nn.ParameterList(parameters)

    def forward(self, zero: Tensor) -> Tensor:
        touched: Tensor = _Touch.apply(zero, *self.shared)  # type: ignore[no-untyped-call]
        return touched


class _Touch(torch.autograd.Function):
    """Has every parameter in its graph and adds nothing to its gradient."""

    @staticmethod
    def forward(ctx: Any, zero: Tensor, *parameters: Tensor) -> Tensor:
        ctx.parameters = len(parameters)
        return zero.clone()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        return (grads[0], *[None] * ctx.parameters)


@contextmanager
def _told_when_lost() -> Iterator[None]:
    """Turn what torch raises in a collective into one line."""
    try:
        yield
    except RuntimeError as error:  # torch has no narrower one: gloo's and NCCL's are this
        line = first_line(error)
        raise DeviceLostError(
            f"a rank of the training is gone ({line}); start all of them again with --resume"
        ) from error
