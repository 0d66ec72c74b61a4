"""The training log: JSON lines beside the checkpoint.

A line of steps has `phase`, `epoch`, `step` (all counted from 0; `step` is the last one that it
tells of), the mean `loss` since the line before it, `lr`, and `images_per_s`, each image counted
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

Place = tuple[int, int, int]  # phase, epoch and step, as a checkpoint counts what is done
EVERY_STEPS = 10
KINDS = ("run", "steps", "validation")


@dataclass(frozen=True)
class TrainingLog:
    """Appends to `path`; what a kill leaves half written is dropped by `cut`."""

    path: Path

    @classmethod
    def beside(cls, checkpoint: Path) -> "TrainingLog":
        """Log of the training whose checkpoint this is."""
        return cls(checkpoint.with_suffix(".jsonl"))

    def cut(self, done: Place, about: Mapping[str, Any], *, anew: bool = False) -> None:
        """Begin, or go on: drop what was told of steps after `done`, which are trained again.

        With `anew` everything is dropped. `about` says what is trained, in a line of its own.
        """
        old = [] if anew or not self.path.exists() else read_log(self.path)
        kept = [line for line in old if line["kind"] == "run" or _after(line) <= done]
        lines = [*kept, {"kind": "run", **about}]
        write_text(self.path, "".join(json.dumps(line) + "\n" for line in lines))

    def add(self, kind: str = "steps", **line: object) -> None:
        """Append a line of steps, or of validation."""
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"kind": kind, **line}) + "\n")
        except OSError as error:
            raise FileError(f"cannot write {self.path}: {error.strerror or error}") from error


def read_log(path: Path) -> list[dict[str, Any]]:
    """Lines of a log in order, but a last one that was cut short; `FileError` for another file."""
    lines = read_bytes(path).decode(errors="replace").split("\n")
    found = []
    for number, line in enumerate(lines, start=1):
        try:
            read = parse_json(line) if line else None
        except ValueError as error:
            if number == len(lines):
                break
            raise FileError(f"{path}, line {number} is not of a training log: {error}") from error
        if read is None:
            continue
        if not isinstance(read, dict) or read.get("kind") not in KINDS:
            raise FileError(f"{path}, line {number} is not of a training log: {line:.60}")
        found.append(read)
    return found


def _after(line: Mapping[str, Any]) -> Place:
    return (int(line["phase"]), int(line["epoch"]), int(line["step"]) + 1)
