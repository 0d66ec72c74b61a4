"""Repeated verification: several tries, each in a separate process and minutes apart.

MLPerf Mobile calls a result replicable where five tries, five minutes apart, lie within 5 %.
"""

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from bench.digests import file_digest
from bench.drift.log import SESSION_GAP_S
from bench.errors import InputError, InterruptedSweepError
from bench.files import read_json, write_text
from bench.protocol.clock import Clock, SystemClock, iso
from bench.protocol.progress import NoProgress, Progress
from bench.sweep.waiting import wait_until
from ofabench.options.verify import VerifyRequest
from ofabench.workflows.deploy.verification import Verification
from ofabench.workflows.deploy.verification_tries import FORMAT, VerificationTries

__all__ = ["VerificationTries", "verify_tries"]
logger = logging.getLogger(__name__)
SYSTEM: Clock = SystemClock()
Measure = Callable[[VerifyRequest], Mapping[str, Any]]


def verify_tries(
    request: VerifyRequest, progress: Progress | None = None, *, resume_with: str = "the same call"
) -> VerificationTries:
    """Verify a model file several times, each try in a separate process.

    The pause between two tries is at least `request.every_s`. With `request.out` each finished try
    is stored there, and a later call with the same request continues from the stored tries.

    Args:
        request: the file, the device, prediction and limit, and the number of tries.
        progress: is shown measuring and waiting; None shows nothing.
        resume_with: how to continue, for the message of an interruption.

    Returns:
        Every try, their range, and the verdicts.

    Raises:
        InputError: `request.out` holds something else than tries of the same request.
        InterruptedSweepError: Ctrl-C; finished tries are kept if `request.out` is given.
        OfabenchError: any error of `verify`.

    Example:
        >>> from pathlib import Path
        >>> verify_tries(VerifyRequest(model=Path("absent.onnx"), tries=5))
        Traceback (most recent call last):
        bench.errors.FileError: cannot read absent.onnx: No such file or directory
    """
    from ofabench.launcher import launch

    display = progress or NoProgress()

    def measure(attempt: VerifyRequest) -> Mapping[str, Any]:
        values: Mapping[str, Any] = launch(
            verify_part, attempt, progress=display, say=logger.warning
        )
        return values

    return keep_tries(request, measure, display, resume_with=resume_with)


def verify_part(request: VerifyRequest, progress: Progress) -> dict[str, Any]:
    """Measure one try in a worker process."""
    from ofabench.workflows.deploy.verify import verify_from

    return verify_from(request, progress)[0].to_dict()


def keep_tries(
    request: VerifyRequest,
    measure: Measure,
    progress: Progress,
    *,
    resume_with: str,
    clock: Clock = SYSTEM,
) -> VerificationTries:
    """Call `measure` for every missing try, and store each finished one."""
    done = _stored_tries(request)
    try:
        while len(done) < request.tries:
            if done:
                # If the clock was set back, wait no longer than the whole pause.
                now_s = clock.now()
                due_s = min(float(done[-1]["ended_s"]), now_s) + request.every_s
                wait_until(due_s, clock, progress, _note(len(done), request.tries))
            started_s = clock.now()
            verdict = measure(_single_try(request, first=not done))
            times = {"started_at": iso(started_s), "ended_s": clock.now()}
            done.append({**verdict, **times})
            _store_tries(request, done)
    except (KeyboardInterrupt, InterruptedSweepError) as error:
        how_to_continue = f"stored in {request.out}; continue with: {resume_with}"
        if request.out is None:
            how_to_continue = "not stored: give --out V.json to continue from them"
        raise InterruptedSweepError(
            f"stopped after {len(done)} of {request.tries} tries, {how_to_continue}"
        ) from error
    finally:
        progress.close()
    return _tries(request, done)


def _single_try(request: VerifyRequest, *, first: bool) -> VerifyRequest:
    """The request of one process; accuracy is measured once, it is the same in every try."""
    data = request.data if first else None
    return replace(request, tries=1, every_s=SESSION_GAP_S, out=None, data=data)


def _tries(request: VerifyRequest, done: list[dict[str, Any]]) -> VerificationTries:
    return VerificationTries(
        tries=tuple(Verification(values) for values in done),
        requested=request.tries,
        every_s=request.every_s,
    )


def _store_tries(request: VerifyRequest, done: list[dict[str, Any]]) -> None:
    if request.out is None:
        return
    values = {**_tries(request, done).to_dict(), "request": _identity(request)}
    write_text(request.out, json.dumps(values, indent=2, allow_nan=False) + "\n")


def _stored_tries(request: VerifyRequest) -> list[dict[str, Any]]:
    """The tries in the request's file; none if there is no file."""
    identity = _identity(request)
    out = request.out
    if out is None or not out.exists():
        return []
    data = read_json(out)
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise InputError(f"{out} exists and holds no tries of a verification: name another --out")
    if data.get("request") != identity:
        raise InputError(
            f"{out} holds tries of another model, target, limit or of other options: name another "
            "--out, or give the same ones"
        )
    tries = data.get("tries")
    if not isinstance(tries, list) or not all(_is_try(item) for item in tries):
        raise InputError(f"{out} is damaged: its tries are no verifications; name another --out")
    return tries


def _is_try(item: Any) -> bool:
    return isinstance(item, dict) and isinstance(item.get("ended_s"), int | float)


def _identity(request: VerifyRequest) -> dict[str, Any]:
    """What must be equal for tries to belong together."""
    files = (("model", request.model), ("latency", request.latency), ("result", request.result))
    return {
        **{name: None if path is None else file_digest(path) for name, path in files},
        "pick": request.pick,
        "device": request.device.device,
        "verify": {k: v for k, v in request.verify.to_dict().items() if k != "force"},
    }


def _note(done: int, wanted: int) -> Callable[[float], str]:
    def note(now_s: float) -> str:
        del now_s
        return f"until try {done + 1} of {wanted}"

    return note
