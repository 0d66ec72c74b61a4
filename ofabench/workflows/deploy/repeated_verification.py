"""Several tries of a verification, each in a separate process and minutes apart.

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

    Between the end of a try and the start of the next lie at least `request.every_s`. Where
    `request.out` is given, each try is kept there as it ends, and a later call with the same
    request continues from those that it holds.

    Args:
        request: the file, the device, what it is judged by, and how many tries.
        progress: is shown the measuring and the waiting; None shows nothing.
        resume_with: how to go on, for the message of a try that was stopped.

    Returns:
        Every try, how far they lie apart, and the verdicts.

    Raises:
        InputError: `request.out` holds something else than tries of the same.
        InterruptedSweepError: Ctrl-C; finished tries are kept where `request.out` is given.
        OfabenchError: what `verify` raises.

    Example:
        >>> from pathlib import Path
        >>> verify_tries(VerifyRequest(model=Path("absent.onnx"), tries=5))
        Traceback (most recent call last):
        bench.errors.FileError: cannot read absent.onnx: No such file or directory
    """
    from ofabench.launcher import launch

    shown = progress or NoProgress()

    def measure(one: VerifyRequest) -> Mapping[str, Any]:
        found: Mapping[str, Any] = launch(verify_part, one, progress=shown, say=logger.warning)
        return found

    return keep_tries(request, measure, shown, resume_with=resume_with)


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
    """Call `measure` for every try that is not there yet, and keep each as it ends."""
    done = _kept(request)
    try:
        while len(done) < request.tries:
            if done:
                # A clock that was set back makes it wait no longer than the whole pause.
                now_s = clock.now()
                due_s = min(float(done[-1]["ended_s"]), now_s) + request.every_s
                wait_until(due_s, clock, progress, _note(len(done), request.tries))
            started_s = clock.now()
            found = measure(_one(request, first=not done))
            times = {"started_at": iso(started_s), "ended_s": clock.now()}
            done.append({**found, **times})
            _keep(request, done)
    except KeyboardInterrupt as error:
        kept = f"which {request.out} keeps; go on with: {resume_with}"
        if request.out is None:
            kept = "which nothing keeps: give --out V.json to go on from them"
        raise InterruptedSweepError(
            f"stopped after {len(done)} of {request.tries} tries, {kept}"
        ) from error
    finally:
        progress.close()
    return _tries(request, done)


def _one(request: VerifyRequest, *, first: bool) -> VerifyRequest:
    """What one process does; accuracy is judged once, since it is the same in every try."""
    data = request.data if first else None
    return replace(request, tries=1, every_s=SESSION_GAP_S, out=None, data=data)


def _tries(request: VerifyRequest, done: list[dict[str, Any]]) -> VerificationTries:
    return VerificationTries(
        tries=tuple(Verification(one) for one in done),
        wanted=request.tries,
        every_s=request.every_s,
    )


def _keep(request: VerifyRequest, done: list[dict[str, Any]]) -> None:
    if request.out is None:
        return
    values = {**_tries(request, done).to_dict(), "request": _identity(request)}
    write_text(request.out, json.dumps(values, indent=2, allow_nan=False) + "\n")


def _kept(request: VerifyRequest) -> list[dict[str, Any]]:
    """The tries that the file holds; none where there is no file."""
    identity = _identity(request)
    out = request.out
    if out is None or not out.exists():
        return []
    data = read_json(out)
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise InputError(f"{out} is there and holds no tries of a verification: name another --out")
    if data.get("request") != identity:
        raise InputError(
            f"{out} holds tries of another model, target, limit or of other options: name another "
            "--out, or give the same ones"
        )
    tries = data.get("tries")
    if not isinstance(tries, list) or not all(_is_try(one) for one in tries):
        raise InputError(f"{out} is damaged: its tries are no verifications; name another --out")
    return tries


def _is_try(one: Any) -> bool:
    return isinstance(one, dict) and isinstance(one.get("ended_s"), int | float)


def _identity(request: VerifyRequest) -> dict[str, Any]:
    """What must be the same for tries to be of one thing."""
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
