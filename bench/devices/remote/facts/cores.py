"""Cores of a device: clusters by their highest frequency, and names for them."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench.devices.remote.facts.core_files import Core
from bench.errors import InputError

_LIST = re.compile(r"\d{1,4}(,\d{1,4})*", re.ASCII)
_MASK = re.compile(r"(0x)?[0-9a-f]{1,64}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """Cores with the same highest frequency, which is None if the device does not report it."""

    max_khz: int | None
    cores: tuple[int, ...]

    def __str__(self) -> str:
        speed = "unknown speed" if self.max_khz is None else f"{self.max_khz / 1e6:.2f} GHz"
        return f"{','.join(map(str, self.cores))} at {speed}"


def clusters_of(cores: Sequence[Core]) -> tuple[Cluster, ...]:
    """Return the clusters of the cores that are online, fastest first."""
    speeds = {core.max_khz for core in cores if core.online}
    ordered = sorted(speeds, key=lambda khz: -1 if khz is None else khz, reverse=True)
    return tuple(
        Cluster(
            max_khz=khz,
            cores=tuple(core.number for core in cores if core.online and core.max_khz == khz),
        )
        for khz in ordered
    )


def choose_cores(threads: int, requested: str | None, cores: Sequence[Core]) -> str:
    """Return cores for `Target.cores`, as many as threads, or all that were named.

    `requested` is `big` (None too: the fastest cluster, then others except the slowest), `little`
    (the slowest cluster), `all`, `any` (unpinned: ""), a list as `4,5`, or a mask as `0xf0`, `f0`.
    Raises `InputError` with the clusters.
    """
    clusters = clusters_of(cores)
    choice = (requested or "big").strip().lower()
    if not clusters:
        if requested is None or choice == "any":
            return ""  # a device that reports no cores places threads itself
        raise InputError(
            f"cores are {requested!r}, but the device does not report its cores; use any"
        )
    online = sorted(number for cluster in clusters for number in cluster.cores)
    if choice == "any":
        _check(threads, online, requested, clusters)
        return ""
    match choice:
        case "big":
            chosen = _big(clusters)[:threads]
        case "little":
            chosen = list(clusters[-1].cores)[:threads]
        case "all":
            chosen = online
        case _:
            chosen = _named(choice, requested, online, clusters)
    _check(threads, chosen, requested, clusters)
    return ",".join(map(str, sorted(chosen)))


def mask_of(cores: str) -> str:
    """Return a list as in `Target.cores` as a mask in hex; "0" for unpinned."""
    return f"{sum(1 << int(number) for number in cores.split(',')) if cores else 0:x}"


def parse_list(cores: str) -> tuple[int, ...]:
    """Return a list as in `Target.cores` as numbers; () if it is empty."""
    return tuple(int(number) for number in cores.split(",")) if cores else ()


def _big(clusters: Sequence[Cluster]) -> list[int]:
    """Return cores by speed, without the slowest cluster if there is another."""
    fast = clusters[:-1] or clusters
    return [number for cluster in fast for number in cluster.cores]


def _named(
    choice: str, requested: str | None, online: Sequence[int], clusters: Sequence[Cluster]
) -> list[int]:
    """Parse a list or a mask; a single decimal number is a core, never a mask."""
    if _LIST.fullmatch(choice):
        chosen = sorted({int(number) for number in choice.split(",")})
    elif _MASK.fullmatch(choice):
        mask = int(choice, 16)
        chosen = [bit for bit in range(mask.bit_length()) if mask >> bit & 1]
    else:
        raise InputError(
            f"cores are {requested!r}, expected big, little, all, any, a list like 4,5 or a mask "
            f"like 0xf0; the device has {_described(clusters)}"
        )
    missing = ",".join(map(str, sorted(set(chosen) - set(online))))
    if missing or not chosen:
        wrong = f"{missing} is missing or offline" if missing else "that names none"
        raise InputError(
            f"cores are {requested!r}: {wrong}; the device has {_described(clusters)} "
            "(write a mask as 0x..)"
        )
    return chosen


def _check(
    threads: int, chosen: Sequence[int], requested: str | None, clusters: Sequence[Cluster]
) -> None:
    if len(chosen) < threads:
        raise InputError(
            f"{threads} threads need as many cores, {requested or 'big'} has {len(chosen)}; the "
            f"phone has {_described(clusters)}: name others by --cores"
        )


def _described(clusters: Iterable[Cluster]) -> str:
    return "; ".join(map(str, clusters))
