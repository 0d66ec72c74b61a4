"""A board or server over SSH as a device: our runner is copied there, nothing is installed."""

import logging
from collections.abc import Callable, Generator, Sequence

from bench.devices.remote.connection import Connection
from bench.devices.remote.device import RunnerDevice
from bench.devices.remote.facts.cores import choose_cores
from bench.devices.remote.machine import RemoteMachine
from bench.devices.remote.replicates.replicate import RunnerReplicates
from bench.devices.ssh.address import SshAddress
from bench.devices.ssh.board.board import Board
from bench.devices.ssh.board.quiet import check_fit
from bench.devices.ssh.options import SshOptions
from bench.devices.ssh.transport import SshTransport
from bench.digests import content_digest
from bench.errors import InputError
from bench.protocol.backend import Backend
from bench.protocol.device import Facts, ReplicatePlan, RoundResult, Workload
from bench.protocol.target import Target

DEFAULTS = SshOptions()
MOST_CORES = 64  # numbers that the runner can bind to

logger = logging.getLogger(__name__)


class SshDevice(RunnerDevice):
    """The machine at `address` (see `ssh.address`), connected at its first use."""

    def __init__(
        self,
        address: str,
        options: SshOptions = DEFAULTS,
        *,
        notify: Callable[[str], None] = logger.warning,
    ) -> None:
        if options.runner == "benchmark_model":
            raise InputError(
                "--runner benchmark_model is for adb:..., ssh:... has bundle and python"
            )
        self._address = SshAddress.parse(address)
        self._options = options
        self.board = Board(self._connect, options, notify)
        self._replicates = RunnerReplicates(self.board)

    @property
    def address(self) -> str:
        return str(self._address)

    @property
    def machine(self) -> RemoteMachine:
        return self.board

    def slug(self) -> str:
        """Return the processor's name, the same as for `cpu` on that machine."""
        return self.board.facts().slug()

    def facts(self) -> Facts:
        return {**self.board.facts().flat(), **self.board.moment().flat()}

    def choose_cores(self, threads: int, requested: str | None) -> str:
        """Return as many fast cores as threads by default; see `remote.facts.cores`."""
        cores = choose_cores(threads, requested, self.board.facts().cores)
        if any(int(core) >= MOST_CORES for core in cores.split(",") if core):
            raise InputError(
                f"cores are {cores}, the runner binds to cores 0 to {MOST_CORES - 1}: name others "
                "by --cores, or use --runner python"
            )
        return cores

    def options(self) -> tuple[tuple[str, str], ...]:
        return ()

    def lock_name(self) -> str:
        """Return a name by the machine's id, the same over all its addresses."""
        identity = self.board.facts().identity
        return f"board-{identity or content_digest(self.address)[:16]}"

    def check_quiet(self) -> None:
        """Raise `DeviceError` for other work, and for what slows the machine."""
        busy = self.board.busy()
        check_fit(self.board.moment(), busy)

    def check_backend(self, backend: Backend) -> None:
        if backend.name != "tflite":
            raise InputError(
                f"--runner bundle runs the backend tflite, got {backend.name}: give --backend "
                "tflite, or --remote-python PATH, a Python there with ofabench and that backend"
            )

    def replicate(
        self, work: Sequence[Workload], backend: Backend, target: Target, plan: ReplicatePlan
    ) -> Generator[RoundResult]:
        yield from self._replicates.run(work, backend, target, plan)

    def _connect(self) -> Connection:
        return SshTransport.connect(self._address, config=self._options.ssh_config)
