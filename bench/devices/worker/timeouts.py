"""How long a client waits for its worker."""

from dataclasses import dataclass

from bench.devices.worker.messages import PING_S, SILENCE_S


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerTimeouts:
    """Timeouts in seconds; nothing waits without a limit.

    A worker that works is not silent: it answers a ping every `ping_s`. The other limits are for
    one that hangs, so they are long.
    """

    start_s: float = 60.0  # until the first message: a small board reads Python's files for a while
    ping_s: float = PING_S
    silence_s: float = SILENCE_S
    call_s: float = 600.0  # importing a runtime may take a minute
    model_s: float = 3600.0  # to load a model file, profile it or compute its outputs
    stop_s: float = 10.0  # until a stream that is left early has ended
    # Until a replicate's first round, and in addition for each workload: they are loaded, and some
    # are compiled. A later round may take `patience` times as long as the longest before it.
    load_s: float = 600.0
    load_each_s: float = 120.0
    least_round_s: float = 300.0
    patience: float = 10.0


DEFAULT_TIMEOUTS = WorkerTimeouts()
