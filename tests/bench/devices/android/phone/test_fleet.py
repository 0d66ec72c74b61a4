"""Fleet files are read, or refused with file, phone and field."""

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.devices.android.phone.fleet import Fleet, FleetPhone
from bench.devices.android.phone.options import PhoneOptions
from bench.errors import FileError, InputError

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
ONE = '[[phone]]\nname = "a"\naddress = "adb:X"\n'


def load(folder: Path, text: str) -> Fleet:
    path = folder / "fleet.toml"
    path.write_text(text)
    return Fleet.load(path)


def test_a_fleet_is_read_with_defaults_and_paths_relative_to_its_file(tmp_path: Path) -> None:
    fleet = load(tmp_path, TWO)

    assert fleet.phones == (
        FleetPhone(
            name="note8",
            address="adb:192.0.2.7:5555",
            backend="tflite",
            cores=None,
            threads=1,
            precision="fp32",
            options=PhoneOptions(),
        ),
        FleetPhone(
            name="Pixel_2-lab",
            address="adb:adb-R5CT90-Ab12Cd (2)._adb-tls-connect._tcp",
            backend="tflite",
            cores="little",
            threads=2,
            precision="fp16",
            options=PhoneOptions(
                runner="benchmark_model",
                binary=tmp_path / "bin/benchmark_model",
                delegate="gpu",
                frequency_khz=1900800,
                debs=Path("/srv/debs"),
            ),
        ),
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "names no phone; give each a table [[phone]]"),
        ("phone = 3", "phone is 3, expected tables [[phone]]"),
        ("phone = [3]", "phone number 1 is 3, expected a table"),
        ("[[phones]]", "unknown key 'phones', did you mean phone?"),
        ('[[phone]]\naddress = "adb:X"', "phone number 1: name is missing; it is like 'note8'"),
        ('[[phone]]\nname = "a"', "phone 'a': address is missing; it is like 'adb:SERIAL'"),
        (
            '[[phone]]\nname = "a/b"\naddress = "adb:X"',
            "phone 'a/b': name is 'a/b', expected letters, digits, - and _",
        ),
        ('[[phone]]\nname = "é"\naddress = "adb:X"', "name is 'é', expected letters"),
        (
            '[[phone]]\nname = "a"\naddress = "cpu"',
            "address: phone is 'cpu', expected adb:SERIAL, ",
        ),
        ('[[phone]]\nname = "a"\naddress = "adb:"', "address: phone is 'adb:', expected"),
        ('[[phone]]\nname = "a"\naddress = "adb: x"', "address: phone is 'adb: x', expected"),
        (ONE + "thread = 2", "phone 'a': unknown key 'thread', did you mean threads?"),
        (ONE + "zzzzz = 2", "phone 'a': unknown key 'zzzzz'; known are address, backend, binary,"),
        (ONE + "threads = 0", "phone 'a': threads is 0, expected a whole number of at least 1"),
        (ONE + "threads = true", "threads is true, expected a whole number"),
        (ONE + "cores = 4", "phone 'a': cores is 4, expected a text"),
        (ONE + 'cores = " "', "cores is ' ', expected a line of text"),
        (ONE + 'debs = "a\\u0000"', "debs is 'a\\x00', expected a line of text"),
        (ONE + 'backend = "onnx"', "backend is 'onnx', expected one of tflite"),
        (ONE + 'precision = "int8"', "precision is 'int8', expected one of fp32, fp16"),
        (ONE + 'runner = "mine"', "runner is 'mine', expected one of ofabench, benchmark_model"),
        (ONE + 'runner = "benchmark_model"', "phone 'a': runner benchmark_model needs --binary"),
        (ONE + 'delegate = "gpu"', "phone 'a': delegate gpu cannot run in our runner"),
        (
            ONE + ONE.replace("adb:X", "adb:Y").replace('"a"', '"A"'),
            "phones 'a' and 'A' have one name, 'A'; each needs its own",
        ),
        (ONE + ONE.replace('"a"', '"b"'), "phones 'a' and 'b' have one address, 'adb:X'"),
        (ONE + ONE, "phones 'a' and 'a' have one name, 'a'"),
    ],
)
def test_errors_name_file_phone_and_field(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(InputError) as error:
        load(tmp_path, text)

    assert words in str(error.value)
    assert "fleet.toml" in str(error.value)


def test_a_missing_file_or_one_that_is_not_toml_is_a_one_line_error(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"cannot read .*none\.toml: No such file"):
        Fleet.load(tmp_path / "none.toml")
    with pytest.raises(InputError, match=r"fleet\.toml is not TOML: "):
        load(tmp_path, "[[phone]\n")
    (tmp_path / "fleet.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match=r"fleet\.toml is not TOML: "):
        Fleet.load(tmp_path / "fleet.toml")


def test_options_of_a_phone_may_have_units_and_a_table(tmp_path: Path) -> None:
    text = ONE + 'frequency-khz = "1.9GHz"\nrunner = "ofabench"\n[phone.options]\ndebs = "d"\n'

    (phone,) = load(tmp_path, text).phones

    assert phone.options == PhoneOptions(frequency_khz=1_900_000, debs=tmp_path / "d")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, len(TWO)), st.text(max_size=5))
def test_a_damaged_file_is_a_fleet_or_an_error(tmp_path: Path, place: int, put: str) -> None:
    path = tmp_path / "fleet.toml"
    path.write_bytes((TWO[:place] + put + TWO[place + len(put) :]).encode())
    with suppress(InputError, FileError):
        assert Fleet.load(path).phones
