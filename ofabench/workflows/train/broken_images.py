"""What a command says, at its end, of images that it could not read."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from supernet.data.source import Broken

SHOWN = 10


def tell_broken(broken: "Sequence[Broken]") -> None:
    """Name them on stderr, the first ten of many; nothing where there are none."""
    if not broken:
        return
    print(f"images left out because they cannot be read: {len(broken)}", file=sys.stderr)
    for one in broken[:SHOWN]:
        print(f"  {one}", file=sys.stderr)
    if len(broken) > SHOWN:
        print(f"  and {len(broken) - SHOWN} more", file=sys.stderr)
