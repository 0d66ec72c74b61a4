"""`verify` on every member of a fleet: one model file for all, or a folder with one for each."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.errors import FileError
from ofabench.options.fleet import FleetMember
from ofabench.options.verify import VerifyRequest
from ofabench.workflows.deploy.repeated_verification import keep_tries, verify_part
from ofabench.workflows.deploy.verification import Verification
from ofabench.workflows.fleet.common_options import check_common_device, device_of_member
from ofabench.workflows.fleet.fleet_file import FleetLike, fleet_of
from ofabench.workflows.fleet.folder import made_folder, member_file, member_model
from ofabench.workflows.fleet.members import MemberRun, run_members
from ofabench.workflows.fleet.outcome import (
    EXIT_FAILED_CHECK,
    FleetResult,
    MemberOutcome,
    outcomes_of,
)
from ofabench.workflows.fleet.watcher import FleetWatcher


class FleetVerification(FleetResult):
    """Verifications of a fleet, in its order: JSON values of each, or an error.

    `code` is 1 where a limit or a prediction is not met, as of `verify`.
    """

    def _values(self, member: MemberOutcome) -> dict[str, Any]:
        return {"file": member.path, "verification": member.result}

    def _words(self, member: MemberOutcome, result: Mapping[str, Any]) -> str:
        tries = [Verification(values) for values in result.get("tries", [result])]
        return "; ".join(map(_verdict, tries))


def _verdict(verified: Verification) -> str:
    """Return a latency with its prediction, its limit, and both verdicts."""
    words = [f"{verified.measured_ms:.4g} ms"]
    if verified.predicted_ms is not None:
        words.append(f"predicted {verified.predicted_ms:.4g} ms")
    if verified.prediction_within_tolerance is False:
        words.append("NOT WITHIN TOLERANCE")
    if verified.limit_ms is not None:
        words.append(f"limit {verified.limit_ms:g} ms {'met' if verified.limit_met else 'NOT MET'}")
    return ", ".join(words)


def verify_fleet(
    request: VerifyRequest, fleet: FleetLike, progress: FleetWatcher | None = None
) -> FleetVerification:
    """Verify model files on the members of a fleet, in parallel.

    In the request, `model`, `latency` and `result` may be folders with a file for each member:
    NAME.onnx or another model with its card, NAME.parquet, NAME.json. `out` and `keep` are folders,
    made if they are missing: each member has NAME.json and NAME.sqlite there. A member's own
    `latency` comes first, and its threads and cores apply where it has no predictor. With `tries`,
    members take turns, and the same call continues from the tries in `out`.

    Args:
        request: the files, prediction and limit, and the number of tries; without a device.
        fleet: a fleet, or the path of its file.
        progress: is shown the progress of each member; None shows nothing.

    Returns:
        The verdicts or the error of each member.

    Raises:
        InputError: the fleet's file or the request is invalid, or a folder lacks a member's file.
        FileError: a file cannot be read, or a folder cannot be made.

    Example:
        >>> verify_fleet(VerifyRequest(model="nets"), "nowhere.toml")
        Traceback (most recent call last):
        bench.errors.FileError: cannot read nowhere.toml: No such file or directory
    """
    # "cpu" is what a request has that names no device.
    check_common_device(request.device, "cpu")
    fleet = fleet_of(fleet)
    requests = {member.name: member_request(member, request) for member in fleet}
    _check_files(requests.values())
    for folder in (request.out, request.keep):
        if folder is not None:
            made_folder(folder)

    def work(run: MemberRun) -> Mapping[str, Any]:
        own = requests[run.member.name]

        def measure(attempt: VerifyRequest) -> Mapping[str, Any]:
            values: Mapping[str, Any] = run.measure(verify_part, attempt)
            return values

        if own.tries == 1:
            return measure(own)
        tries = keep_tries(
            own, measure, run.display, resume_with="the same command", clock=run.clock
        )
        return {**tries.to_dict(), "failed": tries.failed}

    ends = run_members(fleet, work, progress)
    return FleetVerification(
        outcomes_of(fleet, ends, {name: each.out for name, each in requests.items()}, _exit_code)
    )


def _check_files(requests: Collection[VerifyRequest]) -> None:
    """Raise `FileError` for a model, a predictor or a result that is not there."""
    from supernet.export.model_card import read_exported

    for model in dict.fromkeys(request.model for request in requests):
        read_exported(model)
    files = (file for request in requests for file in (request.latency, request.result))
    for file in files:
        if file is not None and not file.is_file():
            raise FileError(f"cannot read {file}: no such file")


def _exit_code(result: Mapping[str, Any]) -> int:
    return EXIT_FAILED_CHECK if _failed(result) else 0


def _failed(result: Mapping[str, Any]) -> bool:
    """Whether a limit or a prediction is not met, or tries differ by too much."""
    if "failed" in result:
        return bool(result["failed"])
    return Verification(result).failed


def member_request(member: FleetMember, request: VerifyRequest) -> VerifyRequest:
    """Return the verification of one member; `InputError` if a folder lacks its file."""
    latency = member.latency or _own(request.latency, member, ".parquet", "--latency")
    options = replace(request.verify, backend=member.backend or request.verify.backend)
    if latency is None:  # a predictor has its own threads and cores
        options = replace(
            options,
            threads=member.threads or options.threads,
            cores=member.cores or options.cores,
        )
    return VerifyRequest(
        model=member_model(request.model, member.name),
        latency=latency,
        result=_own(request.result, member, ".json", "--result"),
        pick=request.pick,
        device=device_of_member(member, request.device),
        verify=options,
        data=request.data,
        keep=None if request.keep is None else request.keep / f"{member.name}.sqlite",
        out=None if request.out is None else request.out / f"{member.name}.json",
        tries=request.tries,
        every_s=request.every_s,
    )


def _own(path: Path | None, member: FleetMember, suffix: str, what: str) -> Path | None:
    return None if path is None else member_file(path, member.name, suffix, what)
