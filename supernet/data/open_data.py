"""Open a data set by its name, or a folder of images by its path."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal, overload

from torch.utils.data import Dataset

from bench.errors import InputError
from supernet.data.class_names import ClassNames, check_same
from supernet.data.digits_parts import DatasetParts, open_digits
from supernet.data.parts import DataParts, ImageNeeds
from supernet.data.torch_dataset import PREFIX, TorchData, open_torch_data
from supernet.data.torch_item import MapDataset

Data = (
    str
    | Path
    | MapDataset
    | tuple[MapDataset, MapDataset]
    | Mapping[str, MapDataset]
    | TorchData
    | DataParts
)
"""A data set's name, a folder of images, torch Datasets, or parts that are already open.

A pair of torch Datasets is for training and validation; a mapping has the keys train and, where
given, validation and test.
"""
_PART_NAMES = ("train", "validation", "test")

_DATASETS: dict[str, Callable[[int], DatasetParts]] = {"digits": open_digits}


@overload
def get_dataset(name: Literal["digits"] = ..., seed: int = ...) -> DatasetParts: ...
@overload
def get_dataset(
    name: str, seed: int = ..., *, channels: int = ..., size: int = ..., workers: int | None = ...
) -> DataParts: ...
def get_dataset(
    name: str = "digits",
    seed: int = 0,
    *,
    channels: int = 3,
    size: int = 224,
    workers: int | None = None,
) -> DataParts:
    """Return the parts of the named data set, or of a folder of images (see `data.folder_parts`).

    `name` is a folder if it has a path separator or exists. Its images get `channels` channels (1
    or 3), are evaluated at `size` pixels (the largest resolution of a space), and are decoded by
    `workers` threads; named data sets ignore these three. `InputError` names the known data sets,
    or what is missing in the folder.
    """
    if name in _DATASETS:
        return _DATASETS[name](seed)
    if name.startswith(PREFIX) and not Path(name).is_dir():
        raise InputError(
            f"the data {name} is a torch Dataset, which no name opens; pass the Dataset from "
            "Python, or give other data by --data"
        )
    if os.sep in name or "/" in name or Path(name).is_dir():
        # Imported here, since only folders need Pillow.
        from supernet.data.folder_parts import open_folder

        return open_folder(Path(name), seed, channels=channels, size=size, workers=workers)
    raise InputError(
        f"no data set {name!r}, expected one of {', '.join(sorted(_DATASETS))}, or the path of a "
        "folder of images: give one by --data"
    )


def open_data(
    data: Data,
    space: ImageNeeds,
    *,
    workers: int | None = None,
    labels: bool = True,
    class_names: ClassNames = (),
) -> DataParts:
    """Return the named data set (see `get_dataset`), or `data` itself, for networks of `space`.

    Raises `InputError` where its channels differ from the space's, or, where `labels` are used, its
    classes or their names (`class_names`) differ.
    """
    parts = _parts(data, space, workers)
    name = str(data) if isinstance(data, str | Path) else parts.name
    if parts.channels != space.in_channels or (labels and parts.classes != space.classes):
        raise InputError(
            f"the space {space.name} has {space.in_channels} input channels and {space.classes} "
            f"classes, the data {name} {parts.channels} and {parts.classes}; give other data, or a "
            "space with these"
        )
    if labels:
        check_same(class_names, parts.class_names, name)
    return parts


def _parts(data: Data, space: ImageNeeds, workers: int | None) -> DataParts:
    if isinstance(data, str | Path):
        return get_dataset(
            str(data), channels=space.in_channels, size=max(space.resolutions), workers=workers
        )
    if isinstance(data, Dataset):
        data = TorchData(train=data, workers=workers or 0)
    if isinstance(data, tuple) and len(data) == 2:
        data = TorchData(train=data[0], validation=data[1], workers=workers or 0)
    if isinstance(data, Mapping):
        data = _from_mapping(data, workers or 0)
    if isinstance(data, TorchData):
        return open_torch_data(data, space)
    if not hasattr(data, "train_source"):
        raise InputError(
            f"the data is a {type(data).__name__}, expected the name of a data set, a folder of "
            "images, a torch Dataset of (image, label), a pair of them (training, validation), a "
            "mapping of them, or a TorchData"
        )
    return data


def _from_mapping(data: Mapping[str, MapDataset], workers: int) -> TorchData:
    if "train" not in data or not set(data) <= set(_PART_NAMES):
        raise InputError(
            f"the data has the parts {', '.join(map(str, data)) or 'none'}, expected train and, "
            "where given, validation and test"
        )
    return TorchData(
        train=data["train"],
        validation=data.get("validation"),
        test=data.get("test"),
        workers=workers,
    )
