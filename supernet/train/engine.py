"""Optimisation step over sub-networks, micro-batches and ranks."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from supernet.data.batch_stream import Batch
from supernet.space.space import ArchConfig
from supernet.train.averaging import WeightAverage
from supernet.train.checkpoint import Recipe
from supernet.train.distill import Teacher, loss_of
from supernet.train.distributed import GradientMean
from supernet.train.run_options import RunOptions
from supernet.train.schedule import Phase, Schedule
from supernet.weights.model import SuperNet
from supernet.weights.tensor_file import Tensors

if TYPE_CHECKING:
    from supernet.train.compilation import Compiler

PRECISIONS = {"float32": None, "bfloat16": torch.bfloat16, "float16": torch.float16}


class Engine:
    """Network under training with its optimiser, on the device of one rank."""

    def __init__(self, network: SuperNet, recipe: Recipe, options: RunOptions) -> None:
        self.network, self._schedule = network, recipe.schedule
        self._device, self._options = options.own_device, options
        self._dtype = PRECISIONS[recipe.precision]
        # Gradients of float16 would underflow; other types need no scaling.
        scaled = recipe.precision == "float16"
        self._scaler = torch.amp.GradScaler(self._device.type, enabled=scaled)
        self._mean = GradientMean(network, options.ranks)
        self._static: dict[ArchConfig, Callable[[Tensor], Tensor]] = {}
        self._compiler: Compiler | None = None
        self.optimiser = make_optimiser(network, self._schedule)
        self.average = WeightAverage(recipe.ema, network) if recipe.ema else None

    def averaged(self) -> SuperNet:
        """Return the network to evaluate: a copy with averaged weights if there is an average."""
        if self.average is None:
            return self.network
        copy = SuperNet(self.network.space).to(self._device)
        copy.load_state_dict(self.average.state)
        return copy

    def restart(self, momenta: Tensors | None = None) -> None:
        """Start with a new optimiser, optionally with these momenta."""
        self.optimiser = make_optimiser(self.network, self._schedule)
        for name, momentum in (momenta or {}).items():
            parameter = self.network.get_parameter(name)
            # In the memory order of the parameter, for an exact continuation.
            buffer = torch.empty_like(parameter, memory_format=torch.preserve_format)
            self.optimiser.state[parameter]["momentum_buffer"] = buffer.copy_(momentum)

    def momenta(self) -> Tensors:
        """Return the momenta of all parameters that have one, by name."""
        momenta = {}
        for name, parameter in self.network.named_parameters():
            momentum = self.optimiser.state.get(parameter, {}).get("momentum_buffer")
            if momentum is not None:
                momenta[name] = momentum
        return momenta

    def compile_for(self, arch: ArchConfig) -> None:
        """Compile `arch` as one module over the shared weights, if compilation is enabled.

        Only for phases that train a single network: several would each be compiled.
        """
        if not self._options.compiled or arch in self._static:
            return
        # Imports torch's compiler, which takes seconds.
        from supernet.train.compilation import Compiler

        if self._compiler is None:
            self._compiler = Compiler(self._options.compile_limit_s)
        module = share_weights(self.network, arch).train()
        self._static[arch] = self._compiler.compiled(
            module, uncompiled=lambda images: self.network(images, arch)
        )

    def step(
        self,
        phase: Phase,
        lr: float,
        archs: Sequence[ArchConfig],
        batches: Sequence[Batch],
        teacher: Teacher | None,
    ) -> tuple[list[float], float]:
        """Train `archs` on this rank's micro-batches.

        Returns:
            The mean loss of each on this rank, and the share of their images that were classified
            as labelled.
        """
        for group in self.optimiser.param_groups:
            group["lr"] = lr
        self.optimiser.zero_grad(set_to_none=True)
        losses = torch.zeros(len(archs) + 1, device=self._device)  # last, correct answers
        images = [self._moved(batch.images) for batch in batches]
        labels = [batch.labels.to(self._device, non_blocking=True) for batch in batches]
        targets = [batch.targets.to(self._device, non_blocking=True) for batch in batches]
        soft: list[Tensor | None] = [None] * len(batches)
        if teacher is not None:
            with self._autocast():
                soft = [teacher.labels(b, i) for b, i in zip(batches, images, strict=True)]
        for number, arch in enumerate(archs):
            for part in range(len(batches)):
                with self._autocast():
                    logits = self._logits(images[part], arch, phase).float()
                loss = loss_of(
                    logits,
                    targets[part],
                    label_smoothing=self._schedule.label_smoothing,
                    soft=soft[part],
                    distillation=phase.distillation,
                )
                self._scaler.scale(loss / len(batches)).backward()  # type: ignore[no-untyped-call]
                losses[number] += loss.detach() / len(batches)
                losses[-1] += (logits.detach().argmax(1) == labels[part]).sum()
                if phase.sandwich and phase.distillation and number == 0:
                    soft[part] = F.softmax(logits.detach(), dim=1)
        self._mean()
        self._apply()
        if self.average is not None:
            self.average.update(self.network)
        *means, correct = losses.tolist()
        return means, correct / (len(archs) * sum(map(len, labels)))

    def _logits(self, images: Tensor, arch: ArchConfig, phase: Phase) -> Tensor:
        static = self._static.get(arch)
        if static is not None and not phase.head_only:
            return static(images)
        logits: Tensor = self.network(images, arch, head_only=phase.head_only)
        return logits

    def _apply(self) -> None:
        if self._schedule.clip_norm:
            self._scaler.unscale_(self.optimiser)
            nn.utils.clip_grad_norm_(self.network.parameters(), self._schedule.clip_norm)
        self._scaler.step(self.optimiser)
        self._scaler.update()

    def _autocast(self) -> AbstractContextManager[object]:
        if self._dtype is None:
            return nullcontext()
        return torch.autocast(self._device.type, self._dtype)

    def _moved(self, images: Tensor) -> Tensor:
        return images.to(self._device, non_blocking=True, memory_format=torch.channels_last)


def share_weights(network: SuperNet, arch: ArchConfig) -> nn.Sequential:
    """Return modules of `arch`, which has only largest choices, that share the same weights."""
    module = network.extract(arch)
    state: dict[str, Tensor] = {}
    for index, (name, _) in enumerate(network.space.named_blocks(arch)):
        block = network.unit(name).block
        for key, tensor in (*block.named_parameters(), *block.named_buffers()):
            state[f"{index}.{key}"] = tensor
    module.load_state_dict(state, assign=True)
    return module


def make_optimiser(network: nn.Module, schedule: Schedule) -> torch.optim.SGD:
    """Return SGD with weight decay for layers, but not for norms, biases and kernel transforms.

    Decay would pull a transform, which starts as the identity, towards 0.
    """
    decayed: list[nn.Parameter] = []
    free: list[nn.Parameter] = []
    for name, parameter in network.named_parameters():
        is_free = parameter.ndim < 2 or ".transforms." in name
        (free if is_free else decayed).append(parameter)
    return torch.optim.SGD(
        [
            {"params": decayed, "weight_decay": schedule.weight_decay},
            {"params": free, "weight_decay": 0.0},
        ],
        lr=0.0,
        momentum=schedule.momentum,
        nesterov=schedule.momentum > 0,
        foreach=True,  # the fused optimiser handles parameters that join later wrongly
    )
