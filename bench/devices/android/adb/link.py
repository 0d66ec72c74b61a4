"""The interface of a link to a phone: named services opened as byte streams.

A link and its streams belong to one thread.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


class Stream(Protocol):
    """One open service, bytes in both directions."""

    def read(self, timeout_s: float) -> bytes:
        """Return the next bytes, b"" at the end.

        Raises `DeviceLostError` if the connection broke, or after the timeout.
        """
        ...

    def write(self, data: bytes, timeout_s: float) -> None:
        """Send all of `data`; `DeviceLostError` as for `read`."""
        ...

    def close(self) -> None:
        """Close the stream; may be called again."""
        ...


class Link(Protocol):
    """A link to one phone."""

    @property
    def features(self) -> frozenset[str]:
        """Features of its daemon, like shell_v2."""
        ...

    def open(self, service: str, timeout_s: float) -> Stream:
        """Open a service; `DeviceError` if the phone refuses it."""
        ...

    def close(self) -> None:
        """Close the link and all its streams."""
        ...


@dataclass(frozen=True, slots=True)
class Banner:
    """How a phone's daemon identifies itself: `device::NAME=VALUE;...features=a,b`."""

    state: str
    properties: Mapping[str, str] = field(default_factory=dict)

    @property
    def features(self) -> frozenset[str]:
        return split_features(self.properties.get("features", ""))


def parse_banner(data: bytes) -> Banner:
    """Parse a CNXN message's text; entries that are not properties are ignored."""
    text = data.rstrip(b"\0").decode("utf-8", "replace")
    state, _, rest = text.partition(":")
    _, _, listed = rest.partition(":")
    pairs = (pair.partition("=") for pair in listed.split(";"))
    return Banner(state, {name: value for name, equals, value in pairs if equals})


def split_features(text: str) -> frozenset[str]:
    """Parse a comma-separated list of features."""
    return frozenset(feature for feature in text.strip().split(",") if feature)
