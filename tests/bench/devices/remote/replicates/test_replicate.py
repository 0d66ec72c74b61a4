"""Replicates on a simulated phone, with a runner that prints what the test scripts."""

import json
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.backends.tflite_backend import TfliteBackend
from bench.blocks.spec import BlockSpec
from bench.devices.android.facts.device_state import PhoneState
from bench.devices.android.phone import phone as phone_module
from bench.devices.android.phone.options import PhoneOptions
from bench.devices.android.phone.phone import Phone
from bench.devices.android.phone.settings_guard import FOLDER, GUARD, RESTORE
from bench.devices.remote.replicates import preparing
from bench.devices.remote.replicates.replicate import RunnerReplicates
from bench.errors import DeviceError, DeviceLostError
from bench.protocol.device import ReplicatePlan, RoundResult, Workload
from bench.protocol.target import Target
from bench.timing.references import with_references
from tests.support.local_phone import HereConnection
from tests.support.phone_bundle import fake_bundle
from tests.support.phone_roots import (
    CPU,
    add_zone,
    give_root,
    make_root,
    set_frequency_limit,
    set_temperature,
    set_thermal_status,
    setting,
)
from tests.support.phone_texts import SAMSUNG_THERMAL

POOL = BlockSpec(kind="avg_pool", in_size=8, in_channels=8, out_channels=8)
WIDE = BlockSpec(kind="avg_pool", in_size=8, in_channels=64, out_channels=64)
WORK = [Workload(role="block", blocks=(POOL,))] * 2
WITH_REFERENCES = with_references([Workload(role="block", blocks=(POOL,))])
PLAN = ReplicatePlan(rounds=5, samples=2, seed=3)
BACKEND = TfliteBackend()


class Bench:
    """Simulated phone with its messages and a clock that only waiting moves."""

    def __init__(self, root: Path, options: PhoneOptions) -> None:
        self.root = root
        self.connection = HereConnection(root)
        self.words: list[str] = []
        self.now_s = 0.0
        self.while_waiting: Callable[[], None] = lambda: None
        self.phone = Phone(lambda: self.connection, options, self.words.append)
        self.replicates = RunnerReplicates(self.phone, lambda: self.now_s, self._sleep)

    def script(self, *rounds: Mapping[str, Any]) -> None:
        (self.root / "phone/passes.json").write_text(json.dumps(rounds))

    def rounds(self, work: Sequence[Workload] = WORK, **how: Any) -> Iterator[RoundResult]:
        target = Target(
            **{
                "device": "here",
                "backend": "tflite",
                "backend_version": "1",
                "cores": "4",
                **how,
            }
        )
        return self.replicates.run(work, BACKEND, target, PLAN)

    def on(self, path: str) -> Path:
        return self.root / path.lstrip("/")

    def _sleep(self, seconds: float) -> None:
        self.now_s += seconds
        self.while_waiting()


Benches = Callable[..., Bench]


@pytest.fixture
def benches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Benches]:
    made: list[Bench] = []
    (tmp_path / "bundle").mkdir()
    bundle = fake_bundle(tmp_path / "bundle")
    monkeypatch.setattr(phone_module, "ensure_bundle", lambda *_, **__: bundle)

    def make(model: Any = "note8", **options: Any) -> Bench:
        make_root(tmp_path / model, model, abi="x86_64", emulated="here")
        made.append(Bench(tmp_path / model, PhoneOptions(**options)))
        return made[-1]

    yield make
    for bench in made:
        bench.connection.end()


def facts(results: Sequence[RoundResult], name: str) -> list[object]:
    return [result.facts[name] for result in results]


def test_a_replicate_returns_its_rounds_and_leaves_nothing_behind(benches: Benches) -> None:
    bench = benches()

    results = list(bench.rounds())

    assert len(results) == PLAN.rounds
    for result in results:
        assert result.samples_ns.tolist() == [[1e6 * place] * 2 for place in range(1, 3)]
        assert sorted(result.order.tolist()) == [0, 1]
        assert json.loads(json.dumps(dict(result.facts))) == dict(result.facts)
    first = results[0].facts
    assert first["load_changed"] == "stay_on"
    assert first["whole_graphs_share"] == 1.0
    assert (first["frequency_now_khz"], first["temperature_c"]) == (2_314_000, 38.0)
    assert (first["battery_level"], first["plugged"], first["screen_on"]) == (87, "usb", True)
    assert facts(results, "throttled") == [False] * 5
    assert "load_changed" not in results[1].facts
    assert bench.words == []
    for path in (RESTORE, GUARD):
        assert not bench.on(path).exists()
    assert setting(bench.root, "global/stay_on_while_plugged_in") == "0"


def test_the_job_contains_the_targets_options(benches: Benches) -> None:
    bench = benches()

    list(bench.rounds(WITH_REFERENCES, threads=2, cores="4,5", precision="fp16"))

    job = bench.on("/data/local/tmp/ofabench/job").read_text().splitlines()
    assert job[:6] == ["ofabench-job 1", "threads 2", "cores 30", "fp16 1", "calls 2", "seed 3"]
    assert len(job) == 6 + len(WITH_REFERENCES)
    assert len(set(job[6:])) == 3  # copies of the references share a file


def test_models_are_sent_once(benches: Benches) -> None:
    bench = benches()
    first = list(bench.rounds(WITH_REFERENCES))
    second = list(bench.rounds([Workload(role="block", blocks=(WIDE,)), *WITH_REFERENCES]))
    third = list(bench.rounds([Workload(role="block", blocks=(WIDE,)), *WITH_REFERENCES]))

    models = [path for path in bench.connection.pushed if path.startswith(FOLDER.models)]
    assert len(models) == len(set(models)) == 4
    sent = [int(str(rounds[0].facts["load_sent_bytes"])) for rounds in (first, second, third)]
    assert sent[0] > 16_000_000  # the memory reference alone
    assert 0 < sent[1] < 10_000
    assert sent[2] == 0


def test_a_replicate_closed_early_ends_the_runner_and_restores_settings(benches: Benches) -> None:
    bench = benches()
    left = bench.rounds()
    next(left)
    runner = int(bench.on(FOLDER.runner_pid).read_text().split()[0])
    left.close()  # type: ignore[attr-defined]

    assert bench.connection.processes[-1].popen.wait(timeout=10) == -signal.SIGKILL
    assert bench.connection.processes[-1].popen.pid == runner
    assert not bench.on(RESTORE).exists()
    assert len(list(bench.rounds())) == PLAN.rounds


def test_fixed_performance_mode_is_used_where_available(benches: Benches) -> None:
    bench = benches("pixel2")
    left = bench.rounds()
    first = next(left)

    assert first.facts["load_changed"] == "fixed_performance,stay_on"
    assert bench.on("phone/fixed_performance").read_text() == "true\n"
    list(left)
    assert bench.on("phone/fixed_performance").read_text() == "false\n"


def test_a_fixed_frequency_replaces_fixed_performance_mode(benches: Benches) -> None:
    bench = benches("pixel2", frequency_khz=1_804_800)
    give_root(bench.root)
    left = bench.rounds()
    first = next(left)

    limit = bench.root / CPU / "cpu4/cpufreq/scaling_max_freq"
    assert first.facts["load_changed"] == "clock4,stay_on"
    assert limit.read_text() == "1804800\n"
    list(left)
    assert limit.read_text() == "2361600\n"


def test_a_falling_clock_is_throttling_and_the_phone_cools_down(benches: Benches) -> None:
    bench = benches()
    hot = f"{bench.root}/sys/class/thermal/thermal_zone0/temp"
    bench.script({}, {"khz": 1_469_000, "celsius": 80.0, "write": {hot: "80000\n"}})

    def cool() -> None:
        set_temperature(bench.root, 60.0 if bench.now_s < 10 else 38.5)

    bench.while_waiting = cool
    results = list(bench.rounds())

    assert facts(results, "throttled") == [False, True, False, False, False]
    assert facts(results, "throttled_by")[1] == "the clock is 1.47 GHz, it was 2.31 GHz"
    # The third round was already granted; the wait comes before the fourth.
    assert facts(results, "cooled_s") == [0.0, 0.0, 0.0, 10.0, 0.0]
    assert bench.words == [
        "cooling down for at most 120 s (the clock is 1.47 GHz, it was 2.31 GHz; 80.0 C, "
        "it was 38.0 C at the start)"
    ]


def test_cooling_down_has_limits(benches: Benches) -> None:
    bench = benches(cool_wait_s=20.0, cool_total_s=30.0)
    zone = f"{bench.root}/sys/class/thermal/thermal_zone0/temp"
    slow = {"khz": 1_000_000, "write": {zone: "80000\n"}}
    bench.script({}, slow, slow, slow, slow)

    results = [list(bench.rounds()) for _ in range(3)]

    for rounds, waited_s in zip(results, (20.0, 10.0, 0.0), strict=True):
        assert facts(rounds, "throttled") == [False, True, True, True, True]
        assert facts(rounds, "cooled_s") == [0.0, 0.0, 0.0, waited_s, 0.0]
    assert [words[:32] for words in bench.words] == [
        "cooling down for at most 20 s (t",
        "cooling down for at most 10 s (t",
        "no time is left to cool down: th",
    ]


@pytest.mark.parametrize("sign", ["limit", "status", "reference"])
def test_throttling_is_detected_by_other_signs(benches: Benches, sign: str) -> None:
    bench = benches("pixel2")
    bench.while_waiting = lambda: None
    if sign == "reference":
        bench.script({}, {"slower": 1.3, "celsius": 60.0}, {})
    left = bench.rounds(WITH_REFERENCES)
    next(left)
    if sign == "limit":
        set_frequency_limit(bench.root, 4, 1_000_000)
    if sign == "status":
        set_thermal_status(bench.root, 3)
    bench.now_s += 100.0  # so that the phone is checked again
    rest = list(left)

    assert True in facts(rest, "throttled")
    words = {
        "limit": "core 4 is held to 1.00 GHz",
        "status": "Android's thermal status is severe",
        "reference": "the compute reference takes 30% longer",
    }
    assert words[sign] in facts(rest, "throttled_by")


def test_a_zone_with_the_batterys_percentage_does_not_hide_heat(benches: Benches) -> None:
    bench = benches()
    add_zone(bench.root, "soc", 97)  # per cent, constant
    bench.script(
        {"sensors": {"soc": 97.0}}, {"slower": 1.3, "celsius": 60.0, "sensors": {"soc": 97.0}}, {}
    )

    results = list(bench.rounds(WITH_REFERENCES))

    # The start is at 38 C and not at 97: the second round is 22 C hotter.
    assert facts(results, "temperature_c") == [38.0, 60.0, 38.0, 38.0, 38.0]
    assert facts(results, "throttled") == [False, True, False, False, False]
    assert "soc" not in str(facts(results, "temperatures_c"))


def test_the_thermal_hal_counts_where_the_runner_reads_no_zone_of_the_processor(
    benches: Benches,
) -> None:
    bench = benches()
    for zone in (bench.root / "sys/class/thermal").iterdir():
        (zone / "type").write_text("battery\n")  # no zone of the processor is readable
    bench.on("phone/dumps/thermalservice").write_text(SAMSUNG_THERMAL)
    bench.script(*[{"sensors": {"BIG": None, "battery": 30.0 + n}} for n in range(5)])

    results = list(bench.rounds())

    assert facts(results, "temperature_c") == [45.6] * 5


def test_screen_and_cable_are_checked_during_a_replicate(benches: Benches) -> None:
    bench = benches()
    left = bench.rounds()
    first = next(left)
    bench.on("phone/dumps/battery").write_text("AC powered: false\nlevel: 12\nscale: 100\n")
    bench.now_s += 30.0
    last = list(left)[-1]

    assert (first.facts["battery_level"], last.facts["battery_level"]) == (87, 12)
    assert last.facts["plugged"] == "no"
    assert bench.words == ["while the device was measured, it was unplugged"]


def test_a_processor_without_a_runner_is_refused(benches: Benches) -> None:
    bench = benches()
    properties = bench.root / "system/build.prop"
    properties.write_text(properties.read_text().replace("ro.ofabench.emulated=here", ""))

    with pytest.raises(DeviceError, match="Android for x86_64, perhaps an emulator"):
        next(bench.rounds())


def test_partly_delegated_models_are_reported_once_and_counted(benches: Benches) -> None:
    bench = benches()
    bench.on("phone/not_whole").touch()

    first = next(bench.rounds())
    list(bench.rounds())

    assert first.facts["whole_graphs_share"] == 0.0
    assert [words for words in bench.words if "partly" in words] == [
        "XNNPACK runs 1 models only partly, the rest of them by slower code: "
        "block:avg_pool-8x8-m0-o8-k1-s1-none-se0-r0"
    ]


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"signal": 9}, "ended by signal 9"),
        ({"say": "nonsense\n"}, "garbled"),
    ],
)
def test_a_failed_replicate_can_be_repeated(
    benches: Benches, fault: Mapping[str, Any], words: str
) -> None:
    bench = benches()
    bench.script({}, fault)
    with pytest.raises(DeviceLostError, match=words):
        list(bench.rounds())
    assert not bench.on(RESTORE).exists()

    bench.script()

    assert len(list(bench.rounds())) == PLAN.rounds


def test_the_next_replicate_reconnects_after_a_lost_connection(benches: Benches) -> None:
    bench = benches()
    left = bench.rounds()
    next(left)
    bench.connection.cut()
    with pytest.raises(DeviceLostError, match="the connection broke"):
        list(left)

    assert len(list(bench.rounds())) == PLAN.rounds
    assert bench.connection.reconnects == 1
    assert setting(bench.root, "global/stay_on_while_plugged_in") == "0"


def test_another_phone_at_the_address_is_refused(benches: Benches) -> None:
    bench = benches()
    list(bench.rounds())
    bench.phone.facts()
    bench.connection.lost = True
    properties = bench.root / "system/build.prop"
    properties.write_text(properties.read_text().replace("SM-N950F", "SM-G950F"))

    with pytest.raises(DeviceError, match=r"another phone answers now: SM-G950F .* was SM-N950F"):
        next(bench.rounds())


def test_another_session_on_the_phone_is_not_disturbed(benches: Benches) -> None:
    bench = benches()
    other = Bench(bench.root, PhoneOptions())
    left = bench.rounds()
    next(left)

    with pytest.raises(DeviceError, match="another ofabench measures on this phone"):
        next(other.rounds())

    assert len(list(left)) == PLAN.rounds - 1


def test_models_of_other_replicates_are_removed_from_a_full_phone(benches: Benches) -> None:
    bench = benches()
    list(bench.rounds([Workload(role="block", blocks=(WIDE,)), *WORK]))
    bench.connection.room_bytes = 100  # a job fits, a model does not
    bench.connection.before_run = lambda argv: _free_space(bench, argv)

    list(bench.rounds())
    other = BlockSpec(kind="avg_pool", in_size=4, in_channels=64, out_channels=64)
    results = list(bench.rounds([Workload(role="block", blocks=(other,)), *WORK]))

    assert len(results) == PLAN.rounds
    assert bench.words == ["the device is full: models of other replicates are removed from it"]
    assert len(list(bench.on(FOLDER.models).iterdir())) == 2


def _free_space(bench: Bench, argv: Sequence[str]) -> None:
    if any("rm -f -- " in word for word in argv):
        bench.connection.room_bytes = 1 << 30


def test_a_phone_that_stays_full_is_an_error_with_the_space_needed(
    benches: Benches, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = benches()
    list(bench.rounds())
    bench.connection.room_bytes = 100
    monkeypatch.setattr(preparing, "free_bytes", lambda *_: 77)
    content = BACKEND.serialise(preparing_model(WIDE))

    with pytest.raises(DeviceError) as error:
        list(bench.rounds([Workload(role="block", blocks=(WIDE,)), *WORK]))

    assert f"still needs {len(content)} bytes in /data/local/tmp/ofabench, 77 are" in str(
        error.value
    )
    assert not bench.on(RESTORE).exists()


def preparing_model(block: BlockSpec) -> Any:
    from bench.blocks.model import random_model

    return random_model((block,), seed=0)


def test_a_model_cache_over_its_limit_is_cleared_before_a_replicate(
    benches: Benches, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = benches()
    monkeypatch.setattr(preparing, "CACHE_BYTES", 100)
    list(bench.rounds([Workload(role="block", blocks=(WIDE,))]))
    before = {path.name for path in bench.on(FOLDER.models).iterdir()}

    list(bench.rounds())
    list(bench.rounds())

    after = {path.name for path in bench.on(FOLDER.models).iterdir()}
    assert len(before) == 1
    assert before.isdisjoint(after)
    assert bench.words == []


@pytest.mark.parametrize(
    ("now", "words"),
    [
        (PhoneState(screen_on=False), "its screen went off, it was plugged in"),
        (PhoneState(screen_on=True, plugged="no", power_save=True), "battery saver came on"),
        (
            PhoneState(screen_on=True, plugged="no", thermal_status=3),
            "its thermal status rose to severe",
        ),
        (PhoneState(plugged="no", thermal_status=0), ""),
    ],
)
def test_changes_during_a_replicate_are_described(now: PhoneState, words: str) -> None:
    before = PhoneState(screen_on=True, plugged="no", power_save=False, thermal_status=0)

    assert before.changes_to(replace(now, plugged=now.plugged or "usb")) == words
