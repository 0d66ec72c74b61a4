"""A supernet on disk, trained or between two steps of its training."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from bench.energy.meter import Usage
from bench.errors import FileError, InputError, first_line
from bench.files import VALUE_DAMAGE
from bench.reading import from_plain
from supernet.data.class_names import ClassNames, read_class_names
from supernet.space.space import SearchSpace
from supernet.train.schedule import Schedule
from supernet.weights.model import SuperNet
from supernet.weights.tensor_file import Tensors, load_tensors, save_tensors

WHAT = "supernet"
_PLAIN: Mapping[str, Callable[[Any], Any]] = {
    "data": str,
    "seed": int,
    "micro_batches": int,
    "precision": str,
    "sampling": str,
}
_COUNTS = ("phase", "epoch", "step")


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochRecord:
    """What one epoch came to: mean loss of its sub-networks, and wall seconds.

    `images` counts each image once for each sub-network that it trained.
    """

    phase: str
    epoch: int
    loss: float
    images: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What, with the images themselves, decides a training's result. `data` names the images.

    A step's batch is taken in `micro_batches` equal parts, each with batch norm of its own, be it
    by one process after the other or by as many ranks. `precision` is that of the forward pass.
    `sampling` tells what sub-networks are restricted or drawn to; "" where to nothing.
    """

    space: SearchSpace
    schedule: Schedule
    data: str
    seed: int = 0
    micro_batches: int = 1
    precision: str = "float32"
    sampling: str = ""

    def about(self) -> dict[str, Any]:
        """What a person would call this training."""
        return {
            "space": self.space.name,
            "schedule": self.schedule.name,
            **{name: getattr(self, name) for name in _PLAIN},
        }

    def check_same(self, other: "Recipe") -> None:
        """Raise `InputError` where `other` would not go on with what this one began."""
        pairs: list[tuple[str, str, str]] = [
            # A name may stay while its file changes, so texts are compared and names shown.
            ("space", self.space.text, other.space.text),
            ("schedule", self.schedule.text, other.schedule.text),
            *((name, str(getattr(self, name)), str(getattr(other, name))) for name in _PLAIN),
        ]
        shown = {
            "space": (self.space.name, other.space.name),
            "schedule": (self.schedule.name, other.schedule.name),
        }
        for name, mine, others in pairs:
            if mine == others:
                continue
            was, now = shown.get(name, (mine or "none", others or "none"))
            what = name.replace("_", " ")
            differs = f"{was}, not {now}" if was != now else f"another version of {was}"
            raise InputError(
                f"the checkpoint's {what} is {differs}; resume with the same {what}, or train "
                "into another file"
            )


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """Everything that going on needs, to the bit: no generator has a state between two steps.

    `phase`, `epoch` and `step` count what is done, from 0: steps of the epoch in hand, epochs of
    the phase, phases before it. `losses` (step, subnets) and `seconds` are those of the epoch in
    hand. `momenta` are the optimiser's, by parameter; `teacher` is the frozen full network's
    state, empty before there is one; `estimate` is what attentive sampling has learnt. `usage` is
    what the runs so far took of their devices. `class_names` are those of the training's data,
    empty where they are not known.
    """

    recipe: Recipe
    phase: int
    epoch: int
    network: Tensors
    step: int = 0
    losses: tuple[tuple[float, ...], ...] = ()
    seconds: float = 0.0
    momenta: Tensors = field(default_factory=dict)
    teacher: Tensors = field(default_factory=dict)
    estimate: Tensors = field(default_factory=dict)
    records: tuple[EpochRecord, ...] = ()
    usage: tuple[Usage, ...] = ()
    class_names: ClassNames = ()

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
    def place(self) -> tuple[int, int, int]:
        """Phase, epoch and step that are to come next."""
        return self.phase, self.epoch, self.step

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
    recipe = checkpoint.recipe
    metadata = {
        "space": recipe.space.text,
        "schedule": recipe.schedule.text,
        **{name: getattr(recipe, name) for name in _PLAIN},
        **{name: getattr(checkpoint, name) for name in _COUNTS},
        "seconds": checkpoint.seconds,
        "losses": checkpoint.losses,
        "records": [asdict(record) for record in checkpoint.records],
        "usage": [usage.to_json() for usage in checkpoint.usage],
        "class_names": list(checkpoint.class_names),
    }
    save_tensors(
        path,
        what=WHAT,
        metadata=metadata,
        network=checkpoint.network,
        momenta=checkpoint.momenta,
        teacher=checkpoint.teacher,
        estimate=checkpoint.estimate,
    )


def load_checkpoint(path: Path) -> Checkpoint:
    """Read back what `save_checkpoint` wrote; `FileError` where the file is another's, or damaged.

    The space and the schedule come from the file itself, so files of the user's may be gone.
    """
    metadata, groups = load_tensors(path, what=WHAT)
    try:
        checkpoint = _checkpoint(metadata, groups, str(path))
        _check_shapes(checkpoint)
    except (*VALUE_DAMAGE, RuntimeError, InputError) as error:
        raise FileError(f"{path} is damaged ({first_line(error)}); train it again") from error
    return checkpoint


def load_trained(path: Path) -> Checkpoint:
    """Load a checkpoint whose training is finished; `InputError` for one that is not."""
    checkpoint = load_checkpoint(path)
    check_trained(checkpoint, path)
    return checkpoint


def check_trained(checkpoint: Checkpoint, path: Path) -> None:
    """Raise `InputError` where the training of the checkpoint at `path` is not finished."""
    if not checkpoint.finished:
        phases = checkpoint.schedule.phases
        raise InputError(
            f"{path} is not trained to the end ({checkpoint.phase} of {len(phases)} phases); go on "
            "with `ofabench train --resume`"
        )


def _checkpoint(metadata: Mapping[str, Any], groups: dict[str, Tensors], where: str) -> Checkpoint:
    space = SearchSpace.from_toml(metadata["space"], where)
    return Checkpoint(
        recipe=Recipe(
            space=space,
            schedule=Schedule.from_toml(metadata["schedule"], where),
            **{name: kind(metadata[name]) for name, kind in _PLAIN.items()},
        ),
        **{name: int(metadata[name]) for name in _COUNTS},
        seconds=float(metadata["seconds"]),
        losses=tuple(tuple(float(loss) for loss in step) for step in metadata["losses"]),
        records=tuple(
            from_plain(EpochRecord, record, "an epoch's record") for record in metadata["records"]
        ),
        usage=tuple(Usage.from_json(usage) for usage in metadata["usage"]),
        class_names=read_class_names(metadata.get("class_names"), space.classes),
        network=groups["network"],
        momenta=groups["momenta"],
        teacher=groups["teacher"],
        estimate=groups["estimate"],
    )


def _check_shapes(checkpoint: Checkpoint) -> None:
    def shapes(state: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
        return {name: tuple(tensor.shape) for name, tensor in state.items()}

    expected = shapes(SuperNet(checkpoint.space).state_dict())
    if shapes(checkpoint.network) != expected:
        raise ValueError("its tensors are not those of its space")
