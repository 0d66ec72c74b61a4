"""A fleet: devices that one command measures, and how many of them at the same time."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bench.errors import InputError
from bench.options import MILLISECONDS, Options, nested, option
from bench.options.fields import option_fields
from bench.options.reading import value_of
from ofabench.options.device import DeviceOptions

NAME = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
NAME_WORDS = "letters, digits, - and _, at most 64"
RUNNER_BACKEND = "tflite"


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetMember(Options):
    """One device of a fleet, what runs on it, and its limit in a search.

    `name` is the stem of its files. Backend, cores, threads and precision that are None are those
    of the command; phones, and boards without `remote_python`, have tflite. Members that share a
    group are limited by it.

    Example:
        >>> here = DeviceOptions(device="cpu")
        >>> FleetMember(name="here", device=here, threads=4, max_latency_ms=30).address
        'cpu'
    """

    name: str = option(help=f"{NAME_WORDS}, as note8")
    device: DeviceOptions = nested(DeviceOptions)
    backend: str | None = option(None, help="runtime: torch, onnx, tflite or another")
    cores: str | None = option(None, help="as --cores of sweep")
    threads: int | None = option(None, minimum=1, help="threads of the runtime")
    precision: str | None = option(
        None, choices=("fp32", "fp16", "bf16", "int8"), help="of weights and activations"
    )
    groups: tuple[str, ...] = option(
        (), flag="--groups", aliases=("--group",), separator=",", help="groups that limit it"
    )
    latency: Path | None = option(None, help="latency predictor, from `ofabench fit`")
    max_latency_ms: float | None = option(
        None, unit=MILLISECONDS, help="limit of `search --fleet` on this device"
    )

    @property
    def address(self) -> str:
        """The device's address."""
        return self.device.device or ""

    @property
    def backend_or_usual(self) -> str | None:
        """The backend; tflite where our runner measures, elsewhere None if the member has none."""
        board = self.address.startswith("ssh:") and self.device.ssh.remote_python is None
        ours = board or self.address.startswith("adb:")
        return self.backend or (RUNNER_BACKEND if ours else None)

    def check(self) -> None:
        """Check the names, the address, and that every text is a line."""
        for what, name in (("name", self.name), *(("group", group) for group in self.groups)):
            if not NAME.fullmatch(name):
                raise InputError(f"{what} is {name!r:.80}, expected {NAME_WORDS}")
        for each in option_fields(type(self)):
            if each.type in {str, Path} and not each.many:
                _check_line(each.name, value_of(self, each))
        _check_address(self.address)


def _check_line(name: str, value: object) -> None:
    """Raise `InputError` if a text is empty or contains unprintable characters."""
    text = None if value is None else str(value)
    if text is not None and not (text.strip() and text.isprintable()):
        raise InputError(f"{name} is {text!r:.60}, expected a line of text")


def _check_address(address: str) -> None:
    """Raise `InputError` if no kind of device has such addresses; connects to nothing."""
    from bench.devices.android.adb.address import Address
    from bench.devices.registry import KNOWN, PLUGINS
    from bench.devices.ssh.address import SshAddress

    kind = address.partition(":")[0]
    if kind not in PLUGINS.built_in and kind not in PLUGINS.names():
        others = "".join(f", {name}" for name in PLUGINS.names())
        raise InputError(f"address is {address!r:.80}, expected one of: {KNOWN}{others}")
    if kind == "adb":
        try:
            Address.parse(address)
        except InputError as error:
            raise InputError(f"address: {error}") from error
    if kind == "ssh":
        SshAddress.parse(address)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """Devices in the order of their file, with the limits of their groups.

    Attributes:
        members: the devices, with unique names.
        groups: how many members of a group are measured at once; 1 for groups without an entry.
        at_once: how many members are measured at once in all; None for no such limit.

    Raises:
        InputError: there is no member, two have one name or would measure the same, or a limit is
            no whole number above 0 or is for a group that nobody is in.

    Example:
        >>> phones = [
        ...     FleetMember(name=name, device=DeviceOptions(device=address), groups=("hub",))
        ...     for name, address in (("a", "adb:X"), ("b", "adb:Y"))
        ... ]
        >>> fleet = Fleet(members=tuple(phones), groups={"hub": 2})
        >>> [member.name for member in fleet]
        ['a', 'b']
    """

    members: tuple[FleetMember, ...]
    groups: Mapping[str, int] = field(default_factory=dict)
    at_once: int | None = None

    def __post_init__(self) -> None:
        """Check members and limits together."""
        object.__setattr__(self, "members", tuple(self.members))
        if not self.members:
            raise InputError("the fleet has no device")
        _check_distinct(self.members)
        used = {group for member in self.members for group in member.groups}
        for group, limit in self.groups.items():
            _check_limit(f"groups.{group}", limit)
            if group not in used:
                members = ", ".join(sorted(used)) or "none"
                raise InputError(f"no device is in the group {group!r:.80}; groups are {members}")
        if self.at_once is not None:
            _check_limit("at_once", self.at_once)

    def __iter__(self) -> Iterator[FleetMember]:
        return iter(self.members)

    def __len__(self) -> int:
        return len(self.members)


def _check_limit(name: str, limit: object) -> None:
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
        raise InputError(f"{name} is {limit!r:.40}, expected a whole number of at least 1")


def _check_distinct(members: tuple[FleetMember, ...]) -> None:
    """Raise `InputError` for equal names, ignoring case, and for equal measurements."""
    by_name: dict[str, FleetMember] = {}
    by_target: dict[str, FleetMember] = {}
    for member in members:
        other = by_name.setdefault(member.name.lower(), member)
        if other is not member:
            both = f"{other.name!r} and {member.name!r} have one name, {member.name!r}"
            raise InputError(f"devices {both}; each needs its own")
        other = by_target.setdefault(_measured(member), member)
        if other is not member:
            raise InputError(
                f"devices {other.name!r} and {member.name!r} are both {member.address} with the "
                "same options: leave one out, or give one other threads, cores or precision"
            )


def _measured(member: FleetMember) -> str:
    """Return what a member measures; equal for two that would measure the same."""
    device = {**member.device.to_dict(), "wait": None}
    backend = member.backend_or_usual
    return repr((device, backend, member.cores, member.threads, member.precision))
