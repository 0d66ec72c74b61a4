"""Faults of a phone at random points of a sweep."""

import os
import random
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from bench.devices.android.adb.address import Address
from bench.devices.android.adb.connection import AdbConnection, Timeouts
from bench.devices.android.device import AdbDevice
from bench.devices.android.phone.options import PhoneOptions
from bench.devices.remote.connection import Connection
from tests.support.phone_control import PhoneControl
from tests.support.sweep_faults import Faults, Survived, survive

TIMEOUTS = Timeouts(connect_s=5.0, answer_s=10.0, confirm_s=2.0, reconnect_s=30.0)
SIGNALS = (signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM)


class QuickDevice(AdbDevice):
    """A phone with short timeouts and short intervals between attempts to reconnect."""

    keys: Path

    def _connect(self) -> Connection:
        return AdbConnection.connect(
            Address.parse(self.address),
            timeouts=TIMEOUTS,
            keys=self.keys,
            sleep=lambda seconds: time.sleep(min(seconds, 0.05)),
        )


class PhoneFaults(Faults):
    """Faults of a phone, its daemon and its connection."""

    def __init__(self, phone: PhoneControl, chance: random.Random) -> None:
        super().__init__(chance)
        self.phone = phone
        self.refused = False

    def kinds(self) -> dict[str, Callable[[], None]]:
        return {
            "cut in what comes to the phone": lambda: self._cut(bytes_in=True),
            "cut in what the phone says": lambda: self._cut(bytes_in=False),
            "cut now": self.phone.cut,
            "output garbled": lambda: self.phone.garble_after(self.chance.randrange(30_000)),
            "daemon killed": self._restart,
            "runner killed": self._kill,
            "device full": self._fill,
            "reboot": self.phone.reboot,
            "authorisation refused": self._refuse,
            "clock jumps": self.jump_clock,
        }

    def mend(self) -> None:
        """Repair as a user would: free space, allow debugging."""
        self.phone.free_disk()
        if self.refused:
            self.refused = False
            answer(self.phone, allow=True)

    def _cut(self, *, bytes_in: bool) -> None:
        count = int(10 ** self.chance.uniform(0, 5))
        if bytes_in:
            self.phone.cut_after(bytes_in=count)
        else:
            self.phone.cut_after(bytes_out=count)

    def _restart(self) -> None:
        self.phone.stop()
        self.phone.start()

    def _kill(self) -> None:
        for pid in self.phone.processes():
            with suppress(ProcessLookupError):
                os.kill(pid, self.chance.choice(SIGNALS))

    def _fill(self) -> None:
        """Fill the disk, and remove our reusable files."""
        self.phone.cut()
        for file in (self.phone.root / "data/local/tmp").rglob("*.tflite"):
            file.unlink(missing_ok=True)
        self.phone.fill_disk()

    def _refuse(self) -> None:
        self.refused = True
        self.phone.forget_keys()
        answer(self.phone, allow=False)
        self.phone.cut()


def answer(phone: PhoneControl, *, allow: bool) -> None:
    """Answer the dialog when it appears; wait for that of a real daemon."""

    def later() -> None:
        # It did not appear, or another fault disconnected the phone before.
        with suppress(OSError, RuntimeError):
            phone.answer_dialog(allow)

    threading.Thread(target=later, daemon=True).start()


def survive_on_phone(
    phone: PhoneControl, keys: Path, path: Path, *, count: int, seed: int
) -> Survived:
    """Sweep with `count` faults of a phone; raise where measurements are lost."""
    QuickDevice.keys = keys
    return survive(
        lambda: QuickDevice(phone.address, PhoneOptions(), notify=lambda words: None),
        PhoneFaults(phone, random.Random(seed)),
        path,
        count=count,
        seed=seed,
    )
