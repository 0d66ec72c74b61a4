"""A sub-network by itself, from a checkpoint or from what `extract` wrote, and its images."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from supernet.data.class_names import ClassNames
    from supernet.data.parts import Parts
    from supernet.export.network_file import CutNetwork
    from supernet.space.space import ArchConfig, SearchSpace
    from supernet.train.checkpoint import Checkpoint

ENDS = ("largest", "smallest")


@dataclass(frozen=True)
class Cut:
    """A sub-network, and the images that it is calibrated and judged on, where any were opened."""

    network: "CutNetwork"
    data: "Parts | None"


def from_checkpoint(
    path: Path, arch: str, data: "str | Parts | None", pick: int | None = None
) -> Cut:
    """Cut `arch` (see `arch_of`) out of a supernet, its batch norms recalibrated on images.

    They are training images of `data` (a name, or open already), or else of what the supernet was
    trained on.
    """
    from supernet.data.open_data import open_data
    from supernet.export.network_file import CutNetwork
    from supernet.train.checkpoint import load_trained
    from supernet.train.recalibrate import CALIBRATION_IMAGES, extract_calibrated
    from supernet.verification.judge import normalisation_of

    checkpoint = load_trained(path)
    space = checkpoint.space
    chosen = arch_of(arch, space, pick)
    parts = open_data(data or checkpoint.data, space, labels=False)
    named = data if data is None or isinstance(data, str) else parts.name
    images = parts.train_source.calibration(CALIBRATION_IMAGES, chosen.resolution)
    network = CutNetwork(
        space=space.name,
        arch=chosen,
        blocks=space.blocks(chosen),
        network=extract_calibrated(checkpoint.supernet(), chosen, images),
        normalisation=normalisation_of(parts),
        provenance=_provenance(path, checkpoint, named),
        class_names=_class_names(checkpoint, parts, named),
    )
    return Cut(network, parts)


def from_network(path: Path, data: "str | Parts | None", *, images: bool) -> Cut:
    """Read what `ofabench extract` wrote; open its data, or `data`, where `images` are needed.

    `InputError` where the images are not what the network takes, or are prepared otherwise.
    """
    from bench.errors import InputError
    from supernet.export.network_file import load_network

    network = load_network(path)
    recorded = network.provenance.get("calibration") or network.provenance.get("data")
    given = data or (str(recorded) if recorded else None)
    if not images:
        return Cut(network, None)
    if not given:
        raise InputError(f"{path} does not say what images it was trained on; give --data")
    parts = _data_for(given, network)
    own = (given if isinstance(given, str) else parts.name) == network.provenance.get("data")
    if own and not network.class_names and parts.classes == network.blocks[-1].out_channels:
        network = replace(network, class_names=parts.class_names)  # of a file from before
    return Cut(network, parts)


def _class_names(checkpoint: "Checkpoint", parts: "Parts", data: str | None) -> "ClassNames":
    """Names of the checkpoint's classes; of one without, those of the images it was trained on.

    An imported supernet does not say which these are: then `data`, the images given for it, do.
    """
    own = data in (None, checkpoint.data) or not checkpoint.schedule.phases
    if checkpoint.class_names or not own or parts.classes != checkpoint.space.classes:
        return checkpoint.class_names
    return parts.class_names


def _data_for(given: "str | Parts", network: "CutNetwork") -> "Parts":
    from bench.errors import InputError
    from supernet.data.open_data import get_dataset
    from supernet.verification.judge import normalisation_of

    first = network.blocks[0]
    if isinstance(given, str):
        data = get_dataset(given, channels=first.in_channels, size=first.in_size)
    else:
        data = given
    name = given if isinstance(given, str) else data.name
    if data.channels != first.in_channels:
        raise InputError(
            f"data {name} has {data.channels} channels, the network takes {first.in_channels}; "
            "give other data"
        )
    if normalisation_of(data) != network.normalisation:
        raise InputError(
            f"the network takes images prepared by {network.normalisation}, data {name} gives "
            f"{normalisation_of(data)}; give the data that it was extracted with"
        )
    return data


def arch_of(text: str, space: "SearchSpace", pick: int | None = None) -> "ArchConfig":
    """Read the architecture that `text` names: a file, or one of the space's ends by a word.

    `pick` chooses one of several in the file.
    """
    from bench.errors import InputError
    from supernet.search.result_file import read_network

    if text in ENDS:
        if pick is not None:
            raise InputError(f"--arch {text} is one network; --pick is for a file of several")
        return space.largest() if text == "largest" else space.smallest()
    found = read_network(Path(text), pick, space)
    if found.space != space.name:
        raise InputError(
            f"{text} holds a network of {found.space}, the checkpoint is of {space.name}; "
            "search in the checkpoint's space"
        )
    return space.canonical(found.arch)


def _provenance(path: Path, checkpoint: "Checkpoint", data: str | None) -> dict[str, Any]:
    from supernet.weights.tensor_file import digest_tensors

    return {
        "checkpoint": path.name,
        "weights": digest_tensors(checkpoint.network),
        "data": checkpoint.data,
        "schedule": checkpoint.schedule.name,
        "seed": checkpoint.seed,
        **({"calibration": data} if data else {}),
    }
