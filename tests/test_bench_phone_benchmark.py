"""The user's own `benchmark_model`: its outputs of several versions, and loads by starting it."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.backends.registry import get_backend
from bench.devices.adb import AdbDevice
from bench.devices.base import LoadPlan, Workload
from bench.errors import DeviceError, InputError
from bench.phone.benchmark_model import samples_of, version_of
from bench.phone.benchmark_output import OperatorTime, parse_output, refused, taken_whole
from bench.phone.options import PhoneOptions
from bench.spec import BlockSpec
from ofabench.sweeping import make_target
from tests.benchmark_samples import LITERT_GPU, SAMPLES, TF_1_13, TF_1_15_PROFILE, TF_2_4
from tests.pocket_phone.phone import DaemonOptions, PocketPhone

# Prints what a program of 2.4 would, a graph's size deciding its time; notes how it was called.
PROGRAM = """#!/bin/sh
echo "$*" >> "$(dirname "$0")/calls"
for word in "$@"; do case $word in
--graph=*) graph=${word#--graph=};; --num_runs=*) runs=${word#--num_runs=};;
esac; done
us=$(wc -c < "$graph") || exit 1
avg=$((us * (runs + 1) / runs))
echo "count=1 curr=$us"
echo "count=$runs first=$((us * 2)) curr=$us min=$us max=$((us * 2)) avg=$avg std=1"
echo "Inference timings in us: Init: 5, First inference: $us, Warmup (avg): $us, \\
Inference (avg): $avg" >&2
"""
WORK = [
    Workload(role="block", blocks=(BlockSpec.parse(key),))
    for key in (
        "stem-16x3-m0-o8-k3-s2-relu-se0-r0",
        "classifier-1x64-m0-o10-k1-s1-none-se0-r0",
    )
]


def test_every_version_gives_its_mean_and_its_first() -> None:
    found = {name: parse_output(text) for name, text in SAMPLES.items()}

    assert {name: (one.runs, one.first_us, one.avg_us) for name, one in found.items()} == {
        "1.13": (50, 81_000, 80_660.1),
        "1.15": (4, 4_400, 4_100),
        "2.4": (3, 900, 700),
        "LiteRT": (5, 3_000, 2_200),
    }
    assert found["1.13"].init_us == 4_108
    assert found["1.13"].warmup_avg_us == 82_500
    assert found["2.4"].memory_mb == (2.5, 3.25)
    assert found["LiteRT"].memory_mb == (40.5, 41)
    assert found["LiteRT"].median_us == 2_000
    assert found["1.13"].median_us is None


def test_the_profile_gives_operators_and_types() -> None:
    found = parse_output(TF_1_15_PROFILE)

    assert found.operators == (
        OperatorTime(node_type="CONV_2D", name="stem/conv", count=1, avg_ms=2.8, share=0.7),
        OperatorTime(node_type="DEPTHWISE_CONV_2D", name="dw", count=1, avg_ms=1.2, share=0.3),
    )
    assert [(one.node_type, one.count) for one in found.types] == [
        ("CONV_2D", 1),
        ("DEPTHWISE_CONV_2D", 1),
    ]


@given(st.sampled_from(sorted(SAMPLES)), st.data())
def test_a_cut_output_is_never_taken_for_whole(name: str, data: st.DataObject) -> None:
    text = SAMPLES[name]
    whole = parse_output(text)
    cut = text[: data.draw(st.integers(0, len(text)))]

    try:
        found = parse_output(cut)
    except DeviceError:
        return
    # Only what comes after the summary may be missing.
    assert (found.runs, found.first_us) == (whole.runs, whole.first_us)
    assert found.avg_us == pytest.approx(whole.avg_us, rel=0.02)


@given(st.text())
def test_any_text_gives_an_error_and_nothing_else(text: str) -> None:
    with pytest.raises(DeviceError, match="not to be understood"):
        parse_output(text)


@given(st.sampled_from(sorted(SAMPLES)), st.integers(0, 10_000), st.characters(codec="ascii"))
def test_a_damaged_output_raises_nothing_else(name: str, place: int, sign: str) -> None:
    text = SAMPLES[name]
    place %= len(text)

    try:
        found = parse_output(text[:place] + sign + text[place + 1 :])
    except DeviceError:
        return
    assert found.avg_us > 0


def test_a_mean_that_its_runs_do_not_have_is_refused() -> None:
    with pytest.raises(DeviceError, match="a mean of 7 us"):
        parse_output(TF_2_4.replace("Inference (avg): 700", "Inference (avg): 7"))


def test_a_delegate_that_fell_back_is_told() -> None:
    words = (
        "INFO: Though GPU delegate is explicitly applied, the model graph will not be executed "
        "by the delegate."
    )

    assert refused(LITERT_GPU, "GPU") == ""
    assert taken_whole(LITERT_GPU, "GPU")
    assert refused(f"{TF_2_4}\n{words}", "GPU").startswith("Though GPU")
    assert refused(f"{TF_2_4}\n{words}", "NNAPI") == ""
    assert not taken_whole(TF_2_4, "XNNPACK")


def test_samples_say_no_more_than_was_told() -> None:
    # Three calls of 700 us in the mean, the first 900: the others take 600 each.
    assert samples_of(parse_output(TF_2_4), 3).tolist() == [900_000, 600_000, 600_000]
    assert samples_of(parse_output(TF_1_13), 1).tolist() == [80_660_100]


@pytest.fixture
def phone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PocketPhone]:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", str(taken.getsockname()[1]))
    with PocketPhone(tmp_path / "phone", "pixel2", DaemonOptions(secure=False)) as made:
        yield made


def device_with(phone: PocketPhone, folder: Path, program: str, delegate: str) -> AdbDevice:
    (folder / "program").write_text(program)
    options = PhoneOptions(runner="benchmark_model", binary=folder / "program", delegate=delegate)
    return AdbDevice(phone.address, options, tell=lambda words: None)


def test_a_load_starts_it_once_a_visit(phone: PocketPhone, tmp_path: Path) -> None:
    device, backend = device_with(phone, tmp_path, PROGRAM, "gpu"), get_backend("tflite")
    target = make_target(device, backend, cores="any")

    results = list(device.run_load(WORK, backend, target, LoadPlan(passes=3, calls=2)))

    device.close()
    assert target.backend_version == version_of(tmp_path / "program")
    assert {("runner", "benchmark_model"), ("delegate", "gpu")} <= set(target.options)
    assert [sorted(one.order) for one in results] == [[0, 1]] * 3
    sizes = [path.stat().st_size for path in (phone.root / "data").rglob("*.tflite")]
    # The first call takes 2 us a byte, the mean 1.5, and so the other one 1.
    assert sorted(results[0].samples_ns[:, 0]) == sorted(2000.0 * size for size in sizes)
    assert sorted(results[0].samples_ns[:, 1]) == sorted(1000.0 * size for size in sizes)
    (called,) = (phone.root / "data").rglob("calls")
    lines = called.read_text().splitlines()
    assert len(lines) == 6
    assert all("--use_gpu=true" in line and "--num_runs=2" in line for line in lines)


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("#!/bin/sh\necho nonsense\n", "the output of benchmark_model is not to be understood"),
        ("#!/bin/sh\necho no such file >&2; exit 1\n", "ended with status 1: no such file"),
        (
            "#!/bin/sh\necho 'Though GPU delegate is explicitly applied, the model graph will "
            "not be executed by the delegate.'\n",
            "delegate gpu does not run this model",
        ),
    ],
)
def test_what_goes_wrong_is_told(
    phone: PocketPhone, tmp_path: Path, program: str, words: str
) -> None:
    device, backend = device_with(phone, tmp_path, program, "gpu"), get_backend("tflite")
    target = make_target(device, backend, cores="any")

    with pytest.raises(DeviceError, match=words):
        list(device.run_load(WORK, backend, target, LoadPlan(passes=1, calls=2)))

    device.close()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"runner": "benchmark_model"}, "needs --binary"),
        ({"binary": Path("x")}, "give both or neither"),
        ({"delegate": "gpu"}, "cannot run in our runner"),
        ({"runner": "other"}, "expected ofabench or benchmark_model"),
    ],
)
def test_options_that_do_not_fit_are_refused(fields: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        PhoneOptions(**fields)  # type: ignore[arg-type]
