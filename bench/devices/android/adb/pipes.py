"""adb-shell's transports, TCP and USB, as byte pipes that raise the system's errors."""

import socket
from typing import Any

from bench.errors import DeviceError, MissingRuntimeError, one_line
from bench.extras import missing_extra

_USB_TIMEOUT = -7  # LIBUSB_ERROR_TIMEOUT


class TcpPipe:
    """A connection to a daemon that listens on a port."""

    joined = True

    def __init__(self, host: str, port: int, timeout_s: float) -> None:
        try:
            from adb_shell.exceptions import TcpTimeoutException
            from adb_shell.transport.tcp_transport import TcpTransport
        except ImportError as error:
            raise missing_extra("adb_shell", "phones need") from error
        self._timeout_error: type[Exception] = TcpTimeoutException
        self._transport: Any = TcpTransport(host, port)
        try:
            self._transport.connect(timeout_s)
        except OSError as error:
            reason = error.strerror or str(error)
            raise DeviceError(
                f"no phone answers at {host}:{port} ({reason}); is it on, in this network, and set "
                "up by `adb tcpip 5555`?"
            ) from error
        # Without it a small message waits until the one before it is acknowledged.
        self._transport._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def read(self, most: int, timeout_s: float) -> bytes:
        try:
            data: bytes = self._transport.bulk_read(most, timeout_s)
        except self._timeout_error as error:
            raise TimeoutError(str(error)) from error
        return data

    def write(self, data: memoryview, timeout_s: float) -> int:
        try:
            sent: int = self._transport.bulk_write(data, timeout_s)
        except self._timeout_error as error:
            raise TimeoutError(str(error)) from error
        return sent

    def close(self) -> None:
        self._transport.close()


class UsbPipe:
    """A phone on a cable, which no adb server holds. Not yet run on a real phone."""

    joined = False

    def __init__(self, serial: str, timeout_s: float) -> None:
        usb = usb_transport()
        try:
            self._transport: Any = usb.find_adb(serial)
            self._transport.connect(timeout_s)
        except usb_errors() as error:
            raise DeviceError(
                f"no phone {serial} on USB could be opened ({one_line(error)});"
                " see that it is plugged in, that USB debugging is on, and that your user may "
                "open USB devices; or start `adb start-server`"
            ) from error

    def read(self, most: int, timeout_s: float) -> bytes:
        try:
            return bytes(self._transport.bulk_read(most, timeout_s))
        except usb_errors() as error:
            raise _as_os_error(error) from error

    def write(self, data: memoryview, timeout_s: float) -> int:
        try:
            return int(self._transport.bulk_write(bytes(data), timeout_s))
        except usb_errors() as error:
            raise _as_os_error(error) from error

    def close(self) -> None:
        self._transport.close()


def usb_transport() -> Any:
    """Return adb-shell's USB class; `MissingRuntimeError` if libusb is not installed."""
    try:
        from adb_shell.transport.usb_transport import UsbTransport
    except (ImportError, OSError) as error:
        raise MissingRuntimeError(
            "no adb server runs here that knows the phone, and libusb is not installed: start "
            "`adb start-server`, or pip install 'ofabench[phone]'"
        ) from error
    return UsbTransport


def usb_errors() -> tuple[type[Exception], ...]:
    """Return the exceptions of libusb and of adb-shell's USB transport."""
    import usb1
    from adb_shell import exceptions

    return (
        usb1.USBError,
        exceptions.UsbDeviceNotFoundError,
        exceptions.UsbReadFailedError,
        exceptions.UsbWriteFailedError,
    )


def _as_os_error(error: Exception) -> OSError:
    cause = getattr(error, "usb_error", error)
    message = one_line(error)
    if getattr(cause, "value", None) == _USB_TIMEOUT:
        return TimeoutError(message)
    return OSError(message)
