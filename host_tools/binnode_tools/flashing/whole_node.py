"""A whole node onto a board, in one go: from its content to a chip that was written and verified."""

from pathlib import Path

from binnode_tools.flashing import esptool_writer, keeping
from binnode_tools.flashing.complete import Complete
from binnode_tools.flashing.content import Content
from binnode_tools.flashing.esptool_writer import Target
from binnode_tools.flashing.keeping import Kept
from binnode_tools.flashing.micropython_build import megabytes
from binnode_tools.image import ImageError
from binnode_tools.problems import Problem
from binnode_tools.serial_ports import find_port

_UNTOUCHED = "Nothing was changed."
_HALF_DONE = "The board is erased in part and does not start: flash it again."


class Listener:
    """What the one who flashes may want to hear of it; nothing happens here."""

    def note(self, text: str) -> None:
        """Something to know."""

    def met(self, target: Target, made: Complete) -> None:
        """The chip is the right one, and this will be written to it."""

    def progress(self, step: str, done: int, total: int) -> None:
        """`done` of `total` of "Erasing", "Writing" or "Verifying"."""


def flash(
    content: Content,
    port: str | None = None,
    baud: int = 460800,
    keep: bool | Kept = False,
    listener: Listener | None = None,
) -> tuple[Complete, str]:
    """(the image as written, the chip's MAC). `port` None: the only one that fits the board.

    `keep`: what the board has of its own stays, or what is given. Raises a Problem, for Ctrl-C too, that says how the
    board is now.
    """
    listener = listener or Listener()
    board = content.board
    made = content.image_for(board.flash.size)  # what does not fit is said before a board is looked for
    port = port or find_port(board.console == "usb")
    after, half_done, backup = _UNTOUCHED, _HALF_DONE, None
    try:
        with esptool_writer.connected(port, baud) as target:
            target.check(board)
            if target.flash_size != board.flash.size:
                listener.note(f"the flash has {megabytes(target.flash_size)}: the file system takes all of it")
            kept = _kept(keep, target)
            if kept or target.flash_size != board.flash.size:
                made = content.image_for(target.flash_size, kept)
            if kept and kept.problem:
                listener.note(kept.problem)
            if kept and keep is True:
                backup = _backup(kept, target.mac)
                half_done += f" What it had is in {backup}: flash it with --restore {backup}"
            listener.met(target, made)

            def progress(step: str, done: int, total: int) -> None:
                nonlocal after
                after = half_done
                listener.progress(step, done, total)

            target.write(made, progress)
            if backup:
                backup.unlink()
            return made, target.mac
    except Problem as problem:
        raise Problem(f"{str(problem).rstrip('.')}. {after}", problem.code) from None
    except OSError as error:
        raise Problem(f"{error.filename}: {error.strerror}. {after}") from None
    except KeyboardInterrupt:
        raise Problem(f"stopped. {after}", "stopped") from None


def _kept(keep: bool | Kept, target: Target) -> Kept | None:
    """What is to stay, from the board or as given. ImageError when that is another chip's, or there is nothing."""
    if not isinstance(keep, Kept):
        return keeping.of(target.read, target.flash_size) if keep else None
    if keep.mac not in (None, target.mac):
        raise ImageError(
            f"the file to restore is of another chip, {keep.mac}; this one is {target.mac}. Keys and counters are of "
            "one node alone: binnode provision gives this one its own"
        )
    return keep


def _backup(kept: Kept, mac: str) -> Path:
    """Until all is written a file holds it. ImageError when there is one: an earlier try broke off."""
    path = Path(f"binnode-kept-{mac.replace(':', '')}.json")
    if path.exists():
        text = f"{path} holds what this board had when flashing it broke off"
        raise ImageError(f"{text}: --restore {path}, or, if that was done, remove it")
    kept.save(path, mac)
    return path
