"""Push the same 50 MB with our client and Debian's `adb` in turns to the same phone.

    python -m experiments.adb_push [--mb 50] [--rounds 7] [--json]

The phone is Android's own adbd on this machine (tests/phone_target): loopback, no USB. Ours goes to
its port directly, and through the same adb server that `adb push` uses. Printed are the medians in
MB/s, and the median of the ratios of times, ours over adb's, round by round. What limits ours: each
message of 1 MiB waits for the one before to be acknowledged, as the protocol wants; Python copies
each byte twice.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from shutil import which

import numpy as np

from bench.devices.android.adb.address import Address
from bench.devices.android.adb.connection import AdbConnection
from bench.devices.remote.connection import PushFile
from bench.errors import OfabenchError
from tests.phone_target.build import NoTargetError, ensure_adbd
from tests.phone_target.phone import RealPhone

PLACE = "/data/local/tmp/push"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mb", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    if which("adb") is None:
        print("adb is not installed: apt-get install adb", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="ofabench-") as place:
        try:
            phone = RealPhone(Path(place) / "phone", "pixel2", ensure_adbd())
            with closing(phone):
                phone.start()
                figures = compare(phone, Path(place), args)
        except (OfabenchError, NoTargetError) as error:
            print(error, file=sys.stderr)
            return 2
    if args.json:
        print(json.dumps(figures))
        return 0
    for name, value in figures.items():
        print(f"{name:<28} {value:.3f}")
    return 0


def compare(phone: RealPhone, folder: Path, args: argparse.Namespace) -> dict[str, float]:
    """Push in turns; MB/s, and ratios of times."""
    data = np.random.default_rng(0).bytes(args.mb * 1_000_000)
    (folder / "data").write_bytes(data)
    keys = folder / "home" / ".android" / "adbkey"
    direct = connect(phone, keys)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    environment = {**os.environ, "ANDROID_ADB_SERVER_PORT": port, "HOME": str(folder / "home")}
    serial = phone.address.removeprefix("adb:")

    def adb(*words: str) -> None:
        command = ["adb", *words]
        subprocess.run(command, env=environment, check=True, capture_output=True, timeout=60)

    adb("connect", serial)
    adb("-s", serial, "wait-for-device")
    os.environ["ANDROID_ADB_SERVER_PORT"] = port
    served = AdbConnection.connect(Address.parse(phone.address))
    ways: dict[str, Callable[[], None]] = {
        "adb": lambda: adb("-s", serial, "push", str(folder / "data"), PLACE),
        "ours_direct": lambda: direct.push([PushFile(PLACE, data)]),
        "ours_through_server": lambda: served.push([PushFile(PLACE, data)]),
    }
    try:
        seconds = {name: np.array([], dtype=float) for name in ways}
        for _ in range(args.rounds):
            for name, push in ways.items():
                began_s = time.monotonic()
                push()
                seconds[name] = np.append(seconds[name], time.monotonic() - began_s)
        if direct.pull(PLACE) != data:
            raise NoTargetError("what arrived is not what was sent")
    finally:
        direct.close()
        served.close()
        adb("kill-server")
    figures = {f"{name}_mb_per_s": args.mb / float(np.median(s)) for name, s in seconds.items()}
    for name in ("ours_direct", "ours_through_server"):
        figures[f"{name}_over_adb"] = float(np.median(seconds[name] / seconds["adb"]))
    return figures


def connect(phone: RealPhone, keys: Path) -> AdbConnection:
    """Connect, and confirm on the phone's screen."""
    threading.Thread(target=phone.answer_dialog, args=(True,), daemon=True).start()
    return AdbConnection.connect(Address.parse(phone.address), keys=keys)


if __name__ == "__main__":
    sys.exit(main())
