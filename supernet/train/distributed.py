"""Distributed training: the ranks of torchrun, or a single process.

The gradients of a step are sums over several sub-networks and micro-batches, and most sub-networks
do not use all parameters. `GradientMean` therefore runs all backward passes on the plain network,
and then averages the sums with DistributedDataParallel in one additional pass over all parameters.
A parameter that no sub-network of the step used gets no gradient, as in a single process.
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

START_AGAIN = "start all ranks again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranks:
    """The `rank` of this process among `world`; `local` is its index on this machine.

    `continued_by` is what to do after a rank was lost, for messages.
    """

    rank: int = 0
    world: int = 1
    local: int = 0
    continued_by: str = START_AGAIN

    @property
    def first(self) -> bool:
        """Whether this is the rank that writes files and messages."""
        return self.rank == 0

    def device_of(self, name: str) -> torch.device:
        """Return the device of this rank; on one machine, each rank uses the GPU of its index."""
        return torch.device("cuda", self.local) if name == "cuda" else torch.device(name)

    def sums(self, values: Sequence[float]) -> list[float]:
        """Return the sum of each value over all ranks, in float64."""
        if self.world == 1:
            return list(values)
        backend = distributed.get_backend()
        device = self.device_of("cuda" if backend == "nccl" else "cpu")
        total = torch.tensor(values, dtype=torch.float64, device=device)
        with _lost_rank_error(self.continued_by):
            distributed.all_reduce(total)
        return total.tolist()

    def wait(self) -> None:
        """Wait for all ranks."""
        if self.world > 1:
            with _lost_rank_error(self.continued_by):
                distributed.barrier()


def is_first() -> bool:
    """Return whether this process is the first of torchrun, or the only one."""
    return os.environ.get("RANK", "0") == "0"


@contextmanager
def process_group(device: str, continued_by: str = START_AGAIN) -> Iterator[Ranks]:
    """Join the ranks of torchrun's environment, by NCCL on GPUs, by gloo on CPUs.

    `continued_by` says what to do where a rank is lost.
    Raises `InputError` where the environment is incomplete, `DeviceLostError` where ranks are
    missing.
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
    with _lost_rank_error(continued_by):
        distributed.init_process_group("nccl" if device == "cuda" else "gloo")
    try:
        yield Ranks(rank=rank, world=world, local=local, continued_by=continued_by)
    finally:
        distributed.destroy_process_group()


class GradientMean:
    """Averages the gradients of `network` over the ranks."""

    def __init__(self, network: nn.Module, ranks: Ranks) -> None:
        self._parameters = list(network.parameters())
        self._continued_by = ranks.continued_by
        self._all_parameters: DistributedDataParallel | None = None
        if ranks.world > 1:
            with _lost_rank_error(ranks.continued_by):
                self._all_parameters = DistributedDataParallel(_AllParameters(self._parameters))

    def __call__(self) -> None:
        """Average the gradients; all ranks must have used the same parameters."""
        if self._all_parameters is None:
            return
        unused = [p for p in self._parameters if p.grad is None]
        with _lost_rank_error(self._continued_by):
            self._all_parameters(torch.zeros((), requires_grad=True)).backward()
        for parameter in unused:
            parameter.grad = None  # otherwise momentum and decay would change untrained parameters


class _AllParameters(nn.Module):
    """Depends on all parameters without using them, so that their gradients are averaged.

    It has no buffers: batch-norm statistics are not shared among ranks.
    """

    def __init__(self, parameters: Sequence[nn.Parameter]) -> None:
        super().__init__()
        self.shared = nn.ParameterList(parameters)

    def forward(self, zero: Tensor) -> Tensor:
        output: Tensor = _ZeroGradient.apply(zero, *self.shared)  # type: ignore[no-untyped-call]
        return output


class _ZeroGradient(torch.autograd.Function):
    """Includes all parameters in the graph, and adds nothing to their gradients."""

    @staticmethod
    def forward(ctx: Any, zero: Tensor, *parameters: Tensor) -> Tensor:
        ctx.parameters = len(parameters)
        return zero.clone()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        return (grads[0], *[None] * ctx.parameters)


@contextmanager
def _lost_rank_error(continued_by: str) -> Iterator[None]:
    """Convert torch's error in a collective operation to a one-line `DeviceLostError`."""
    try:
        yield
    except RuntimeError as error:  # torch has no more specific error for gloo and NCCL
        line = first_line(error)
        raise DeviceLostError(f"a rank was lost ({line}); {continued_by}") from error
