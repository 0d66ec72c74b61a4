"""The anchor networks measured once more at the end of a sweep with a budget."""

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
RESERVED_SHARE, RESERVED_S = 0.08, 8.0  # of the budget, at most so much
LATE = 1.02  # the share of the budget at which it has ended at the latest


def reserve_s(budget_s: float) -> float:
    """What of a budget is left for the anchors."""
    return min(RESERVED_SHARE * budget_s, RESERVED_S)


def measure_anchors(  # noqa: PLR0913, PLR0917
    store: SweepStore,
    device: Device,
    backend: Backend,
    budget_s: float,
    progress: Progress,
    forced: bool,
) -> None:
    """Measure the anchors once more where the budget has time left, and keep it in the file.

    It is within five minutes of the sweep, and so part of its last measurement session: it fixes
    the anchors, and says what they take among few models, as in all sessions to come. The sweep is
    whole without it: a device that fails is a warning.
    """
    if store.drift_sessions() or store.drift_log() is None:
        return
    log = drift_log_to_extend(store)
    clock, so_far = SystemClock(), spent(store)
    if so_far is not None:  # else the device computes its time
        since_s = clock.now() - store.load_times()[-1][1]
        needed_s = session_s(log.anchors, store.plan.calls, so_far.share)
        if so_far.wall_s + since_s + needed_s > LATE * budget_s:
            return
    try:
        found = measure_session(device, backend, store, log, progress, forced=forced, clock=clock)
    except KeyboardInterrupt as error:
        raise InterruptedSweepError(
            f"stopped while the anchors were measured once more; the sweep in {store.path} is whole"
        ) from error
    except (DeviceError, TargetMismatchError) as error:
        logger.warning("the anchors are not measured at the end of the sweep: %s", error)
        return
    store.add_drift_session(found)
