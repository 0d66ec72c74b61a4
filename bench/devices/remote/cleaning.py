"""Removal of everything that ofabench has left on a device."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.devices.remote.connection import Connection, error_line
from bench.devices.remote.machine import RemoteMachine
from bench.errors import DeviceError
from bench.integers import parse_integer

CLEAN_S = 120.0
# The names that are made in a folder of ours, in all its uses. Others are somebody else's.
NAMES = (
    *("bundle", "models", "infer", "benchmark"),
    *("job", "job.part", "runner.pid", "guard", "guard.part", "restore.sh.part"),
)
# Contents for workers are in the cache folder of the ofabench that is installed there.
_STEPS = """\
workers=
[ "$1" = no ] || workers=${XDG_CACHE_HOME:-"$HOME/.cache"}/ofabench/worker
for files in "$workers"/files-*; do
  if kill -0 "${files##*/files-}" 2>/dev/null; then echo "busy 0 ${files##*/files-}"; exit 0; fi
done
removes() {
  set -- "$1" "$(du -sk "$1" 2>/dev/null)"
  any=yes
  rm -rf "$1" && echo "removed ${2%%[!0-9]*} $1" || echo "left 0 $1"
}
folder=$2 any=
shift 2
for name; do [ ! -e "$folder/$name" ] || removes "$folder/$name"; done
for other in "$folder"/* "$folder"/.[!.]*; do [ ! -e "$other" ] || echo "left 0 $other"; done
rmdir "$folder" 2>/dev/null && [ -n "$any" ] && echo "removed 0 $folder"
if [ -n "$workers" ] && [ -d "$workers" ]; then
  removes "$workers"; rmdir "${workers%/*}" 2>/dev/null
fi
exit 0"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovedPath:
    """A file or folder that was removed from a device, with its size there."""

    path: str
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleaning:
    """What was removed, and what is left in the folder because it is not ours or stayed."""

    removed: tuple[RemovedPath, ...]
    left: tuple[str, ...]


def clean(machine: RemoteMachine, *, workers: bool) -> Cleaning:
    """Remove everything of ours from a device; settings that a session left are restored first.

    `workers` says whether an ofabench may be installed there, whose workers have received contents.
    Raises `DeviceError` if something measures there.
    """
    machine.ready()
    folder = machine.folder.path
    argv = ["sh", "-c", _STEPS, "ofabench", "yes" if workers else "no", folder, *NAMES]
    return machine.ask(lambda connection: _clean(connection, argv, folder))


def _clean(connection: Connection, argv: Sequence[str], folder: str) -> Cleaning:
    completed = connection.run(argv, timeout_s=CLEAN_S)
    if completed.status != 0:
        raise DeviceError(f"{folder} cannot be removed: {error_line(completed.err)}")
    return parse_cleaning(completed.out.decode(errors="replace"))


def parse_cleaning(text: str) -> Cleaning:
    """Parse the output of the removal; `DeviceError` where a worker runs there."""
    removed, left = [], []
    for line in text.splitlines():
        verdict, _, rest = line.partition(" ")
        kilobytes, _, path = rest.partition(" ")
        if verdict == "busy":
            raise DeviceError(
                f"a worker of ofabench measures on this machine (process {path}); let it end"
            )
        if verdict == "left":
            left.append(path)
        elif verdict == "removed":
            size = parse_integer(kilobytes, minimum=0)
            removed.append(RemovedPath(path=path, size_bytes=1024 * (size or 0)))
    return Cleaning(removed=tuple(removed), left=tuple(left))
