"""Training of a single network: its space, its initial weights, its schedule."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from torch import nn

from bench.blocks.spec import BlockSpec
from supernet.space.space import SearchSpace
from supernet.train.init_record import InitRecord
from supernet.train.initial_weights import InitialWeights
from supernet.train.schedule import Phase, Schedule
from supernet.weights.model import SuperNet
from supernet.weights.tensor_file import Tensors, digest_tensors


def space_for_classes(
    name: str, blocks: Sequence[BlockSpec], classes: int, norm_eps: float
) -> SearchSpace:
    """Return the space of one network with these blocks, whose classifier has `classes`."""
    *body, classifier = blocks
    return SearchSpace.single(name, (*body, replace(classifier, out_channels=classes)), norm_eps)


def initial_weights_of(
    network: nn.Sequential, space: SearchSpace, seed: int, record: InitRecord
) -> InitialWeights:
    """Return the weights of `network` for the only network of `space`.

    A head of another number of classes is initialised from `seed`. The result's record is `record`
    with the tensors that are initialised, named as in the supernet of `space`.
    """
    given: Tensors = {}
    for index, (name, _) in enumerate(space.named_blocks(space.largest())):
        prefix = f"units.{name.replace('.', '_')}.block."
        given |= {prefix + key: tensor for key, tensor in network[index].state_dict().items()}
    state = SuperNet(space, seed).state_dict()
    changed = tuple(name for name in state if state[name].shape != given[name].shape)
    state |= {name: each for name, each in given.items() if name not in changed}
    return InitialWeights(record=replace(record, reinitialised=changed), network=state)


def weights_digest(network: nn.Module) -> str:
    """Return the SHA-256 of the weights, without running statistics, which data determine."""
    return digest_tensors(dict(network.named_parameters()))


_SHARED = ("momentum", "weight_decay", "label_smoothing", "clip_norm")
_OF_PHASE = (
    "name",
    "trainable",
    "epochs",
    "lr",
    "batch",
    "warmup_epochs",
    "decay",
    "distillation",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Optimisation:
    """What a schedule's phases share."""

    weight_decay: float
    label_smoothing: float
    clip_norm: float
    momentum: float = 0.9


def single_schedule(phases: Sequence[Phase], optimisation: Optimisation) -> Schedule:
    """Return the schedule of these phases of a single network."""
    lines = ['name = "fine-tuning"']
    lines += [f"{name} = {getattr(optimisation, name)!r}" for name in _SHARED]
    for phase in phases:
        lines += ["", "[[phases]]"]
        lines += [f"{name} = {json.dumps(getattr(phase, name))}" for name in _OF_PHASE]
    return Schedule.from_toml("\n".join(lines) + "\n", "fine-tuning", taught=True)


def schedule_difference(was: Schedule, now: Schedule) -> str:
    """Return the first difference of two schedules of a single network; "" for equal ones."""
    if len(was.phases) != len(now.phases):
        return "other phases, with the head first or without"
    values = [(name, getattr(was, name), getattr(now, name)) for name in _SHARED]
    for before, after in zip(was.phases, now.phases, strict=True):
        values += [(name, getattr(before, name), getattr(after, name)) for name in _OF_PHASE]
    return next((f"{name} {a}, not {b}" for name, a, b in values if a != b), "")
