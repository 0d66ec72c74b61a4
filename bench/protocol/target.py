"""`Target`: the device, backend and settings that a figure is for."""

import re
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from bench.errors import InputError
from bench.reading import from_plain


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Target:
    """What a figure was measured on. Two different targets never share a table.

    `device` is a slug of the hardware itself ("intel-xeon-processor", "sm-n950f"), not an address;
    `cores` lists the cores that the process is pinned to ("0", "0,1"; "" for unpinned); `options`
    are sorted pairs that change what a figure means (cache state, graph or eager, ...).
    """

    device: str
    backend: str
    backend_version: str
    precision: str = "fp32"
    threads: int = 1
    cores: str = ""
    batch: int = 1
    options: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        if self.threads < 1:
            raise InputError(f"threads must be at least 1, got {self.threads}")
        if self.batch < 1:
            raise InputError(f"batch must be at least 1, got {self.batch}")
        object.__setattr__(self, "options", tuple(sorted((k, v) for k, v in self.options)))

    @property
    def key(self) -> str:
        """Return one line that identifies the target completely."""
        parts = [self.device, f"{self.backend}-{self.backend_version}", self.precision]
        parts += [f"t{self.threads}", f"c{self.cores or 'any'}", f"b{self.batch}"]
        return "/".join(parts + [f"{name}={value}" for name, value in self.options])

    @property
    def file_precision(self) -> str:
        """Return the precision of model files for this target: int8 or fp32.

        Lower floating-point precisions are how a device computes a float32 file.
        """
        return "int8" if self.precision == "int8" else "fp32"

    @property
    def column(self) -> str:
        """Return the name of this target's column in a networks table: [a-z0-9_], ends in `_ms`."""
        text = f"{self.device}_{self.backend}_{self.precision}_t{self.threads}_b{self.batch}"
        return re.sub(r"[^a-z0-9]+", "_", text.lower()) + "_ms"

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Any) -> Self:
        return from_plain(cls, data, "a target")

    def with_options(self, **options: str) -> Self:
        return replace(self, options=tuple({**dict(self.options), **options}.items()))
