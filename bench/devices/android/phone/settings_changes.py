"""Changes of a phone's settings while it is measured, each with its restoration.

A change is two shell commands. The one that restores it is built from the settings read before.
"""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.devices.android.facts.battery import parse_battery
from bench.devices.remote.facts.core_files import CPU
from bench.devices.remote.facts.shell_queries import answers, file_lines, script
from bench.errors import DeviceError, InputError
from bench.integers import parse_integer

STAY_ON = "global stay_on_while_plugged_in"
SCREEN_OFF = "system screen_off_timeout"
AWAKE_MS = 30 * 60 * 1000  # a phone that is not plugged in sleeps again by itself
FIXED_MODE = "cmd power set-fixed-performance-mode-enabled"
FIXED_MODE_SDK = 30  # Android 11 has it, on devices whose power HAL supports it
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
class SettingChange:
    """One setting: `apply` and `restore` are shell commands that exit 0 on success.

    If a `needed` change fails, the replicate stops; other failures are only reported.
    """

    name: str
    what: str  # description for messages
    apply: str
    restore: str
    needed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviousSettings:
    """The phone's settings before they are changed; values as the phone prints them."""

    stay_on: str | None = None
    screen_off: str | None = None
    awake: bool = True
    plugged: bool = True
    as_root: str | None = None  # prefix of a command that is run as root
    clocks: Mapping[str, str] | None = None  # by file of /sys


def before_script(cores: Sequence[int] = ()) -> str:
    """Return the shell script whose output `parse_before` reads; `cores` needs root."""
    queries = {
        "stay_on": f"settings get {STAY_ON}",
        "screen_off": f"settings get {SCREEN_OFF}",
        "power": "dumpsys power | grep mWakefulness=",
        "battery": "dumpsys battery",
    }
    if cores:
        queries["root"] = "; ".join(
            f'[ "$({_as(root, "id -u")})" = 0 ] && echo {shlex.quote(root + ".")}'
            for root in AS_ROOT
        )
        files = [f"{CPU}/cpu{core}/cpufreq/{name}" for core in cores for name in CLOCK_FILES]
        queries["clocks"] = f"first {' '.join(files)}"
    return script(queries)


def parse_before(text: str) -> PreviousSettings:
    """Parse the output of `before_script`."""
    by_name = answers(text)
    roots = [line.removesuffix(".") for line in by_name.get("root", "").splitlines()]
    plugged = parse_battery(by_name.get("battery", "")).plugged
    return PreviousSettings(
        stay_on=by_name.get("stay_on"),
        screen_off=by_name.get("screen_off"),
        awake="mWakefulness=Awake" in by_name.get("power", "mWakefulness=Awake"),
        plugged=plugged != "no",
        as_root=roots[0] if roots else None,
        clocks=file_lines(by_name.get("clocks", "")),
    )


def screen_changes(before: PreviousSettings) -> list[SettingChange]:
    """Return changes that keep the screen on: phones slow down, or stop, when it goes off."""
    sleep = "" if before.awake else f"; input keyevent {SLEEP_KEY}"
    changes = [
        SettingChange(
            name="stay_on",
            what="the stay-awake setting",
            apply="svc power stayon true",
            restore=_put_back(STAY_ON, before.stay_on) + sleep,
        )
    ]
    if not before.plugged:
        changes.append(
            SettingChange(
                name="screen_off",
                what="the time until the screen goes off",
                apply=f"settings put {SCREEN_OFF} {AWAKE_MS}",
                restore=_put_back(SCREEN_OFF, before.screen_off),
            )
        )
    return changes


def fixed_mode_change() -> SettingChange:
    """Return the change that holds a sustainable speed (Android's fixed performance mode)."""
    return SettingChange(
        name="fixed_performance",
        what="fixed performance mode",
        apply=fixed_mode_command(on=True),
        restore=fixed_mode_command(on=False),
    )


def fixed_mode_command(*, on: bool) -> str:
    """Return the shell command that exits 0 if the phone has the mode and accepted the setting.

    A phone without it prints a message, and only some report it by their exit status
    (frameworks/base, PowerManagerShellCommand.runSetFixedPerformanceModeEnabled).
    """
    call = f"{FIXED_MODE} {str(on).lower()}"
    return (
        f"said=$({call} 2>&1) && case $said in *Failed*|*Unknown*|*Exception*|*find*) false;; esac"
    )


def clock_changes(before: PreviousSettings, cores: Sequence[int], khz: int) -> list[SettingChange]:
    """Return changes that hold `cores` at one frequency, whatever their governor requests.

    Raises `DeviceError` without root or without such files, `InputError` for a frequency that the
    cores do not have.
    """
    if before.as_root is None:
        raise DeviceError(
            "a fixed frequency needs root, which this phone does not give (neither `su -c id` nor "
            "`su 0 id` answered 0); allow it on the phone, or omit --frequency-khz"
        )
    return [_clock_change(before, core, khz) for core in cores]


def _clock_change(before: PreviousSettings, core: int, khz: int) -> SettingChange:
    folder = f"{CPU}/cpu{core}/cpufreq"
    by_name = {name: (before.clocks or {}).get(f"{folder}/{name}") for name in CLOCK_FILES}
    low, high, lowest, highest = (parse_integer(by_name[name]) for name in CLOCK_FILES[:4])
    if low is None or high is None or lowest is None or highest is None:
        raise DeviceError(f"core {core} does not report its frequencies; omit --frequency-khz")
    known = [
        value
        for word in (by_name[CLOCK_FILES[4]] or "").split()
        if (value := parse_integer(word)) is not None
    ]
    if (known and khz not in known) or not lowest <= khz <= highest:
        expected = ", ".join(map(str, known)) or f"{lowest} to {highest}"
        raise InputError(f"frequency is {khz} kHz, core {core} has {expected}")
    # The lowest first: a minimum above the maximum is refused, whichever is written first.
    steps = f"echo {lowest} > {folder}/scaling_min_freq"
    apply = (
        f"{steps} && echo {khz} > {folder}/scaling_max_freq"
        f" && echo {khz} > {folder}/scaling_min_freq"
        f' && [ "$(cat {folder}/scaling_max_freq)" = {khz} ]'
    )
    restore = (
        f"{steps} && echo {high} > {folder}/scaling_max_freq"
        f" && echo {low} > {folder}/scaling_min_freq"
    )
    root = before.as_root or ""
    return SettingChange(
        name=f"clock{core}",
        what=f"the frequency of core {core}",
        apply=_as(root, apply),
        restore=_as(root, restore),
        needed=True,
    )


def _put_back(setting: str, value: str | None) -> str:
    if value is None or value.strip() == "null":
        return f"settings delete {setting}"
    return f"settings put {setting} {shlex.quote(value.strip())}"


def _as(root: str, command: str) -> str:
    return f"{root} {shlex.quote(command)}" if root else f"sh -c {shlex.quote(command)}"
