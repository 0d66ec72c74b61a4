"""Facts and state of boards and servers: a Jetson, a Raspberry Pi, a Xeon, and garbage."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.devices.remote.facts.cpu_use import CpuUse
from bench.devices.ssh.board.facts import BoardFacts, parse_facts
from bench.devices.ssh.board.quiet import check_fit
from bench.devices.ssh.board.state import BoardState, parse_state
from bench.devices.ssh.board.tegrastats import TegraStats, parse_tegrastats
from bench.errors import DeviceError
from tests.support.board_texts import JETSON, PI_STATE, TEGRASTATS, XEON
from tests.support.phone_texts import script_output


def test_a_jetson_is_read() -> None:
    facts = parse_facts(script_output(JETSON))

    assert (facts.home, facts.machine, facts.kernel) == ("/home/me", "aarch64", "4.9.337-tegra")
    assert facts.slug() == "nvidia-jetson-tx2-developer-kit"
    assert facts.os == "Ubuntu 18.04.6 LTS"
    assert [core.online for core in facts.cores] == [True, True, True, False]
    assert facts.flat()["governor"] == "schedutil"
    assert facts.flat()["frequency_max_khz"] == 2_035_200
    assert facts.flat()["cpu_features"] == "asimd"
    assert facts.virtual_machine is None


def test_a_server_is_named_as_on_itself() -> None:
    facts = parse_facts(script_output(XEON))

    assert facts.slug() == "intel-xeon-gold-6126"
    assert (facts.model, facts.virtual_machine) == ("PowerEdge R640", False)
    assert facts.flat()["cpu_features"] == "avx2 avx512f fma"
    assert facts.flat()["governors"] is None


def test_an_emulated_machine_is_named_after_what_emulates_it() -> None:
    facts = parse_facts(script_output({**XEON, "emulated": "qemu-aarch64"}))

    assert facts.slug() == "qemu-aarch64"


def test_the_identity_is_a_digest_of_the_machine_id_or_of_this_boot() -> None:
    identity = parse_facts(script_output(JETSON)).identity
    boot = parse_facts(script_output({"identity": "uninitialized", "boot_id": "b" * 36})).identity

    assert identity is not None
    assert boot is not None
    assert len(identity) == len(boot) == 16
    assert JETSON["identity"][:8] not in identity
    assert parse_facts("").identity is None
    assert parse_facts("") == BoardFacts()


def test_a_hot_raspberry_pi_reports_what_slows_it() -> None:
    state = parse_state(script_output(PI_STATE))

    assert state.temperature_c == pytest.approx(81.2)
    assert state.frequencies_khz == {0: 1_500_000}
    assert state.limits_khz == {0: 1_800_000}
    assert state.reported_throttling == (
        "cpufreq-cpu0 is in cooling state 2, the supply voltage is too low, the firmware throttles"
    )
    assert state.memory_available_bytes == 3_000_000 * 1024
    assert BoardState().changes_to(state) == state.reported_throttling
    assert state.changes_to(BoardState()) == ""


def test_throttling_of_the_past_does_not_count() -> None:
    state = parse_state(script_output({"firmware": "throttled=0x50000"}))

    assert state.reported_throttling == ""


def test_a_line_of_tegrastats_is_read() -> None:
    assert parse_tegrastats(TEGRASTATS) == TegraStats(
        frequencies_khz={0: 1_190_000, 3: 2_035_000},
        accelerators_mhz={"memory": 1600, "gpu": 1134},
        temperatures_c={"PLL": 38.0, "MCPU": 39.5, "GPU": 37.5, "thermal": 38.9},
    )


def test_tegrastats_counts_where_linux_has_no_files() -> None:
    alone = parse_state(script_output({"tegrastats": TEGRASTATS}))
    beside = parse_state(script_output({**PI_STATE, "tegrastats": TEGRASTATS}))

    assert alone.temperature_c == pytest.approx(39.5)
    assert alone.frequencies_khz[3] == 2_035_000
    assert beside.temperature_c == pytest.approx(81.2)
    assert beside.state()["accelerators_mhz"] == "memory=1600,gpu=1134"


@given(st.text())
def test_garbage_is_never_an_error(text: str) -> None:
    for name in (*JETSON, *PI_STATE, "tegrastats", "emulated"):
        facts = parse_facts(script_output({name: text}))
        state = parse_state(script_output({name: text}))
        json.dumps({**facts.flat(), **state.flat()}, allow_nan=False)
        assert facts.slug()


def test_a_busy_or_slowed_machine_is_not_measured() -> None:
    check_fit(BoardState(), CpuUse(cores=0.09, most="cron, process 3"))
    check_fit(BoardState(), None)
    with pytest.raises(DeviceError) as error:
        check_fit(BoardState(slowed_by=("it is hot",)), CpuUse(cores=0.5, most="vi, process 7"))

    assert str(error.value) == (
        "the machine cannot be measured now: other processes use 50% of a core (most: vi, process "
        "7), at most 10% is expected: stop them; it is slowed (it is hot): cool it, check its "
        "supply; or use --force"
    )
