"""Where the workers of a machine over SSH run."""

from collections.abc import Callable, Sequence

from bench.devices.ssh.process import SshProcess
from bench.devices.ssh.transport import SshTransport
from bench.errors import DeviceLostError

CHECK_S = 30.0  # for an existing connection to run a command


class SshWorkerHost:
    """Starts workers over one connection, which `connect` makes at the first start."""

    def __init__(self, connect: Callable[[], SshTransport]) -> None:
        self._connect = connect
        self._transport: SshTransport | None = None

    def start(self, argv: Sequence[str]) -> SshProcess:
        """Start a command, over a new connection if the last one broke; see `WorkerHost`."""
        if self._transport is None:
            self._transport = self._connect()
        else:
            try:  # a worker can end alone, as by `kill -9`, or with its connection
                self._transport.run(["true"], timeout_s=CHECK_S)
            except DeviceLostError:
                self._transport.reconnect()
        return self._transport.start(argv)

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._transport is not None:
            self._transport.close()
            self._transport = None
