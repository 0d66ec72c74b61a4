"""Settings of a phone that are changed while it is measured, each with how it is restored.

A change is two shell commands. What puts it back is made from what the phone says before.
"""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.devices.android.facts.battery import parse_battery
from bench.devices.android.facts.facts import CPU
from bench.devices.android.facts.shell_queries import answers, file_lines, script
from bench.errors import DeviceError, InputError
from bench.integers import parse_integer

STAY_ON = "global stay_on_while_plugged_in"
SCREEN_OFF = "system screen_off_timeout"
AWAKE_MS = 30 * 60 * 1000  # a phone that is not plugged in goes to sleep again by itself
FIXED_MODE = "cmd power set-fixed-performance-mode-enabled"
FIXED_MODE_SDK = 30  # Android 11 has it, on devices whose power HAL does
SLEEP_KEY = 223  # android.view.KeyEvent.KEYCODE_SLEEP
CLOCK_FILES = (
    "scaling_min_freq",
    "scaling_max_freq",
    "cpuinfo_min_freq",
    "cpuinfo_max_freq",
    "scaling_available_frequencies",
)
AS_ROOT = ("", "su -c", "su 0 sh -c", "su root sh -c")  # already root, Magisk's, Android's own


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One setting: `apply` and `restore` are shell commands that exit 0 when they worked.

    What is `needed` stops the load where it does not work; anything else is only told.
    """

    name: str
    what: str  # in words, for messages
    apply: str
    restore: str
    needed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """What the phone says of its settings before they are changed; values as it writes them."""

    stay_on: str | None = None
    screen_off: str | None = None
    awake: bool = True
    plugged: bool = True
    as_root: str | None = None  # what a command is given to, to be run as root
    clocks: Mapping[str, str] | None = None  # by file of /sys


def before_script(cores: Sequence[int] = ()) -> str:
    """Shell script whose output `parse_before` reads; with `cores`, root is looked for."""
    questions = {
        "stay_on": f"settings get {STAY_ON}",
        "screen_off": f"settings get {SCREEN_OFF}",
        "power": "dumpsys power | grep mWakefulness=",
        "battery": "dumpsys battery",
    }
    if cores:
        questions["root"] = "; ".join(
            f'[ "$({_as(root, "id -u")})" = 0 ] && echo {shlex.quote(root + ".")}'
            for root in AS_ROOT
        )
        files = [f"{CPU}/cpu{core}/cpufreq/{name}" for core in cores for name in CLOCK_FILES]
        questions["clocks"] = f"first {' '.join(files)}"
    return script(questions)


def parse_before(text: str) -> Before:
    """Read what `before_script` wrote."""
    told = answers(text)
    roots = [line.removesuffix(".") for line in told.get("root", "").splitlines()]
    plugged = parse_battery(told.get("battery", "")).plugged
    return Before(
        stay_on=told.get("stay_on"),
        screen_off=told.get("screen_off"),
        awake="mWakefulness=Awake" in told.get("power", "mWakefulness=Awake"),
        plugged=plugged != "no",
        as_root=roots[0] if roots else None,
        clocks=file_lines(told.get("clocks", "")),
    )


def screen_changes(before: Before) -> list[Change]:
    """Let the screen stay on: phones slow down, or stop altogether, when it goes off."""
    sleep = "" if before.awake else f"; input keyevent {SLEEP_KEY}"
    changes = [
        Change(
            name="stay_on",
            what="the screen's staying on",
            apply="svc power stayon true",
            restore=_put_back(STAY_ON, before.stay_on) + sleep,
        )
    ]
    if not before.plugged:
        changes.append(
            Change(
                name="screen_off",
                what="the time until the screen goes off",
                apply=f"settings put {SCREEN_OFF} {AWAKE_MS}",
                restore=_put_back(SCREEN_OFF, before.screen_off),
            )
        )
    return changes


def fixed_mode_change() -> Change:
    """Let the phone hold a speed that it can keep (Android's fixed performance mode)."""
    return Change(
        name="fixed_performance",
        what="fixed performance mode",
        apply=fixed_mode_command(on=True),
        restore=fixed_mode_command(on=False),
    )


def fixed_mode_command(*, on: bool) -> str:
    """Shell command that exits 0 where the phone has the mode and took the setting.

    A phone without it says so in words, and by its exit status only where that is passed on
    (frameworks/base, PowerManagerShellCommand.runSetFixedPerformanceModeEnabled).
    """
    call = f"{FIXED_MODE} {str(on).lower()}"
    return (
        f"said=$({call} 2>&1) && case $said in *Failed*|*Unknown*|*Exception*|*find*) false;; esac"
    )


def clock_changes(before: Before, cores: Sequence[int], khz: int) -> list[Change]:
    """Hold `cores` at one frequency, whatever their governor wants.

    `DeviceError` where there is no root or no such file, `InputError` for a frequency that the
    cores do not have.
    """
    if before.as_root is None:
        raise DeviceError(
            "a fixed frequency needs root, which this phone does not give (neither `su -c id` nor "
            "`su 0 id` answered 0); allow it on the phone, or leave --frequency-khz away"
        )
    return [_clock_change(before, core, khz) for core in cores]


def _clock_change(before: Before, core: int, khz: int) -> Change:
    folder = f"{CPU}/cpu{core}/cpufreq"
    told = {name: (before.clocks or {}).get(f"{folder}/{name}") for name in CLOCK_FILES}
    low, high, lowest, highest = (parse_integer(told[name]) for name in CLOCK_FILES[:4])
    if low is None or high is None or lowest is None or highest is None:
        raise DeviceError(f"core {core} does not tell its frequencies; leave --frequency-khz away")
    known = [
        n for word in (told[CLOCK_FILES[4]] or "").split() if (n := parse_integer(word)) is not None
    ]
    if (known and khz not in known) or not lowest <= khz <= highest:
        expected = ", ".join(map(str, known)) or f"{lowest} to {highest}"
        raise InputError(f"frequency is {khz} kHz, core {core} has {expected}")
    # Down to the lowest first: a minimum above the maximum is refused, whichever is written first.
    steps = f"echo {lowest} > {folder}/scaling_min_freq"
    wanted = (
        f"{steps} && echo {khz} > {folder}/scaling_max_freq"
        f" && echo {khz} > {folder}/scaling_min_freq"
        f' && [ "$(cat {folder}/scaling_max_freq)" = {khz} ]'
    )
    back = (
        f"{steps} && echo {high} > {folder}/scaling_max_freq"
        f" && echo {low} > {folder}/scaling_min_freq"
    )
    root = before.as_root or ""
    return Change(
        name=f"clock{core}",
        what=f"the frequency of core {core}",
        apply=_as(root, wanted),
        restore=_as(root, back),
        needed=True,
    )


def _put_back(setting: str, value: str | None) -> str:
    if value is None or value.strip() == "null":
        return f"settings delete {setting}"
    return f"settings put {setting} {shlex.quote(value.strip())}"


def _as(root: str, command: str) -> str:
    return f"{root} {shlex.quote(command)}" if root else f"sh -c {shlex.quote(command)}"
