"""`binnode deploy`: the application onto a board that runs MicroPython."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version

import click
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn

from binnode_tools import boards, image
from binnode_tools.board_link import BoardFiles, BoardLink, Identity
from binnode_tools.boards import Board
from binnode_tools.cli import port as serial_port
from binnode_tools.cli.main import DISAGREES, console, fail
from binnode_tools.serial_ports import LinkError

DEFAULT_BOARD = "esp32_devkit"
_NEW = ".new"
_LAST = ("main.py", image.MANIFEST)  # a board without its main.py waits in the REPL


class VerifyError(Exception):
    """What was read back from the board is not what was sent."""


@dataclass(frozen=True)
class Plan:
    """What makes the board's files those of `files`: to send, to take away, folders that are then perhaps empty."""

    files: dict[str, bytes]
    send: list[str] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)

    @property
    def bytes_to_send(self) -> int:
        return sum(len(self.files[name]) for name in self.send)


def plan(files: dict[str, bytes], there: BoardFiles) -> Plan:
    """Send what differs, in the order that is safe to break off; below /binnode only what belongs there stays."""
    differs = [name for name, content in files.items() if there.digests.get(name) != image.digest(content)]
    send = sorted(differs, key=lambda name: (_LAST.index(name) + 1 if name in _LAST else 0, name))
    replaced = {*files, *(name + _NEW for name in send)}
    stale = sorted(name for name in there.digests if name not in replaced and _is_ours(name, files))
    kept = {name.rpartition("/")[0] for name in files}
    folders = [folder for folder in there.folders if not any((name + "/").startswith(folder + "/") for name in kept)]
    return Plan(files, send, stale, folders)


def look(link: BoardLink, files: dict[str, bytes]) -> BoardFiles:
    roots = [name for name in files if "/" not in name]
    return link.files([*roots, *(name + _NEW for name in roots)])


def update(
    link: BoardLink, todo: Plan, there: BoardFiles, progress: Callable[[int], None] = lambda count: None
) -> None:
    """Carry out the plan. Whatever happens on the way, the board has its old application whole, or the new one, or
    one that its check at the next start reports as damaged: everything is sent beside the old files first, then takes
    their place, and the manifest comes last."""
    folders = set(there.folders)
    for name in todo.send:
        parts = name.split("/")[:-1]
        for depth in range(len(parts)):
            folder = "/".join(parts[: depth + 1])
            if folder not in folders:
                link.make_folder(folder)
                folders.add(folder)
        link.write(name + _NEW, todo.files[name], progress)
    sent = link.files([name + _NEW for name in todo.send]).digests
    _compare({name + _NEW: todo.files[name] for name in todo.send}, sent)
    # What is stale could shadow what is new, so it goes before the manifest vouches for the whole.
    link.swap_in([name for name in todo.send if name != image.MANIFEST])
    link.remove([name for name in todo.stale if name in there.digests], todo.folders)
    link.swap_in([name for name in todo.send if name == image.MANIFEST])
    _compare(todo.files, look(link, todo.files).digests)


def chip_problem(board: Board, identity: Identity) -> str | None:
    """Why the application for `board` does not belong on the chip that answers; MicroPython on a computer takes any."""
    if identity.platform in ("linux", "darwin") or identity.chip == board.chip:
        return None
    fitting = [name for name in boards.names() if boards.load(name).chip == identity.chip]
    choice = (
        f"--board {' or '.join(fitting)}" if fitting else "no board file is for that chip; boards/README.md tells how"
    )
    found = f"{identity.chip or 'none of the ESP32s'} ({identity.machine})"
    return f"the chip is {found}, and {board.name} is for {board.chip}: {choice}"


@click.command()
@serial_port.options
@click.option(
    "--board", metavar="NAME", help=f"name in boards/, or a .toml file; default: as the board was, else {DEFAULT_BOARD}"
)
@click.option("--force", is_flag=True, help="even if the chip is not the one in the board file")
def command(port: str | None, wait: float, as_json: bool, board: str | None, force: bool) -> None:
    """Copy the application to a board that runs MicroPython, check it, and start it.

    Only what differs is sent. Settings and secrets of the node stay as they are.
    """
    out = console()
    left = ["Nothing was changed."]
    try:
        with serial_port.connected(port, wait, lambda: left[-1]) as link:
            chosen = boards.load(board or board_before(link) or DEFAULT_BOARD)
            problem = None if force else chip_problem(chosen, link.identity)
            if problem:
                raise LinkError(problem)
            files = image.application_files(chosen)
            firmware = f"{version('binnode-tools')} ({image.commit()})"
            if not as_json:
                out.print(escape(f"{chosen.name}: MicroPython {link.identity.micropython}, {link.identity.machine}"))
            there = look(link, files)
            todo = plan(files, there)
            left.append("Deploy again: the application may be the old one, the new one, or incomplete.")
            with Progress(
                TextColumn("Sending"),
                BarColumn(40),
                TextColumn("{task.completed} of {task.total} bytes"),
                console=out,
                transient=True,
                disable=as_json or not out.is_terminal or not todo.send,
            ) as bar:
                task = bar.add_task("", total=todo.bytes_to_send)
                update(link, todo, there, lambda count: bar.advance(task, count))
    except (boards.BoardError, image.ImageError) as error:
        fail(str(error))
        return
    except VerifyError as error:
        fail(str(error), DISAGREES)
        return
    if as_json:
        result = {"board": chosen.name, "firmware": firmware, "files": len(files), "bytes_sent": todo.bytes_to_send}
        click.echo(json.dumps({**result, "sent": todo.send, "removed": todo.stale}))
        return
    removed = f", {len(todo.stale)} stale removed" if todo.stale else ""
    sent = f"{len(todo.send)} of {len(files)} files sent, {todo.bytes_to_send} bytes" if todo.send else "already there"
    out.print(escape(f"Firmware {firmware}: {sent}{removed}. Checked; the node starts."))


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


def _is_ours(name: str, files: dict[str, bytes]) -> bool:
    if "/" not in name:
        return name.endswith(_NEW) and name.removesuffix(_NEW) in files
    return name.startswith("binnode/") and name.endswith((".mpy", ".py", _NEW))


def _compare(wanted: dict[str, bytes], found: dict[str, str]) -> None:
    wrong = sorted(name for name, content in wanted.items() if found.get(name) != image.digest(content))
    if wrong:
        raise VerifyError(
            f"read back different from the board: {', '.join(wrong)}. Deploy again; is its flash worn out?"
        )
