"""A phone: connected at its first use, and reconnected after the connection broke.

Every query may be repeated, so a lost connection is no error unless it stays lost.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from bench.devices.android.facts.device_state import PhoneState, parse_state, state_script
from bench.devices.android.facts.facts import PhoneFacts, facts_script, parse_facts
from bench.devices.android.phone.options import PhoneOptions
from bench.devices.android.phone.settings_changes import (
    FIXED_MODE_SDK,
    SettingChange,
    before_script,
    clock_changes,
    fixed_mode_change,
    fixed_mode_command,
    parse_before,
    screen_changes,
)
from bench.devices.android.phone.settings_guard import FOLDER, changed, claim
from bench.devices.remote.connection import Connection
from bench.devices.remote.facts.cores import parse_list
from bench.devices.remote.facts.cpu_use import CpuUse, parse_busy, quiet_script
from bench.devices.remote.folder import RemoteFolder
from bench.devices.remote.machine import ASK_S, CoolingLimits, RemoteMachine
from bench.devices.remote.runner.bundle import Bundle, ensure_bundle
from bench.errors import DeviceError
from bench.protocol.target import Target


class Phone(RemoteMachine):
    """One phone. `connect` opens a connection, `notify` receives messages for the user.

    Not thread-safe.
    """

    def __init__(
        self,
        connect: Callable[[], Connection],
        options: PhoneOptions,
        notify: Callable[[str], None],
    ) -> None:
        cooling = CoolingLimits(wait_s=options.cool_wait_s, total_s=options.cool_total_s)
        super().__init__(connect, notify, cooling)
        self.options = options
        self._facts: PhoneFacts | None = None
        self._fixed_mode: bool | None = None

    @property
    def folder(self) -> RemoteFolder:
        return FOLDER

    def read_state(self, connection: Connection) -> PhoneState:
        return read_state(connection)

    @contextmanager
    def changed_settings(self, connection: Connection, target: Target) -> Iterator[frozenset[str]]:
        """Keep the screen on and hold the clocks; all is restored after the block."""
        changes = self._changes_for(connection, target)
        with changed(connection, changes, self.session, self.notify) as applied:
            yield applied

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

    def find_bundle(self) -> Bundle:
        """Return the runner for its processor, built here if it is not cached."""
        abi = self.facts().abi
        if abi is None:
            raise DeviceError("the phone does not report its processor (ro.product.cpu.abi)")
        if abi == "x86_64" and self.facts().emulated is None:
            raise DeviceError(
                "this is Android for x86_64, perhaps an emulator; the runner is for arm64 "
                "phones: use --runner benchmark_model --binary PATH"
            )
        return ensure_bundle(abi, debs=self.options.debs, notify=self.notify)

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
        connection = self.connected()
        self.end_runner(connection)
        return connection

    def recognise(self) -> None:
        """Raise `DeviceError` if another phone answers than before the reconnection."""
        before, self._facts = self._facts, None
        if before is None:
            return
        after = self.facts()
        if (after.model, after.build_fingerprint) != (before.model, before.build_fingerprint):
            raise DeviceError(
                f"another phone answers now: {after.model} ({after.build_fingerprint}), "
                f"it was {before.model} ({before.build_fingerprint})"
            )

    def greet(self, connection: Connection) -> None:
        """Restore what an earlier session left changed; an unusable folder matters later."""
        with suppress(DeviceError):
            claimed = claim(connection, self.session)
            self._report_claim(claimed.state, claimed.words)

    def _changes_for(self, connection: Connection, target: Target) -> list[SettingChange]:
        """Return the changes of settings for measuring this target."""
        khz = self.options.frequency_khz
        cores = parse_list(target.cores) or tuple(
            core.number for core in self.facts().cores if core.online
        )
        script = before_script(cores if khz else ())
        completed = connection.run(["sh", "-c", script], timeout_s=ASK_S)
        before = parse_before(completed.out.decode(errors="replace"))
        changes = screen_changes(before)
        if khz:
            return [*changes, *clock_changes(before, cores, khz)]
        return [*changes, fixed_mode_change()] if self.has_fixed_mode() else changes

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


def _output(connection: Connection, text: str) -> str:
    return connection.run(["sh", "-c", text], timeout_s=ASK_S).out.decode(errors="replace")
