"""Name of a device's processor, from Linux's files: the same on this machine and over SSH."""

import re

_NOISE = re.compile(r"\((r|tm|c)\)|@.*$|\bcpu\b|\b\d+-core\b")


def parse_cpu_info(text: str) -> dict[str, str]:
    """Return the first processor's entries of /proc/cpuinfo, and the board's after the last."""
    sections = [section for section in text.split("\n\n") if section.strip()]
    values: dict[str, str] = {}
    for section in [*sections[:1], *sections[-1:]]:
        for line in section.splitlines():
            name, _, value = line.partition(":")
            values.setdefault(name.strip(), value.strip())
    return values


def cpu_model(cpu_info: str, device_tree: str | None) -> str | None:
    """Return the processor's full name, or the board's; None if neither is known.

    `device_tree` is the content of /sys/firmware/devicetree/base/model.
    """
    info = parse_cpu_info(cpu_info)
    name = info.get("model name") or info.get("Model") or info.get("Hardware")
    return name or (device_tree or "").strip("\0\n ") or None


def processor_slug(name: str | None) -> str:
    """Return a processor's name as a slug: `intel-xeon-processor`."""
    text = _NOISE.sub(" ", (name or "unknown").lower())
    return re.sub(r"[^a-z0-9]+", "-", text).strip("-") or "unknown"


def features(flags: str) -> str | None:
    """Return the processor's features that matter for the speed of networks."""
    pattern = re.compile(r"(avx|amx|fma|neon|asimd|sve|dotprod|i8mm|bf16|vnni)")
    return " ".join(sorted(flag for flag in flags.split() if pattern.search(flag))) or None
