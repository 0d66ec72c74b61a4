import doctest
import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from bench.errors import InputError
from bench.options import (
    BYTES,
    COUNT,
    KILOHERTZ,
    MILLISECONDS,
    SECONDS,
    SHARE,
    Options,
    Unit,
    base,
    nested,
    option,
)
from bench.options.fields import option_fields, own_fields
from bench.options.values import BadValueError, parse
from tests.support.option_examples import (
    CommandExample,
    DeviceExample,
    LimitsExample,
    PhoneExample,
    ReportExample,
    SweepExample,
)


def refused(cls: type[Options], **values: Any) -> str:
    with pytest.raises(InputError) as caught:
        cls(**values)
    return str(caught.value)


def refused_table(cls: type[Options], mapping: Mapping[str, Any]) -> str:
    with pytest.raises(InputError) as caught:
        cls.read(mapping, "f.toml")
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90.0),
        ("5m", 300.0),
        ("1.5h", 5400.0),
        ("2d", 172800.0),
        ("3ms", 0.003),
        ("80us", 8e-5),
    ],
)
def test_times_with_units_become_seconds(text: str, seconds: float) -> None:
    assert SweepExample(budget_s=text).budget_s == pytest.approx(seconds, rel=1e-15)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("max_macs", "2G", 2e9),
        ("max_macs", "300M", 3e8),
        ("max_macs", "1.5k", 1500.0),
        ("max_macs", "300000000", 3e8),
        ("max_macs", "200e6", 2e8),
        ("max_size_bytes", "1.5M", 1.5e6),
        ("max_size_bytes", "64k", 64000.0),
        ("max_size_bytes", "2G", 2e9),
        ("max_size_bytes", "512Ki", 524288.0),
        ("max_size_bytes", "3KiB", 3072.0),
        ("max_size_bytes", "1MiB", 1048576.0),
        ("max_size_bytes", "20e6B", 2e7),
        ("fail_above", "5%", 0.05),
        ("fail_above", "0.05", 0.05),
        ("fail_above", "0", 0.0),
    ],
)
def test_counts_bytes_and_shares_with_suffixes(name: str, text: str, value: float) -> None:
    values: dict[str, Any] = {name: text}
    assert getattr(LimitsExample(**values), name) == value


def test_lists_of_milliseconds_and_frequencies_with_units() -> None:
    limits = LimitsExample(max_latency_ms=["80us", "30", 2, "1.5s"])  # type: ignore[arg-type]
    assert limits.max_latency_ms == (0.08, 30.0, 2.0, 1500.0)
    phone = PhoneExample(frequency_khz="1.8GHz")  # type: ignore[arg-type]
    assert phone.frequency_khz == 1_800_000
    assert type(phone.frequency_khz) is int


def test_values_are_converted_to_the_types_of_the_fields() -> None:
    options = CommandExample(
        space="tiny",
        out="x.sqlite",  # type: ignore[arg-type]
        sweep={"resolutions": [32, 64]},  # type: ignore[arg-type]
        limits=LimitsExample(latency=["a.parquet"], tolerance=1),  # type: ignore[arg-type]
    )
    assert options.out == Path("x.sqlite")
    assert options.sweep.resolutions == (32, 64)
    assert options.limits.latency == (Path("a.parquet"),)
    assert type(options.limits.tolerance) is float
    assert options.device.device == "cpu"
    assert DeviceExample().device is None
    assert SweepExample(resolutions="32,64").resolutions == (32, 64)  # type: ignore[arg-type]


def test_nested_defaults_remain_for_options_that_are_not_given() -> None:
    options = CommandExample(space="tiny", out=Path("x"), device={"wait": True})  # type: ignore[arg-type]
    assert (options.device.device, options.device.wait) == ("cpu", True)


@pytest.mark.parametrize(
    ("cls", "values", "message"),
    [
        (SweepExample, {"replicates": 0}, "replicates is 0, expected a whole number of at least 1"),
        (
            SweepExample,
            {"replicates": "3"},
            "replicates is '3', expected a whole number of at least 1",
        ),
        (
            SweepExample,
            {"replicates": 1.5},
            "replicates is 1.5, expected a whole number of at least 1",
        ),
        (
            SweepExample,
            {"replicates": True},
            "replicates is true, expected a whole number of at least 1",
        ),
        (
            SweepExample,
            {"replicates": None},
            "replicates is None, expected a whole number of at least 1",
        ),
        (SweepExample, {"budget_s": "5"}, "budget_s is '5', expected a time like 90s, 5m or 1h"),
        (SweepExample, {"budget_s": 0}, "budget_s is 0, expected a time like 90s, 5m or 1h"),
        (SweepExample, {"budget_s": "0s"}, "budget_s is '0s', expected a time like 90s, 5m or 1h"),
        (
            SweepExample,
            {"resolutions": [32, "x"]},
            "resolutions[1] is 'x', expected a whole number of at least 1",
        ),
        (
            SweepExample,
            {"resolutions": 5},
            "resolutions is 5, expected a list, each a whole number of at least 1",
        ),
        (
            SweepExample,
            {"resolutions": ()},
            "resolutions is (), expected at least one, each a whole number of at least 1",
        ),
        (SweepExample, {"precision": "int4"}, "precision is 'int4', expected one of fp32, fp16"),
        (SweepExample, {"precision": "fp16", "budget_s": 5}, "a budget is for fp32"),
        (LimitsExample, {"latency": "a"}, "latency is 'a', expected a list, each a path"),
        (LimitsExample, {"max_macs": "2X"}, "max_macs is '2X', expected a number above 0"),
        (
            LimitsExample,
            {"max_size_bytes": "0"},
            "max_size_bytes is '0', expected bytes like 20e6, 1.5M or 512Ki",
        ),
        (
            LimitsExample,
            {"fail_above": -0.1},
            "fail_above is -0.1, expected a share like 5% or 0.05",
        ),
        (
            LimitsExample,
            {"confidence": 1},
            "confidence is 1, expected a number above 0 and below 1",
        ),
        (LimitsExample, {"tolerance": float("nan")}, "tolerance is nan, expected a number above 0"),
        (
            PhoneExample,
            {"frequency_khz": 0},
            "frequency_khz is 0, expected a whole number of at least 1",
        ),
        (
            PhoneExample,
            {"frequency_khz": "0.5kHz"},
            "frequency_khz is '0.5kHz', expected a whole number of at least 1",
        ),
        (DeviceExample, {"wait": 1}, "wait is 1, expected true or false"),
        (DeviceExample, {"device": Path("cpu")}, "expected a text"),
        (DeviceExample, {"phone": 3}, "phone is 3, expected PhoneExample or a dictionary"),
        (
            DeviceExample,
            {"phone": {"runer": 1}},
            "phone: unknown key 'runer', did you mean runner?",
        ),
        (ReportExample, {"given": ("a",)}, "expected one of table, checkpoint, got none"),
        (
            ReportExample,
            {"given": (), "table": "t"},
            "given is (), expected at least one, each a path",
        ),
        (
            ReportExample,
            {"given": ("a",), "table": "t", "checkpoint": "c"},
            "table and checkpoint exclude each other",
        ),
    ],
)
def test_a_wrong_value_is_named_with_what_was_expected(
    cls: type[Options], values: dict[str, Any], message: str
) -> None:
    assert message in refused(cls, **values)


def test_replaced_values_are_checked() -> None:
    with pytest.raises(InputError, match="seed is -1, expected a whole number of at least 0"):
        replace(SweepExample(), seed=-1)


def test_options_survive_plain_values() -> None:
    options = CommandExample(
        space="tiny",
        out=Path("x.sqlite"),
        sweep=SweepExample(budget_s=90.0, resolutions=(32, 64)),
        limits=LimitsExample(latency=(Path("a"),)),
    )
    plain = options.to_dict()
    assert plain["sweep"] == {
        "replicates": 3,
        "budget_s": 90.0,
        "resolutions": [32, 64],
        "precision": "fp32",
        "seed": 0,
    }
    assert plain["out"] == "x.sqlite"
    assert "progress" not in plain
    assert CommandExample.from_dict(json.loads(json.dumps(plain))) == options


def test_a_table_may_use_names_of_fields_or_of_the_command_line() -> None:
    options = CommandExample.read(
        {
            "space": "tiny",
            "out": "o",
            "no-verify": True,
            "budget": "5m",
            "loads": 4,
            "frequency-khz": 1_000_000,
            "sweep": {"seed": 3},
            "device": {"wait": True, "phone": {"runner": "ofabench"}},
        },
        "f.toml",
    )
    assert options.verify is False
    assert options.sweep == SweepExample(budget_s=300.0, replicates=4, seed=3)
    phone = PhoneExample(frequency_khz=1_000_000, runner="ofabench")
    assert options.device == DeviceExample(device="cpu", wait=True, phone=phone)


def test_a_device_may_be_named_by_its_address_alone() -> None:
    options = CommandExample.read({"space": "tiny", "out": "o", "device": "adb:1"})
    assert options.device.device == "adb:1"


def test_a_switch_in_a_table_may_be_negated_by_its_name() -> None:
    assert CommandExample.read({"space": "s", "out": "o", "verify": False}).verify is False
    assert CommandExample.read({"space": "s", "out": "o", "no_verify": False}).verify is True


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"budgte": 1}, "f.toml: unknown key 'budgte', did you mean budget_s?"),
        (
            {"zzz": 1},
            "f.toml: unknown key 'zzz'; known are budget_s, precision, replicates, resolutions,",
        ),
        ({"budget": 300}, "f.toml: budget is 300, expected a time like 90s, 5m or 1h"),
        ({"loads": 0}, "f.toml: loads is 0, expected a whole number of at least 1"),
        (
            {"loads": 1, "replicates": 2},
            "f.toml: loads and replicates are the same option: give one",
        ),
    ],
)
def test_a_wrong_key_or_value_of_a_table_is_refused(table: dict[str, Any], message: str) -> None:
    assert message in refused_table(SweepExample, table)


def test_a_wrong_value_within_a_table_names_the_table() -> None:
    table = {"space": "s", "out": "o", "device": {"phone": {"frequency_khz": "x"}}}
    message = refused_table(CommandExample, table)
    assert message.startswith(
        "f.toml: device: phone: frequency_khz is 'x', expected a whole number"
    )


def test_a_missing_value_of_a_table_is_named() -> None:
    assert refused_table(CommandExample, {"space": "s"}) == "f.toml: a value of out is missing"


def test_a_field_in_its_own_unit_may_be_a_number() -> None:
    assert SweepExample.read({"budget_s": 300}).budget_s == 300.0


@pytest.mark.parametrize("text", ["-+5", "1_0", "", "0x1", "1e3", "\u0663", "9" * 20, "-"])
def test_only_digits_are_a_whole_number(text: str) -> None:
    replicates = own_fields(SweepExample)["replicates"]
    with pytest.raises(BadValueError, match="expected a whole number of at least 1"):
        parse(replicates, text)
    assert parse(replicates, "+12") == 12


@pytest.mark.parametrize(
    ("unit", "values"),
    [
        (
            SECONDS,
            {"d": 86400, "h": 3600, "m": 60, "min": 60, "s": 1, "ms": 1e-3, "us": 1e-6, "µs": 1e-6},
        ),
        (
            MILLISECONDS,
            {
                "d": 86.4e6,
                "h": 3.6e6,
                "m": 6e4,
                "min": 6e4,
                "s": 1e3,
                "ms": 1,
                "us": 1e-3,
                "µs": 1e-3,
            },
        ),
        (COUNT, {"k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}),
        (BYTES, {"k": 1e3, "M": 1e6, "g": 1e9, "TB": 1e12, "B": 1}),
        (BYTES, {"Ki": 1024, "MiB": 1048576, "gi": 1073741824, "TiB": 1099511627776}),
        (KILOHERTZ, {"GHz": 1e6, "MHz": 1e3, "khz": 1, "Hz": 1e-3}),
        (SHARE, {"%": 0.01}),
    ],
)
def test_suffixes_have_their_factors(unit: Unit, values: dict[str, float]) -> None:
    for suffix, value in values.items():
        assert unit.parse(f"1{suffix}", bare=True) == value
        assert unit.parse(f" 2.5 {suffix}", bare=False) == pytest.approx(2.5 * value, rel=1e-15)
        assert unit.parse(f"1{suffix}x", bare=True) is None
    assert unit.parse("1m2", bare=True) is None


def test_a_nested_table_has_the_keys_of_its_field_only() -> None:
    class_and_keys = (("sweep", "runner"), ("limits", "precision"), ("device", "replicates"))
    for table, key in class_and_keys:
        message = refused_table(CommandExample, {"space": "s", "out": "o", table: {key: "x"}})
        assert message.startswith(f"f.toml: {table}: unknown key '{key}'")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outer(Options):
    inner: DeviceExample = nested(
        DeviceExample,
        defaults={"phone": PhoneExample(runner="ofabench", frequency_khz=3), "device": "adb:1"},
    )
    limits: LimitsExample = nested(LimitsExample, defaults={"tolerance": 0.5})
    secret: int = option(1, help="", toml=False)


def test_nested_defaults_may_be_options() -> None:
    assert Outer().inner.phone.frequency_khz == 3
    read = Outer.read({"inner": {"phone": {"runner": "benchmark_model"}}})
    phone = PhoneExample(runner="benchmark_model", frequency_khz=3)
    assert read.inner == DeviceExample(device="adb:1", phone=phone)
    assert read.limits.tolerance == 0.5
    defaults = {field.dotted: field.default for field in option_fields(Outer)}
    assert defaults["inner.phone.frequency_khz"] == 3
    assert defaults["inner.phone.binary"] is None
    assert defaults["limits.tolerance"] == 0.5
    assert defaults["limits.max_macs"] is None


def test_an_option_may_be_excluded_from_files() -> None:
    assert "unknown key 'secret'" in refused_table(Outer, {"secret": 3})


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds(Options):
    share: float = option(0.5, minimum=0, maximum=1, help="")
    level: int = option(3, minimum=1, maximum=5, help="")
    degrees: float = option(1.0, above=-1, maximum=90, help="")
    pause_s: float = option(1.0, unit=SECONDS, minimum=0, help="")
    any: float = option(-1.5, help="")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"share": 1.01}, "share is 1.01, expected a number from 0 to 1"),
        ({"share": -0.01}, "share is -0.01, expected a number from 0 to 1"),
        ({"level": 6}, "level is 6, expected a whole number from 1 to 5"),
        ({"degrees": -1}, "degrees is -1, expected a number above -1 and of at most 90"),
        ({"pause_s": -1}, "pause_s is -1, expected a time like 90s, 5m or 1h, of at least 0"),
        ({"any": float("inf")}, "any is inf, expected a number"),
        ({"any": "1"}, "any is '1', expected a number"),
    ],
)
def test_values_outside_their_bounds_are_refused(values: dict[str, Any], message: str) -> None:
    assert refused(Bounds, **values) == message


def test_values_at_their_bounds_are_accepted() -> None:
    assert Bounds(share=0, level=1, degrees=90, pause_s=0).share == 0.0
    assert Bounds(share=1, level=5, degrees=-0.5).level == 5
    assert Bounds(any=-3).any == -3.0


def test_none_is_only_for_options_of_such_a_type() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Wrong(Options):
        value: int = option(None, help="")

    assert refused(Wrong) == "value is None, expected a whole number"


def test_values_that_do_not_convert_to_a_float_are_refused() -> None:
    class Several:
        def __float__(self) -> float:
            raise TypeError("only one value can be a number")

    several = Several()
    assert refused(LimitsExample, tolerance=several).endswith("expected a number above 0")
    assert refused(LimitsExample, tolerance=10**400).endswith("expected a number above 0")


@pytest.mark.parametrize("text", ["1_0", "nan", "inf", "x", ""])
def test_only_finite_numbers_are_numbers(text: str) -> None:
    for name in ("tolerance", "max_macs"):
        with pytest.raises(BadValueError, match="expected a number above 0"):
            parse(own_fields(LimitsExample)[name], text)


@pytest.mark.parametrize(
    ("unit", "value", "bare", "text"),
    [
        (SECONDS, 300.0, False, "5m"),
        (SECONDS, 60.0, False, "1m"),
        (SECONDS, 5400.0, False, "90m"),
        (SECONDS, 7200.0, False, "2h"),
        (SECONDS, 0.25, False, "250ms"),
        (SECONDS, 0.1 + 0.2, False, "0.30000000000000004s"),
        (MILLISECONDS, 0.08, False, "80us"),
        (MILLISECONDS, 30.0, True, "30"),
        (BYTES, 1.5e6, True, "1500000"),
        (COUNT, 2e20, True, "2e+20"),
    ],
)
def test_formatted_values_are_parsed_back(unit: Unit, value: float, bare: bool, text: str) -> None:
    assert unit.format(value, bare=bare) == text
    assert unit.parse(text, bare=bare) == value


def test_unsupported_types_are_refused_where_options_are_declared() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Wrong(Options):
        value: dict[str, int] = option(help="")

    @dataclass(frozen=True, kw_only=True)
    class Ambiguous(Options):
        values: tuple[int, ...] = option((), help="")

    with pytest.raises(TypeError, match=r"Wrong\.value: options cannot be of the type dict"):
        own_fields(Wrong)
    with pytest.raises(TypeError, match=r"Ambiguous\.values needs positional, repeat or separator"):
        own_fields(Ambiguous)


def test_without_options_the_defaults_are_used() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Few(Options):
        value: int = option(3, help="")

    few = Few(value=4)
    assert Few.or_defaults(None) == Few(value=3)
    assert Few.or_defaults(few) is few
    with pytest.raises(InputError, match=r"options is \{'value': 4\}, expected Few"):
        Few.or_defaults({"value": 4})  # type: ignore[arg-type]


def test_the_examples_of_the_docstrings_run() -> None:
    assert doctest.testmod(base).attempted >= 4
    assert doctest.testmod(base).failed == 0


def test_importing_options_imports_no_slow_module() -> None:
    code = (
        "import sys, bench.options; "
        "print(sorted({m.partition('.')[0] for m in sys.modules} & "
        "{'argparse', 'numpy', 'torch', 'pandas', 'difflib', 'tomllib', 'rich'}))"
    )
    completed = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert completed.stdout.strip() == "[]"


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedExample(Options):
    runner: str = option("a", choices=("a", "b", "c"), help="what runs")


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstKind(SharedExample):
    binary: str | None = option(None, help="of the first kind")


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondKind(SharedExample):
    folder: str | None = option(None, help="of the second kind")


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoKinds(Options):
    first: FirstKind = nested(FirstKind)
    second: SecondKind = nested(SecondKind)


def test_an_option_that_two_nested_classes_inherit_is_listed_once_and_is_for_both() -> None:
    names = [each.dotted for each in option_fields(TwoKinds)]

    assert names == ["first.runner", "first.binary", "second.folder"]
    both = TwoKinds.read({"runner": "b"})
    assert (both.first.runner, both.second.runner) == ("b", "b")


def test_an_inherited_option_may_differ_in_a_table_of_its_own() -> None:
    options = TwoKinds.read({"runner": "b", "second": {"runner": "c"}})

    assert (options.first.runner, options.second.runner) == ("b", "c")
    assert TwoKinds.from_dict(options.to_dict()) == options
