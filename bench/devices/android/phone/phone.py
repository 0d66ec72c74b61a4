"""A phone: connected at its first use, and reconnected after the connection broke.

Every query may be repeated, so a lost connection is no error unless it stays lost.
"""

import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from bench.devices.android.adb.content import push_missing
from bench.devices.android.facts.busy_check import CpuUse, parse_busy, quiet_script
from bench.devices.android.facts.device_state import PhoneState, parse_state, state_script
from bench.devices.android.facts.facts import PhoneFacts, facts_script, parse_facts
from bench.devices.android.phone.model_files import ModelCache
from bench.devices.android.phone.options import PhoneOptions
from bench.devices.android.phone.settings_changes import FIXED_MODE_SDK, fixed_mode_command
from bench.devices.android.phone.settings_guard import WORK, claim
from bench.devices.android.runner.bundle import Bundle, ensure_bundle
from bench.devices.remote.connection import Connection
from bench.errors import DeviceError, DeviceLostError

ASK_S = 30.0  # dumpsys waits ten seconds for each service that hangs
END_S = 5.0  # a program ends at once, or the phone is gone
TRIES = 3
BUNDLE = f"{WORK}/bundle"
RUNNER_PID = f"{WORK}/runner.pid"

T = TypeVar("T")


class Phone:
    """One phone. `connect` opens a connection, `notify` receives messages for the user.

    Not thread-safe.
    """

    def __init__(
        self,
        connect: Callable[[], Connection],
        options: PhoneOptions,
        notify: Callable[[str], None],
    ) -> None:
        self._connect = connect
        self.options = options
        self.notify = notify
        self.session = secrets.token_hex(4)
        self.shelf = ModelCache()
        self._connection: Connection | None = None
        self._facts: PhoneFacts | None = None
        self._bundle: Bundle | None = None
        self._has_bundle = False
        self._fixed_mode: bool | None = None

    def ask(self, query: Callable[[Connection], T]) -> T:
        """Run a query, on a new connection if it breaks; only for queries that may be repeated."""
        for _ in range(TRIES - 1):
            with suppress(DeviceLostError):
                return query(self._connected())
            self.reconnect()
        return query(self._connected())

    def facts(self) -> PhoneFacts:
        """Return its facts; read once per connection."""
        if self._facts is None:
            self._facts = self.ask(read_facts)
        return self._facts

    def moment(self) -> PhoneState:
        """Return its present state."""
        return self.ask(read_state)

    def busy(self) -> CpuUse | None:
        """Return the CPU use of other processes; takes about a second."""
        return self.ask(lambda connection: parse_busy(_output(connection, quiet_script())))

    def has_fixed_mode(self) -> bool:
        """Return whether it has fixed performance mode (which is then switched off)."""
        if self._fixed_mode is None:
            self._fixed_mode = (self.facts().android_sdk or 0) >= FIXED_MODE_SDK and (
                self.ask(
                    lambda connection: connection.run(["sh", "-c", fixed_mode_command(on=False)])
                ).status
                == 0
            )
        return self._fixed_mode

    def bundle(self) -> Bundle:
        """Return the runner for its processor, built here if it is not cached."""
        if self._bundle is None:
            abi = self.facts().abi
            if abi is None:
                raise DeviceError("the phone does not report its processor (ro.product.cpu.abi)")
            if abi == "x86_64" and self.facts().emulated is None:
                raise DeviceError(
                    "this is Android for x86_64, perhaps an emulator; the runner is for arm64 "
                    "phones: use --runner benchmark_model --binary PATH"
                )
            self._bundle = ensure_bundle(abi, debs=self.options.debs, notify=self.notify)
        return self._bundle

    def with_bundle(self, connection: Connection) -> int:
        """Make sure that the runner is on the phone, once per connection; return the bytes sent."""
        if self._has_bundle:
            return 0
        bundle = self.bundle()
        files: dict[str, bytes | Path] = {name: bundle.folder / name for name in bundle.files}
        sent_bytes = push_missing(connection, BUNDLE, files, executable=frozenset(files))
        self._has_bundle = True
        return sent_bytes

    def ready(self) -> Connection:
        """Make sure that connection and phone are ready for a replicate.

        Restores settings that an earlier session left changed, and ends a runner that it left.
        Raises `DeviceError` if another session measures.
        """
        claimed = self.ask(lambda connection: claim(connection, self.session))
        if claimed.state == "taken":
            raise DeviceError(
                "another ofabench measures on this phone (its guardian there is process "
                f"{claimed.words}); let it end, or end that process"
            )
        self._report_claim(claimed.state, claimed.words)
        connection = self._connected()
        end_runner(connection)
        return connection

    def reconnect(self) -> None:
        """Reconnect; `DeviceError` if another phone answers."""
        if self._connection is None:
            return
        before, self._facts = self._facts, None
        self.shelf.forget()
        self._has_bundle = False
        self._connection.reconnect()
        if before is not None:
            after = self.facts()
            if (after.model, after.build_fingerprint) != (before.model, before.build_fingerprint):
                raise DeviceError(
                    f"another phone answers now: {after.model} ({after.build_fingerprint}), "
                    f"it was {before.model} ({before.build_fingerprint})"
                )

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connected(self) -> Connection:
        if self._connection is None:
            self._connection = self._connect()
            # An unusable folder matters only to replicates.
            with suppress(DeviceError):
                claimed = claim(self._connection, self.session)
                self._report_claim(claimed.state, claimed.words)
        return self._connection

    def _report_claim(self, state: str, words: str) -> None:
        if state == "restored":
            self.notify("settings that an earlier session left changed on the phone were restored")
        elif state == "failed":
            self.notify(f"an earlier session left changed, and cannot be restored: {words}")


def read_facts(connection: Connection) -> PhoneFacts:
    """Read the facts of a phone."""
    return parse_facts(_output(connection, facts_script()))


def read_state(connection: Connection) -> PhoneState:
    """Read the present state of a phone."""
    return parse_state(_output(connection, state_script()))


def end_runner(connection: Connection) -> None:
    """End a runner whose connection broke, or whose replicate was left early."""
    steps = (
        f"[ -e {RUNNER_PID} ] && read -r p < {RUNNER_PID} && rm -f {RUNNER_PID} && "
        "{ [ ! -r /proc/$p/cmdline ] || grep -q -e runner -e benchmark /proc/$p/cmdline; } && "
        "kill -9 $p"
    )
    connection.run(["sh", "-c", f"{{ {steps}; }} 2>/dev/null; exit 0"], timeout_s=END_S)


def _output(connection: Connection, text: str) -> str:
    return connection.run(["sh", "-c", text], timeout_s=ASK_S).out.decode(errors="replace")
