"""The runner for phones, built by a function; what builds it is a stand-in."""

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.devices.remote.runner.bundle import Bundle
from bench.errors import FileError, InputError
from ofabench.options.devices import BundleOptions
from ofabench.workflows import phone_bundle
from ofabench.workflows.phone_bundle import build_phone_bundle


@pytest.fixture(autouse=True)
def _built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def ensure(
        abi: str, *, debs: Path | None, compiler: str | None, notify: Callable[[str], None]
    ) -> Bundle:
        notify(f"building for {abi} with {debs} by {compiler}")
        folder = tmp_path / "kept"
        folder.mkdir(exist_ok=True)
        (folder / "runner").write_bytes(b"1234567")
        return Bundle(
            folder=folder,
            abi=abi,
            litert_version="2.3",
            compiler="gcc",
            files={"runner": "ab"},
            start=("runner",),
        )

    monkeypatch.setattr(phone_bundle, "ensure_bundle", ensure)


def test_a_bundle_stays_in_the_cache_and_its_parts_are_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    options = BundleOptions(debs=tmp_path / "debs", compiler="zig")
    with caplog.at_level(logging.INFO, "ofabench"):
        bundle = build_phone_bundle(options)

    assert bundle.folder == tmp_path / "kept"
    assert bundle.sizes_bytes == {"runner": 7}
    assert bundle.to_dict()["folder"] == str(tmp_path / "kept")
    assert bundle.to_dict()["litert_version"] == "2.3"
    assert caplog.messages == [f"building for arm64-v8a with {tmp_path}/debs by zig"]


def test_a_copy_is_made_where_it_is_wanted_and_never_over_another(tmp_path: Path) -> None:
    out = tmp_path / "copy"

    bundle = build_phone_bundle(BundleOptions(abi="x86_64", out=out))

    assert bundle.folder == out
    assert (out / "runner").read_bytes() == b"1234567"
    with pytest.raises(FileError, match="copy exists; name a folder that does not"):
        build_phone_bundle(BundleOptions(out=out))


def test_an_unknown_processor_is_refused() -> None:
    with pytest.raises(InputError, match="abi is 'mips', expected one of arm64-v8a, x86_64"):
        BundleOptions(abi="mips")  # type: ignore[arg-type]
