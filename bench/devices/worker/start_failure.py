"""Why a worker did not start, in one line with what to do."""

import shlex

from bench.devices.worker.messages import MODULE, PROTOCOL, Hello
from bench.devices.worker.process import WorkerProcess
from bench.errors import DeviceError, DeviceLostError, MissingRuntimeError, OfabenchError

NOT_FOUND, NOT_EXECUTABLE, SIGNALLED = 127, 126, 128
MAX_SHOWN = 200  # characters of another program's message


def command_of(python: str) -> list[str]:
    """Return the command that starts a worker.

    `-P` keeps the current folder out of the module path: a folder called `bench` there would hide
    ours. A path that begins with ~/ is relative to the home folder, where SSH commands start.
    """
    return [python.removeprefix("~/") if "/" in python[2:] else python, "-P", "-m", MODULE]


def start_failure(process: WorkerProcess, python: str, where: str, noise: str) -> OfabenchError:
    """Return the error for a worker that ended before its first message.

    `python` is the interpreter there, `where` the device's address, and `noise` what was printed in
    place of a message.
    """
    message = process.err.decode("utf-8", "replace")
    own = shlex.quote(python)
    if process.status == NOT_FOUND or "No such file or directory" in message:
        return DeviceError(
            f"{where}: there is no Python at {python}: give its path there by --remote-python, "
            "like venv/bin/python (from the home folder)"
        )
    if process.status == NOT_EXECUTABLE:
        return DeviceError(f"{where}: {python} cannot be run there: {last_line(message)}")
    if "nknown option" in message and "-P" in message:
        return DeviceError(
            f"{where}: {python} is older than Python 3.11, which ofabench needs: give another by "
            "--remote-python"
        )
    if f"No module named {MODULE}" in message:
        return MissingRuntimeError(
            f"{where}: the ofabench of {python} is too old to have a worker: run there `{own} -m "
            "pip install --upgrade ofabench`"
        )
    if "No module named 'bench'" in message or "No module named bench" in message:
        return MissingRuntimeError(
            f"{where}: {python} has no ofabench: run there `{own} -m pip install ofabench`, or "
            "give another by --remote-python"
        )
    said = last_line(message) or last_line(noise) or "it printed nothing"
    return DeviceError(f"{where}: the worker of {python} did not start{_ending(process)}: {said}")


def check_version(hello: Hello, ofabench: str, python: str, where: str) -> None:
    """Raise `MissingRuntimeError` unless the worker is of this protocol and this version."""
    if hello.protocol == PROTOCOL and hello.ofabench == ofabench:
        return
    there, here = f"{hello.ofabench:.40}", ofabench
    if hello.protocol != PROTOCOL:
        there, here = f"{there} (protocol {hello.protocol})", f"{here} (protocol {PROTOCOL})"
    raise MissingRuntimeError(
        f"{where}: {python} has ofabench {there}, here it is {here}: both must be the same; run "
        f"there `{shlex.quote(python)} -m pip install ofabench=={ofabench}`, or upgrade here"
    )


def ended(process: WorkerProcess, where: str) -> DeviceLostError:
    """Return the error for a worker whose output ended while it was needed."""
    message = last_line(process.err.decode("utf-8", "replace"))
    said = f": {message}" if message else ""
    return DeviceLostError(f"{where}: the worker ended{_ending(process)}{said}")


def last_line(text: str) -> str:
    """Return the last line of a text that is not empty, cut where it is long."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " ".join(lines[-1].split())[:MAX_SHOWN] if lines else ""


def _ending(process: WorkerProcess) -> str:
    status = process.status
    if status is None:
        return ""
    if status > SIGNALLED:
        hint = ", as Linux does when memory is short" if status == SIGNALLED + 9 else ""
        return f" (by signal {status - SIGNALLED}{hint})"
    return f" (exit status {status})"
