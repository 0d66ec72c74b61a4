"""Fuzz targets of output of programs on phones: properties, dumps, benchmarks, events."""

import json
import zlib
from contextlib import suppress
from functools import partial
from typing import Any

from bench.devices.android.benchmark_model.burst import judged
from bench.devices.android.benchmark_model.output import parse_output
from bench.devices.android.benchmark_model.profile import parse_profile
from bench.devices.android.facts.busy_check import check_fit
from bench.devices.android.facts.device_state import parse_state
from bench.devices.android.facts.facts import parse_facts, parse_properties
from bench.devices.android.phone.settings_changes import clock_changes, parse_before, screen_changes
from bench.devices.remote.connection import CommandResult
from bench.devices.remote.facts.cores import choose_cores
from bench.devices.remote.facts.cpu_use import parse_busy
from bench.devices.remote.facts.shell_queries import MARK
from bench.devices.remote.runner.debian_libraries import package_files
from bench.devices.remote.runner.profile_summary import parse_profile_event
from bench.devices.remote.runner.runner_protocol import parse_line
from bench.errors import OfabenchError
from tests.fuzz.archives import deb
from tests.fuzz.target import FuzzTarget, text_of
from tests.support.benchmark_samples import SAMPLES
from tests.support.phone_texts import NOTE8, NOTE8_MOMENT, PIXEL2, PIXEL2_MOMENT, script_output
from tests.support.runner_events import PROFILE_SUMMARY, event_line

# Read as the older lzma format, this header asks for a dictionary of 4 GiB.
_LZMA_OF_4_GIB = b"\xff" * 64

BEFORE = {
    "stay_on": "0",
    "screen_off": "60000",
    "power": "  mWakefulness=Awake",
    "battery": NOTE8_MOMENT["battery"],
    "root": "su 0.",
    "clocks": "\n".join(
        f"/sys/devices/system/cpu/cpu{core}/cpufreq/{name} {khz}"
        for core in (0, 4)
        for name, khz in (
            ("cpuinfo_min_freq", 300_000),
            ("cpuinfo_max_freq", 2_000_000),
            ("scaling_min_freq", 300_000),
            ("scaling_max_freq", 1_690_000),
            ("scaling_available_frequencies", "300000 1000000 2000000"),
        )
    ),
}
BUSY = {
    name: f"{seconds} 99.50\n"
    f"1234 (a (b) app) S 1 1 1 0 -1 0 0 0 0 0 {ticks} 5 0 0 20 0 1 0 777 1 1\n"
    for name, seconds, ticks in (("before", "10.00", 100), ("after", "11.02", 120))
}


def read_facts(data: bytes) -> None:
    """Read everything queried once from a phone; it must be storable as JSON."""
    facts = parse_facts(text_of(data))
    json.dumps(facts.flat(), allow_nan=False)
    assert facts.slug()
    _choose(facts.cores)


def read_section(name: str, data: bytes) -> None:
    """Read one answer among those of a reading of the phone's state."""
    read_state(f"\n{MARK} {name}\n".encode() + data + f"\n{MARK} end\n".encode())


def read_state(data: bytes) -> None:
    """Read the phone's whole state; it must be storable as JSON."""
    moment = parse_state(text_of(data))
    json.dumps(moment.flat(), allow_nan=False)
    moment.changes_to(parse_state(text_of(data[::-1])))
    check_fit(moment, None)


def read_before(data: bytes) -> None:
    """Read the phone's settings before they are changed."""
    before = parse_before(text_of(data))
    screen_changes(before)
    clock_changes(before, [0, 4], 1_000_000)


def read_busy(data: bytes) -> None:
    """Read the processor time of other processes."""
    check_fit(parse_state(""), parse_busy(text_of(data)))


def read_visit(data: bytes) -> None:
    """A run of benchmark_model with a delegate; the first byte is its status."""
    status, out = (data[0], data[1:]) if data else (0, b"")
    judged(CommandResult(status, out, b""), "gpu", 5)


def read_event(data: bytes) -> None:
    """A line of the runner as it came; one whose sum holds, with anything inside."""
    with suppress(OfabenchError):
        parse_line(data)
    parse_line(data + b"\t%08x\n" % zlib.crc32(data))


def _choose(cores: object) -> None:
    choose_cores(2, "all", cores)  # type: ignore[arg-type]


def _events() -> list[bytes]:
    ended = {
        "event": "pass",
        "number": 0,
        "began_ns": 1,
        "ended_ns": 9_000_000,
        "samples_ns": [[2.5e6, 1e6], [3e6, 2e6]],
        "order": [1, 0],
        "retaken": 0,
        "kept": 0,
        "frequencies_khz": {"0": 1690000, "4": None},
        "temperatures_c": {"BIG": 41.5},
        "load_average": None,
    }
    events: list[dict[str, Any]] = [
        {"event": "begin", "version": "1", "litert": "2.3", "clock_cost_ns": 20.5},
        {"event": "model", "place": 0, "file": "a.tflite", "whole_graph": True, "load_ns": 5},
        ended,
        {"event": "ready", "loops": [1, 4]},
        {"event": "end", "passes": 3},
        {"event": "error", "what": "no such file", "file": "a.tflite"},
    ]
    return [event_line(event).split(b"\t")[0] for event in events]


def _texts(*texts: str) -> list[bytes]:
    return [text.encode() for text in texts]


def _sections() -> list[FuzzTarget]:
    names = {
        "battery": "dumpsys_battery",
        "thermal": "dumpsys_thermal",
        "power": "dumpsys_power",
        "zones": "thermal_zones",
        "cpufreq": "cpufreq",
        "memory": "meminfo",
    }
    return [
        FuzzTarget(
            name=target,
            read=partial(read_section, section),
            seeds=partial(_texts, NOTE8_MOMENT[section], PIXEL2_MOMENT[section]),
        )
        for section, target in names.items()
    ]


TARGETS = (
    FuzzTarget(
        name="phone_facts",
        read=read_facts,
        seeds=lambda: _texts(script_output(NOTE8), script_output(PIXEL2)),
        # A control character that Python strips, after a number.
        regressions=lambda: _texts(
            script_output({**NOTE8, "getprop": "[ro.build.version.sdk]: [30\x1f]"})
        ),
    ),
    FuzzTarget(
        name="getprop",
        read=lambda data: parse_properties(text_of(data)),
        seeds=lambda: _texts(NOTE8["getprop"], PIXEL2["getprop"]),
    ),
    FuzzTarget(
        name="phone_moment",
        read=read_state,
        seeds=lambda: _texts(script_output(NOTE8_MOMENT), script_output(PIXEL2_MOMENT)),
    ),
    *_sections(),
    FuzzTarget(
        name="phone_settings", read=read_before, seeds=lambda: _texts(script_output(BEFORE))
    ),
    FuzzTarget(
        name="phone_busy",
        read=read_busy,
        seeds=lambda: _texts(script_output(BUSY)),
        regressions=lambda: _texts(script_output({**BUSY, "before": "0.-1 5\n"})),
    ),
    FuzzTarget(
        name="benchmark_output",
        read=lambda data: parse_output(text_of(data)),
        seeds=lambda: _texts(*SAMPLES.values()),
    ),
    FuzzTarget(
        name="benchmark_profile",
        read=lambda data: parse_profile(text_of(data)),
        seeds=lambda: _texts(SAMPLES["1.15"], *SAMPLES.values()),
    ),
    FuzzTarget(
        name="benchmark_visit",
        read=read_visit,
        seeds=lambda: [b"\0" + sample.encode() for sample in reversed(SAMPLES.values())],
    ),
    FuzzTarget(name="runner_events", read=read_event, seeds=_events),
    FuzzTarget(
        name="runner_profile",
        read=parse_profile_event,
        seeds=lambda: [event_line({"event": "profile", "runs": 50, "summary": PROFILE_SUMMARY})],
    ),
    FuzzTarget(
        name="debian_package",
        read=lambda data: list(package_files(data, "libc6_1_arm64.deb")),
        seeds=lambda: [deb("xz"), deb("gz")],
        regressions=lambda: [deb("gz", _LZMA_OF_4_GIB)],
    ),
)
