"""The application onto a board over its REPL, whole or not at all.

    with BoardLink("/dev/ttyUSB0") as link:
        result = update(link, prepare(link))
        link.reset()

Everything is sent beside the old files, as NAME.new, and compared. Then an order is put in place, by one rename: from
there on the board has the new application. The board carries it out at once, and if it is stopped in the middle, at its
next start (firmware/verify.py: finish).
"""

import contextlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from importlib.metadata import version

from binnode_tools import board_snippets, boards, image, paths
from binnode_tools.board_link import BoardFiles, BoardLink, Identity
from binnode_tools.boards import Board
from binnode_tools.problems import Problem
from binnode_tools.serial_ports import LineBroke, LinkError

DEFAULT_BOARD = "esp32_devkit"
ORDER = "update.json"  # firmware/verify.py
NEW = ".new"
# The checker comes first: from then on the node itself can finish the rest, whatever it had before.
_FIRST = ("verify.py", "main.py", "boot.py")
_SPARE_BLOCKS = 6  # directories that are written anew, and the order


class Stage(Enum):
    """How far an update is, and what a break leaves."""

    PREPARING = "Nothing was changed."
    SENDING = "The application is the old one, as it was. Deploy again: it goes on from here."
    COMMITTING = (
        "The application is the old one or the new one, whole, from the next start on. Deploy again to be sure."
    )
    CHECKING = "The new application is in place, but was not compared. Deploy again to be sure."


Progress = Callable[[Stage, int], None]  # bytes sent since the last call


class NotAsSent(Problem):
    """What was read back from the board is not what was sent."""

    code = "read_back"


@dataclass(frozen=True)
class Plan:
    """What makes the board's files those of `files`.

    `send`: as NAME.new; `swap`: what takes the place of NAME then, in that order; `stale` files and `folders`, deepest
    first, go after that, folders only if they are empty. `leftovers` of an update that broke off are in nobody's way.
    """

    files: dict[str, bytes]
    send: list[str] = field(default_factory=list)
    swap: list[str] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    leftovers: list[str] = field(default_factory=list)

    @property
    def bytes_to_send(self) -> int:
        return sum(len(self.files[name]) for name in self.send)

    def blocks(self, size: int) -> int:
        """How many blocks of flash, of `size` bytes, the new files need beside the old ones, with their directories."""
        return sum(-(-len(self.files[name]) // size) for name in self.send) + len(self.send) // 2 + _SPARE_BLOCKS

    def order(self) -> bytes:
        """ORDER as verify.finish takes it: what of it is damaged must not be carried out."""
        text = json.dumps([self.swap, self.stale, self.folders], separators=(",", ":")).encode()
        return image.digest(text).encode() + text


@dataclass(frozen=True)
class Prepared:
    """An update of a board that was looked at."""

    board: Board
    plan: Plan
    there: BoardFiles


@dataclass(frozen=True)
class Result:
    """`firmware`: version and commit; `files`: how many it has; `changed` among them; `sent`: those that did not lie
    there already, beside the old ones; `bytes_sent`: their content."""

    board: str
    firmware: str
    files: int
    bytes_sent: int
    sent: list[str]
    changed: list[str]
    removed: list[str]


def plan(files: dict[str, bytes], there: BoardFiles) -> Plan:
    """Send what differs and does not lie there as NAME.new already; below /binnode only what belongs there stays."""
    wanted = {name: image.digest(content) for name, content in files.items()}
    differs = sorted(name for name, digest in wanted.items() if there.digests.get(name) != digest)
    send = [name for name in differs if there.digests.get(name + NEW) != wanted[name]]
    first = [name for name in _FIRST if name in differs]
    last = [name for name in differs if name == image.MANIFEST]
    swap = [*first, *(name for name in differs if name not in (*first, *last)), *last]
    beside = {name + NEW for name in differs}
    ours = [name for name in sorted(there.digests) if name not in files and name not in beside and _is_ours(name)]
    stale = [name for name in ours if not name.endswith(NEW)]
    kept = {name.rpartition("/")[0] for name in files}
    folders = [folder for folder in there.folders if not any((name + "/").startswith(folder + "/") for name in kept)]
    return Plan(files, send, swap, stale, folders[::-1], [name for name in ours if name.endswith(NEW)])


def prepare(link: BoardLink, board: str | None = None, force: bool = False) -> Prepared:
    """What there is to do. `board`: name in boards/ or a .toml file, None: as it was deployed, else DEFAULT_BOARD.

    An earlier update that was committed is finished first. Problem, also when board file and chip do not fit together,
    unless by `force`.
    """
    _finish_earlier(link)
    chosen = boards.load(board or board_before(link) or DEFAULT_BOARD)
    problem = None if force else chip_problem(chosen, link.identity)
    if problem:
        raise LinkError(problem, "wrong_board")
    files = image.application_files(chosen)
    there = look(link, files)
    return Prepared(chosen, plan(files, there), there)


def look(link: BoardLink, files: dict[str, bytes]) -> BoardFiles:
    roots = [name for name in files if "/" not in name]
    return link.files([*roots, *(name + NEW for name in roots), ORDER + NEW])


def update(link: BoardLink, todo: Prepared, progress: Progress = lambda stage, count: None) -> Result:
    """Carry it out, within ten minutes: then the board starts anew by its watchdog. See Stage for what a break leaves.

    The board stays in its REPL: link.reset() starts the application. Raises Problem: NotAsSent, LinkError.
    """
    link.run(board_snippets.WATCHDOG)
    work = todo.plan
    if work.leftovers:
        link.remove(work.leftovers, [])
    if work.swap or work.stale:
        progress(Stage.SENDING, 0)
        _send(link, work, look(link, work.files) if work.leftovers else todo.there, progress)
        progress(Stage.COMMITTING, 0)
        link.write(ORDER + NEW, work.order())
        problem = _carried_out(link, f"import os\nos.rename({ORDER + NEW!r}, {ORDER!r})\n")
        if problem:
            raise LinkError(f"the files could not change places: {problem}")
        progress(Stage.CHECKING, 0)
        _compare(work.files, look(link, work.files).digests)
    elif work.folders:
        link.remove([], work.folders[::-1])
    return Result(
        todo.board.name,
        f"{version('binnode-tools')} ({image.commit()})",
        len(work.files),
        work.bytes_to_send,
        work.send,
        sorted(work.swap),
        sorted(work.stale + work.leftovers),
    )


def chip_problem(board: Board, identity: Identity) -> str | None:
    """Why the application for `board` does not belong on the chip that answers; MicroPython on a computer takes any."""
    if identity.platform in ("linux", "darwin") or identity.chip == board.chip:
        return None
    choice = boards.choice_for(identity.chip) or "no board file is for that chip; boards/README.md tells how"
    found = f"{identity.chip or 'none of the ESP32s'} ({identity.machine})"
    return f"the chip is {found}, and {board.name} is for {board.chip}: {choice}"


def board_before(link: BoardLink) -> str | None:
    """The board's name in the application that is there, None when there is none."""
    content = link.read("board.json")
    try:
        name = json.loads(content or b"")["name"]
    except (ValueError, KeyError, TypeError):
        return None
    if name not in boards.names():
        raise LinkError(
            f"the board was deployed as {name!r}, which is no name in boards/: say --board NAME or a .toml file"
        )
    return name


def _finish_earlier(link: BoardLink) -> None:
    """What can't be finished is given up: all that follows is sent anew."""
    if link.read(ORDER) is None:
        return
    with contextlib.suppress(LinkError):  # a line that broke is found broken again
        _carried_out(link, "")
    if link.read(ORDER) is not None:
        link.remove([ORDER], [])


def _carried_out(link: BoardLink, before: str) -> str:
    """Run `before` and verify.finish() on the board: these tools' own, as the board's may be none, or not whole.

    What is wrong, "" when all is done.
    """
    checker = (paths.FIRMWARE / "verify.py").read_text()
    said = link.run(f"{before}{checker}\nprint(finish())\n", timeout_s=120).split("\n")
    return "" if "True" in (line.strip() for line in said) else " ".join(said).replace("False", "").strip()


def _send(link: BoardLink, work: Plan, there: BoardFiles, progress: Progress) -> None:
    size, free = there.block_size, there.free_blocks
    if free is not None and work.blocks(size) > free:
        raise LinkError(
            "the board's file system is too full: the new files lie beside the old ones first and need "
            f"{work.blocks(size) * size // 1024} KiB, and {free * size // 1024} KiB are free. Remove what does not "
            "belong to the node (mpremote fs ls), or write the board anew: binnode flash --keep"
        )
    folders = set(there.folders)
    try:
        for name in work.send:
            parts = name.split("/")[:-1]
            for depth in range(len(parts)):
                folder = "/".join(parts[: depth + 1])
                if folder not in folders:
                    link.make_folder(folder)
                    folders.add(folder)
            link.write(name + NEW, work.files[name], lambda count: progress(Stage.SENDING, count))
        sent = link.files([name + NEW for name in work.swap]).digests
        _compare({name + NEW: work.files[name] for name in work.swap}, sent)
    except LineBroke:
        raise
    except LinkError:  # the file system is full, or refuses: leave it as it was
        with contextlib.suppress(LinkError):
            link.remove([name for name in look(link, work.files).digests if name.endswith(NEW)], [])
        raise


def _is_ours(name: str) -> bool:
    """Not for names of the application itself: what lies below /binnode, or beside our files under a name of ours."""
    if "/" not in name:
        return name.endswith(NEW)  # look() asked for no others
    return name.startswith("binnode/") and name.endswith((".mpy", ".py", NEW))


def _compare(wanted: dict[str, bytes], found: dict[str, str]) -> None:
    wrong = sorted(name for name, content in wanted.items() if found.get(name) != image.digest(content))
    if wrong:
        raise NotAsSent(f"read back different from the board: {', '.join(wrong)}. Deploy again; is its flash worn out?")
