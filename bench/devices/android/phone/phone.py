"""A phone: connected at first use, and reconnected after the connection broke.

Everything asked here may be asked twice, so a lost connection is no error before it stays lost.
"""

import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from bench.devices.android.adb.content import push_missing
from bench.devices.android.facts.busy_check import Busy, parse_busy, quiet_script
from bench.devices.android.facts.device_state import PhoneState, moment_script, parse_moment
from bench.devices.android.facts.facts import PhoneFacts, facts_script, parse_facts
from bench.devices.android.phone.connection import Connection
from bench.devices.android.phone.models import ModelShelf
from bench.devices.android.phone.options import PhoneOptions
from bench.devices.android.phone.settings_changes import FIXED_MODE_SDK, fixed_mode_command
from bench.devices.android.phone.settings_guard import WORK, claim
from bench.devices.android.runner.bundle import Bundle, ensure_bundle
from bench.errors import DeviceError, DeviceLostError

ASK_S = 30.0  # dumpsys waits ten seconds for a service that hangs, and several are asked
END_S = 5.0  # a program is ended at once, or the phone is not there
TRIES = 3
BUNDLE = f"{WORK}/bundle"
RUNNER_PID = f"{WORK}/runner.pid"

T = TypeVar("T")


class Phone:
    """One phone. `connect` makes a connection, `tell` hears what a user should know.

    Not for several threads.
    """

    def __init__(
        self,
        connect: Callable[[], Connection],
        options: PhoneOptions,
        tell: Callable[[str], None],
    ) -> None:
        self._connect = connect
        self.options = options
        self.tell = tell
        self.session = secrets.token_hex(4)
        self.shelf = ModelShelf()
        self._connection: Connection | None = None
        self._facts: PhoneFacts | None = None
        self._bundle: Bundle | None = None
        self._has_bundle = False
        self._fixed_mode: bool | None = None

    def ask(self, question: Callable[[Connection], T]) -> T:
        """Ask over the connection, made anew where it breaks; only for what may be asked twice."""
        for _ in range(TRIES - 1):
            with suppress(DeviceLostError):
                return question(self._connected())
            self.reconnect()
        return question(self._connected())

    def facts(self) -> PhoneFacts:
        """What it is; read once for each connection."""
        if self._facts is None:
            self._facts = self.ask(read_facts)
        return self._facts

    def moment(self) -> PhoneState:
        """What it is now."""
        return self.ask(read_moment)

    def busy(self) -> Busy | None:
        """What other processes do on it; takes about a second."""
        return self.ask(lambda c: parse_busy(_asked(c, quiet_script())))

    def has_fixed_mode(self) -> bool:
        """Whether it has fixed performance mode (which is off, or else is put off)."""
        if self._fixed_mode is None:
            self._fixed_mode = (self.facts().android_sdk or 0) >= FIXED_MODE_SDK and (
                self.ask(lambda c: c.run(["sh", "-c", fixed_mode_command(on=False)])).status == 0
            )
        return self._fixed_mode

    def bundle(self) -> Bundle:
        """The runner for its processor, built here where it is not kept yet."""
        if self._bundle is None:
            abi = self.facts().abi
            if abi is None:
                raise DeviceError("the phone does not tell its processor (ro.product.cpu.abi)")
            if abi == "x86_64" and self.facts().emulated is None:
                raise DeviceError(
                    "this is Android for x86_64, an emulator perhaps, and the runner is for arm64 "
                    "phones: there use --runner benchmark_model --binary PATH"
                )
            self._bundle = ensure_bundle(abi, debs=self.options.debs, tell=self.tell)
        return self._bundle

    def with_bundle(self, connection: Connection) -> int:
        """See that the runner is on the phone, checked once a connection; bytes sent."""
        if self._has_bundle:
            return 0
        bundle = self.bundle()
        files: dict[str, bytes | Path] = {name: bundle.folder / name for name in bundle.files}
        sent = push_missing(connection, BUNDLE, files, executable=frozenset(files))
        self._has_bundle = True
        return sent

    def ready(self) -> Connection:
        """Make sure of the connection and of the phone, for a load.

        What an earlier session left changed is put back, a runner that it left is ended.
        `DeviceError` where another session measures.
        """
        found = self.ask(lambda connection: claim(connection, self.session))
        if found.state == "taken":
            raise DeviceError(
                "another ofabench measures on this phone (its guardian there is process "
                f"{found.words}); let it end, or end that process"
            )
        self._tell_claim(found.state, found.words)
        connection = self._connected()
        end_runner(connection)
        return connection

    def reconnect(self) -> None:
        """Make the connection anew; `DeviceError` where another phone answers."""
        if self._connection is None:
            return
        before, self._facts = self._facts, None
        self.shelf.forget()
        self._has_bundle = False
        self._connection.reconnect()
        if before is not None:
            now = self.facts()
            if (now.model, now.build_fingerprint) != (before.model, before.build_fingerprint):
                raise DeviceError(
                    f"another phone answers now: {now.model} ({now.build_fingerprint}), "
                    f"it was {before.model} ({before.build_fingerprint})"
                )

    def close(self) -> None:
        """Let go of it."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connected(self) -> Connection:
        if self._connection is None:
            self._connection = self._connect()
            # Where the folder cannot be used, only a load has to know.
            with suppress(DeviceError):
                found = claim(self._connection, self.session)
                self._tell_claim(found.state, found.words)
        return self._connection

    def _tell_claim(self, state: str, words: str) -> None:
        if state == "restored":
            self.tell("settings that an earlier session left changed on the phone were put back")
        elif state == "failed":
            self.tell(f"an earlier session left changed, and cannot be put back: {words}")


def read_facts(connection: Connection) -> PhoneFacts:
    """Ask once what a phone is."""
    return parse_facts(_asked(connection, facts_script()))


def read_moment(connection: Connection) -> PhoneState:
    """Ask once what a phone is now."""
    return parse_moment(_asked(connection, moment_script()))


def end_runner(connection: Connection) -> None:
    """End a runner whose connection broke, or whose load was left early."""
    steps = (
        f"[ -e {RUNNER_PID} ] && read -r p < {RUNNER_PID} && rm -f {RUNNER_PID} && "
        "{ [ ! -r /proc/$p/cmdline ] || grep -q -e runner -e benchmark /proc/$p/cmdline; } && "
        "kill -9 $p"
    )
    connection.run(["sh", "-c", f"{{ {steps}; }} 2>/dev/null; exit 0"], timeout_s=END_S)


def _asked(connection: Connection, text: str) -> str:
    return connection.run(["sh", "-c", text], timeout_s=ASK_S).out.decode(errors="replace")
