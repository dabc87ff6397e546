"""Serial ports: opening one, and saying why it can't be had or why nobody answers there."""

import errno

import serial
import serial.tools.list_ports
from mpremote.transport import TransportError
from mpremote.transport_serial import SerialTransport

try:
    from termios import error as TERMINAL_ERROR
except ImportError:  # Windows
    TERMINAL_ERROR = serial.SerialException

# Who makes what boards have at their USB socket (USB-IF vendor numbers).
_CHIP_VENDORS = {0x303A}  # Espressif: the chip's own USB
_BRIDGE_VENDORS = {0x10C4, 0x1A86, 0x0403, 0x067B}  # Silicon Labs CP210x, WCH CH34x/CH910x, FTDI, Prolific

KNOCK_S = 0.4  # how long one attempt to get into the REPL waits for its answer
_NATIVE = (
    "A chip's own USB is there only while the node is awake: press its button or reset (EN) while this command waits."
)


class LinkError(Exception):
    """The board can't be worked with; the text says why and what to try."""


class LineBroke(LinkError):
    """Words were lost on the line, or it went away, or the board fell silent in the middle."""


class NoBoard(LinkError):
    """Nothing that runs MicroPython answers at the port."""


class NoPort(NoBoard):
    """The device file is not there, at least not now."""


class SeveralPorts(LinkError):
    """The board may be at more than one port: the user has to say which."""


def open_port(port: str) -> SerialTransport:
    """The transport, not yet in the REPL. NoBoard when the port can't be had; mpremote itself keeps the reason back."""
    try:
        return SerialTransport(port, timeout=KNOCK_S)
    except (TransportError, ValueError, TERMINAL_ERROR):
        pass
    check_port(port)
    raise NoBoard(f"{port} could not be opened; try again")


def check_port(port: str) -> None:
    """NoBoard, with the reason and the remedy, when the port can't be opened."""
    try:
        serial.serial_for_url(port, exclusive=True).close()
    except serial.SerialException as error:
        if error.errno == errno.ENOENT or "FileNotFoundError" in str(error):
            raise NoPort(f"there is no port {port}. {ports_text()} {_NATIVE}") from None
        if error.errno in (errno.EACCES, errno.EPERM):
            raise NoBoard(
                f"{port}: no permission. On Linux: sudo usermod -aG dialout $USER, then log out and in again"
            ) from None
        if error.errno in (errno.EBUSY, errno.EAGAIN) or "PermissionError" in str(error):  # Windows words it so
            raise NoBoard(f"{port} is busy: another program has it open; close that terminal or monitor") from None
        raise NoBoard(f"{port} is no serial port: {error.strerror or error}. {ports_text()}") from None
    except (OSError, ValueError, TERMINAL_ERROR) as error:
        raise NoBoard(f"{port} is no serial port: {error}. {ports_text()}") from None


def find_port(native_usb: bool | None) -> str:
    """The one port that an ESP32 board can be at. `native_usb`: the chip's own USB, or a bridge to its UART; None: any.

    NoPort when there is none, SeveralPorts when there are more.
    """
    vendors = {True: _CHIP_VENDORS, False: _BRIDGE_VENDORS, None: _CHIP_VENDORS | _BRIDGE_VENDORS}[native_usb]
    fitting = [one for one in serial.tools.list_ports.comports() if one.vid in vendors]
    if not fitting:
        kind = {True: "a chip's own USB", False: "the USB bridge of a board", None: "a board"}[native_usb]
        raise NoPort(f"no port looks like {kind}. {ports_text()} Name one: --port PORT")
    if len(fitting) > 1:
        raise SeveralPorts(f"several ports fit: say which, --port PORT. {ports_text()}")
    return fitting[0].device


def ports_text() -> str:
    """The serial ports of this computer, in a sentence. Those without a USB device behind them are left out."""
    found = [one for one in serial.tools.list_ports.comports() if one.vid is not None]
    if not found:
        return "No USB serial port is there: is the board plugged in, by a cable that carries data?"
    return "Ports there are: " + ", ".join(f"{one.device} ({one.description})" for one in sorted(found)) + "."


def silence(port: str, wait_s: float, heard: bytes) -> str:
    """Why nobody let us into the REPL, as far as `heard`, all that was said instead, can tell."""
    text = heard.decode(errors="replace")
    if not text.strip():
        return (
            f"no answer at {port} for {wait_s:.0f} s. Is it the right port, and is MicroPython on the board? "
            "A node asleep hears nothing: call this again and press its reset (EN) while it waits"
        )
    if "binnode:" in text:
        return (
            f"the node at {port} did not let us in for {wait_s:.0f} s: "
            "call this again and press its reset (EN) while it waits"
        )
    said = "".join(letter if letter.isprintable() else " " for letter in last_line(text))[:60].strip()
    return f'what talks at {port} is not MicroPython (it said "{said}"): flash MicroPython first'


def last_line(text: str) -> str:
    """The last line that says something, "" when none does."""
    lines = text.strip().splitlines()
    return lines[-1].strip() if lines else ""
