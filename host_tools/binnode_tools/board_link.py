"""A board that runs MicroPython, at the other end of a serial line: the one adapter around mpremote.

Everything goes through the raw REPL, entered without a soft reset: Ctrl-D would start main.py anew.
"""

import ast
import contextlib
import errno
import io
import json
import os
import re
import struct
import time
from binascii import b2a_base64
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import serial
from mpremote.transport import TransportError, TransportExecError
from mpremote.transport_serial import SerialTransport

from binnode_tools import board_snippets
from binnode_tools.board_snippets import MARK
from binnode_tools.serial_ports import (
    KNOCK_S,
    TERMINAL_ERROR,
    LineBroke,
    LinkError,
    NoBoard,
    NoPort,
    last_line,
    open_port,
    own_usb,
    silence,
    way_in,
)

OLDEST_MICROPYTHON = (1, 23)  # .mpy format 6.3
_QUIET_S = 2.0  # without an answer for this long the user has to do something
_CHUNK_BYTES = 768  # base64 makes 1024 of it
_LINE_ERRORS = (TransportError, OSError, TERMINAL_ERROR, struct.error)  # SerialException is an OSError


class ServiceMissing(LinkError):
    """The board lacks the application, or what these tools need of it."""

    code = "no_application"


@dataclass(frozen=True)
class Identity:
    """What runs on the board: `machine` as in "Generic ESP32S3 module with ESP32S3", `platform` "esp32" or "linux"."""

    version: tuple[int, ...]
    machine: str
    platform: str

    @property
    def micropython(self) -> str:
        return ".".join(map(str, self.version[:3]))

    @property
    def chip(self) -> str | None:
        """As in board files: "esp32", "esp32s3", ...; None when it is none of Espressif's. Builds write ESP32S3,
        ESP32-S3 or the whole part, ESP32-S3FN8; ESP32-PICO-D4 and ESP32-D0WD hold a plain ESP32."""
        found = re.match(r"ESP32(?:-?([SCHP]\d+))?", self.machine.rpartition(" with ")[2], re.IGNORECASE)
        return ("esp32" + (found[1] or "")).lower() if found else None


@dataclass(frozen=True)
class BoardFiles:
    """What lies on the board: `digests` as in image.digest by path, `folders` deepest last.

    `block_size` in bytes, and how many such blocks of the file system are free; None: it does not tell.
    """

    digests: dict[str, str]
    folders: list[str]
    block_size: int = 0
    free_blocks: int | None = None


class BoardLink:
    """`with BoardLink(port) as link:` holds the board in its REPL. `notice` is told what the user should do now.

    On entering raises NoBoard or LinkError; on leaving the line is closed, and the board stays as it is: see reset().
    """

    def __init__(self, port: str, wait_s: float = 30.0, notice: Callable[[str], None] = lambda text: None) -> None:
        self.port = port
        self._wait_s = wait_s
        self._notice = notice
        self._transport: SerialTransport | None = None
        self._asleep = False
        self.identity = Identity((), "", "")

    def __enter__(self) -> "BoardLink":
        try:
            self._attach()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        if self._transport is not None:
            with contextlib.suppress(*_LINE_ERRORS):
                self._transport.close()
            with contextlib.suppress(*_LINE_ERRORS):  # mpremote leaves a port open that has gone away: its name would
                self._transport.serial.close()  # stay taken, and the chip come back under another
            self._transport = None

    def call(self, function: str, *args: str | int | bool, timeout_s: float = 10.0, secret: bool = False) -> dict:
        """The answer of binnode.service.`function`. `secret`: no error repeats what the line said."""
        arguments = ", ".join(map(ascii, args))
        output, error = self._run(f"from binnode import service\nservice.{function}({arguments})", timeout_s, secret)
        if error:
            raise self._failed(function, "" if secret else last_line(error), last_line(error))
        return self._answer(output, function)

    def call_last(self, function: str, *args: str | int | bool, timeout_s: float = 10.0) -> dict:
        """call() of a function that sends the board to sleep once it has answered; then there is no reset() any more.

        Its answer may be its refusal; then the board is there still."""
        arguments = ", ".join(map(ascii, args))
        heard, ends = "", time.monotonic() + timeout_s
        with self._line("the call failed"), contextlib.redirect_stdout(io.StringIO()):
            self._open.exec_raw_no_follow(f"from binnode import service\nservice.{function}({arguments})")
            self._open.serial.timeout = 0.1
            while last_answer(heard) is None and heard.count("\x04") < 2 and time.monotonic() < ends:
                heard += self._open.serial.read(max(self._open.serial.in_waiting, 1)).decode(errors="replace")
        if last_answer(heard) is None and "Error" in heard:
            reason = last_line(heard.partition("\x04")[2].rstrip("\x04>"))
            raise self._failed(function, reason, reason)
        answer = self._answer(heard, function)
        self._asleep = "error" not in answer
        return answer

    def _failed(self, function: str, said: str, reason: str) -> LinkError:
        """For an exception on the board, whose last line is `reason`; `said` of it may be shown."""
        if reason.startswith(("ImportError", "AttributeError", "ValueError: incompatible")):
            return ServiceMissing(
                f"the board at {self.port} has no application, or not that of these tools ({reason}). "
                f"Deploy first: binnode deploy --port {self.port}"
            )
        return LinkError(f"{function} failed on the board{': ' + said if said else ''}")

    def files(self, root_names: Iterable[str]) -> BoardFiles:
        """The files below /binnode, and those of `root_names` that there are."""
        found = self._snippet(f"{board_snippets.FILES}\nlook({sorted(root_names)!r})", timeout_s=60)
        return BoardFiles(found["digests"], found["folders"], found["block_size"], found["free_blocks"])

    def read(self, name: str) -> bytes | None:
        """The content of a small file, None when there is none."""
        return ast.literal_eval(self._snippet(f"{board_snippets.READ}\nread({name!r})")["content"])

    def make_folder(self, name: str) -> None:
        """LinkError when it can't be made, or there is one already."""
        with self._line(f"{name}: the folder can't be made"):
            self._open.fs_mkdir(name)

    def write(self, name: str, content: bytes, progress: Callable[[int], None] = lambda count: None) -> None:
        """Write a file; `progress` is told how many bytes each step has added."""
        with self._line(f"{name}: can't be written"):
            try:
                self._open.exec(f"from binascii import a2b_base64 as a\nf=open({name!r},'wb')\nw=f.write")
                for at in range(0, len(content), _CHUNK_BYTES):
                    chunk = content[at : at + _CHUNK_BYTES]
                    packed = f"a({b2a_base64(chunk, newline=False)!r})"  # bytecode, written out, is twice as long
                    self._open.exec(f"w({min(repr(chunk), packed, key=len)})")
                    progress(len(chunk))
                self._open.exec("f.close()")
            except TransportExecError as error:
                number = re.search(r"OSError: (?:\[Errno )?(\d+)", error.error_output)
                if not number:
                    raise
                raise LinkError(f"{name}: can't be written: {os.strerror(int(number[1]))}") from None

    def swap_in(self, names: list[str]) -> None:
        """Let each NAME.new take the place of NAME, in this order and without the computer in between."""
        self._snippet(f"{board_snippets.CHANGE}\nswap({names!r})")

    def remove(self, names: list[str], folders: list[str]) -> None:
        """Remove files, and those folders that are empty then."""
        self._snippet(f"{board_snippets.CHANGE}\nremove({names!r}, {folders!r})")

    def run(self, code: str, timeout_s: float = 10.0) -> str:
        """What Python `code` prints on the board. Raises LinkError with its traceback when it fails there."""
        output, error = self._run(code, timeout_s)
        if error:
            raise LinkError(f"the code failed on the board:\n{error}")
        return output

    def ask(self, module: str, expression: str) -> Any:
        """The value (of JSON's types) of an expression in the names of a module on the board."""
        return self._snippet(board_snippets.asked(module, expression))["value"]

    def reset(self) -> bool:
        """Let the board start anew, whatever it does now; False when it could not be told. Not one that was sent to
        sleep."""
        if self._asleep:
            return True
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                self._open.enter_raw_repl(soft_reset=False, timeout_overall=2)
                # First the line's own answer has to come: native USB goes away with the reset.
                self._open.exec_raw_no_follow("import machine, time\ntime.sleep_ms(100)\nmachine.reset()")
        except (*_LINE_ERRORS, LinkError):
            return False
        with contextlib.suppress(*_LINE_ERRORS):  # a port that goes away now tells that it starts anew
            self._open.serial.timeout = 0.1  # so long: let it leave the buffers before the port is closed
            if b"Error" in self._open.serial.read(_CHUNK_BYTES):  # no room for three lines: Ctrl-D needs none
                self._open.serial.write(b"\x04")
                self._open.serial.flush()
        return True

    @property
    def _open(self) -> Any:  # a SerialTransport; its types are inferred, and too narrow
        if self._transport is None:
            raise LinkError(f"{self.port}: not connected")
        return self._transport

    def _attach(self) -> None:
        """Into the raw REPL, by Ctrl-C again and again: a node listens for 3 s after a reset, and then it sleeps."""
        started = time.monotonic()
        told = False
        comes = False  # the port is one that comes and goes
        heard = b""
        while True:
            problem = None
            try:
                if self._transport is None:
                    self._transport = open_port(self.port)
                printed = self._knock()
                if printed is None and self._settle():
                    self.identity = self._identify()
                    return
                heard = (heard + (printed or b""))[-2000:]
            except NoBoard as error:
                comes = comes or isinstance(error, NoPort)  # native USB is gone while the chip sleeps
                if not comes:
                    raise
                problem = error  # just there: not ours yet, or another program looks who it is
            except LineBroke:  # a late answer to an earlier knock came in between: again
                pass
            except _LINE_ERRORS:
                self.close()  # unplugged, or a native USB that starts anew
                comes = True
            waited = time.monotonic() - started
            if waited >= self._wait_s:
                raise problem or silence(self.port, self._wait_s, heard, comes or own_usb(self.port))
            if not told and (problem or waited >= min(_QUIET_S, self._wait_s)):
                told = True
                left = f"Trying for {self._wait_s - waited:.0f} s more; Ctrl-C gives up."
                self._notice(f"{problem or f'no answer yet: {way_in(comes or own_usb(self.port))}.'} {left}")
            if problem or self._transport is None:
                time.sleep(0.2)

    def _knock(self) -> bytes | None:
        """None when the board is in its raw REPL now, else what it said instead."""
        transport = self._open
        printed = io.StringIO()
        transport.serial.timeout = KNOCK_S / 2
        try:
            with contextlib.redirect_stdout(printed):  # mpremote prints what it can't make sense of
                transport.enter_raw_repl(soft_reset=False, timeout_overall=KNOCK_S)
        except TransportError:
            with contextlib.suppress(ValueError, SyntaxError):
                return ast.literal_eval(printed.getvalue())
            return b""
        return None

    def _settle(self) -> bool:
        """Earlier knocks may be answered late: let the line fall silent, then knock once more, to an empty line."""
        transport = self._open
        transport.serial.timeout = 0.1
        while transport.serial.read(256):
            pass
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                transport.enter_raw_repl(soft_reset=False, timeout_overall=2)
        except TransportError:
            return False
        return True

    def _identify(self) -> Identity:
        try:
            found = self._snippet(board_snippets.IDENTIFY, timeout_s=2)
        except LinkError as error:
            if "MemoryError" in str(error):  # what was stopped left no room: anew, and in again while it listens
                self._open.serial.write(b"\x04")
                raise LineBroke(str(error)) from None
            raise
        if found["name"] != "micropython":
            text = f"{self.port} runs {found['name']}, not MicroPython: put that there first, by binnode flash"
            raise NoBoard(text, "not_micropython")
        identity = Identity(tuple(found["version"]), found["machine"], found["platform"])
        if identity.version[:2] < OLDEST_MICROPYTHON:
            raise LinkError(
                f"the board's MicroPython {identity.micropython} is too old for .mpy files of format 6.3: "
                f"put {'.'.join(map(str, OLDEST_MICROPYTHON))} or newer there, by binnode flash",
                "old_micropython",
            )
        return identity

    def _snippet(self, code: str, timeout_s: float = 10.0) -> dict:
        output, error = self._run(code, timeout_s)
        if error:
            kind = LineBroke if "KeyboardInterrupt" in error else LinkError
            raise kind(f"the board refuses: {last_line(error)}")
        return self._answer(output, "the board")

    def _answer(self, output: str, what: str) -> dict:
        answer = last_answer(output)
        if answer is None:
            raise LineBroke(f"{what}: the answer was lost or garbled on {self.port}; try again, or another cable")
        return answer

    def _run(self, code: str, timeout_s: float, secret: bool = False) -> tuple[str, str]:
        """(what it printed, the traceback or "")"""
        with self._line("the call failed", secret), contextlib.redirect_stdout(io.StringIO()):
            self._open.serial.timeout = min(timeout_s, 5)
            output, error = self._open.exec_raw(code, timeout=timeout_s)
            return output.decode(errors="replace"), error.decode(errors="replace")
        raise AssertionError("unreachable")

    @contextlib.contextmanager
    def _line(self, what: str, secret: bool = False) -> Iterator[None]:
        """LinkError, mostly LineBroke, for whatever the line or the board's file system does in it."""
        try:
            yield
        except (serial.SerialException, TERMINAL_ERROR):
            raise LineBroke(f"the line to {self.port} broke: unplugged, or the board was reset?") from None
        except struct.error:
            raise LineBroke(f"the line to {self.port} broke, or the board stopped answering") from None
        except OSError as error:
            if error.errno in (errno.EIO, errno.ENXIO, errno.ENODEV, errno.EBADF):
                raise LineBroke(f"the line to {self.port} broke: unplugged, or the board was reset?") from None
            raise LinkError(f"{what}: {os.strerror(error.errno or 0)}") from None
        except TransportError as error:
            said = "" if secret else f" ({last_line(str(error))})"
            raise LineBroke(f"the board at {self.port} stopped answering{said}; reset it and try again") from None


def last_answer(output: str) -> dict | None:
    """The JSON object after the last MARK in `output`, None when there is none whole; other output is skipped."""
    decoder = json.JSONDecoder()
    for line in reversed(output.splitlines()):
        _, mark, rest = line.partition(MARK)
        if mark:
            with contextlib.suppress(ValueError):
                answer, _ = decoder.raw_decode(rest)
                if isinstance(answer, dict):
                    return answer
    return None
