"""Training log: JSON lines beside the checkpoint.

A line of a run describes the training; its `networks` are the architectures of the networks that
are evaluated, by name. A line of steps has `phase`, `epoch`, `step` (all counted from 0; `step` is
the last one that it includes), the phase's `name`, the mean `loss` since the previous line, `lr`,
and `images_per_s`, each image counted once for each sub-network. Losses are written exactly: two
equal trainings have equal curves. A line of validation has the same `phase`, `epoch` and `step`,
and the `accuracy` of a `network` of the supernet on so many validation `images`. Every line has the
`time` when it was written, in seconds since 1970.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from bench.errors import FileError
from bench.files import parse_json, read_bytes, write_text

Place = tuple[int, int, int]  # completed phases, epochs and steps, as in a checkpoint
EVERY_STEPS = 10
KINDS = ("run", "steps", "validation")


class LogMirror(Protocol):
    """Shows the lines of a log elsewhere, such as in TensorBoard."""

    def begin(self, lines: Sequence[Mapping[str, Any]]) -> None:
        """Show these lines in place of all earlier ones: the log of a new or resumed training."""
        ...

    def add(self, line: Mapping[str, Any]) -> None:
        """Show one more line."""
        ...


@dataclass(frozen=True)
class TrainingLog:
    """Appends to `path` and shows each line on `mirror`; `cut` drops an incomplete last line."""

    path: Path
    mirror: LogMirror | None = None
    now_s: Callable[[], float] = time.time

    @classmethod
    def beside(cls, checkpoint: Path, mirror: LogMirror | None = None) -> "TrainingLog":
        """Return the log of the training with this checkpoint."""
        return cls(checkpoint.with_suffix(".jsonl"), mirror)

    def cut(self, done: Place, description: Mapping[str, Any], *, restart: bool = False) -> None:
        """Start or continue the log: drop lines of steps after `done`, which are trained again.

        With `restart` all lines are dropped. `description` describes the training, in a separate
        line.
        """
        old = [] if restart or not self.path.exists() else read_log(self.path)
        lines_before = [line for line in old if line["kind"] == "run" or _after(line) <= done]
        lines = [*lines_before, self._dated("run", description)]
        write_text(self.path, "".join(json.dumps(line) + "\n" for line in lines))
        if self.mirror is not None:
            self.mirror.begin(lines)

    def add(self, kind: str = "steps", **line: object) -> None:
        """Append a line of steps, or of validation."""
        dated = self._dated(kind, line)
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(dated) + "\n")
        except OSError as error:
            raise FileError(f"cannot write {self.path}: {error.strerror or error}") from error
        if self.mirror is not None:
            self.mirror.add(dated)

    def _dated(self, kind: str, line: Mapping[str, Any]) -> dict[str, Any]:
        return {"kind": kind, **line, "time": round(self.now_s(), 3)}


def read_log(path: Path) -> list[dict[str, Any]]:
    """Return the lines of a log, without an incomplete last one; `FileError` for another file."""
    lines = read_bytes(path).decode(errors="replace").split("\n")
    entries = []
    for number, line in enumerate(lines, start=1):
        try:
            entry = parse_json(line) if line else None
        except ValueError as error:
            if number == len(lines):
                break
            raise FileError(f"{path}, line {number} is not of a training log: {error}") from error
        if entry is None:
            continue
        if not isinstance(entry, dict) or entry.get("kind") not in KINDS:
            raise FileError(f"{path}, line {number} is not of a training log: {line:.60}")
        entries.append(entry)
    return entries


def _after(line: Mapping[str, Any]) -> Place:
    return (int(line["phase"]), int(line["epoch"]), int(line["step"]) + 1)
