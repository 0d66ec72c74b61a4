"""Numbers in a phone's output that Python cannot read: they are ignored, without an error."""

from typing import Any, cast

import numpy as np
import pytest

from bench.devices.android.phone.settings_changes import PreviousSettings, clock_changes
from bench.devices.android.phone.settings_guard import FOLDER
from bench.devices.remote.connection import CommandResult, Connection
from bench.devices.remote.facts.core_files import CPU
from bench.devices.remote.model_files import free_bytes, listed
from bench.devices.remote.replicates.disturbance_monitor import round_facts
from bench.devices.remote.runner.runner_protocol import RoundEnded
from bench.errors import InputError

TOO_LONG = "9" * 5000  # int() refuses more than 4300 digits


def phone_that_says(text: str) -> Connection:
    class FixedOutput:
        def run(self, *_: Any, **__: Any) -> CommandResult:
            return CommandResult(status=0, out=text.encode(), err=b"")

    return cast(Connection, FixedOutput())


@pytest.mark.parametrize(
    ("line", "free"),
    [
        ("/dev/block/dm-5 100 60 40 60% /data", 40 * 1024),
        (f"/dev/block/dm-5 100 60 {TOO_LONG} 60% /data", None),
        ("/dev/block/dm-5 100 60 -40 60% /data", None),
    ],
)
def test_free_space_is_read_or_unknown(line: str, free: int | None) -> None:
    header = "Filesystem 1K-blocks Used Available Use% Mounted on\n"

    assert free_bytes(phone_that_says(header + line), FOLDER) == free


def test_files_with_an_unreadable_size_are_ignored() -> None:
    output = f"12 a.tflite\n{TOO_LONG} b.tflite\n-1 c.tflite\n"

    assert listed(phone_that_says(output), FOLDER) == {"a.tflite": 12}


def test_unreadable_frequencies_are_not_offered() -> None:
    folder = f"{CPU}/cpu0/cpufreq"
    texts = {
        "scaling_min_freq": "300000",
        "scaling_max_freq": "1900800",
        "cpuinfo_min_freq": "300000",
        "cpuinfo_max_freq": "1900800",
        "scaling_available_frequencies": f"300000 {TOO_LONG} 1900800",
    }
    before = PreviousSettings(
        as_root="su -c", clocks={f"{folder}/{k}": text for k, text in texts.items()}
    )

    with pytest.raises(InputError, match=r"core 0 has 300000, 1900800$"):
        clock_changes(before, [0], 5)


def test_implausible_cores_and_clocks_of_a_round_are_ignored() -> None:
    ended = RoundEnded(
        number=0,
        began_ns=0,
        ended_ns=10,
        samples_ns=np.ones((1, 1)),
        order=np.zeros(1, dtype=np.int64),
        retaken=0,
        kept=0,
        frequencies_khz={
            "cpu0": 1_900_800,
            "cpu1": 4_294_967_295,
            "cpu2": 0,
            f"cpu{TOO_LONG}": 1_900_800,
        },
        temperatures_c={},
    )

    facts = round_facts(ended, [], None)

    assert (facts["frequency_now_khz"], facts["frequencies_khz"]) == (1_900_800, "0=1900800")
