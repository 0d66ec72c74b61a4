"""Session of the anchor networks at the end of a sweep with a budget."""

import logging

from bench.errors import DeviceError, InterruptedSweepError, TargetMismatchError
from bench.protocol.backend import Backend
from bench.protocol.clock import SystemClock
from bench.protocol.device import Device
from bench.protocol.progress import Progress
from bench.sweep.drift_session import drift_log_to_extend, measure_session, session_s
from bench.sweep.elapsed import spent
from bench.sweep.store import SweepStore

logger = logging.getLogger(__name__)
RESERVED_SHARE, RESERVED_S = 0.08, 8.0  # of the budget, and at most these seconds
LATE = 1.02  # of the budget: the session must end before


def reserve_s(budget_s: float) -> float:
    """Return the seconds of a budget that are reserved for the anchors."""
    return min(RESERVED_SHARE * budget_s, RESERVED_S)


def measure_anchors(  # noqa: PLR0913, PLR0917
    store: SweepStore,
    device: Device,
    backend: Backend,
    budget_s: float,
    progress: Progress,
    forced: bool,
) -> None:
    """Measure the anchors once more if the budget has time left, and store the result.

    It is within five minutes of the sweep, and so part of its last measurement session. It fixes
    the anchors, and measures them among few models, as all later sessions do. The sweep is complete
    without it: a failing device is only a warning.
    """
    if store.drift_sessions() or store.drift_log() is None:
        return
    log = drift_log_to_extend(store)
    clock, time_spent = SystemClock(), spent(store)
    if time_spent is not None:  # None: the device simulates time
        since_s = clock.now() - store.replicate_times()[-1][1]
        needed_s = session_s(log.anchors, store.plan.samples, time_spent.share)
        if time_spent.wall_s + since_s + needed_s > LATE * budget_s:
            return
    try:
        session = measure_session(device, backend, store, log, progress, forced=forced, clock=clock)
    except KeyboardInterrupt as error:
        raise InterruptedSweepError(
            f"stopped while the anchors were measured again; the sweep in {store.path} is complete"
        ) from error
    except (DeviceError, TargetMismatchError) as error:
        logger.warning("the anchors are not measured at the end of the sweep: %s", error)
        return
    store.add_drift_session(session)
