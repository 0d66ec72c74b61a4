"""Facts of a board or server, from Linux's files. None if unknown."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from bench.devices.remote.facts.core_facts import core_facts
from bench.devices.remote.facts.core_files import Core, core_queries, parse_core_list, parse_cores
from bench.devices.remote.facts.processor import (
    cpu_model,
    features,
    parse_cpu_info,
    processor_slug,
)
from bench.devices.remote.facts.shell_queries import answers, pairs, script
from bench.digests import content_digest
from bench.protocol.device import Facts

# Set by targets that are no real machines: the name of what runs the code.
EMULATED = "OFABENCH_EMULATED"
CPU_INFO_LINES = 200  # of a server with hundreds of cores, whose entries are the same
LEAST_ID_CHARACTERS = 16  # of a machine id, which has 32


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardFacts:
    """Facts about a machine that do not change while it runs."""

    home: str | None = None
    machine: str | None = None  # of `uname -m`
    kernel: str | None = None
    os: str | None = None
    cpu_model: str | None = None
    model: str | None = None  # of the board, or of the server
    cpu_features: str | None = None
    virtual_machine: bool | None = None
    identity: str | None = None
    boot_id: str | None = None
    emulated: str | None = None
    cores: tuple[Core, ...] = ()

    def slug(self) -> str:
        """Return the processor's name as on the machine itself; that of what emulates it."""
        return processor_slug(self.emulated or self.cpu_model or self.machine)

    def flat(self) -> Facts:
        """Return the facts of a device, with the names that this machine's facts have too."""
        return {
            "cpu_model": self.cpu_model or self.machine,
            "model": self.model,
            **core_facts(self.cores),
            "cpu_features": self.cpu_features,
            "virtual_machine": self.virtual_machine,
            "kernel": self.kernel,
            "os": self.os,
            "machine": self.machine,
            "boot_id": self.boot_id,
            "emulated": self.emulated,
        }


def facts_script() -> str:
    """Return the shell script whose output `parse_facts` reads."""
    tree, product = "/sys/firmware/devicetree/base/model", "/sys/class/dmi/id/product_name"
    cpu_info = "/proc/cpuinfo"
    return script(
        {
            "home": "cd && pwd",
            "uname": "uname -m; uname -r; uname -s",
            "os": "grep PRETTY_NAME= /etc/os-release",
            # The board's own entries are behind those of the processors.
            "cpuinfo": f"head -n {CPU_INFO_LINES} {cpu_info}; echo; tail -n 6 {cpu_info}",
            "tree": f"tr -d '\\000' <{tree}",
            "product": f"cat {product}",
            "identity": "cat /etc/machine-id || cat /var/lib/dbus/machine-id",
            "boot_id": "cat /proc/sys/kernel/random/boot_id",
            "allowed": "grep Cpus_allowed_list: /proc/self/status",
            "emulated": f'echo "${{{EMULATED}-}}"',
            **core_queries(),
        }
    )


def parse_facts(text: str) -> BoardFacts:
    """Parse the output of `facts_script`; invalid values are None, never an error."""
    by_name = answers(text)
    uname = by_name.get("uname", "").splitlines()
    cpu_info, tree = by_name.get("cpuinfo", ""), by_name.get("tree")
    info = parse_cpu_info(cpu_info)
    flags = info.get("flags")
    home = by_name.get("home", "").strip()
    return BoardFacts(
        home=home if home.startswith("/") and home.isprintable() else None,
        machine=_line(uname, 0),
        kernel=_line(uname, 1),
        os=_os_name(by_name.get("os", "")) or _line(uname, 2),
        cpu_model=cpu_model(cpu_info, tree),
        model=tree or by_name.get("product"),
        cpu_features=features(flags or info.get("Features") or ""),
        virtual_machine=None if flags is None else "hypervisor" in flags.split(),
        identity=_identity(by_name),
        boot_id=by_name.get("boot_id"),
        emulated=by_name.get("emulated"),
        cores=_allowed(parse_cores(by_name), pairs(by_name.get("allowed", ""))),
    )


def _allowed(cores: tuple[Core, ...], status: Mapping[str, str]) -> tuple[Core, ...]:
    """Return the cores; those that our processes may not use count as offline."""
    allowed = parse_core_list(status.get("Cpus_allowed_list"))
    if not allowed:
        return cores
    return tuple(replace(core, online=core.online and core.number in allowed) for core in cores)


def _identity(by_name: Mapping[str, str]) -> str | None:
    """Return a digest of the machine's id, or of this boot's where it has none."""
    identity = by_name.get("identity", "").strip()
    if len(identity) < LEAST_ID_CHARACTERS:
        identity = by_name.get("boot_id", "").strip()
    return content_digest(identity)[:16] if identity else None


def _os_name(line: str) -> str | None:
    return line.partition("=")[2].strip("\"' ") or None


def _line(lines: list[str], place: int) -> str | None:
    return lines[place].strip() or None if place < len(lines) else None
