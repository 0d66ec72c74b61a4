"""Store measured accuracies of sub-networks in an append-only file of JSON lines.

The first line describes the measuring conditions; each further line holds one network. A killed
process leaves at most one incomplete line, which the next process drops.
"""

import fcntl
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO, Self

from bench.closing import Closing
from bench.errors import FileError
from bench.files import VALUE_DAMAGE, parse_json, write_text
from bench.reading import from_plain
from supernet.data.dataset import Score

WHAT = "evaluations of sub-networks"
Code = tuple[int, ...]
FLOAT32 = "fp32"  # also of stores that do not name a precision


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """Everything that determines a network's accuracy, except the network itself.

    `weights` is `digest_tensors` of the supernet. Accuracy is measured on `images` images of `part`
    of `data`, drawn by `seed`; batch norms are recalibrated on `calibration` training images.
    `precision` is fp32, or int8 with the runtime of the quantised files.
    """

    space: str
    weights: str
    data: str
    part: str
    images: int
    calibration: int
    seed: int
    precision: str = FLOAT32

    def check_same(self, stored: Mapping[str, Any], path: Path) -> None:
        """Raise `FileError` unless the conditions of a store's first line equal these."""
        for name, current in asdict(self).items():
            stored_value = stored.get(name, FLOAT32 if name == "precision" else None)
            if stored_value != current:
                was, now = str(stored_value), str(current)
                if name == "weights":  # the first digits of a digest suffice
                    was, now = was[:8], now[:8]
                raise FileError(
                    f"{path} holds networks measured with {name} {was}, not {now}: name another "
                    "--out, or remove it"
                )


class EvaluationStore(Closing):
    """Scores by code, in a file that is locked until it is closed."""

    def __init__(
        self, path: Path, conditions: Conditions, file: BinaryIO, scores: dict[Code, Score]
    ) -> None:
        self.path, self.conditions, self.scores = path, conditions, scores
        self._file = file

    @classmethod
    def open(cls, path: Path, conditions: Conditions) -> Self:
        """Create or continue a file; `FileError` where it is of another kind, damaged or in use."""
        first = {"what": WHAT, "version": 1, **asdict(conditions)}
        if not path.exists():
            write_text(path, json.dumps(first) + "\n")
        try:
            file = path.open("rb+")
        except OSError as error:
            raise FileError(f"cannot open {path}: {error.strerror or error}") from error
        try:
            _lock(file, path)
            scores = _read(file, path, conditions)
        except BaseException:
            file.close()
            raise
        return cls(path, conditions, file, scores)

    def add(self, code: Code, score: Score) -> None:
        """Append one network's score durably."""
        line = json.dumps({"code": code, **asdict(score)}) + "\n"
        try:
            self._file.write(line.encode())
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise FileError(
                f"cannot write {self.path}: {error.strerror or error}; earlier measurements are "
                "saved: repeat the same command to continue"
            ) from error
        self.scores[code] = score

    def close(self) -> None:
        """Close and unlock the file."""
        self._file.close()


def _lock(file: BinaryIO, path: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise FileError(
            f"another evaluation is using {path}; wait for it, or name another --out"
        ) from error


def _read(file: BinaryIO, path: Path, conditions: Conditions) -> dict[Code, Score]:
    """Read the scores, and truncate the file after its last complete line."""
    content = file.read()
    complete = content[: content.rfind(b"\n") + 1]
    first, *lines = complete.splitlines() or [b""]
    conditions.check_same(_header(first, path), path)
    scores = {}
    for number, line in enumerate(lines, start=2):
        try:
            data = parse_json(line)
            code = tuple(int(value) for value in data["code"])
            score = from_plain(Score, data, "a score", other_keys=True)
        except VALUE_DAMAGE as error:
            raise FileError(
                f"{path}, line {number} is damaged ({error}); remove that line, or measure again"
            ) from error
        scores[code] = score
    file.truncate(len(complete))
    file.seek(len(complete))
    return scores


def _header(line: bytes, path: Path) -> Mapping[str, Any]:
    try:
        data = parse_json(line)
    except ValueError:
        data = None
    if not isinstance(data, dict) or data.get("what") != WHAT:
        raise FileError(f"{path} does not hold {WHAT}; name another --out, or remove it")
    if data.get("version") != 1:
        raise FileError(f"{path} is of version {data.get('version')}, expected 1; remove it")
    return data
