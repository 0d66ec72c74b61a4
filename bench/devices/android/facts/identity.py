"""Identity of a phone, the same over cable, network or server."""

import re

from bench.devices.remote.connection import CommandResult
from bench.devices.remote.facts.shell_queries import answers, script
from bench.digests import content_digest

# Serials that many phones share: of emulators, and of boards without a number.
_SHARED = re.compile(r"unknown|0?123456789abcdef|(.)\1*|emulator.*|android.*", re.IGNORECASE)
LEAST_CHARACTERS = 6


def identity_script() -> str:
    """Return the shell script whose output `parse_identity` reads."""
    return script(
        {
            "serial": "getprop ro.serialno",
            "boot_serial": "getprop ro.boot.serialno",
            "boot_id": "cat /proc/sys/kernel/random/boot_id",
        }
    )


def parse_identity(completed: CommandResult) -> str | None:
    """Return letters and digits that identify this phone; None if it reports nothing.

    A digest of its serial number, which survives a reboot and cannot be recovered from it; of its
    boot id if it has no unique serial.
    """
    by_name = answers(completed.out.decode("utf-8", "replace"))
    serials = (by_name.get(name, "").strip() for name in ("serial", "boot_serial"))
    unique = (
        serial
        for serial in serials
        if len(serial) >= LEAST_CHARACTERS and not _SHARED.fullmatch(serial)
    )
    identity = next(unique, None) or by_name.get("boot_id", "").strip()
    return content_digest(identity)[:16] if identity else None
