"""A supernet on disk, finished or between two epochs of its training."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from bench.errors import FileError, InputError
from supernet.model import SuperNet
from supernet.space import SearchSpace
from supernet.tensor_file import Tensors, load_tensors, save_tensors
from supernet.train.schedule import Schedule

WHAT = "supernet"


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochRecord:
    """What one epoch came to: mean loss of its sub-networks, and wall seconds."""

    phase: str
    epoch: int
    loss: float
    images: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What, with the images themselves, decides a training's result. `data` names the images."""

    space: SearchSpace
    schedule: Schedule
    data: str
    seed: int = 0

    def check_same(self, other: "Recipe") -> None:
        """Raise `InputError` where `other` would not go on with what this one began."""
        told: Mapping[str, tuple[bool, object, object]] = {
            # A name may stay while its file changes, so texts are compared and names shown.
            "space": (self.space.text == other.space.text, self.space.name, other.space.name),
            "schedule": (
                self.schedule.text == other.schedule.text,
                self.schedule.name,
                other.schedule.name,
            ),
            "data": (self.data == other.data, self.data, other.data),
            "seed": (self.seed == other.seed, self.seed, other.seed),
        }
        for what, (same, was, now) in told.items():
            if not same:
                differs = f"{was}, not {now}" if was != now else f"another version of {was}"
                raise InputError(
                    f"the checkpoint's {what} is {differs}; resume with the same {what}, or train "
                    "into another file"
                )


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """Everything that going on needs, to the bit: no generator has a state between two epochs.

    `phase` and `epoch` count what is done, from 0: epochs of the phase in hand, phases before it.
    `momenta` are the optimiser's, by parameter; `teacher` is the frozen full network's state,
    empty before there is one.
    """

    recipe: Recipe
    phase: int
    epoch: int
    network: Tensors
    momenta: Tensors = field(default_factory=dict)
    teacher: Tensors = field(default_factory=dict)
    records: tuple[EpochRecord, ...] = ()

    @property
    def space(self) -> SearchSpace:
        return self.recipe.space

    @property
    def schedule(self) -> Schedule:
        return self.recipe.schedule

    @property
    def data(self) -> str:
        return self.recipe.data

    @property
    def seed(self) -> int:
        return self.recipe.seed

    @property
    def finished(self) -> bool:
        """Whether every phase is done."""
        return self.phase == len(self.schedule.phases)

    def supernet(self) -> SuperNet:
        """Supernet with these weights, in evaluation mode."""
        network = SuperNet(self.space)
        network.load_state_dict(self.network)
        return network.eval()


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write it, whole or not at all: a reader finds this one or the one before."""
    metadata = {
        "space": checkpoint.space.text,
        "schedule": checkpoint.schedule.text,
        "data": checkpoint.data,
        "seed": checkpoint.seed,
        "phase": checkpoint.phase,
        "epoch": checkpoint.epoch,
        "records": [[r.phase, r.epoch, r.loss, r.images, r.seconds] for r in checkpoint.records],
    }
    save_tensors(
        path,
        what=WHAT,
        metadata=metadata,
        network=checkpoint.network,
        momenta=checkpoint.momenta,
        teacher=checkpoint.teacher,
    )


def load_checkpoint(path: Path) -> Checkpoint:
    """Read back what `save_checkpoint` wrote; `FileError` where the file is another's, or damaged.

    The space and the schedule come from the file itself, so files of the user's may be gone.
    """
    metadata, groups = load_tensors(path, what=WHAT)
    try:
        checkpoint = _checkpoint(metadata, groups, str(path))
        _check_shapes(checkpoint)
    except (KeyError, TypeError, ValueError, RuntimeError, InputError) as error:
        line = str(error).strip().splitlines()[0]
        raise FileError(f"{path} is damaged ({line}); train it again") from error
    return checkpoint


def load_trained(path: Path) -> Checkpoint:
    """Load a checkpoint whose training is finished; `InputError` for one that is not."""
    checkpoint = load_checkpoint(path)
    if not checkpoint.finished:
        phases = checkpoint.schedule.phases
        raise InputError(
            f"{path} is not trained to the end ({checkpoint.phase} of {len(phases)} phases); go on "
            "with `ofabench train --resume`"
        )
    return checkpoint


def _checkpoint(metadata: Mapping[str, Any], groups: dict[str, Tensors], where: str) -> Checkpoint:
    records = [
        EpochRecord(phase=phase, epoch=epoch, loss=loss, images=images, seconds=seconds)
        for phase, epoch, loss, images, seconds in metadata["records"]
    ]
    return Checkpoint(
        recipe=Recipe(
            space=SearchSpace.from_toml(metadata["space"], where),
            schedule=Schedule.from_toml(metadata["schedule"], where),
            data=str(metadata["data"]),
            seed=int(metadata["seed"]),
        ),
        phase=int(metadata["phase"]),
        epoch=int(metadata["epoch"]),
        network=groups["network"],
        momenta=groups["momenta"],
        teacher=groups["teacher"],
        records=tuple(records),
    )


def _check_shapes(checkpoint: Checkpoint) -> None:
    def shapes(state: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
        return {name: tuple(tensor.shape) for name, tensor in state.items()}

    expected = shapes(SuperNet(checkpoint.space).state_dict())
    if shapes(checkpoint.network) != expected:
        raise ValueError("its tensors are not those of its space")
