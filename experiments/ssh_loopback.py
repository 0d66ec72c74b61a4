"""Do the two runners over SSH measure what this machine measures itself, and what does SSH cost?

    python -m experiments.ssh_loopback [--blocks 60] [--replicates 6] [--rounds 20] [--faults 200]

Starts an SSH server on this machine. The same blocks of `ofa-mbv3-w1.0` are timed by the local
device, by the bundle over SSH and by a worker over SSH (`--remote-python`, this Python), in
alternating replicates of the same plan. Printed are

- by runner, the ratio of the blocks' medians over the local ones: in the median, at worst, and, as
  the noise of the comparison, the largest difference between odd and even replicates of each;
- by runner, the wall time over the local device's; the first replicate, in which everything is
  sent, is apart;
- for the bundle, the share of the wall time in which this machine waits for SSH (commands and
  files, in contrast to waiting for rounds), the time to connect, and the bytes sent: in the first
  replicate and in the others;
- the faults that a small sweep survives (`--faults 0` leaves it out): how often it was resumed, and
  the longest time without a round or an error.

Nothing else may run meanwhile.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from bench.backends.registry import get_backend
from bench.devices.cpu.local import LocalDevice
from bench.devices.cuda.options import CudaOptions
from bench.devices.remote.connection import CommandResult, Connection, PushFile, silent
from bench.devices.ssh.device import SshDevice
from bench.devices.ssh.opening import open_ssh
from bench.devices.ssh.options import SshOptions
from bench.devices.ssh.transport import SshTransport
from bench.errors import OfabenchError
from bench.protocol.device import Device, ReplicatePlan, Workload
from bench.protocol.target import Target
from bench.timing.measurement import warm_ns
from bench.timing.references import with_references
from supernet.space.space import SearchSpace
from tests.ssh_target.machine import MachineOptions
from tests.support.ssh_faults import survive_over_ssh
from tests.support.ssh_server import NoServerError, ServerOptions, SshServer

Floats = NDArray[np.float64]
T = TypeVar("T")
LOCAL, BUNDLE, PYTHON = "local", "bundle", "python"


@dataclass
class SshCost:
    """Seconds that this machine waited for SSH, and bytes of files that it sent."""

    connect_s: float = 0.0
    waited_s: float = 0.0
    sent_bytes: int = 0

    def timed(self, call: Callable[[], T]) -> T:
        """Add the duration of a call to the time waited."""
        began_s = time.perf_counter()
        try:
            return call()
        finally:
            self.waited_s += time.perf_counter() - began_s


class TimedTransport(SshTransport):
    """A connection that keeps account of its cost; rounds are read from processes, apart."""

    cost: SshCost

    def run(
        self, argv: Sequence[str], *, timeout_s: float = 30.0, stdin: bytes = b""
    ) -> CommandResult:
        call = super().run
        return self.cost.timed(lambda: call(argv, timeout_s=timeout_s, stdin=stdin))

    def push(self, files: Sequence[PushFile], progress: Callable[[int], None] = silent) -> None:
        call = super().push
        # What `push` runs itself is timed by `run` already.
        before_s = self.cost.waited_s
        began_s = time.perf_counter()
        call(files, progress)
        self.cost.waited_s = before_s + time.perf_counter() - began_s
        self.cost.sent_bytes += sum(_size(file.content) for file in files)


class TimedDevice(SshDevice):
    """The bundle over SSH, with the cost of its connection."""

    def __init__(self, address: str, options: SshOptions) -> None:
        super().__init__(address, options)
        self.cost = SshCost()

    def _connect(self) -> Connection:
        began_s = time.perf_counter()
        connection = TimedTransport.connect(self._address, config=self._options.ssh_config)
        connection.cost = self.cost
        self.cost.connect_s = time.perf_counter() - began_s
        return connection


@dataclass
class Measured:
    """Replicates of one device: latencies in ns (a row each), wall seconds, costs of SSH."""

    latencies_ns: list[Floats] = field(default_factory=list)
    wall_s: list[float] = field(default_factory=list)
    ssh_s: list[float] = field(default_factory=list)
    sent_bytes: list[int] = field(default_factory=list)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--space", default="ofa-mbv3-w1.0")
    parser.add_argument("--resolution", type=int, default=160)
    parser.add_argument("--blocks", type=int, default=60)
    parser.add_argument("--replicates", type=int, default=6, help="of each device")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--faults", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory(prefix="ofabench-") as folder:
            figures = compared(args, Path(folder))
            figures |= survived(args, Path(folder)) if args.faults else {}
    except (OfabenchError, NoServerError) as error:
        print(error, file=sys.stderr)
        return 2
    if args.json:
        print(json.dumps(figures))
        return 0
    for name, value in figures.items():
        print(f"{name:<40} {value:.4g}" if isinstance(value, float) else f"{name:<40} {value}")
    return 0


def compared(args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Measure on the three devices in turns, and return the figures."""
    blocks = SearchSpace.load(args.space).unique_blocks((args.resolution,))
    rng = np.random.default_rng(args.seed)
    chosen = sorted(rng.choice(len(blocks), size=min(args.blocks, len(blocks)), replace=False))
    work = with_references([Workload(role="block", blocks=(blocks[i],)) for i in chosen])
    with ExitStack() as stack:
        server = stack.enter_context(SshServer(folder / "ssh"))
        config = SshOptions(ssh_config=server.config)
        worker = SshOptions(ssh_config=server.config, remote_python=sys.executable)
        bundle = stack.enter_context(closing(TimedDevice(str(server.address), config)))
        python = stack.enter_context(closing(open_ssh(str(server.address), worker, CudaOptions())))
        devices: dict[str, Device] = {LOCAL: LocalDevice(), BUNDLE: bundle, PYTHON: python}
        results = {name: Measured() for name in devices}
        for replicate in range(args.replicates):
            plan = ReplicatePlan(rounds=args.rounds, samples=3, seed=args.seed + replicate)
            for name, device in devices.items():
                measure(device, work, plan, len(chosen), results[name])
                print(f"replicate {replicate + 1} of {name}", file=sys.stderr)
        connect_s = bundle.cost.connect_s
    return {"blocks": len(chosen), "connect_s": connect_s, **figures_of(results)}


def measure(
    device: Device, work: Sequence[Workload], plan: ReplicatePlan, blocks: int, into: Measured
) -> None:
    """Measure one replicate of the first `blocks` workloads and the references."""
    backend = get_backend("tflite")
    target = Target(
        device=device.slug(),
        backend="tflite",
        backend_version=device.runtime_version(backend),
        cores=device.choose_cores(1, None),
    )
    before_s, before_bytes = _ssh_s(device), _sent_bytes(device)
    began_s = time.perf_counter()
    rounds = [each.samples_ns for each in device.run_replicate(work, backend, target, plan)]
    into.wall_s.append(time.perf_counter() - began_s)
    into.latencies_ns.append(np.median(warm_ns(np.stack(rounds)), axis=0)[:blocks])
    into.ssh_s.append(_ssh_s(device) - before_s)
    into.sent_bytes.append(_sent_bytes(device) - before_bytes)


def figures_of(results: dict[str, Measured]) -> dict[str, Any]:
    """Return ratios of latencies and times over the local device's, and what was sent."""
    local = np.stack(results[LOCAL].latencies_ns)
    figures: dict[str, Any] = {"noise_worst_local": halves_apart(local)}
    for name in (BUNDLE, PYTHON):
        measured = results[name]
        latencies = np.stack(measured.latencies_ns)
        ratio = np.median(latencies, axis=0) / np.median(local, axis=0)
        figures |= {
            f"latency_over_local_median_{name}": float(np.median(ratio)),
            f"difference_from_local_worst_{name}": float(np.abs(ratio - 1).max()),
            f"noise_worst_{name}": halves_apart(latencies),
            f"first_replicate_over_local_{name}": measured.wall_s[0] / results[LOCAL].wall_s[0],
            f"wall_over_local_{name}": sum(measured.wall_s[1:]) / sum(results[LOCAL].wall_s[1:]),
        }
    bundle = results[BUNDLE]
    figures["sent_bytes_first"] = bundle.sent_bytes[0]
    figures["sent_bytes_later"] = sum(bundle.sent_bytes[1:])
    figures["ssh_share_of_wall_first"] = bundle.ssh_s[0] / bundle.wall_s[0]
    figures["ssh_share_of_wall_later"] = sum(bundle.ssh_s[1:]) / sum(bundle.wall_s[1:])
    return figures


def halves_apart(replicates_ns: Floats) -> float:
    """Return the largest difference between odd and even replicates."""
    odd, even = np.median(replicates_ns[1::2], axis=0), np.median(replicates_ns[::2], axis=0)
    return float(np.abs(odd / even - 1).max())


def survived(args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Let a small sweep survive faults, and return how it did; it raises if anything is lost."""
    options = ServerOptions(machine=MachineOptions(), proxied=True)
    began_s = time.perf_counter()
    with SshServer(folder / "faults", options) as server:
        result = survive_over_ssh(
            server, folder / "faults.sqlite", count=args.faults, seed=args.seed
        )
    return {
        "faults": sum(result.made.values()),
        "kinds_of_faults": len(result.made),
        "resumed": result.resumed,
        "longest_without_round_s": result.longest_s,
        "faults_wall_s": time.perf_counter() - began_s,
    }


def _ssh_s(device: Device) -> float:
    return device.cost.waited_s if isinstance(device, TimedDevice) else 0.0


def _sent_bytes(device: Device) -> int:
    if isinstance(device, TimedDevice):
        return device.cost.sent_bytes
    return int(getattr(device, "sent_bytes", 0))


def _size(content: bytes | Path) -> int:
    return len(content) if isinstance(content, bytes) else content.stat().st_size


if __name__ == "__main__":
    sys.exit(main())
