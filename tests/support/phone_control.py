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
        """Break them once, when so many more bytes have gone from, or come to, the phone."""

    def garble_after(self, bytes_out: int) -> None:
        """Damage one byte of what the phone sends, after so many more that are whole."""

    def fill_disk(self) -> None:
        """Leave no byte of room under /data."""

    def free_disk(self) -> None:
        """Give the room back."""

    def set_temperature(self, celsius: float) -> None:
        """Let the processor's sensors say so."""

    def set_frequency(self, cpu: int, khz: int) -> None:
        """Let a core say that it runs at `khz`."""

    def reboot(self) -> None:
        """Daemon and programs gone, then back with another boot id."""

    def processes(self) -> list[int]:
        """Processes, as this machine counts them, of what the phone runs for its connections."""
