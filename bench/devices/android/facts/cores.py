"""Cores of a phone: clusters by their highest frequency, and names for them."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench.devices.android.facts.facts import Core
from bench.errors import InputError

_LIST = re.compile(r"\d{1,4}(,\d{1,4})*", re.ASCII)
_MASK = re.compile(r"(0x)?[0-9a-f]{1,64}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """Cores of one highest frequency, which is None where the phone does not tell it."""

    max_khz: int | None
    cores: tuple[int, ...]

    def __str__(self) -> str:
        speed = "unknown speed" if self.max_khz is None else f"{self.max_khz / 1e6:.2f} GHz"
        return f"{','.join(map(str, self.cores))} at {speed}"


def clusters_of(cores: Sequence[Core]) -> tuple[Cluster, ...]:
    """The clusters of the cores that are online, fastest first."""
    speeds = {core.max_khz for core in cores if core.online}
    ordered = sorted(speeds, key=lambda khz: -1 if khz is None else khz, reverse=True)
    return tuple(
        Cluster(max_khz=khz, cores=tuple(c.number for c in cores if c.online and c.max_khz == khz))
        for khz in ordered
    )


def choose_cores(threads: int, wanted: str | None, cores: Sequence[Core]) -> str:
    """Cores for `Target.cores`, as many as threads (all that were named, where some were).

    `wanted` is `big` (and None: the fastest cluster, and faster ones than the slowest after it),
    `little` (the slowest cluster), `all`, `any` (unpinned: ""), a list as `4,5`, or a mask as
    `0xf0` or `f0`. `InputError` names the clusters.
    """
    clusters = clusters_of(cores)
    asked = (wanted or "big").strip().lower()
    if not clusters:
        if wanted is None or asked == "any":
            return ""  # a phone that tells no cores is left to place threads itself
        raise InputError(f"cores are {wanted!r}, but the phone does not tell its cores; use any")
    online = sorted(number for cluster in clusters for number in cluster.cores)
    if asked == "any":
        _check(threads, online, wanted, clusters)
        return ""
    match asked:
        case "big":
            chosen = _big(clusters)[:threads]
        case "little":
            chosen = list(clusters[-1].cores)[:threads]
        case "all":
            chosen = online
        case _:
            chosen = _named(asked, wanted, online, clusters)
    _check(threads, chosen, wanted, clusters)
    return ",".join(map(str, sorted(chosen)))


def mask_of(cores: str) -> str:
    """A list as in `Target.cores` as a mask in hex; "0" for unpinned."""
    return f"{sum(1 << int(number) for number in cores.split(',')) if cores else 0:x}"


def parse_list(cores: str) -> tuple[int, ...]:
    """A list as in `Target.cores` as numbers; none where it is empty."""
    return tuple(int(number) for number in cores.split(",")) if cores else ()


def _big(clusters: Sequence[Cluster]) -> list[int]:
    """Cores by speed, those of the slowest cluster left out where there is another."""
    fast = clusters[:-1] or clusters
    return [number for cluster in fast for number in cluster.cores]


def _named(
    asked: str, wanted: str | None, online: Sequence[int], clusters: Sequence[Cluster]
) -> list[int]:
    """Read a list or a mask; a single decimal number is a core, never a mask."""
    if _LIST.fullmatch(asked):
        chosen = sorted({int(number) for number in asked.split(",")})
    elif _MASK.fullmatch(asked):
        mask = int(asked, 16)
        chosen = [bit for bit in range(mask.bit_length()) if mask >> bit & 1]
    else:
        raise InputError(
            f"cores are {wanted!r}, expected big, little, all, any, a list like 4,5 or a mask "
            f"like 0xf0; the phone has {_told(clusters)}"
        )
    missing = ",".join(map(str, sorted(set(chosen) - set(online))))
    if missing or not chosen:
        wrong = f"{missing} is not there or offline" if missing else "that names none"
        raise InputError(
            f"cores are {wanted!r}: {wrong}; the phone has {_told(clusters)} (write a mask as 0x..)"
        )
    return chosen


def _check(
    threads: int, chosen: Sequence[int], wanted: str | None, clusters: Sequence[Cluster]
) -> None:
    if len(chosen) < threads:
        raise InputError(
            f"{threads} threads need as many cores, {wanted or 'big'} has {len(chosen)}; the "
            f"phone has {_told(clusters)}: name others by --cores"
        )


def _told(clusters: Iterable[Cluster]) -> str:
    return "; ".join(map(str, clusters))
