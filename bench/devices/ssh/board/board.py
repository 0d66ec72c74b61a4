"""A board or server on which our runner measures: its folder there, its bundle, its state."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from bench.devices.remote.connection import CommandResult, Connection, error_line
from bench.devices.remote.facts.cpu_use import CpuUse, parse_busy, quiet_script
from bench.devices.remote.folder import RemoteFolder
from bench.devices.remote.machine import ASK_S, CoolingLimits, RemoteMachine
from bench.devices.remote.runner.bundle import Bundle, ensure_bundle
from bench.devices.ssh.board.facts import BoardFacts, facts_script, parse_facts
from bench.devices.ssh.board.state import BoardState, parse_state, state_script
from bench.devices.ssh.options import SshOptions
from bench.errors import DeviceError, InputError
from bench.protocol.target import Target

ABIS = {"aarch64": "arm64-v8a", "arm64": "arm64-v8a", "x86_64": "x86_64", "amd64": "x86_64"}
DEFAULT_FOLDER = "~/.cache/ofabench-remote"
# How long a runner of an ended process may still run: it ends with the round in hand.
LEFT_WAIT_S = 20
START_S = 60.0  # of the runner, under emulation too
NOT_EXECUTABLE = 126  # the shell's status for a file that may not be executed
# Others on a server cannot read what is measured.
_MAKE_FOLDER = """\
umask 077
mkdir -p "$1" || exit 1
[ -w "$1" ] || { echo "$1 cannot be written" >&2; exit 1; }"""
_CLAIM = """
n=0
while [ -e "$2" ] && read -r p s <"$2" && [ "$s" != "$3" ] &&
  grep -q runner /proc/$p/cmdline 2>/dev/null
do
  [ $n -lt "$4" ] || { echo "taken $p"; exit 0; }
  n=$((n + 1)); sleep 1
done
echo free"""


class Board(RemoteMachine):
    """One machine. `connect` opens a connection, `notify` receives messages for the user."""

    def __init__(
        self,
        connect: Callable[[], Connection],
        options: SshOptions,
        notify: Callable[[str], None],
    ) -> None:
        cooling = CoolingLimits(
            wait_s=options.cool_wait_s, total_s=options.cool_total_s, blind=False
        )
        super().__init__(connect, notify, cooling)
        self.options = options
        self._facts: BoardFacts | None = None
        self._starts = False  # whether the runner was seen to start on this connection

    @property
    def folder(self) -> RemoteFolder:
        """Return the folder of all our files there; its home folder must be known."""
        path = self.options.remote_folder or DEFAULT_FOLDER
        if path.startswith("~/"):
            home = self.facts().home
            if home is None:
                raise DeviceError("there is no home folder: give --remote-folder PATH")
            path = f"{home}/{path.removeprefix('~/')}"
        return RemoteFolder(path.rstrip("/"))

    def facts(self) -> BoardFacts:
        """Return its facts; read once per connection."""
        if self._facts is None:
            self._facts = self.ask(
                lambda connection: parse_facts(_output(connection, facts_script()))
            )
        return self._facts

    def moment(self) -> BoardState:
        """Return its present state."""
        return self.ask(self.read_state)

    def busy(self) -> CpuUse | None:
        """Return the CPU use of other processes; takes about a second."""
        return self.ask(lambda connection: parse_busy(_output(connection, quiet_script())))

    def read_state(self, connection: Connection) -> BoardState:
        return parse_state(_output(connection, state_script()))

    def changed_settings(
        self, connection: Connection, target: Target
    ) -> AbstractContextManager[frozenset[str]]:
        """Change nothing: clocks and governor of a board are its owner's."""
        del connection, target
        return nullcontext(frozenset())

    def find_bundle(self) -> Bundle:
        """Return the runner for its processor, built here if it is not cached."""
        machine = self.facts().machine
        abi = ABIS.get(machine or "")
        if abi is None:
            raise InputError(
                f"the machine's processor is {machine or 'unknown'}, the runner is for aarch64 and "
                "x86_64: use --runner python"
            )
        return ensure_bundle(abi, debs=self.options.debs, notify=self.notify)

    def with_bundle(self, connection: Connection) -> int:
        """Make sure that the runner is there and starts; return the bytes sent."""
        if not self._starts:
            argv = ["sh", "-c", _MAKE_FOLDER, "ofabench", self.folder.path]
            self._check_folder(connection.run(argv))
        sent_bytes = super().with_bundle(connection)
        if not self._starts:
            self._check_start(connection)
            self._starts = True
        return sent_bytes

    def ready(self) -> Connection:
        """Make sure that the folder can be used, and that no other session measures there."""
        folder = self.folder
        places = [folder.path, folder.runner_pid]
        argv = [
            "sh",
            "-c",
            _MAKE_FOLDER + _CLAIM,
            "ofabench",
            *places,
            self.session,
            str(LEFT_WAIT_S),
        ]
        claimed = self.ask(lambda connection: connection.run(argv, timeout_s=ASK_S + LEFT_WAIT_S))
        self._check_folder(claimed)
        state, _, process = claimed.text.partition(" ")
        if state == "taken":
            raise DeviceError(
                "another ofabench measures on this machine (its runner there is process "
                f"{process}); let it end, or end that process"
            )
        connection = self.connected()
        self.end_runner(connection)
        return connection

    def recognise(self) -> None:
        """Raise `DeviceError` if another machine answers than before the reconnection."""
        self._starts = False
        before, self._facts = self._facts, None
        if before is not None and self.facts().identity != before.identity:
            raise DeviceError(
                f"another machine answers now ({self.facts().cpu_model}), it was "
                f"{before.cpu_model}: its address may have changed"
            )

    def close(self) -> None:
        """Close the connection."""
        super().close()
        self._starts = False

    def _check_folder(self, made: CommandResult) -> None:
        """Raise `DeviceError` where the folder of our files cannot be made or written."""
        if made.status != 0:
            raise DeviceError(
                f"the folder {self.folder.path} cannot be used: {error_line(made.err)}; name "
                "another by --remote-folder, or make room"
            )

    def _check_start(self, connection: Connection) -> None:
        """Raise `DeviceError` where the runner does not start, with what to do."""
        steps = 'cd "$1" && shift && exec "$@"'
        argv = ["sh", "-c", steps, "ofabench", self.folder.bundle, *self.bundle().start]
        completed = connection.run([*argv, "--version"], timeout_s=START_S)
        if completed.status == NOT_EXECUTABLE:
            raise DeviceError(
                f"nothing can be executed in {self.folder.path} ({error_line(completed.err)}), its "
                "file system may be mounted noexec: name another folder by --remote-folder"
            )
        if completed.status != 0:
            raise DeviceError(
                f"the runner does not start there (exit status {completed.status}): "
                f"{error_line(completed.err or completed.out)}; try --runner python"
            )


def _output(connection: Connection, text: str) -> str:
    return connection.run(["sh", "-c", text], timeout_s=ASK_S).out.decode(errors="replace")
