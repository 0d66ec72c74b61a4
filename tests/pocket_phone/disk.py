"""The phone's disk: room under /data, and where its user may write."""

import errno
import os
from pathlib import Path

WRITABLE = ("/data/local/tmp", "/sdcard")


class Disk:
    """Counts what lies under /data against a limit; None is no limit.

    Only files that are pushed are held to it: programs write through this machine's kernel.
    """

    def __init__(self, data: Path) -> None:
        self._data = data
        self.limit_bytes: int | None = None

    def fill(self) -> None:
        """Leave no byte of room."""
        self.limit_bytes = self.used_bytes()

    def room_bytes(self) -> int | None:
        """What is left."""
        return None if self.limit_bytes is None else max(0, self.limit_bytes - self.used_bytes())

    def used_bytes(self) -> int:
        return sum(
            os.lstat(os.path.join(folder, name)).st_size
            for folder, _, names in os.walk(self._data)
            for name in names
        )


def refusal(path: str) -> int:
    """The error that the phone's user gets who writes there; 0 where writing is allowed."""
    if any(path == place or path.startswith(f"{place}/") for place in WRITABLE):
        return 0
    return errno.EACCES if path.startswith("/data/") else errno.EROFS
