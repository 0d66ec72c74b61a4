"""The interface of a link to a phone: named services opened as streams of bytes.

A link, its streams and all that is made of them belong to one thread.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


class Stream(Protocol):
    """One open service, bytes both ways."""

    def read(self, timeout_s: float) -> bytes:
        """Return the next bytes, b"" at the end.

        `DeviceLostError` where the connection broke, or nothing came for so long.
        """
        ...

    def write(self, data: bytes, timeout_s: float) -> None:
        """Send all of `data`; `DeviceLostError` as of `read`."""
        ...

    def close(self) -> None:
        """Let go of it; calling it again is fine."""
        ...


class Link(Protocol):
    """A way to one phone."""

    @property
    def features(self) -> frozenset[str]:
        """What its daemon can do, like shell_v2."""
        ...

    def open(self, service: str, timeout_s: float) -> Stream:
        """Open a service; `DeviceError` where the phone refuses it."""
        ...

    def close(self) -> None:
        """Close it and every stream of it."""
        ...


@dataclass(frozen=True, slots=True)
class Banner:
    """How a phone's daemon presents itself: `device::NAME=VALUE;...features=a,b`."""

    state: str
    properties: Mapping[str, str] = field(default_factory=dict)

    @property
    def features(self) -> frozenset[str]:
        return split_features(self.properties.get("features", ""))


def parse_banner(data: bytes) -> Banner:
    """Read a CNXN message's text; what is no property is left out."""
    text = data.rstrip(b"\0").decode("utf-8", "replace")
    state, _, rest = text.partition(":")
    _, _, listed = rest.partition(":")
    pairs = (pair.partition("=") for pair in listed.split(";"))
    return Banner(state, {name: value for name, equals, value in pairs if equals})


def split_features(text: str) -> frozenset[str]:
    """Read a list of features, commas between them."""
    return frozenset(feature for feature in text.strip().split(",") if feature)
