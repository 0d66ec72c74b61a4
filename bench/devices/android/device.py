"""An Android phone over ADB as a device: it needs USB debugging, and nothing installed."""

import logging
from collections.abc import Callable, Generator, Sequence

from bench.devices.android.benchmark_model.loads import BenchmarkLoads, version_of
from bench.devices.android.facts.busy_check import check_fit
from bench.devices.android.facts.cores import choose_cores
from bench.devices.android.facts.identity import identity_script, parse_identity
from bench.devices.android.loads.inference import infer_on
from bench.devices.android.loads.load import PhoneLoads
from bench.devices.android.phone.connection import Connection
from bench.devices.android.phone.options import PhoneOptions
from bench.devices.android.phone.phone import Phone
from bench.devices.android.runner.wheel import litert_version
from bench.digests import content_digest
from bench.errors import InputError
from bench.protocol.backend import Array, Backend
from bench.protocol.device import Facts, LoadCosts, LoadPlan, PassResult, Workload
from bench.protocol.target import Target

DEFAULTS = PhoneOptions()
PRECISIONS = ("fp32", "fp16")
FILE_PRECISIONS = (*PRECISIONS, "int8")  # of files that were exported: none is made for a sweep


logger = logging.getLogger(__name__)


class AdbDevice:
    """The phone at `address` (see `android.adb.address`), reached when first asked."""

    def __init__(
        self,
        address: str,
        options: PhoneOptions = DEFAULTS,
        *,
        tell: Callable[[str], None] = logger.warning,
    ) -> None:
        from bench.devices.android.adb.address import Address

        self._address = Address.parse(address)
        self.phone = Phone(self._connect, options, tell)
        self._loads = loads_of(self.phone)
        self._shell: str | None = None  # of the last connection

    @property
    def address(self) -> str:
        return str(self._address)

    def slug(self) -> str:
        """The model; what runs the code where it is no phone, so that none is named for it."""
        return self.phone.facts().slug()

    def facts(self) -> Facts:
        """What it is and what it is now, and how its commands tell their exit status."""
        facts = {**self.phone.facts().flat(), **self.phone.moment().flat()}
        return {**facts, "adb_exit_status": self._shell}

    def runtime_version(self, backend: Backend) -> str:
        """The bundle's LiteRT, which is that of this machine; or the user's own program."""
        check_backend(backend)
        if self.phone.options.binary is not None:
            return version_of(self.phone.options.binary)
        return f"litert-{litert_version()}"

    def choose_cores(self, threads: int, wanted: str | None) -> str:
        """As many of the fast cores as threads, unless told; see `android.facts.cores`."""
        return choose_cores(threads, wanted, self.phone.facts().cores)

    def options(self) -> tuple[tuple[str, str], ...]:
        """How the clocks are held, where they are; and what measures, where it is not ours."""
        options = self.phone.options
        found: list[tuple[str, str]] = []
        if options.binary is not None:
            found += [("runner", options.runner), ("delegate", options.delegate)]
        if options.frequency_khz is not None:
            found.append(("clocks", f"{options.frequency_khz}kHz"))
        elif self.phone.has_fixed_mode():
            found.append(("clocks", "fixed-performance"))
        return tuple(found)

    def load_costs(self) -> LoadCosts:
        return LoadCosts()

    def lock_name(self) -> str:
        """By what the phone says of itself, so that it is one over cable, network and server."""
        asked = ["sh", "-c", identity_script()]
        own = self.phone.ask(lambda connection: parse_identity(connection.run(asked)))
        return f"phone-{own or content_digest(self.address)[:16]}"

    def check_quiet(self) -> None:
        """Raise `DeviceError` for other work, heat, an empty battery or battery saver."""
        busy = self.phone.busy()
        check_fit(self.phone.moment(), busy)

    def infer(self, content: bytes, images: Array, backend: Backend, target: Target) -> Array:
        """Through the runner on the phone."""
        check_backend(backend)
        check_precision(target, FILE_PRECISIONS)
        return self.phone.ask(
            lambda connection: infer_on(self.phone, connection, content, images, target)
        )

    def run_load(
        self, work: Sequence[Workload], backend: Backend, target: Target, plan: LoadPlan
    ) -> Generator[PassResult]:
        """Let the runner on the phone do the passes; it is watched for heat meanwhile."""
        check_backend(backend)
        given = bool(getattr(backend, "gives_file", False))  # see verify.FileBackend
        check_precision(target, FILE_PRECISIONS if given else PRECISIONS)
        yield from self._loads.run(work, backend, target, plan)

    def close(self) -> None:
        """Let go of it; every load has put back what it changed."""
        self.phone.close()

    def _connect(self) -> Connection:
        from bench.devices.android.adb.connection import AdbConnection

        options = self.phone.options
        made = AdbConnection.connect(self._address, tell=self.phone.tell, keys=options.keys)
        self._shell = made.shell
        return made


def loads_of(phone: Phone) -> PhoneLoads | BenchmarkLoads:
    """What runs loads, by the phone's options."""
    options = phone.options
    if options.binary is None:
        return PhoneLoads(phone)
    return BenchmarkLoads(phone=phone, binary=options.binary, delegate=options.delegate)


def check_backend(backend: Backend) -> None:
    """Raise `InputError` for a backend whose files nothing runs on a phone."""
    if backend.name != "tflite":
        raise InputError(f"phones run the backend tflite, got {backend.name}: --backend tflite")


def check_precision(target: Target, known: tuple[str, ...] = PRECISIONS) -> None:
    """Raise `InputError` for a precision that the runner has not, or that nothing made has."""
    if target.precision not in known:
        raise InputError(
            f"phones compute in {' or '.join(known)}, got precision {target.precision!r}"
        )
