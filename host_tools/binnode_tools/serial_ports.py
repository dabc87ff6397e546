"""Serial ports: opening one, and saying why it can't be had or why nobody answers there."""

import errno
import os
import time

import serial
import serial.tools.list_ports
from mpremote.transport import TransportError
from mpremote.transport_serial import SerialTransport

from binnode_tools.problems import Problem

try:
    from termios import error as TERMINAL_ERROR
except ImportError:  # Windows
    TERMINAL_ERROR = serial.SerialException

# Who makes what boards have at their USB socket (USB-IF vendor numbers).
_CHIP_VENDORS = {0x303A}  # Espressif: the chip's own USB
_BRIDGE_VENDORS = {0x10C4, 0x1A86, 0x0403, 0x067B}  # Silicon Labs CP210x, WCH CH34x/CH910x, FTDI, Prolific

KNOCK_S = 0.4  # how long one attempt to get into the REPL waits for its answer
_LOOKED_AT_S = 0.3  # modem managers look at a port that has just come, and let it go
_NATIVE = (
    "A chip's own USB is there only while the node is awake: press its button or reset (EN) while this command waits."
)


class LinkError(Problem):
    """The board can't be worked with; the text says why and what to try."""


class LineBroke(LinkError):
    """Words were lost on the line, or it went away, or the board fell silent in the middle."""

    code = "line_broke"


class NoBoard(LinkError):
    """Nothing that runs MicroPython answers at the port, or the port can't be had; `code` says which."""

    code = "no_answer"


class NoPort(NoBoard):
    """The device file is not there, at least not now."""

    code = "no_port"


class SeveralPorts(LinkError):
    """The board may be at more than one port: the user has to say which."""

    code = "several_ports"


def open_port(port: str) -> SerialTransport:
    """The transport, not yet in the REPL. NoBoard when the port can't be had; mpremote itself keeps the reason back."""
    for look in range(2):
        try:
            return SerialTransport(port, timeout=KNOCK_S)
        except (TransportError, ValueError, TERMINAL_ERROR):
            pass
        try:
            check_port(port)
        except NoBoard as problem:
            if look or problem.code != "port_busy":
                raise
            time.sleep(_LOOKED_AT_S)
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
                f"{port}: no permission. On Linux: sudo usermod -aG dialout $USER, then log out and in again",
                "no_permission",
            ) from None
        if error.errno in (errno.EBUSY, errno.EAGAIN) or "PermissionError" in str(error):  # Windows words it so
            text = f"{port} is busy: another program has it open; close that terminal or monitor"
            raise NoBoard(text, "port_busy") from None
        raise NoBoard(f"{port} is no serial port: {error.strerror or error}. {ports_text()}", "no_port") from None
    except (OSError, ValueError, TERMINAL_ERROR) as error:
        raise NoBoard(f"{port} is no serial port: {error}. {ports_text()}", "no_port") from None


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


def own_usb(port: str) -> bool:
    """Whether the port is that of a chip's own USB, which is there only while the chip is awake."""
    name = os.path.realpath(port)  # of /dev/serial/by-id/...
    return any(one.device in (port, name) and one.vid in _CHIP_VENDORS for one in serial.tools.list_ports.comports())


def way_in(native_usb: bool) -> str:
    """What to press on a board of this kind so that the node in it listens."""
    if native_usb:
        return "press the node's button or the board's reset (EN); its own USB comes back then"
    return "press reset (EN) on the board, or the node's button"


def silence(port: str, wait_s: float, heard: bytes, native_usb: bool = False) -> NoBoard:
    """Why nobody let us into the REPL, as far as `heard`, all that was said instead, can tell."""
    text = heard.decode(errors="replace")
    again = f"call this again and, while it waits, {way_in(native_usb)}"
    if not text.strip():
        return NoBoard(
            f"no answer at {port} for {wait_s:.0f} s. Is it the right port, and is MicroPython on the board? "
            f"A node asleep hears nothing: {again}"
        )
    if "binnode:" in text:
        return NoBoard(f"the node at {port} did not let us in for {wait_s:.0f} s: {again}")
    said = "".join(letter if letter.isprintable() else " " for letter in last_line(text))[:60].strip()
    return NoBoard(
        f'what talks at {port} is not MicroPython (it said "{said}"): put it there first, by binnode flash',
        "not_micropython",
    )


def last_line(text: str) -> str:
    """The last line that says something, "" when none does."""
    lines = text.strip().splitlines()
    return lines[-1].strip() if lines else ""
