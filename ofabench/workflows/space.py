"""Search spaces by name or file."""

import os
from typing import TYPE_CHECKING

from bench.errors import InputError

if TYPE_CHECKING:
    from supernet.space.space import SearchSpace


def load_space(space: "str | os.PathLike[str] | SearchSpace") -> "SearchSpace":
    """Return a search space.

    Args:
        space: a shipped space's name (see `ofabench space list`), a `.toml` file, or a space, which
            is returned as it is.

    Raises:
        InputError: there is no such space, or the file describes none.
        FileError: the file cannot be read.

    Example:
        >>> load_space("tiny").resolutions
        (24, 28, 32)
    """
    from supernet.space.space import SearchSpace

    if isinstance(space, SearchSpace):
        return space
    if isinstance(space, str | os.PathLike):
        return SearchSpace.load(os.fspath(space))
    raise InputError(
        f"the space is {type(space).__name__} {space!r:.60}, expected a name, a .toml file or a "
        "SearchSpace"
    )
