"""Guard of a phone's settings: changes them during a block, and always restores them.

What puts them back is written to the phone before anything is changed. A guardian there, a shell
that waits for the end of its input, runs it: told to, or because the connection or this process
is gone. Where the phone itself went down, the next connection finds the script and runs it.
"""

import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from bench.devices.android.facts.shell_queries import answers, script
from bench.devices.android.phone.connection import Connection, Process
from bench.devices.android.phone.settings_changes import Change
from bench.errors import DeviceError, DeviceLostError

WORK = "/data/local/tmp/ofabench"
RESTORE, GUARD = f"{WORK}/restore.sh", f"{WORK}/guard"
GUARD_WAIT_S = 15
RESTORE_TIMEOUT_S = 30.0
LOST_WAIT_S = 5.0  # where something broke off already: the phone may not be there to answer

# Whether the guardian that wrote its number is still there; a number may be another program's
# since, so its command line is looked at where the system shows it.
_ALIVE = (
    "alive() { kill -0 $1 2>/dev/null || return 1; "
    "[ ! -r /proc/$1/cmdline ] || grep -q ofabench /proc/$1/cmdline; }"
)
_READ_GUARD = f"g= c= s=; [ -e {GUARD} ] && read -r g c s < {GUARD}"


@dataclass(frozen=True, slots=True)
class Claimed:
    """What was found on the phone: "free", "restored", "failed" to be, or "taken" by another."""

    state: str
    words: str = ""


def claim(connection: Connection, session: str) -> Claimed:
    """Make the work folder, and put back what an earlier session left changed.

    A guardian of this same session, whose connection broke, is told to end first.
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
    done = connection.run(["sh", "-c", steps], timeout_s=RESTORE_TIMEOUT_S + GUARD_WAIT_S)
    state, _, words = done.out.decode(errors="replace").strip().partition(" ")
    if done.status != 0 or not state:
        raise DeviceError(f"the phone's folder {WORK} cannot be used: {error_line(done.err)}")
    return Claimed(state, words)


@contextmanager
def changed(
    connection: Connection, changes: Sequence[Change], session: str, tell: Callable[[str], None]
) -> Iterator[frozenset[str]]:
    """Apply `changes` within; yields the names of those that worked.

    `DeviceError` where a needed one did not. What cannot be put back at the end is told.
    """
    with _guarded(connection, changes, session) as guardian:
        wait_s = RESTORE_TIMEOUT_S
        try:
            yield _apply(connection, changes, tell)
        except DeviceLostError:
            wait_s = LOST_WAIT_S
            raise
        finally:
            _release(guardian, tell, wait_s)


def restore_text(changes: Sequence[Change]) -> str:
    """Shell script that puts everything back, says what it could not, and then goes away.

    It may be run again at any time: it sets what was, whatever is.
    """
    lines = ["# Puts back what ofabench changed on this phone while it measured.", "failed="]
    for change in reversed(changes):
        lines.append(f'{{ {change.restore}; }} >/dev/null 2>&1 || failed="$failed, {change.what}"')
    lines += [
        '[ -z "$failed" ] || { echo "${failed#, }"; exit 1; }',
        f"rm -f {RESTORE}",
    ]
    return "\n".join(lines) + "\n"


def _guarded(connection: Connection, changes: Sequence[Change], session: str) -> Process:
    """Write the script and start the guardian; `DeviceError` where either does not work.

    The script goes as an argument, whole in one write and then renamed. The guardian's input is
    read by `cat`, whose number is written too, so that a new connection can end it.
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
            said = error_line((line or b"") + guardian.err)
            raise DeviceError(
                f"settings of the phone cannot be changed safely, so none were: {said}"
            )
        failing.pop_all()
    return guardian


def _apply(
    connection: Connection, changes: Sequence[Change], tell: Callable[[str], None]
) -> frozenset[str]:
    if not changes:
        return frozenset()
    questions = {
        change.name: f"if said=$({{ {change.apply}; }} 2>&1); then echo ok; else echo no $said; fi"
        for change in changes
    }
    text = connection.run(["sh", "-c", script(questions)], timeout_s=RESTORE_TIMEOUT_S)
    told = answers(text.out.decode(errors="replace"))
    failed = [change for change in changes if told.get(change.name) != "ok"]
    for change in failed:
        words = told.get(change.name, "no answer").removeprefix("no").strip() or "it says nothing"
        line = f"the phone does not let {change.what} be changed: {' '.join(words.split())[:120]}"
        if change.needed:
            raise DeviceError(line)
        tell(line)
    return frozenset(change.name for change in changes if change not in failed)


def _release(guardian: Process, tell: Callable[[str], None], wait_s: float) -> None:
    """Let the guardian put everything back, and wait for it.

    Where the connection is gone it has seen so itself; the next connection looks after it.
    """
    words = b""
    try:
        guardian.close_stdin()
        while (line := guardian.read_line(wait_s)) is not None:
            words += line
    except DeviceLostError:
        return
    if guardian.status != 0:
        tell(f"not put back on the phone: {error_line(words)}; it is tried again next time")


def error_line(text: bytes) -> str:
    """What a program on the phone said of its failure, as one short line."""
    return " ".join(text.decode(errors="replace").split())[-200:] or "it says nothing"
