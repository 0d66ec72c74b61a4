"""An Android phone over ADB as a device: it needs USB debugging, and nothing installed."""

import logging
from collections.abc import Callable, Generator, Sequence

from bench.devices.android.benchmark_model.replicates import BenchmarkReplicates, version_of
from bench.devices.android.facts.busy_check import check_fit
from bench.devices.android.facts.identity import identity_script, parse_identity
from bench.devices.android.phone.options import PhoneOptions
from bench.devices.android.phone.phone import Phone
from bench.devices.remote.connection import Connection
from bench.devices.remote.device import RunnerDevice
from bench.devices.remote.facts.cores import choose_cores
from bench.devices.remote.machine import RemoteMachine
from bench.devices.remote.replicates.replicate import RunnerReplicates
from bench.digests import content_digest
from bench.errors import InputError
from bench.models.model_file import ModelFile
from bench.models.tensors import InputSpec
from bench.protocol.backend import Backend
from bench.protocol.device import Facts, ReplicatePlan, RoundResult, Workload
from bench.protocol.target import Target

DEFAULTS = PhoneOptions()

logger = logging.getLogger(__name__)


class AdbDevice(RunnerDevice):
    """The phone at `address` (see `android.adb.address`), connected at its first use."""

    def __init__(
        self,
        address: str,
        options: PhoneOptions = DEFAULTS,
        *,
        notify: Callable[[str], None] = logger.warning,
    ) -> None:
        from bench.devices.android.adb.address import Address

        if options.runner == "python":
            raise InputError("--runner python is for ssh:..., phones run bundle or benchmark_model")
        self._address = Address.parse(address)
        self.phone = Phone(self._connect, options, notify)
        self._loads = replicates_of(self.phone)
        self._shell: str | None = None  # of the last connection

    @property
    def address(self) -> str:
        return str(self._address)

    @property
    def machine(self) -> RemoteMachine:
        return self.phone

    def slug(self) -> str:
        """Return the model, or the emulator's name where it is not a phone."""
        return self.phone.facts().slug()

    def facts(self) -> Facts:
        """Return its properties and state, and how its commands report their exit status."""
        facts = {**self.phone.facts().flat(), **self.phone.moment().flat()}
        return {**facts, "adb_exit_status": self._shell}

    def runtime_version(self, backend: Backend) -> str:
        """Return the version of the bundle's LiteRT (this machine's), or of the user's program."""
        if self.phone.options.binary is not None:
            self.check_backend(backend)
            return version_of(self.phone.options.binary)
        return super().runtime_version(backend)

    def choose_cores(self, threads: int, requested: str | None) -> str:
        """Return as many fast cores as threads by default; see `android.facts.cores`."""
        return choose_cores(threads, requested, self.phone.facts().cores)

    def options(self) -> tuple[tuple[str, str], ...]:
        """Return how the clocks are held, if they are, and the runner, if it is not ours."""
        phone_options = self.phone.options
        options: list[tuple[str, str]] = []
        if phone_options.binary is not None:
            options += [("runner", "benchmark_model"), ("delegate", phone_options.delegate)]
        if phone_options.frequency_khz is not None:
            options.append(("clocks", f"{phone_options.frequency_khz}kHz"))
        elif self.phone.has_fixed_mode():
            options.append(("clocks", "fixed-performance"))
        return tuple(options)

    def lock_name(self) -> str:
        """Return a name by the phone's identity, the same over cable, network and server."""
        command = ["sh", "-c", identity_script()]
        identity = self.phone.ask(lambda connection: parse_identity(connection.run(command)))
        return f"phone-{identity or content_digest(self.address)[:16]}"

    def check_quiet(self) -> None:
        """Raise `DeviceError` for other work, heat, an empty battery or battery saver."""
        busy = self.phone.busy()
        check_fit(self.phone.moment(), busy)

    def check_model_file(self, file: ModelFile) -> tuple[InputSpec, ...]:
        """Return the file's inputs; `FileError` or `InputError` where the runner cannot run it."""
        if self.phone.options.binary is not None and file.values is not None:
            raise InputError(
                "benchmark_model draws the inputs' values itself: leave --inputs or --binary out"
            )
        return super().check_model_file(file)

    def replicate(
        self, work: Sequence[Workload], backend: Backend, target: Target, plan: ReplicatePlan
    ) -> Generator[RoundResult]:
        yield from self._loads.run(work, backend, target, plan)

    def check_backend(self, backend: Backend) -> None:
        if backend.name != "tflite":
            raise InputError(
                f"phones run the backend tflite, got {backend.name}: give a TFLite file, or "
                "--backend tflite"
            )

    def _connect(self) -> Connection:
        from bench.devices.android.adb.connection import AdbConnection

        options = self.phone.options
        connection = AdbConnection.connect(
            self._address, notify=self.phone.notify, keys=options.keys
        )
        self._shell = connection.shell
        return connection


def replicates_of(phone: Phone) -> RunnerReplicates | BenchmarkReplicates:
    """Return what measures replicates, by the phone's options."""
    options = phone.options
    if options.binary is None:
        return RunnerReplicates(phone)
    return BenchmarkReplicates(phone=phone, binary=options.binary, delegate=options.delegate)
