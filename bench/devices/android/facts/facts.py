"""Facts of a phone: model, SoC, Android version, cores. None if unknown.

Names of properties are those of Android's own build.
"""

import re
from dataclasses import dataclass

from bench.devices.remote.facts.core_facts import core_facts
from bench.devices.remote.facts.core_files import Core, core_queries, parse_cores
from bench.devices.remote.facts.shell_queries import answers, script
from bench.devices.remote.facts.slug import slug_of
from bench.integers import parse_integer
from bench.protocol.device import Facts

# Set by targets that are not phones: the name of what runs the code.
EMULATED = "ro.ofabench.emulated"
_PROPERTY = re.compile(r"^\[([^\]\n]+)\]: \[(.*?)\]$", re.MULTILINE | re.DOTALL)
_SOC = ("ro.soc.model", "ro.hardware.chipname", "ro.chipname", "ro.board.platform")
UNSET = ("", "unknown", "null")  # android.os.Build.UNKNOWN is "unknown"
SDK = (1, 10_000)  # builds in development report 10000
_IMPLEMENTERS = {"0x41": "ARM", "0x51": "Qualcomm", "0x53": "Samsung", "0x48": "HiSilicon"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneFacts:
    """Facts about a phone that do not change while it runs."""

    model: str | None = None
    manufacturer: str | None = None
    device: str | None = None
    soc: str | None = None
    cpu_parts: str | None = None  # implementer and part numbers of /proc/cpuinfo
    android_version: str | None = None
    android_sdk: int | None = None
    build_fingerprint: str | None = None
    security_patch: str | None = None
    abi: str | None = None
    kernel: str | None = None
    machine: str | None = None
    boot_id: str | None = None
    emulated: str | None = None
    cores: tuple[Core, ...] = ()

    def slug(self) -> str:
        """Return the model as in `Target.device`; the emulator where it is not a phone.

        If the model's name has no Latin form, the device's code name is added.
        """
        names = (self.emulated,) if self.emulated else (self.model, self.device)
        return slug_of([name for name in names if name])

    def flat(self) -> Facts:
        """Return the facts of a device, with the names that this machine's facts have too."""
        return {
            "model": self.model,
            "manufacturer": self.manufacturer,
            "device": self.device,
            "soc": self.soc,
            "cpu_model": self.soc,
            "cpu_parts": self.cpu_parts,
            **core_facts(self.cores),
            "android_version": self.android_version,
            "android_sdk": self.android_sdk,
            "build_fingerprint": self.build_fingerprint,
            "security_patch": self.security_patch,
            "abi": self.abi,
            "kernel": self.kernel,
            "os": self.android_version and f"Android {self.android_version}",
            "machine": self.machine,
            "boot_id": self.boot_id,
            "emulated": self.emulated,
        }


def facts_script() -> str:
    """Return the shell script whose output `parse_facts` reads."""
    return script(
        {
            "getprop": "getprop",
            "uname": "uname -r; uname -m",
            **core_queries(),
            "cpuinfo": "cat /proc/cpuinfo",
            "boot_id": "cat /proc/sys/kernel/random/boot_id",
        }
    )


def parse_facts(text: str) -> PhoneFacts:
    """Parse the output of `facts_script`; invalid values are None, never an error."""
    by_name = answers(text)
    props = parse_properties(by_name.get("getprop", ""))
    info = parse_cpuinfo(by_name.get("cpuinfo", ""))
    uname = by_name.get("uname", "").split()
    return PhoneFacts(
        model=props.get("ro.product.model"),
        manufacturer=props.get("ro.product.manufacturer"),
        device=props.get("ro.product.device"),
        soc=next((props[name] for name in _SOC if name in props), None) or info.get("Hardware"),
        cpu_parts=info.get("parts"),
        android_version=props.get("ro.build.version.release"),
        android_sdk=_within(parse_integer(props.get("ro.build.version.sdk")), SDK),
        build_fingerprint=props.get("ro.build.fingerprint"),
        security_patch=props.get("ro.build.version.security_patch"),
        abi=props.get("ro.product.cpu.abi"),
        kernel=uname[0] if uname else None,
        machine=uname[1] if len(uname) > 1 else None,
        boot_id=by_name.get("boot_id", "").strip() or None,
        emulated=props.get(EMULATED),
        cores=parse_cores(by_name),
    )


def parse_properties(text: str) -> dict[str, str]:
    """Parse `getprop`'s lines, `[name]: [value]`; unset values are left out."""
    return {
        name: value for name, value in _PROPERTY.findall(text) if value.strip().lower() not in UNSET
    }


def parse_cpuinfo(text: str) -> dict[str, str]:
    """Parse an ARM /proc/cpuinfo: `Hardware`, and the kinds of cores as `parts`."""
    values: dict[str, str] = {}
    parts: dict[str, None] = {}
    implementer = ""
    for line in text.splitlines():
        name, _, value = (part.strip() for part in line.partition(":"))
        if name == "Hardware" and value:
            values["Hardware"] = value
        elif name == "CPU implementer":
            implementer = _IMPLEMENTERS.get(value, value)
        elif name == "CPU part" and value:
            parts[f"{implementer} {value}".strip()] = None
    if parts:
        values["parts"] = ", ".join(parts)
    return values


def _within(value: int | None, limits: tuple[int, int]) -> int | None:
    return value if value is not None and limits[0] <= value <= limits[1] else None
