"""Training log shown in TensorBoard, by its own library (the extra `tensorboard`)."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.closing import Closing
from bench.errors import FileError, InputError
from bench.extras import check_extra

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

EVENTS, SUFFIX = "events.out.tfevents.*", ".ofabench"
FLUSH_S = 10
# Tags by a field of the log's lines of steps.
STEP_TAGS = {"loss": "loss", "lr": "learning rate", "images_per_s": "images per second"}

StepsDone = Callable[[tuple[int, int, int]], int]
"""Returns the optimiser's steps before a place: completed phases, epochs and steps."""


class TensorBoardMirror(Closing):
    """Writes the lines of a training's log as scalars over the optimiser's steps.

    The run is the folder `folder`. Its event file always has the lines of the log, each once: after
    a resume it is written again from the log. Lines keep the time at which they were logged.
    """

    def __init__(self, folder: Path, steps_done: StepsDone) -> None:
        self._folder, self._steps_done = folder, steps_done
        self._writer: SummaryWriter | None = None

    def begin(self, lines: Sequence[Mapping[str, Any]]) -> None:
        """Replace the events of this run by these lines. `FileError` if it cannot be written."""
        from torch.utils.tensorboard import SummaryWriter

        self.close()
        try:
            for earlier in event_files(self._folder):
                earlier.unlink()
            self._folder.mkdir(parents=True, exist_ok=True)
            # `purge_step`: a TensorBoard that runs forgets the events of the replaced file.
            self._writer = SummaryWriter(
                str(self._folder), purge_step=0, filename_suffix=SUFFIX, flush_secs=FLUSH_S
            )
        except OSError as error:
            raise self._error(error) from error
        for line in lines:
            self.add(line)

    def add(self, line: Mapping[str, Any]) -> None:
        """Write one line of the log; that of a run has no scalar."""
        if self._writer is None:
            return
        for tag, value in _scalars(line).items():
            done = self._steps_done((line["phase"], line["epoch"], line["step"] + 1))
            try:
                self._writer.add_scalar(tag, value, done, walltime=line.get("time"))
            except OSError as error:
                raise self._error(error) from error

    def close(self) -> None:
        """Write what is still in memory, and close the event file."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _error(self, error: OSError) -> FileError:
        return FileError(f"cannot write events to {self._folder}: {error.strerror or error}")


def check_run(folder: Path, *, resume: bool) -> None:
    """Check that a run can be written to a folder; nothing on disk changes.

    Raises `MissingRuntimeError` where TensorBoard is not installed, `FileError` where the folder is
    a file or not writable, `InputError` where it has events of another training.
    """
    check_extra("tensorboard", "--tensorboard needs")
    existing = next(
        path for path in (folder.absolute(), *folder.absolute().parents) if path.exists()
    )
    if not existing.is_dir():
        raise FileError(f"{existing} is a file, expected a folder for TensorBoard's events")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise FileError(f"cannot write to {existing}: name another --tensorboard folder")
    if not resume and any(folder.glob(EVENTS)):
        raise InputError(
            f"{folder} has the events of another training: name another --tensorboard folder, or "
            "remove it"
        )


def event_files(folder: Path) -> list[Path]:
    """Return the event files that a mirror wrote to a folder."""
    return sorted(folder.glob(f"{EVENTS}{SUFFIX}"))


def _scalars(line: Mapping[str, Any]) -> dict[str, float]:
    """Return the scalars of a line by tag."""
    if line["kind"] == "steps":
        return {tag: line[name] for name, tag in STEP_TAGS.items()}
    if line["kind"] == "validation":
        return {f"validation accuracy/{line['network']}": line["accuracy"]}
    return {}
