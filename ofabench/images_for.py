"""The data set that networks of a space are judged on."""

from typing import TYPE_CHECKING

from bench.errors import InputError

if TYPE_CHECKING:
    from supernet.space import SearchSpace
    from supernet.train.parts import Parts


def images_for(space: "SearchSpace", name: str) -> "Parts":
    """Data set `name` for networks of `space`; `InputError` where it is not what these take."""
    from supernet.train.dataset import get_dataset

    data = get_dataset(name, channels=space.in_channels, size=max(space.resolutions))
    if (data.channels, data.classes) != (space.in_channels, space.classes):
        raise InputError(
            f"data set {name} has {data.channels} channels and {data.classes} classes, networks of "
            f"{space.name} take {space.in_channels} and {space.classes}; name another by --data"
        )
    return data
