"""Opening a data set by its name, or a folder of images by its path."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Literal, overload

from bench.errors import InputError
from supernet.data.class_names import ClassNames, check_same
from supernet.data.digits_parts import DatasetParts, open_digits
from supernet.data.parts import Parts
from supernet.space.space import SearchSpace

_DATASETS: dict[str, Callable[[int], DatasetParts]] = {"digits": open_digits}


@overload
def get_dataset(name: Literal["digits"] = ..., seed: int = ...) -> DatasetParts: ...
@overload
def get_dataset(
    name: str, seed: int = ..., *, channels: int = ..., size: int = ..., workers: int | None = ...
) -> Parts: ...
def get_dataset(
    name: str = "digits",
    seed: int = 0,
    *,
    channels: int = 3,
    size: int = 224,
    workers: int | None = None,
) -> Parts:
    """Parts of the data set of this name, or of a folder of images (see `train.folder_parts`).

    A folder is told by a separator in `name`, or by being there. Its images get so many `channels`
    (1 or 3), for evaluation are held at `size` pixels (of a space, its largest resolution), and are
    decoded by so many `workers`; to a data set with a name these three mean nothing. `InputError`
    names the known data sets, or what the folder lacks.
    """
    if name in _DATASETS:
        return _DATASETS[name](seed)
    if os.sep in name or "/" in name or Path(name).is_dir():
        # Only here: Pillow is needed for nothing else.
        from supernet.data.folder_parts import open_folder

        return open_folder(Path(name), seed, channels=channels, size=size, workers=workers)
    raise InputError(
        f"no data set {name!r}, expected one of {', '.join(sorted(_DATASETS))}, or the path of a "
        "folder of images: give one by --data"
    )


def open_data(
    name: str,
    space: SearchSpace,
    *,
    workers: int | None = None,
    labels: bool = True,
    class_names: ClassNames = (),
) -> Parts:
    """Data set `name` (see `get_dataset`) for networks of `space`.

    `InputError` where its channels differ from the space's, or, where `labels` are used, its
    classes do, or are named otherwise than `class_names`.
    """
    data = get_dataset(
        name, channels=space.in_channels, size=max(space.resolutions), workers=workers
    )
    if data.channels != space.in_channels or (labels and data.classes != space.classes):
        raise InputError(
            f"the space {space.name} has {space.in_channels} input channels and {space.classes} "
            f"classes, the data {name} {data.channels} and {data.classes}; give other data, or a "
            "space with these"
        )
    if labels:
        check_same(class_names, data.class_names, name)
    return data
