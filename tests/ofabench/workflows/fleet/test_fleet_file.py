"""Fleet files are read, or refused with file, device and key."""

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.devices.android.phone.options import PhoneOptions
from bench.devices.cuda.options import CudaOptions
from bench.devices.ssh.options import SshOptions
from bench.errors import FileError, InputError
from ofabench.options.device import DeviceOptions
from ofabench.options.fleet import Fleet, FleetMember
from ofabench.workflows.fleet.fleet_file import fleet_of, load_fleet

TWO = """
[[phone]]
name = "note8"
address = "adb:192.0.2.7:5555"

[[phone]]
name = "Pixel_2-lab"
address = "adb:adb-R5CT90-Ab12Cd (2)._adb-tls-connect._tcp"
backend = "tflite"
cores = "little"
threads = 2
precision = "fp16"
runner = "benchmark_model"
binary = "bin/benchmark_model"
delegate = "gpu"
frequency_khz = 1900800
debs = "/srv/debs"
"""
MIXED = """
at_once = 3

[groups]
hub = 2

[[device]]
name = "note8"
address = "adb:R58M12345"
groups = ["hub", "warm-room"]
latency = "note8.parquet"
max_latency_ms = 30

[[device]]
name = "gpu"
address = "cuda:1"
backend = "onnx"
precision = "int8"
tf32 = true
wait = true
group = "hub"
max-latency-ms = "0.5ms"
latency = "/srv/gpu.parquet"

[[device]]
name = "here"
address = "cpu"
backend = "torch"
threads = 2
cores = "0,1"

[[device]]
name = "nano"
address = "ssh:me@nano:2222"
backend = "torch"
runner = "python"
remote_python = "/home/me/venv/bin/python"
ssh_config = "ssh_config"
"""
ONE = '[[phone]]\nname = "a"\naddress = "adb:X"\n'
CPU = '[[device]]\nname = "c"\naddress = "cpu"\n'


def load(folder: Path, text: str) -> Fleet:
    path = folder / "fleet.toml"
    path.write_text(text)
    return load_fleet(path)


def test_a_file_of_phones_is_read_as_before(tmp_path: Path) -> None:
    fleet = load(tmp_path, TWO)

    assert fleet.members == (
        FleetMember(name="note8", device=DeviceOptions(device="adb:192.0.2.7:5555")),
        FleetMember(
            name="Pixel_2-lab",
            backend="tflite",
            cores="little",
            threads=2,
            precision="fp16",
            device=DeviceOptions(
                device="adb:adb-R5CT90-Ab12Cd (2)._adb-tls-connect._tcp",
                phone=PhoneOptions(
                    runner="benchmark_model",
                    binary=tmp_path / "bin/benchmark_model",
                    delegate="gpu",
                    frequency_khz=1900800,
                    debs=Path("/srv/debs"),
                ),
                # An option of phones and boards is set for both.
                ssh=SshOptions(runner="benchmark_model", debs=Path("/srv/debs")),
            ),
        ),
    )
    assert [member.backend_or_usual for member in fleet] == ["tflite", "tflite"]


def test_devices_of_every_kind_have_groups_limits_and_paths_relative_to_the_file(
    tmp_path: Path,
) -> None:
    fleet = load(tmp_path, MIXED)

    assert (fleet.at_once, fleet.groups) == (3, {"hub": 2})
    assert fleet.members[3] == FleetMember(
        name="nano",
        device=DeviceOptions(
            device="ssh:me@nano:2222",
            ssh=SshOptions(
                runner="python",
                remote_python="/home/me/venv/bin/python",
                ssh_config=tmp_path / "ssh_config",
            ),
            phone=PhoneOptions(runner="python"),
        ),
        backend="torch",
    )
    assert fleet.members[:3] == (
        FleetMember(
            name="note8",
            device=DeviceOptions(device="adb:R58M12345"),
            groups=("hub", "warm-room"),
            latency=tmp_path / "note8.parquet",
            max_latency_ms=30.0,
        ),
        FleetMember(
            name="gpu",
            device=DeviceOptions(device="cuda:1", wait=True, cuda=CudaOptions(tf32=True)),
            backend="onnx",
            precision="int8",
            groups=("hub",),
            latency=Path("/srv/gpu.parquet"),
            max_latency_ms=0.5,
        ),
        FleetMember(
            name="here",
            device=DeviceOptions(device="cpu"),
            backend="torch",
            threads=2,
            cores="0,1",
        ),
    )
    assert [member.backend_or_usual for member in fleet] == ["tflite", "onnx", "torch", "torch"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "names no device; give each a table [[device]]"),
        ("[groups]", "names no device; give each a table [[device]]"),
        ("phone = 3", "phone is 3, expected tables [[phone]]"),
        ("phone = [3]", "phone number 1 is 3, expected a table"),
        ("[[phones]]", "unknown key 'phones', did you mean phone?"),
        ("zzz = 1", "unknown key 'zzz'; known are device, phone, groups, at_once"),
        ("[[device]]", "device number 1: name is missing; it is like 'nano'"),
        (CPU.replace('"cpu"', "3"), "device 'c': address is 3, expected a text"),
        (CPU.replace("cpu", "tpu:1"), "device 'c': address is 'tpu:1', expected one of: cpu (this"),
        (CPU.replace("cpu", "ssh:a b"), "address is 'ssh:a b', expected ssh:USER@HOST, ssh:HOST"),
        (CPU + 'remote_folder = "~/x"', "--remote-folder is for boards and servers (ssh:...)"),
        (CPU.replace("address", "device"), "device 'c': address is missing; it is like 'cpu'"),
        (CPU + 'device = "cpu"', "device 'c': unknown key 'device', did you mean address?"),
        (CPU + "frequency_khz = 5", "device 'c': --frequency-khz is for phones (adb:...)"),
        (CPU + 'group = "a b"', "device 'c': group is 'a b', expected letters, digits, - and _"),
        (CPU + 'group = "a"\ngroups = ["b"]', "group and groups are the same option: give one"),
        (CPU + "max_latency_ms = 0", "max_latency_ms is 0, expected a number above 0"),
        (CPU + 'precision = "fp8"', "precision is 'fp8', expected one of fp32, fp16, bf16, int8"),
        ("at_once = 0\n" + CPU, "at_once is 0, expected a whole number of at least 1"),
        ("groups = 3\n" + CPU, "groups is 3, expected a table like hub = 1"),
        (CPU + 'group = "a"\n[groups]\na = true', "groups.a is True, expected a whole number"),
        (CPU + 'group = "a"\n[groups]\nb = 2', "no device is in the group 'b'; groups are a"),
        ('[[phone]]\naddress = "adb:X"', "phone number 1: name is missing; it is like 'note8'"),
        ('[[phone]]\nname = "a"', "phone 'a': address is missing; it is like 'adb:SERIAL'"),
        (
            '[[phone]]\nname = "a/b"\naddress = "adb:X"',
            "phone 'a/b': name is 'a/b', expected letters, digits, - and _",
        ),
        ('[[phone]]\nname = "é"\naddress = "adb:X"', "name is 'é', expected letters"),
        (
            '[[phone]]\nname = "a"\naddress = "cpu"',
            "address: phone is 'cpu', expected adb:SERIAL; other devices are [[device]]",
        ),
        ('[[phone]]\nname = "a"\naddress = "adb:"', "address: phone is 'adb:', expected"),
        ('[[phone]]\nname = "a"\naddress = "adb: x"', "address: phone is 'adb: x', expected"),
        (ONE + "thread = 2", "phone 'a': unknown key 'thread', did you mean threads?"),
        (ONE + "zzzzz = 2", "phone 'a': unknown key 'zzzzz'; known are backend, binary,"),
        (ONE + "threads = 0", "phone 'a': threads is 0, expected a whole number of at least 1"),
        (ONE + "threads = true", "threads is true, expected a whole number"),
        (ONE + "cores = 4", "phone 'a': cores is 4, expected a text"),
        (ONE + 'cores = " "', "cores is ' ', expected a line of text"),
        (ONE + 'debs = "a\\u0000"', "debs is 'a\\x00', expected a line of text"),
        (ONE + 'runner = "mine"', "expected one of bundle, python, benchmark_model"),
        (ONE + 'runner = "benchmark_model"', "phone 'a': runner benchmark_model needs --binary"),
        (ONE + 'delegate = "gpu"', "phone 'a': delegate gpu cannot run in our runner"),
        (
            ONE + ONE.replace("adb:X", "adb:Y").replace('"a"', '"A"'),
            "devices 'a' and 'A' have one name, 'A'; each needs its own",
        ),
        (
            ONE + ONE.replace('"a"', '"b"') + 'backend = "tflite"',
            "devices 'a' and 'b' are both adb:X with the same options: leave one out",
        ),
        (ONE + ONE, "devices 'a' and 'a' have one name, 'a'"),
    ],
)
def test_errors_name_file_device_and_key(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(InputError) as error:
        load(tmp_path, text)

    assert words in str(error.value)
    assert "fleet.toml" in str(error.value)


def test_a_missing_file_or_one_that_is_not_toml_is_a_one_line_error(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"cannot read .*none\.toml: No such file"):
        load_fleet(tmp_path / "none.toml")
    with pytest.raises(InputError, match=r"fleet\.toml is not TOML: "):
        load(tmp_path, "[[phone]\n")
    (tmp_path / "fleet.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match=r"fleet\.toml is not TOML: "):
        load_fleet(tmp_path / "fleet.toml")


def test_options_of_a_phone_may_have_units_and_a_table(tmp_path: Path) -> None:
    text = ONE + 'frequency-khz = "1.9GHz"\nrunner = "ofabench"\n[phone.options]\ndebs = "d"\n'

    (phone,) = load(tmp_path, text)

    expected = PhoneOptions(runner="bundle", frequency_khz=1_900_000, debs=tmp_path / "d")
    assert phone.device.phone == expected


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.integers(0, len(TWO)), st.text(max_size=5))
def test_a_damaged_file_is_a_fleet_or_an_error(tmp_path: Path, place: int, put: str) -> None:
    path = tmp_path / "fleet.toml"
    path.write_bytes((TWO[:place] + put + TWO[place + len(put) :]).encode())
    with suppress(InputError, FileError):
        assert load_fleet(path).members


def test_one_device_may_be_measured_in_several_ways(tmp_path: Path) -> None:
    fleet = load(tmp_path, CPU + CPU.replace('"c"', '"four"') + "threads = 4\n")

    assert [member.threads for member in fleet] == [None, 4]


def test_a_fleet_may_be_given_as_an_object_or_a_path(tmp_path: Path) -> None:
    fleet = load(tmp_path, CPU)

    assert fleet_of(fleet) is fleet
    assert fleet_of(str(tmp_path / "fleet.toml")) == fleet
    with pytest.raises(InputError, match=r"^the fleet is 3, expected a Fleet, or the path"):
        fleet_of(3)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"^the fleet has no device$"):
        Fleet(members=())
