"""Training log: JSON lines beside the checkpoint.

A line of steps has `phase`, `epoch`, `step` (all counted from 0; `step` is the last one that it
includes), the mean `loss` since the previous line, `lr`, and `images_per_s`, each image counted
once for each sub-network. Losses are written exactly: two equal trainings have equal curves. A
line of validation has the same `phase`, `epoch` and `step`, and the `accuracy` of a `network` of
the supernet on so many validation `images`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.errors import FileError
from bench.files import parse_json, read_bytes, write_text

Place = tuple[int, int, int]  # completed phases, epochs and steps, as in a checkpoint
EVERY_STEPS = 10
KINDS = ("run", "steps", "validation")


@dataclass(frozen=True)
class TrainingLog:
    """Appends to `path`; `cut` drops an incomplete line after a kill."""

    path: Path

    @classmethod
    def beside(cls, checkpoint: Path) -> "TrainingLog":
        """Return the log of the training with this checkpoint."""
        return cls(checkpoint.with_suffix(".jsonl"))

    def cut(self, done: Place, description: Mapping[str, Any], *, restart: bool = False) -> None:
        """Start or continue the log: drop lines of steps after `done`, which are trained again.

        With `restart` all lines are dropped. `description` describes the training, in a separate
        line.
        """
        old = [] if restart or not self.path.exists() else read_log(self.path)
        lines_before = [line for line in old if line["kind"] == "run" or _after(line) <= done]
        lines = [*lines_before, {"kind": "run", **description}]
        write_text(self.path, "".join(json.dumps(line) + "\n" for line in lines))

    def add(self, kind: str = "steps", **line: object) -> None:
        """Append a line of steps, or of validation."""
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"kind": kind, **line}) + "\n")
        except OSError as error:
            raise FileError(f"cannot write {self.path}: {error.strerror or error}") from error


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
