"""How long an update of the application takes, through the real tools and mpremote, on the virtual board's console."""

from contextlib import contextmanager
from dataclasses import dataclass
from unittest import mock

from binnode_tools import app_update, boards, image
from binnode_tools.board_link import BoardLink
from binnode_tools.virtual_board import node_kit
from binnode_tools.virtual_board.board import VirtualBoard
from binnode_tools.virtual_board.console import Console
from binnode_tools.virtual_board.scene import Scene
from binnode_tools.virtual_board.world import World

from tests.bench.figures import Figure, figure
from tests.bench.node import new_kit, steady

BAUD, BITS_PER_BYTE = 115200, 10
_FILE_SYSTEM = 0x200000  # of a board with 4 MB of flash
_SPEED = 20  # of the world; the numbers do not depend on it
_ONE_FILE = "binnode/config.mpy"


@dataclass
class Spent:
    """What an update makes the line and the flash do. Bytes both ways; `read`: bytes of flash."""

    line: int = 0
    read: int = 0
    acts: int = 0
    pages: int = 0
    erases: int = 0

    def seconds(self, board: VirtualBoard) -> float:
        """At 115200 baud, with the flash's times from the board file: erasing, programming, reading. What the chip
        computes (digests, compiling) and what a USB bridge adds to each answer are not in it."""
        times = board.chip.board.durations
        flash_us = self.erases * times.flash_erase_us + self.pages * times.flash_program_us
        flash_us += self.acts * times.python_us_per_act + self.read * times.flash_read_us_per_kib / 1024
        return round(self.line * BITS_PER_BYTE / BAUD + flash_us / 1e6, 2)


def figures(name: str = "esp32_devkit") -> list[Figure]:
    """The whole application onto a blank board; one module and the manifest of one that is there."""
    files = image.application_files(boards.load(name))
    changed = {**files, _ONE_FILE: files[_ONE_FILE] + b"#"}
    changed[image.MANIFEST] = files[image.MANIFEST].replace(
        image.digest(files[_ONE_FILE]).encode(), image.digest(changed[_ONE_FILE]).encode()
    )
    with _blank(name) as (board, link):
        whole, one = (_update(board, link, name, wanted) for wanted in (files, changed))
        return [figure("app_update_seconds", whole), figure("app_update_seconds_one_file", one)]


@contextmanager
def _blank(name: str):
    kit = new_kit(name)
    with World() as world, mock.patch.object(node_kit, "FLASH_SIZE", _FILE_SYSTEM):
        scene = Scene(steady, kit.geometry, kit.unkind, kit.seed)
        board = node_kit.add_node(world, kit, scene, node_kit.network_of(kit), files={})
        board.heap = "1M"
        with Console(world, board, _SPEED).start() as console, BoardLink(console.path) as link:
            yield board, link


def _update(board: VirtualBoard, link: BoardLink, name: str, files: dict[str, bytes]) -> float:
    before = _spent(board)
    with mock.patch.object(image, "application_files", lambda _: files), _counted(link, before):
        prepared = app_update.prepare(link, name, force=True)
        app_update.update(link, prepared)
    after = _spent(board)
    spent = {key: getattr(after, key) - getattr(before, key) for key in ("read", "acts", "pages", "erases")}
    return Spent(before.line, **spent).seconds(board)


@contextmanager
def _counted(link: BoardLink, spent: Spent):
    """Count the bytes of the line."""
    serial = link._open.serial
    write, read = serial.write, serial.read

    def counted_write(data):
        spent.line += len(data)
        return write(data)

    def counted_read(size=1):
        data = read(size)
        spent.line += len(data)
        return data

    serial.write, serial.read = counted_write, counted_read
    try:
        yield
    finally:
        serial.write, serial.read = write, read


def _spent(board: VirtualBoard) -> Spent:
    wake, flash = board.wakes[-1], board.chip.flash
    return Spent(0, wake.flash_bytes, wake.acts, flash.writes, sum(flash.erases.values()))
