"""Small installed package with a backend and a device as entry points."""

from pathlib import Path

BACKEND = '''
from bench.backends.fake import FakeBackend

class Backend(FakeBackend):
    """The fake backend under another name."""

    name = "mine"

    def version(self):
        return "7"
'''
DEVICE = '''
from dataclasses import dataclass
from bench.backends.fake import FakeBackend
from bench.devices.fake import FakeDevice, SimulatedDisturbances

@dataclass(frozen=True, slots=True, kw_only=True)
class Machine(FakeDevice):
    """The fake device, which runs the backend of this package."""

    address: str

    def slug(self):
        return "machine-of-mine"

    def run_replicate(self, work, backend, target, plan):
        assert backend.name == "mine"
        return FakeDevice().run_replicate(work, FakeBackend(), target, plan)

def make(address):
    return Machine(address=address, flaws=SimulatedDisturbances(noise=0.01))

make.addresses = lambda: ["mine:0", "mine:1"]
'''
ENTRY_POINTS = """\
[ofabench.backends]
mine = tiny_plugin.backend:Backend

[ofabench.devices]
mine = tiny_plugin.device:make
"""


def install_plugin(
    folder: Path,
    *,
    distribution: str = "tiny-plugin",
    backend: str = BACKEND,
    device: str = DEVICE,
    entry_points: str = ENTRY_POINTS,
) -> Path:
    """Install the package into a folder, as pip does; return the folder, to be put on sys.path."""
    package, info = folder / "tiny_plugin", folder / f"{distribution}-1.0.dist-info"
    for each in (package, info):
        each.mkdir(parents=True, exist_ok=True)
    (package / "__init__.py").write_text("")
    (package / "backend.py").write_text(backend)
    (package / "device.py").write_text(device)
    metadata = f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n"
    (info / "METADATA").write_text(metadata)
    (info / "entry_points.txt").write_text(entry_points)
    return folder
