"""Control of a test phone, for any daemon on it."""

from pathlib import Path
from typing import Protocol


class PhoneControl(Protocol):
    """A phone over TCP on this machine; `address` is what users write after `--device`."""

    @property
    def port(self) -> int: ...

    @property
    def root(self) -> Path: ...

    @property
    def address(self) -> str: ...

    def start(self) -> None:
        """Start the daemon; the phone keeps its port."""

    def stop(self) -> None:
        """Kill the daemon and what it runs."""

    def answer_dialog(self, allow: bool, always: bool = True) -> None:
        """Answer "Allow USB debugging?": the dialog that is up, or the next one."""

    def forget_keys(self) -> None:
        """Revoke all authorisations."""

    def cut(self) -> None:
        """Break every open connection now."""

    def cut_after(self, bytes_out: int | None = None, bytes_in: int | None = None) -> None:
        """Break them once, after so many more bytes were sent or received by the phone."""

    def garble_after(self, bytes_out: int) -> None:
        """Damage one byte sent by the phone, after so many more intact ones."""

    def fill_disk(self) -> None:
        """Fill the file system of /data."""

    def free_disk(self) -> None:
        """Free the space again."""

    def set_temperature(self, celsius: float) -> None:
        """Set the readings of the processor's sensors."""

    def set_frequency(self, cpu: int, khz: int) -> None:
        """Set the reported frequency of a core."""

    def reboot(self) -> None:
        """End the daemon and all programs, then start with another boot id."""

    def processes(self) -> list[int]:
        """Return the ids on this machine of processes that the phone runs for its connections."""
