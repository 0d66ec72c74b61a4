"""Save and load a supernet, trained or between two steps of its training."""

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
from supernet.train.best_network import BestNetwork
from supernet.train.init_record import InitRecord
from supernet.train.schedule import Schedule
from supernet.weights.model import SuperNet
from supernet.weights.tensor_file import Tensors, load_tensors, save_tensors

WHAT = "supernet"
FINE_TUNING = "state of a fine-tuning"
_PLAIN: Mapping[str, Callable[[Any], Any]] = {
    "data": str,
    "seed": int,
    "micro_batches": int,
    "precision": str,
    "sampling": str,
    "augmentation": str,
    "ema": float,
    "teacher": str,
}
# Values of files that were written before there were such keys.
_LATER = {"augmentation": "", "ema": 0.0, "teacher": ""}
_COUNTS = ("phase", "epoch", "step")
_OF_BEST = ("accuracy", "images", "epoch")


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochRecord:
    """Result of one epoch: mean loss of its sub-networks, and wall time in s.

    `images` counts each image once for each sub-network that it trained.
    """

    phase: str
    epoch: int
    loss: float
    images: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Everything that determines a training's result, except images and given initial weights.

    `data` names the images. A step's batch is divided into `micro_batches` equal parts with
    separate batch-norm statistics, processed in sequence or by several ranks. `precision` is that
    of the forward pass. `sampling` describes restrictions of the sub-networks, `augmentation` what
    is done to the images beyond their data's own; "" for none. `ema` is the decay of the weights'
    moving average, 0 for none. `teacher` names weights that teach from the first phase on, with
    their digest; with "" the full network after the first phase teaches.
    """

    space: SearchSpace
    schedule: Schedule
    data: str
    seed: int = 0
    micro_batches: int = 1
    precision: str = "float32"
    sampling: str = ""
    augmentation: str = ""
    ema: float = 0.0
    teacher: str = ""

    @property
    def what(self) -> str:
        """Kind of the checkpoint's file: a single network is fine-tuned."""
        return FINE_TUNING if self.space.family == "single" else WHAT

    def about(self) -> dict[str, Any]:
        """Return a description of the training."""
        return {
            "space": self.space.name,
            "schedule": self.schedule.name,
            **{name: getattr(self, name) for name in _PLAIN},
        }

    def check_same(self, other: "Recipe") -> None:
        """Raise `InputError` where `other` cannot continue a training of this recipe."""
        pairs: list[tuple[str, str, str]] = [
            # The file of a name may change, so texts are compared, and names shown.
            ("space", self.space.text, other.space.text),
            ("schedule", self.schedule.text, other.schedule.text),
            *((name, str(getattr(self, name)), str(getattr(other, name))) for name in _PLAIN),
        ]
        shown = {
            "space": (self.space.name, other.space.name),
            "schedule": (self.schedule.name, other.schedule.name),
        }
        for name, own, given in pairs:
            if own == given:
                continue
            was, now = shown.get(name, (own or "none", given or "none"))
            label = name.replace("_", " ")
            differs = f"{was}, not {now}" if was != now else f"another version of {was}"
            raise InputError(
                f"the checkpoint's {label} is {differs}; resume with the same {label}, or train "
                "into another file"
            )


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """State of a training between two steps, sufficient for an exact continuation.

    `phase`, `epoch` and `step` count completed phases, epochs of the phase and steps of the epoch.
    `losses` (step, subnets) and `seconds` belong to the current epoch. `momenta` are those of the
    optimiser, by parameter; `teacher` is the state of the frozen full network, empty before it
    exists, or where the recipe names its file; `estimate` is the state of attentive sampling.
    `average` is the state of the weights' moving average, `best` the best network so far where
    epochs are compared. `usage` is the device use of all runs. `class_names` are those of the
    training data, empty where unknown. `init` says where the initial weights are from; None for
    random ones.
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
    average: Tensors = field(default_factory=dict)
    best: BestNetwork | None = None
    records: tuple[EpochRecord, ...] = ()
    usage: tuple[Usage, ...] = ()
    class_names: ClassNames = ()
    init: InitRecord | None = None

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
        """Next phase, epoch and step."""
        return self.phase, self.epoch, self.step

    @property
    def finished(self) -> bool:
        """Whether all phases are completed."""
        return self.phase == len(self.schedule.phases)

    def about(self) -> dict[str, Any]:
        """Return a description of the training and its initial weights."""
        init = None if self.init is None else self.init.to_json()
        return {**self.recipe.about(), "init": init}

    def supernet(self) -> SuperNet:
        """Return the supernet with these weights, in evaluation mode."""
        network = SuperNet(self.space)
        network.load_state_dict(self.network)
        return network.eval()


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint atomically."""
    recipe, best = checkpoint.recipe, checkpoint.best
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
        "init": None if checkpoint.init is None else checkpoint.init.to_json(),
        "best": None if best is None else {name: getattr(best, name) for name in _OF_BEST},
    }
    save_tensors(
        path,
        what=recipe.what,
        metadata=metadata,
        network=checkpoint.network,
        momenta=checkpoint.momenta,
        teacher=checkpoint.teacher,
        estimate=checkpoint.estimate,
        average=checkpoint.average,
        best={} if best is None else best.network,
    )


def load_checkpoint(path: Path, what: str = WHAT) -> Checkpoint:
    """Read a file of `save_checkpoint`; `FileError` where it is of another kind or damaged.

    The file contains the space and the schedule, so the user's files are not needed. `what` is the
    kind of the file, see `Recipe.what`.
    """
    metadata, groups = load_tensors(path, what=what)
    try:
        checkpoint = _checkpoint(metadata, groups, str(path))
        _check_shapes(checkpoint)
    except (*VALUE_DAMAGE, RuntimeError, InputError) as error:
        raise FileError(f"{path} is damaged ({first_line(error)}); train it again") from error
    return checkpoint


def load_trained(path: Path) -> Checkpoint:
    """Load a checkpoint of a finished training; `InputError` for an unfinished one."""
    checkpoint = load_checkpoint(path)
    check_trained(checkpoint, path)
    return checkpoint


def check_trained(checkpoint: Checkpoint, path: Path) -> None:
    """Raise `InputError` where the training of the checkpoint at `path` is not finished."""
    if not checkpoint.finished:
        phases = checkpoint.schedule.phases
        raise InputError(
            f"{path} is not trained to the end ({checkpoint.phase} of {len(phases)} phases); "
            "continue with `ofabench train --resume`"
        )


def _checkpoint(metadata: Mapping[str, Any], groups: dict[str, Tensors], where: str) -> Checkpoint:
    space = SearchSpace.from_toml(metadata["space"], where)
    return Checkpoint(
        recipe=Recipe(
            space=space,
            schedule=Schedule.from_toml(
                metadata["schedule"], where, taught=bool(metadata.get("teacher"))
            ),
            **{name: kind({**_LATER, **metadata}[name]) for name, kind in _PLAIN.items()},
        ),
        **{name: int(metadata[name]) for name in _COUNTS},
        seconds=float(metadata["seconds"]),
        losses=tuple(tuple(float(loss) for loss in step) for step in metadata["losses"]),
        records=tuple(
            from_plain(EpochRecord, record, "an epoch's record") for record in metadata["records"]
        ),
        usage=tuple(Usage.from_json(usage) for usage in metadata["usage"]),
        class_names=read_class_names(metadata.get("class_names"), space.classes),
        init=_init_record(metadata.get("init")),
        best=_best_network(metadata.get("best"), groups),
        network=groups["network"],
        momenta=groups["momenta"],
        teacher=groups["teacher"],
        estimate=groups["estimate"],
        average=groups.get("average", {}),
    )


def _init_record(value: Any) -> InitRecord | None:
    return None if value is None else from_plain(InitRecord, value, "the initial weights' record")


def _best_network(value: Any, groups: Mapping[str, Tensors]) -> BestNetwork | None:
    if value is None:
        return None
    return BestNetwork(
        accuracy=float(value["accuracy"]),
        images=int(value["images"]),
        epoch=int(value["epoch"]),
        network=groups["best"],
    )


def _check_shapes(checkpoint: Checkpoint) -> None:
    def shapes(state: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
        return {name: tuple(tensor.shape) for name, tensor in state.items()}

    expected = shapes(SuperNet(checkpoint.space).state_dict())
    if shapes(checkpoint.network) != expected:
        raise ValueError("its tensors are not those of its space")
