"""Facts of a phone: a Note8 on Android 9, a Pixel 2 on Android 11, and garbage."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.devices.android.facts.device_state import PhoneState, parse_state, state_script
from bench.devices.android.facts.facts import (
    PhoneFacts,
    facts_script,
    parse_cpuinfo,
    parse_facts,
    parse_properties,
)
from bench.devices.remote.facts.core_files import parse_core_list
from bench.devices.remote.facts.shell_queries import MARK, answers, script
from tests.support.local_phone import HereConnection
from tests.support.phone_roots import ModelName, make_root, set_frequency_limit, set_temperature
from tests.support.phone_texts import NOTE8, NOTE8_MOMENT, PIXEL2, PIXEL2_MOMENT, script_output


def test_a_note8_is_read() -> None:
    facts = parse_facts(script_output(NOTE8))

    assert (facts.model, facts.manufacturer, facts.device) == ("SM-N950F", "samsung", "greatlte")
    assert (facts.soc, facts.abi) == ("exynos8895", "arm64-v8a")
    assert (facts.android_version, facts.android_sdk) == ("9", 28)
    assert (facts.security_patch, facts.kernel) == ("2019-12-01", "4.4.111-17671090")
    assert facts.cpu_parts == "ARM 0xd03, Samsung 0x001"
    assert facts.emulated is None
    assert facts.slug() == "sm-n950f"
    assert [core.max_khz for core in facts.cores] == [1690000] * 4 + [2314000] * 4
    assert {core.min_khz for core in facts.cores} == {300000, 741000}
    assert facts.cores[7].governor == "schedutil"
    assert all(core.online for core in facts.cores)


def test_a_pixel_2_is_read() -> None:
    facts = parse_facts(script_output(PIXEL2))

    assert (facts.slug(), facts.soc, facts.android_sdk) == ("pixel-2", "msm8998", 30)


def test_facts_have_the_names_common_to_all_devices_and_are_json() -> None:
    flat = {
        **parse_facts(script_output(NOTE8)).flat(),
        **parse_state(script_output(NOTE8_MOMENT)).flat(),
    }

    assert json.loads(json.dumps(flat)) == flat
    assert (flat["cpu_model"], flat["cpu_cores"], flat["os"]) == ("exynos8895", 8, "Android 9")
    assert flat["governor"] == "interactive,schedutil"
    assert flat["frequency_max_khz"] == 2314000
    assert flat["cores_max_khz"] == ",".join(["1690000"] * 4 + ["2314000"] * 4)
    assert flat["memory_available_bytes"] == 2750836 * 1024


@pytest.mark.parametrize(
    ("model", "device", "slug"),
    [
        ("SM-N950F", "greatlte", "sm-n950f"),
        ("红米", "begonia", "begonia"),
        ("红米 8", "olive", "8-olive"),  # not the 8 of another maker
        ("小米 8", "dipper", "8-dipper"),
        ("Ｐ４０", "ana", "p40"),  # letters of full width have a Latin form
        ("Téléphone 2", "tel", "telephone-2"),
        ("Note 13 Pro+", "zircon", "note-13-pro-plus"),  # not the Note 13 Pro
        ("红米", None, "phone-89afd2d0"),
        ("红米 8", "橄榄", "8-c103b5e9"),
        ("--", "olive", "olive"),
        (None, "olive", "olive"),
        ("unknown", "olive", "olive"),  # android.os.Build.UNKNOWN
        (None, None, "unknown-phone"),
    ],
)
def test_no_two_models_share_a_slug(model: str | None, device: str | None, slug: str) -> None:
    known = {"ro.product.model": model, "ro.product.device": device}
    properties = "\n".join(f"[{name}]: [{value}]" for name, value in known.items() if value)

    assert parse_facts(script_output({**NOTE8, "getprop": properties})).slug() == slug


@pytest.mark.parametrize(
    ("files", "limits_khz"),
    [
        ({"cpuinfo_max_freq": 4_294_967_295, "cpuinfo_min_freq": 0}, (None, None)),
        ({"cpuinfo_max_freq": -1, "cpuinfo_min_freq": 300_000}, (300_000, None)),
        ({"cpuinfo_max_freq": 10_000_000, "cpuinfo_min_freq": 10_000}, (10_000, 10_000_000)),
        ({"cpuinfo_max_freq": 10_000_001, "cpuinfo_min_freq": 9_999}, (None, None)),
    ],
)
def test_an_implausible_frequency_is_unknown(
    files: dict[str, int], limits_khz: tuple[int | None, int | None]
) -> None:
    folder = "/sys/devices/system/cpu/cpu0/cpufreq"
    cpufreq = "\n".join(f"{folder}/{name} {value}" for name, value in files.items())

    core = parse_facts(script_output({**NOTE8, "cpufreq": cpufreq})).cores[0]

    assert (core.min_khz, core.max_khz) == limits_khz


def test_implausible_values_of_the_state_are_unknown() -> None:
    folder = "/sys/devices/system/cpu/cpu0/cpufreq"
    now = parse_state(
        script_output(
            {
                **NOTE8_MOMENT,
                "cpufreq": f"{folder}/scaling_cur_freq 4294967295\n{folder}/scaling_max_freq 0",
                "memory": "MemTotal: 12 kB\nMemAvailable: 5 kB",
                "load": "123456.78 0 0",
            }
        )
    )

    assert (now.frequencies_khz, now.limits_khz) == ({}, {})
    assert (now.memory_total_bytes, now.memory_available_bytes) == (None, None)
    assert now.load_average is None


def test_free_memory_above_the_total_is_unknown() -> None:
    memory = "MemTotal: 4000000 kB\nMemAvailable: 4000001 kB"

    now = parse_state(script_output({**NOTE8_MOMENT, "memory": memory}))

    assert (now.memory_total_bytes, now.memory_available_bytes) == (4_096_000_000, None)


def test_properties_without_a_value_are_ignored() -> None:
    properties = (
        "[ro.soc.model]: [unknown]\n[ro.board.platform]: [sm8250]\n[ro.build.version.sdk]: [0]"
    )

    facts = parse_facts(script_output({**NOTE8, "getprop": properties}))

    assert (facts.soc, facts.android_sdk) == ("sm8250", None)


def test_an_emulated_phone_has_the_emulators_slug() -> None:
    properties = NOTE8["getprop"] + "\n[ro.ofabench.emulated]: [qemu-aarch64]"

    assert parse_facts(script_output({**NOTE8, "getprop": properties})).slug() == "qemu-aarch64"


def test_empty_output_gives_no_facts() -> None:
    assert parse_facts("") == PhoneFacts()
    assert parse_state("") == PhoneState()
    assert PhoneFacts().slug() == "unknown-phone"
    assert set(PhoneFacts().flat().values()) == {None}
    assert set(PhoneState().flat().values()) == {None}


def test_offline_cores_are_marked() -> None:
    cpus = NOTE8["cpus"].replace("/online 0-7", "/online 0-3,5")

    facts = parse_facts(script_output({**NOTE8, "cpus": cpus}))

    assert [core.number for core in facts.cores if core.online] == [0, 1, 2, 3, 5]
    assert len(facts.cores) == 8


def test_without_a_list_cores_are_counted_by_their_folders() -> None:
    folders = "\n".join(NOTE8["cpus"].splitlines()[3:])

    assert len(parse_facts(script_output({**NOTE8, "cpus": folders})).cores) == 8


@pytest.mark.parametrize(
    ("text", "cores"),
    [
        ("0-3,5", {0, 1, 2, 3, 5}),
        ("0", {0}),
        ("", set()),
        (None, set()),
        ("3-1,x,-2,1-", set()),
        ("0-99999999", set()),
    ],
)
def test_lists_of_cores_are_parsed(text: str | None, cores: set[int]) -> None:
    assert parse_core_list(text) == cores


def test_the_state_of_a_note8_is_read() -> None:
    now = parse_state(script_output(NOTE8_MOMENT))

    assert now.frequencies_khz == {**dict.fromkeys(range(4), 455000), 4: 2314000} | dict.fromkeys(
        (5, 6, 7), 2314000
    )
    assert now.limits_khz[0] == 1690000
    assert now.temperatures_c == {"BIG": 41.5, "LITTLE": 39.0, "battery": 31.2}
    assert now.temperature_c == 41.5
    assert (now.battery_level, now.battery_status, now.plugged) == (83, "charging", "usb")
    assert now.battery_temperature_c == 31.2
    assert now.thermal_status is None  # Android 9 has no such service
    assert now.screen_on is True
    assert now.power_save is False
    assert (now.load_average, now.memory_total_bytes) == (2.75, 5696752 * 1024)


def test_the_state_of_a_pixel_2_without_readable_zones_is_read() -> None:
    now = parse_state(script_output(PIXEL2_MOMENT))

    assert now.temperatures_c == {"cpu0-silver-usr": 38.5, "cpu0-gold-usr": 41.25, "battery": 55.0}
    assert now.temperature_c == 41.25
    assert now.flat()["thermal_status"] == "moderate"
    assert (now.battery_level, now.battery_status, now.plugged) == (75, "discharging", "no")
    assert (now.screen_on, now.power_save) == (False, True)


@pytest.mark.parametrize(
    ("model", "slug", "soc", "fastest"),
    [
        ("note8", "sm-n950f", "exynos8895", 2_314_000),
        ("pixel2", "pixel-2", "msm8998", 2_361_600),
    ],
)
def test_the_scripts_run_on_a_phones_tree(
    tmp_path: Path, model: ModelName, slug: str, soc: str, fastest: int
) -> None:
    make_root(tmp_path, model, emulated="")
    set_temperature(tmp_path, 71.5)
    set_frequency_limit(tmp_path, 7, 1_000_000)
    phone = HereConnection(tmp_path)

    facts = parse_facts(phone.run(["sh", "-c", facts_script()]).out.decode())
    now = parse_state(phone.run(["sh", "-c", state_script()]).out.decode())

    assert (facts.slug(), facts.soc, facts.abi) == (slug, soc, "arm64-v8a")
    assert [core.max_khz for core in facts.cores[4:]] == [fastest] * 4
    assert facts.boot_id == (tmp_path / "proc/sys/kernel/random/boot_id").read_text().strip()
    assert now.temperature_c == 71.5
    assert (now.frequencies_khz[7], now.limits_khz[7]) == (1_000_000, 1_000_000)
    assert (now.battery_level, now.plugged, now.screen_on) == (87, "usb", True)
    assert now.power_save is False
    assert now.thermal_status == (0 if model == "pixel2" else None)
    assert None not in (facts.kernel, now.load_average, now.memory_available_bytes)


def test_the_facts_script_works_with_missing_files(tmp_path: Path) -> None:
    make_root(tmp_path, "note8")
    cpu = tmp_path / "sys/devices/system/cpu"
    (cpu / "present").write_text("0-1\n")
    (cpu / "online").write_text("0")  # no end of line
    shutil.rmtree(cpu / "cpu1/cpufreq")
    (tmp_path / "system/bin/getprop").unlink()

    facts = parse_facts(HereConnection(tmp_path).run(["sh", "-c", facts_script()]).out.decode())

    assert [(c.online, c.max_khz) for c in facts.cores] == [(True, 1690000), (False, None)]
    assert facts.model is None


def shell(text: str) -> str:
    completed = subprocess.run(["sh", "-c", text], capture_output=True, text=True, check=True)
    assert completed.stderr == ""
    return completed.stdout


def test_answers_without_a_line_end_are_separated() -> None:
    text = shell(script({"one": "printf first", "none": "false", "two": "printf 'a\\n\\nb\\n'"}))

    assert answers(text) == {"one": "first", "two": "a\n\nb"}


GARBAGE = st.one_of(st.text(), st.text(alphabet="0123456789-,.:/ \n[]{}=acmpuT"))


@given(st.dictionaries(st.sampled_from(sorted({*NOTE8, *NOTE8_MOMENT})), GARBAGE), GARBAGE)
@settings(max_examples=150, deadline=None)
def test_garbage_gives_facts_that_are_json(sections: dict[str, str], noise: str) -> None:
    for text in (
        noise,
        script_output({**NOTE8, **sections}),
        script_output({**PIXEL2_MOMENT, **sections}),
    ):
        flat = {**parse_facts(text).flat(), **parse_state(text).flat()}
        assert json.loads(json.dumps(flat, allow_nan=False)) == flat
        assert parse_facts(text).slug()


@given(st.text())
def test_garbage_in_one_section_leaves_the_others_intact(noise: str) -> None:
    text = script_output({**NOTE8, "cpuinfo": noise.replace(MARK, "")})

    assert parse_facts(text).model == "SM-N950F"
    assert isinstance(parse_cpuinfo(noise), dict)
    assert isinstance(parse_properties(noise), dict)


@pytest.mark.parametrize(
    ("status", "text"),
    [(0, ""), (1, ""), (2, "Android's thermal status is moderate"), (None, "")],
)
def test_a_thermal_status_from_moderate_on_is_throttling(status: int | None, text: str) -> None:
    assert PhoneState(thermal_status=status).reported_throttling == text
