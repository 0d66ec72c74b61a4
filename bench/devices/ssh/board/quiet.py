"""Whether a board or server can be measured: idle, and not slowed."""

from bench.devices.remote.facts.cpu_use import CpuUse
from bench.devices.ssh.board.state import BoardState
from bench.errors import DeviceError

MAX_BUSY_CORES = 0.10  # of one core, by all other processes together, as on this machine


def check_fit(state: BoardState, busy: CpuUse | None) -> None:
    """Raise `DeviceError` with everything that prevents measuring now."""
    problems = []
    if busy is not None and busy.cores > MAX_BUSY_CORES:
        problems.append(
            f"other processes use {busy.cores:.0%} of a core (most: {busy.most}), at most "
            f"{MAX_BUSY_CORES:.0%} is expected: stop them"
        )
    if state.reported_throttling:
        problems.append(f"it is slowed ({state.reported_throttling}): cool it, check its supply")
    if problems:
        raise DeviceError(
            f"the machine cannot be measured now: {'; '.join(problems)}; or use --force"
        )
