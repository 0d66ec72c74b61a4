"""Model files on the phone: named by content, sent once, old ones deleted.

Values of weights do not matter to time, so every load uses the same ones and thus the same
files; what a load varies is made on the phone: the order of loading, memory, inputs, visits.
"""

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from bench.devices.android.adb.content import push_missing
from bench.devices.android.phone.connection import Connection
from bench.devices.android.phone.settings_guard import WORK, error_line
from bench.digests import content_digest
from bench.errors import DeviceError
from bench.integers import parse_integer
from bench.protocol.backend import Backend
from bench.protocol.device import Workload
from bench.protocol.workload_model import workload_model

MODELS = f"{WORK}/models"
WEIGHT_SEED = 0
CACHE_BYTES = 1 << 30  # of models on the phone that the load in hand does not need
BATCH_BYTES = 16 << 20  # of files held in this process's memory at once


@dataclass(kw_only=True)
class ModelShelf:
    """Knows which model files are on the phone, as of this connection, and sends the others.

    `forget` is called when the connection was lost: what is there is then looked up again.
    """

    _names: dict[tuple[str, int], str] = field(default_factory=dict)
    _made_by: Backend | None = None
    _present: set[str] | None = None

    def forget(self) -> None:
        self._present = None

    def place(
        self,
        connection: Connection,
        work: Sequence[Workload],
        backend: Backend,
        batch: int,
    ) -> tuple[list[str], int]:
        """See that each workload's file is on the phone; paths for the job, and bytes sent."""
        if self._made_by is not backend:  # another backend makes other files of the same blocks
            self._made_by, self._names = backend, {}
        if self._present is None:
            self._present = set(listed(connection))
        sent = 0
        for files in _batches(self._missing(work, backend, batch)):
            sent += push_missing(connection, MODELS, files)
            self._present.update(files)
        return [f"models/{self._names[_key(one, batch)]}" for one in work], sent

    def clear(
        self, connection: Connection, work: Sequence[Workload], batch: int, most_bytes: int
    ) -> None:
        """Remove what the load does not need, where that is more than `most_bytes`."""
        needed = {self._names.get(_key(one, batch)) for one in work}
        there = listed(connection)
        spare = {name: size for name, size in there.items() if name not in needed}
        if sum(spare.values()) > most_bytes:
            remove(connection, spare)
            self._present = set(there) - set(spare)

    def missing_bytes(self, work: Sequence[Workload], backend: Backend, batch: int) -> int:
        """Size of what the load needs and the phone has not."""
        return sum(len(content) for _, content in self._missing(work, backend, batch))

    def _missing(
        self, work: Iterable[Workload], backend: Backend, batch: int
    ) -> Iterator[tuple[str, bytes]]:
        """Names and contents of what is not on the phone, each once."""
        for key, one in {_key(one, batch): one for one in work}.items():
            if self._names.get(key) in (self._present or ()):
                continue
            content = backend.serialise(workload_model(one, WEIGHT_SEED), batch)
            name = file_name(content, backend.file_suffix)
            self._names[key] = name
            if name not in (self._present or ()):
                yield name, content


def file_name(content: bytes, suffix: str) -> str:
    """A file's name by what it holds."""
    return content_digest(content)[:32] + suffix


def listed(connection: Connection) -> dict[str, int]:
    """Sizes in bytes of the model files on the phone; what a cut push left is removed."""
    steps = f"mkdir -p {MODELS} && cd {MODELS} || exit 1; rm -f *.part; stat -c '%s %n' *"
    done = connection.run(["sh", "-c", f"{steps} 2>/dev/null; exit 0"])
    if done.status != 0:
        raise DeviceError(f"the phone's folder {MODELS} cannot be used: {error_line(done.err)}")
    found: dict[str, int] = {}
    for line in done.out.decode(errors="replace").splitlines():
        text, _, name = line.partition(" ")
        size = parse_integer(text)
        if size is not None and size >= 0:
            found[name] = size
    return found


def remove(connection: Connection, names: Iterable[str]) -> None:
    """Remove model files from the phone."""
    for some in _chunks(list(names), 100):
        quoted = " ".join(shlex.quote(name) for name in some)
        connection.run(["sh", "-c", f"cd {MODELS} && rm -f -- {quoted}"])


def free_bytes(connection: Connection) -> int | None:
    """Room on the phone where models go; None where it does not tell."""
    done = connection.run(["df", "-k", WORK])
    lines = done.out.decode(errors="replace").split()
    # The columns may be broken over lines: the fourth number before the mount point is free.
    numbers = [
        found for word in lines[-5:] if (found := parse_integer(word)) is not None and found >= 0
    ]
    return numbers[2] * 1024 if len(numbers) == 3 else None


def _key(one: Workload, batch: int) -> tuple[str, int]:
    return one.file or "|".join(block.key for block in one.blocks), batch


def _batches(files: Iterator[tuple[str, bytes]]) -> Iterator[Mapping[str, bytes]]:
    """Files by name, several at a time, in bounded memory."""
    held: dict[str, bytes] = {}
    for name, content in files:
        held[name] = content
        if sum(map(len, held.values())) >= BATCH_BYTES:
            yield held
            held = {}
    if held:
        yield held


def _chunks(names: Sequence[str], most: int) -> Iterator[Sequence[str]]:
    for start in range(0, len(names), most):
        yield names[start : start + most]
