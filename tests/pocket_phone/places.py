"""The phone's paths and this machine's: its folders lie in a tree, and no program must notice."""

import re
from pathlib import Path, PurePosixPath

# What of /proc is the phone's: the rest tells of processes, and those are this machine's.
FILES = ("proc/cpuinfo", "proc/loadavg", "proc/meminfo", "proc/sys/kernel/random/boot_id")
FOLDERS = ("data", "phone", "sdcard", "sys", "system")
# Not within a longer path: a letter, a digit or one of ./_- before it, or a longer name after it.
_PHONE_PATH = re.compile(
    rf"(?<![\w./-])/(?:(?:{'|'.join(map(re.escape, FILES))})(?![\w.-])"
    rf"|(?:{'|'.join(FOLDERS)})(?![\w.-]))"
)
_PLAIN = re.compile(r"[\w./+@%=:,-]+")


class Places:
    """Turns paths of the phone into this machine's, and back in what programs say."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        if not _PLAIN.fullmatch(str(self.root)):
            raise ValueError(f"a pocket phone's folder must need no quotes, got {self.root}")

    def host(self, path: str) -> Path:
        """This machine's path of the phone's `path`; nothing leads out of the tree."""
        parts: list[str] = []
        for part in PurePosixPath("/", path).parts[1:]:
            if part == "..":
                del parts[-1:]
            else:
                parts.append(part)
        return self.root.joinpath(*parts)

    def command(self, text: str) -> str:
        """A command for this machine's shell."""
        return _PHONE_PATH.sub(lambda found: f"{self.root}{found[0]}", text)

    def unrooted(self) -> "Unrooted":
        return Unrooted(str(self.root).encode())


class Unrooted:
    """Takes the tree's own path out of a program's output, also where it comes in pieces."""

    def __init__(self, root: bytes) -> None:
        self._root = root
        self._whole = re.compile(re.escape(root) + rb"(?=(/?))")
        self._kept = b""

    def feed(self, data: bytes) -> bytes:
        """What can be passed on now: an end that may be the start of the path waits."""
        data = self._kept + data
        waits = next((n for n in range(len(self._root), 0, -1) if data.endswith(self._root[:n])), 0)
        if not waits:
            self._kept = b""
            return self._without(data)
        self._kept = data[-waits:]
        return self._without(data[:-waits] + b"/")[:-1]  # what waits begins with a slash

    def rest(self) -> bytes:
        """What still waits, at the output's end."""
        kept, self._kept = self._kept, b""
        return self._without(kept)

    def _without(self, data: bytes) -> bytes:
        return self._whole.sub(lambda found: b"" if found[1] else b"/", data)
