"""Model files on the device, and values of their inputs: named by content, sent once.

Values of weights do not affect time, so every replicate uses the same ones and thus the same files;
what varies between replicates is created on the device: the order of loading, memory, random
images, bursts. Files that no replicate needs any more are deleted.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from bench.devices.remote.connection import Connection, error_line
from bench.devices.remote.content import push_missing
from bench.devices.remote.folder import RemoteFolder
from bench.devices.remote.input_values import value_bytes
from bench.digests import content_digest
from bench.errors import DeviceError
from bench.integers import parse_integer
from bench.models.files_backend import ModelFilesBackend
from bench.protocol.backend import Backend
from bench.protocol.device import Workload
from bench.protocol.target import Target
from bench.protocol.workload_model import workload_model

VALUES_SUFFIX = ".values"
WEIGHT_SEED = 0
CACHE_BYTES = 1 << 30  # for models on the device that the current replicate does not need
BATCH_BYTES = 16 << 20  # of files held in this process's memory at the same time


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedFiles:
    """Files of a replicate that are on the device.

    Attributes:
        models: each workload's path for the job.
        values: the path of its inputs' values; None where the runner draws them.
        sent_bytes: of the files that were missing.
    """

    models: tuple[str, ...]
    values: tuple[str | None, ...]
    sent_bytes: int


@dataclass(frozen=True, slots=True)
class _Names:
    """A workload's files on the device: its model, and its inputs' values if it has some."""

    model: str
    values: str | None

    def __iter__(self) -> Iterator[str]:
        return iter([self.model] if self.values is None else [self.model, self.values])


@dataclass(kw_only=True)
class ModelCache:
    """Knows which model files are on the device, for one connection, and sends the others.

    Call `forget` when the connection was lost: the device's files are then listed again.
    """

    _names: dict[tuple[str, int, str], _Names] = field(default_factory=dict)
    _made_by: Backend | None = None
    _present: set[str] | None = None

    def forget(self) -> None:
        self._present = None

    def place(
        self,
        connection: Connection,
        folder: RemoteFolder,
        work: Sequence[Workload],
        backend: Backend,
        target: Target,
    ) -> PlacedFiles:
        """Send missing files; return where each workload's are."""
        if self._made_by is not backend:  # another backend creates other files of the same blocks
            self._made_by, self._names = backend, {}
        if self._present is None:
            self._present = set(listed(connection, folder))
        sent_bytes = 0
        for files in _batches(self._missing(work, backend, target)):
            sent_bytes += push_missing(connection, folder.models, files)
            self._present.update(files)
        names = [self._names[_key(workload, target)] for workload in work]
        return PlacedFiles(
            models=tuple(f"models/{each.model}" for each in names),
            values=tuple(each.values and f"models/{each.values}" for each in names),
            sent_bytes=sent_bytes,
        )

    def clear(
        self,
        connection: Connection,
        folder: RemoteFolder,
        work: Sequence[Workload],
        target: Target,
        most_bytes: int,
    ) -> None:
        """Remove files that the replicate does not need, if they exceed `most_bytes`."""
        needed = {name for workload in work for name in self._names.get(_key(workload, target), ())}
        present = listed(connection, folder)
        unneeded = {name: size for name, size in present.items() if name not in needed}
        if sum(unneeded.values()) > most_bytes:
            remove(connection, folder, unneeded)
            self._present = set(present) - set(unneeded)

    def missing_bytes(self, work: Sequence[Workload], backend: Backend, target: Target) -> int:
        """Return the size of the files that the replicate needs and the device lacks."""
        return sum(len(content) for _, content in self._missing(work, backend, target))

    def _missing(
        self, work: Iterable[Workload], backend: Backend, target: Target
    ) -> Iterator[tuple[str, bytes]]:
        """Yield names and contents of files that are not on the device, each once."""
        workloads = {_key(workload, target): workload for workload in work}
        for key, workload in workloads.items():
            present = self._present or ()
            if key in self._names and all(name in present for name in self._names[key]):
                continue
            content = backend.serialise(
                workload_model(workload, WEIGHT_SEED), target.batch, target.file_precision
            )
            values = _values(workload, backend)
            self._names[key] = _Names(
                file_name(content, backend.file_suffix),
                None if values is None else file_name(values, VALUES_SUFFIX),
            )
            for name, part in zip(self._names[key], (content, values), strict=False):
                if name not in present and part is not None:
                    yield name, part


def file_name(content: bytes, suffix: str) -> str:
    """Return a file's name by its content."""
    return content_digest(content)[:32] + suffix


def listed(connection: Connection, folder: RemoteFolder) -> dict[str, int]:
    """Return sizes in bytes of the files there; a broken transfer left its beginning as `.part`."""
    steps = 'mkdir -p "$1" && cd "$1" || exit 1; { stat -c "%s %n" *; } 2>/dev/null'
    argv = ["sh", "-c", f"{steps}; exit 0", "ofabench", folder.models]
    completed = connection.run(argv)
    if completed.status != 0:
        raise DeviceError(
            f"the device's folder {folder.models} cannot be used: {error_line(completed.err)}"
        )
    sizes: dict[str, int] = {}
    for line in completed.out.decode(errors="replace").splitlines():
        text, _, name = line.partition(" ")
        size = parse_integer(text)
        if size is not None and size >= 0:
            sizes[name] = size
    return sizes


def remove(connection: Connection, folder: RemoteFolder, names: Iterable[str]) -> None:
    """Remove model files from the device."""
    for chunk in _chunks(list(names), 100):
        steps = 'cd "$1" && shift && rm -f -- "$@"'
        connection.run(["sh", "-c", steps, "ofabench", folder.models, *chunk])


def free_bytes(connection: Connection, folder: RemoteFolder) -> int | None:
    """Return the free space on the device for models; None if unknown."""
    completed = connection.run(["df", "-k", folder.path])
    lines = completed.out.decode(errors="replace").split()
    # The columns may be broken over lines: the fourth number before the mount point is free.
    numbers = [
        value for word in lines[-5:] if (value := parse_integer(word)) is not None and value >= 0
    ]
    return numbers[2] * 1024 if len(numbers) == 3 else None


def _values(workload: Workload, backend: Backend) -> bytes | None:
    """Return the values of a model file's inputs; None where the runner draws them."""
    if not workload.file or not isinstance(backend, ModelFilesBackend):
        return None
    return value_bytes(backend.file_of(workload.file))


def _key(workload: Workload, target: Target) -> tuple[str, int, str]:
    blocks = workload.file or "|".join(block.key for block in workload.blocks)
    return blocks, target.batch, target.file_precision


def _batches(files: Iterator[tuple[str, bytes]]) -> Iterator[Mapping[str, bytes]]:
    """Yield files by name in batches of bounded size."""
    batch: dict[str, bytes] = {}
    for name, content in files:
        batch[name] = content
        if sum(map(len, batch.values())) >= BATCH_BYTES:
            yield batch
            batch = {}
    if batch:
        yield batch


def _chunks(names: Sequence[str], most: int) -> Iterator[Sequence[str]]:
    for start in range(0, len(names), most):
        yield names[start : start + most]
