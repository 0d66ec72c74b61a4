"""A machine's tree of sensor files, whose energy follows a simulated clock."""

from collections.abc import Callable
from pathlib import Path

RANGE_UJ = 262_143_328_850  # a real package's


def write_files(folder: Path, **files: object) -> None:
    """Write one file for each name."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in files.items():
        (folder / name).write_text(f"{value}\n")


class SensorMachine:
    """A machine that draws `idle_w`, and `active_w` while an inference of `inference_s` runs.

    `shows` is called after each step, to write what the sensors show at `now_s`, `joules`, `watts`.
    """

    def __init__(self, root: Path, idle_w: float = 4.0, active_w: float = 10.0) -> None:
        self.root, self.idle_w, self.active_w = root, idle_w, active_w
        self.inference_s = 0.002
        self.now_s, self.joules, self.watts = 1000.0, 0.0, idle_w
        self.shows: list[Callable[[], None]] = []

    def clock(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.spend(seconds, self.idle_w)

    def inference(self) -> None:
        self.spend(self.inference_s, self.active_w)

    def spend(self, seconds: float, watts: float) -> None:
        """Let time pass at a power."""
        self.now_s += seconds
        self.joules += seconds * watts
        self.watts = watts
        self.show()

    def show(self) -> None:
        for each in self.shows:
            each()

    def add_rapl(  # noqa: PLR0913
        self,
        zone: str = "intel-rapl:0",
        name: str = "package-0",
        *,
        share: float = 1.0,
        first_uj: int = 0,
        range_uj: int = RANGE_UJ,
        update_s: float = 0.001,
    ) -> None:
        """Add a zone that counts a share of the energy, with a new value each `update_s`."""
        folder = self.root / "sys/class/powercap" / zone
        write_files(folder, name=name, max_energy_range_uj=range_uj)
        file, last_s, last_uj = folder / "energy_uj", -1.0, -1

        def show() -> None:
            nonlocal last_s, last_uj
            if self.now_s - last_s < update_s - 1e-9:
                return
            last_s = self.now_s
            uj = (first_uj + round(self.joules * share * 1e6)) % (range_uj + 1)
            if uj != last_uj:
                file.write_text(f"{uj}\n")
            last_uj = uj

        self.shows.append(show)
        show()

    def add_hwmon(self, number: int, driver: str, **files: object) -> Path:
        """Add a chip with constant files; return its folder."""
        folder = self.root / f"sys/class/hwmon/hwmon{number}"
        write_files(folder, name=driver, **files)
        return folder
