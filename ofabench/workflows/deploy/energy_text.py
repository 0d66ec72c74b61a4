"""Energy of a verified model as lines of text."""

from collections.abc import Iterator, Mapping
from typing import Any


def energy_lines(energy: Mapping[str, Any] | None) -> Iterator[str]:
    """Yield energy with its verdict, idle power and memory, from JSON values; nothing for None."""
    if energy is None:
        return
    name = f"  {'energy':<16}"
    limit = "" if energy["limit_mj"] is None else f"; limit of {energy['limit_mj']:g} mJ"
    if energy["energy_mj"] is None:
        yield f"{name} not measured: {energy['reason']}{limit and limit + ' not checked'}"
    else:
        verdict = {None: "", True: " met", False: " NOT MET"}[energy["limit_met"]]
        yield f"{name} {energy_in_words(energy)}{limit}{verdict}"
        yield (
            f"  {'':<16} {energy['with_idle_mj']:.4g} mJ with the idle power of "
            f"{energy['idle_w']:.3g} W, by {energy['source']}"
        )
    if energy["peak_memory_bytes"] is not None:
        yield f"  {'peak memory':<16} {energy['peak_memory_bytes'] / 1e6:.2f} MB resident"


def energy_in_words(energy: Mapping[str, Any]) -> str:
    """Return a known energy with its interval, where there is one."""
    text = f"{energy['energy_mj']:.4g} mJ"
    if energy["low_mj"] is None:
        return text
    return f"{text} (95 % interval {energy['low_mj']:.4g} to {energy['high_mj']:.4g})"
