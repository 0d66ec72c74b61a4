"""A phone's scripts, settings and runner on Android's own daemon, shell and toybox."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from bench.backends.inputs import random_images
from bench.backends.registry import get_backend
from bench.blocks.model import random_model
from bench.blocks.spec import BlockSpec
from bench.devices.android.device import AdbDevice
from bench.devices.android.phone.options import PhoneOptions
from bench.devices.android.phone.phone import Phone
from bench.devices.android.phone.settings_changes import SettingChange
from bench.devices.android.phone.settings_guard import GUARD, RESTORE, WORK, changed, claim
from bench.errors import DeviceLostError, OfabenchError
from bench.models.files_backend import ModelFilesBackend
from bench.models.model_file import ModelFile
from bench.protocol.device import ReplicatePlan, Workload
from bench.protocol.target import Target
from tests.phone_target.phone import RealPhone
from tests.support import tflite_files as files
from tests.support.phone_faults import answer

BACKEND = get_backend("tflite")
SPEC = BlockSpec(kind="stem", in_size=8, in_channels=3, out_channels=8, kernel=3, act="relu")
POOL = BlockSpec(kind="avg_pool", in_size=8, in_channels=8, out_channels=8)
ONE = SettingChange(
    name="one", what="one thing", apply=f"echo on > {WORK}/one", restore=f"rm -f {WORK}/one"
)


@pytest.fixture
def device(real_phone: RealPhone, tmp_path: Path) -> Iterator[AdbDevice]:
    answer(real_phone, allow=True)
    options = PhoneOptions(keys=tmp_path / "adbkey")
    with closing(AdbDevice(real_phone.address, options, notify=lambda _: None)) as made:
        yield made


def on(phone: RealPhone, path: str) -> Path:
    return phone.root / path.lstrip("/")


@pytest.mark.parametrize("real_phone", ["pixel2"], indirect=True)
def test_the_phone_is_known(device: AdbDevice) -> None:
    facts = device.facts()

    assert device.slug() == "qemu-aarch64"
    assert (facts["model"], facts["abi"], facts["os"]) == ("Pixel 2", "arm64-v8a", "Android 11")
    assert facts["cores_max_khz"] == ",".join(["1900800"] * 4 + ["2361600"] * 4)
    assert facts["frequency_limits_khz"] is not None
    assert facts["temperature_c"] == 38.5
    assert (facts["battery_level"], facts["thermal_status"]) == (87, "none")
    assert device.choose_cores(2, None) == "4,5"
    assert device.options() == (("clocks", "fixed-performance"),)
    assert device.phone.busy() is not None


def measure_until_lost(phone: Phone, breaks: object) -> None:
    connection = phone.ready()
    with changed(connection, [ONE], phone.session, phone.notify):
        assert callable(breaks)
        breaks()
        for _ in range(100):
            connection.run(["sleep", "0.1"])


@pytest.mark.parametrize("real_phone", ["note8"], indirect=True)
def test_settings_are_put_back_when_the_connection_breaks(
    device: AdbDevice, real_phone: RealPhone
) -> None:
    device.facts()
    with pytest.raises(DeviceLostError):
        measure_until_lost(device.phone, real_phone.cut)

    assert claim(device.phone.ready(), device.phone.session).state == "free"
    for path in (f"{WORK}/one", RESTORE, GUARD):
        assert not on(real_phone, path).exists()


def restart(phone: RealPhone) -> None:
    phone.stop()
    phone.start()


@pytest.mark.parametrize("real_phone", ["note8"], indirect=True)
def test_settings_are_put_back_when_the_daemon_dies_with_all_it_started(
    device: AdbDevice, real_phone: RealPhone
) -> None:
    device.facts()
    with pytest.raises(DeviceLostError):
        measure_until_lost(device.phone, lambda: restart(real_phone))

    device.phone.ready()
    for path in (f"{WORK}/one", RESTORE):
        assert not on(real_phone, path).exists()


@pytest.mark.parametrize("real_phone", ["note8"], indirect=True)
def test_the_real_runner_measures_and_computes(device: AdbDevice) -> None:
    try:
        device.phone.bundle()
    except OfabenchError as error:
        pytest.skip(f"no bundle for arm64 here: {error}")
    target = Target(
        device=device.slug(),
        backend="tflite",
        backend_version=device.runtime_version(BACKEND),
        cores=device.choose_cores(1, None),
    )
    work = [Workload(role="block", blocks=(spec,)) for spec in (SPEC, POOL)]
    model = random_model((SPEC,), seed=1)
    images = random_images((1, *model.input_shape), seed=2)

    results = list(device.run_replicate(work, BACKEND, target, ReplicatePlan(rounds=3, samples=2)))
    outputs = device.infer(BACKEND.serialise(model), images, BACKEND, target)

    assert [result.samples_ns.shape for result in results] == [(2, 2)] * 3
    assert results[0].facts["whole_graphs_share"] == 1.0
    assert results[0].facts["frequency_now_khz"] == 2_314_000
    expected = BACKEND.load(model, target).infer(images)
    np.testing.assert_allclose(outputs, expected, atol=1e-4)


@pytest.mark.parametrize("real_phone", ["note8"], indirect=True)
def test_inputs_of_every_kind_are_measured_by_the_real_runner(
    device: AdbDevice, tmp_path: Path
) -> None:
    try:
        device.phone.bundle()
    except OfabenchError as error:
        pytest.skip(f"no bundle for arm64 here: {error}")
    saves = (files.save_tokens, files.save_two_inputs, files.save_int8_input)
    models = [
        ModelFile(path=save(tmp_path / f"{number}.tflite"), name=f"{number}.tflite")
        for number, save in enumerate(saves)
    ]
    backend = ModelFilesBackend(BACKEND, {model.digest: model for model in models})
    work = [Workload(role="model", file=model.digest) for model in models]
    target = Target(
        device=device.slug(),
        backend="tflite",
        backend_version=device.runtime_version(BACKEND),
        cores=device.choose_cores(1, None),
    )

    results = list(device.run_replicate(work, backend, target, ReplicatePlan(rounds=2, samples=2)))

    assert [result.samples_ns.shape for result in results] == [(3, 2)] * 2
    assert all((result.samples_ns > 0).all() for result in results)
