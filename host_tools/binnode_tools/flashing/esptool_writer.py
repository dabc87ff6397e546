"""The one adapter around esptool: who is at the port; erase, write, compare. All is checked before it erases."""

import contextlib
import hashlib
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import serial
from esp_pylib.logger import EspLog, EspLogBase
from esptool import cmds
from esptool.util import FatalError, flash_size_bytes

from binnode_tools import boards
from binnode_tools.boards import Board
from binnode_tools.flashing.complete import Complete
from binnode_tools.flashing.micropython_build import megabytes
from binnode_tools.serial_ports import TERMINAL_ERROR, LineBroke, LinkError, NoBoard, check_port

_LINE_ERRORS = (serial.SerialException, OSError, TERMINAL_ERROR)
_BY_HAND = "hold BOOT, press and release reset (EN), release BOOT, and call this again"

Progress = Callable[[str, int, int], None]  # what is being done, how much of it, of how much


class NotAsWritten(LinkError):
    """The flash does not hold what was written to it."""

    code = "read_back"


class _Listener(EspLogBase):
    """Keeps what esptool says to itself, and passes its progress on."""

    def __init__(self) -> None:
        self.on_progress: Callable[[int, int], None] = lambda done, total: None

    def print(self, *args: Any, **kwargs: Any) -> None:
        pass

    def err(self, *args: Any, suggestion: str | None = None) -> None:
        pass

    def warn(self, *args: Any, suggestion: str | None = None) -> None:
        pass

    warning = error = err  # esptool's older names

    def note(self, *args: Any) -> None:
        pass

    def hint(self, *args: Any) -> None:
        pass

    def debug(self, *args: Any) -> None:
        pass

    def set_verbosity(self, mode: int | str) -> None:
        pass

    def progress_bar(
        self, cur_iter: int, total_iters: int, prefix: str = "", suffix: str = "", bar_length: int = 30
    ) -> None:
        self.on_progress(cur_iter, total_iters)


@dataclass
class Target:
    """A chip in its loader. `mac` as in 24:0a:c4:00:01:02, `flash_size` in bytes as the flash chip itself says."""

    chip: str
    mac: str
    flash_size: int
    _esp: Any
    _listener: _Listener

    def check(self, board: Board) -> None:
        """LinkError when the image for `board` does not belong here."""
        if self.chip != board.chip:
            choice = boards.choice_for(self.chip) or "there is no board file for that chip"
            raise LinkError(
                f"the chip is an {self.chip}, and {board.name} is for an {board.chip}: {choice}", "wrong_board"
            )
        if self.flash_size < board.flash.size:
            raise LinkError(
                f"the flash has {megabytes(self.flash_size)}, and {board.name} needs {megabytes(board.flash.size)}: "
                "another board, or flash.size in its board file",
                "wrong_board",
            )

    def read(self, offset: int, size: int) -> bytes:
        """What is on the flash there. LinkError when the line breaks."""
        try:
            return cmds.read_flash(self._esp, offset, size, no_progress=True) or b""
        except (FatalError, *_LINE_ERRORS) as error:
            raise LinkError(f"the flash can't be read ({_first_line(error)}): try --baud 115200") from None

    def write(self, complete: Complete, progress: Progress = lambda step, done, total: None) -> None:
        """Erase the chip, write all that is not blank, and let the chip hash its whole flash. LinkError when the line
        breaks or esptool refuses, NotAsWritten when the flash holds something else."""
        if len(complete.content) != self.flash_size:
            raise LinkError(f"the image is for {megabytes(len(complete.content))}, not {megabytes(self.flash_size)}")
        runs = complete.runs()
        weights = [len(zlib.compress(data, 9)) for _, data in runs]  # what goes over the line
        progress("Erasing", 0, 1)
        try:
            for number, (offset, data) in enumerate(runs):
                before = sum(weights[:number])

                def step(done: int, total: int, before: int = before, weight: int = weights[number]) -> None:
                    progress("Writing", before + weight * done // max(total, 1), sum(weights))

                self._listener.on_progress = step
                cmds.write_flash(self._esp, [(offset, data)], erase_all=number == 0, compress=True)
            progress("Verifying", 0, 1)
            found = self._esp.flash_md5sum(0, self.flash_size)
        except FatalError as error:
            if "MD5" in str(error) or "region is empty" in str(error):
                raise NotAsWritten(_different()) from None
            raise LinkError(f"esptool: {_first_line(error)}") from None
        except _LINE_ERRORS as error:
            raise LineBroke(f"the line broke ({error}): unplugged, or a bad cable? Or try --baud 115200") from None
        if found != hashlib.md5(complete.content).hexdigest():
            raise NotAsWritten(_different())
        progress("Verifying", 1, 1)


@contextlib.contextmanager
def connected(port: str, baud: int) -> Iterator[Target]:
    """The chip at the port, brought into its loader; at the end it starts what is on its flash.

    NoBoard when there is none, LinkError when it can't be written to.
    """
    check_port(port)
    listener = _Listener()
    before, EspLog.instance = EspLog.instance, listener
    esp: Any = None
    try:
        try:
            esp = cmds.detect_chip(port)
            chip = esp.CHIP_NAME.lower().replace("-", "")
            if esp.secure_download_mode:
                raise LinkError("the chip is locked (secure download mode): it takes only what its maker signed")
            mac = ":".join(f"{byte:02x}" for byte in esp.read_mac())
            esp = cmds.run_stub(esp)
            if baud != esp.ESP_ROM_BAUD:
                esp.change_baud(baud)
            cmds.attach_flash(esp)
            size = flash_size_bytes(cmds.detect_flash_size(esp))
        except FatalError as error:
            if esp is None:
                raise NoBoard(f"no chip answers at {port} ({_first_line(error)}): {_BY_HAND}") from None
            why = f"the chip at {port} can't be worked with: {_first_line(error)}"
            raise LinkError(f"{why}. Try --baud 115200") from None
        except _LINE_ERRORS as error:
            raise NoBoard(f"the line to {port} broke ({error}): {_BY_HAND}") from None
        if size is None:
            raise LinkError("the flash chip does not say its size: it is none that esptool knows")
        yield Target(chip, mac, size, esp, listener)
    finally:
        if esp is not None:  # whatever happened: out of the loader, to what it has on its flash
            with contextlib.suppress(FatalError, *_LINE_ERRORS):
                cmds.reset_chip(esp, "hard-reset")
            with contextlib.suppress(FatalError, *_LINE_ERRORS):
                esp._port.close()
        EspLog.instance = before


def _different() -> str:
    return "the flash does not hold what was written: flash again, at --baud 115200. If that fails too, it is worn out"


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0].rstrip(".") if str(error).strip() else type(error).__name__
