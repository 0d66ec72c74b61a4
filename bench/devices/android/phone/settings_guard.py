"""Guard of a phone's settings: changes them during a block, and always restores them.

The script that restores them is written to the phone before anything is changed. A guardian there,
a shell that waits for the end of its input, runs it: on request, or because the connection or this
process is gone. If the phone itself was down, the next connection finds the script and runs it.
"""

import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from bench.devices.android.phone.settings_changes import SettingChange
from bench.devices.remote.connection import Connection, Process, error_line
from bench.devices.remote.facts.shell_queries import answers, script
from bench.devices.remote.folder import RemoteFolder
from bench.errors import DeviceError, DeviceLostError

FOLDER = RemoteFolder("/data/local/tmp/ofabench")
WORK = FOLDER.path
RESTORE, GUARD = f"{WORK}/restore.sh", f"{WORK}/guard"
GUARD_WAIT_S = 15
RESTORE_TIMEOUT_S = 30.0
LOST_WAIT_S = 5.0  # after the connection broke: the phone may not answer

# Whether the guardian that wrote its process id still runs; the id may belong to another program by
# now, so its command line is checked where the system shows it.
_ALIVE = (
    "alive() { kill -0 $1 2>/dev/null || return 1; "
    "[ ! -r /proc/$1/cmdline ] || grep -q ofabench /proc/$1/cmdline; }"
)
_READ_GUARD = f"g= c= s=; [ -e {GUARD} ] && read -r g c s < {GUARD}"


@dataclass(frozen=True, slots=True)
class ClaimResult:
    """State of the phone: "free", "restored", "failed" to restore, "taken" by another session."""

    state: str
    words: str = ""


def claim(connection: Connection, session: str) -> ClaimResult:
    """Create the work folder, and restore what an earlier session left changed.

    A guardian of this same session, whose connection broke, is ended first.
    """
    steps = f"""\
{_ALIVE}
mkdir -p {WORK} || exit 1
{_READ_GUARD}
if [ -n "$g" ] && alive "$g"; then
  [ "$s" = {shlex.quote(session)} ] || {{ echo "taken $g"; exit 0; }}
  kill "$c" 2>/dev/null
  n=0; while [ -e {GUARD} ] && [ $n -lt {GUARD_WAIT_S} ]; do sleep 1; n=$((n+1)); done
fi
[ -e {RESTORE} ] || {{ echo free; exit 0; }}
if said=$(sh {RESTORE} 2>&1); then echo restored; else echo "failed $said"; fi"""
    completed = connection.run(["sh", "-c", steps], timeout_s=RESTORE_TIMEOUT_S + GUARD_WAIT_S)
    state, _, details = completed.out.decode(errors="replace").strip().partition(" ")
    if completed.status != 0 or not state:
        raise DeviceError(f"the phone's folder {WORK} cannot be used: {error_line(completed.err)}")
    return ClaimResult(state, details)


@contextmanager
def changed(
    connection: Connection,
    changes: Sequence[SettingChange],
    session: str,
    notify: Callable[[str], None],
) -> Iterator[frozenset[str]]:
    """Apply `changes` in the block; yields the names of the successful ones.

    Raises `DeviceError` if a needed one failed. Failures to restore are reported by `notify`.
    """
    with _guarded(connection, changes, session) as guardian:
        wait_s = RESTORE_TIMEOUT_S
        try:
            yield _apply(connection, changes, notify)
        except DeviceLostError:
            wait_s = LOST_WAIT_S
            raise
        finally:
            _release(guardian, notify, wait_s)


def restore_text(changes: Sequence[SettingChange]) -> str:
    """Return the shell script that restores everything, reports failures, and deletes itself.

    It may run at any time: it sets the previous values, whatever the present ones are.
    """
    lines = ["# Puts back what ofabench changed on this phone while it measured.", "failed="]
    for change in reversed(changes):
        lines.append(f'{{ {change.restore}; }} >/dev/null 2>&1 || failed="$failed, {change.what}"')
    lines += [
        '[ -z "$failed" ] || { echo "${failed#, }"; exit 1; }',
        f"rm -f {RESTORE}",
    ]
    return "\n".join(lines) + "\n"


def _guarded(connection: Connection, changes: Sequence[SettingChange], session: str) -> Process:
    """Write the script and start the guardian; `DeviceError` if either fails.

    The script is passed as an argument, written as a whole and then renamed. The guardian's input
    is read by `cat`, whose process id is written too, so that a new connection can end it.
    """
    steps = f"""\
trap '' HUP
umask 077
[ ! -e {RESTORE} ] || {{ echo "an earlier session's {RESTORE} is still there"; exit 3; }}
echo "$1" > {RESTORE}.part && mv {RESTORE}.part {RESTORE} || exit 4
exec 3<&0
cat <&3 >/dev/null &
echo "$$ $! $2" > {GUARD}.part && mv {GUARD}.part {GUARD}
echo guarding
wait $!
said=$(sh {RESTORE} 2>&1)
status=$?
rm -f {GUARD}
echo "$said"
exit $status"""
    argv = ["sh", "-c", steps, "ofabench", restore_text(changes), session]
    with ExitStack() as failing:
        guardian = failing.enter_context(connection.start(argv))
        line = guardian.read_line(RESTORE_TIMEOUT_S)
        if line is None or line.strip() != b"guarding":
            message = error_line((line or b"") + guardian.err)
            raise DeviceError(
                f"settings of the phone cannot be changed safely, so none were changed: {message}"
            )
        failing.pop_all()
    return guardian


def _apply(
    connection: Connection, changes: Sequence[SettingChange], notify: Callable[[str], None]
) -> frozenset[str]:
    if not changes:
        return frozenset()
    queries = {
        change.name: f"if said=$({{ {change.apply}; }} 2>&1); then echo ok; else echo no $said; fi"
        for change in changes
    }
    completed = connection.run(["sh", "-c", script(queries)], timeout_s=RESTORE_TIMEOUT_S)
    by_name = answers(completed.out.decode(errors="replace"))
    failed = [change for change in changes if by_name.get(change.name) != "ok"]
    for change in failed:
        message = by_name.get(change.name, "no answer").removeprefix("no").strip() or "no message"
        line = f"the phone refuses to change {change.what}: {' '.join(message.split())[:120]}"
        if change.needed:
            raise DeviceError(line)
        notify(line)
    return frozenset(change.name for change in changes if change not in failed)


def _release(guardian: Process, notify: Callable[[str], None], wait_s: float) -> None:
    """Let the guardian restore everything, and wait for it.

    If the connection is gone, the guardian restores by itself; the next connection checks it.
    """
    output = b""
    try:
        guardian.close_stdin()
        while (line := guardian.read_line(wait_s)) is not None:
            output += line
    except DeviceLostError:
        return
    if guardian.status != 0:
        notify(f"not restored on the phone: {error_line(output)}; the next session tries again")
