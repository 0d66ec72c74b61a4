"""Identity of a phone, the same over cable, network or server."""

import re

from bench.devices.android.adb.shell import Completed
from bench.devices.android.facts.shell_queries import answers, script
from bench.digests import content_digest

# Serials that are many phones': of emulators, and of boards that nobody numbered.
_SHARED = re.compile(r"unknown|0?123456789abcdef|(.)\1*|emulator.*|android.*", re.IGNORECASE)
LEAST_CHARACTERS = 6


def identity_script() -> str:
    """Shell script whose output `parse_identity` reads."""
    return script(
        {
            "serial": "getprop ro.serialno",
            "boot_serial": "getprop ro.boot.serialno",
            "boot_id": "cat /proc/sys/kernel/random/boot_id",
        }
    )


def parse_identity(done: Completed) -> str | None:
    """Return letters and digits that are this phone's alone; None where it tells nothing.

    A digest of its serial number, which stays over a reboot and is told nowhere; of its boot's id
    where it has none of its own.
    """
    told = answers(done.out.decode("utf-8", "replace"))
    serials = (told.get(name, "").strip() for name in ("serial", "boot_serial"))
    own = (one for one in serials if len(one) >= LEAST_CHARACTERS and not _SHARED.fullmatch(one))
    found = next(own, None) or told.get("boot_id", "").strip()
    return content_digest(found)[:16] if found else None
