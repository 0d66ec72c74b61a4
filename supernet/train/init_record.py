"""`InitRecord`: provenance of a training's initial weights, which its checkpoint contains."""

from dataclasses import asdict, dataclass
from typing import Any

from supernet.data.class_names import ClassNames

_SHOWN_DIGITS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class InitRecord:
    """Provenance of initial weights.

    `file` is the name of their file and `sha256` its digest, `space` and `class_names` are those of
    the file (no names where unknown), and `reinitialised` names the tensors that were not copied.
    """

    file: str
    sha256: str
    space: str
    reinitialised: tuple[str, ...] = ()
    class_names: ClassNames = ()

    def to_json(self) -> dict[str, Any]:
        """Return all fields as JSON values."""
        values = asdict(self)
        lists = {name: [*value] for name, value in values.items() if isinstance(value, tuple)}
        return {**values, **lists}

    def line(self) -> str:
        """Return origin and re-initialised tensors on one line."""
        changed = ", ".join(self.reinitialised) or "none"
        digest = self.sha256[:_SHOWN_DIGITS]
        return f"initial weights: {self.file} (SHA-256 {digest}...); re-initialised: {changed}"
