"""`binnode flash`: from a blank board to a node."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from binnode_tools import boards
from binnode_tools.cli import complete_image, deploy
from binnode_tools.cli.main import DISAGREES, FAILED, NO_DEVICE, USAGE_ERROR, console, fail
from binnode_tools.cli.port import note
from binnode_tools.flashing import keeping
from binnode_tools.flashing.complete import Complete
from binnode_tools.flashing.keeping import Kept
from binnode_tools.flashing.micropython_build import megabytes
from binnode_tools.image import ImageError
from binnode_tools.serial_ports import LinkError, NoBoard, SeveralPorts, find_port

_UNTOUCHED = "Nothing was changed."
_HALF_DONE = "The board is erased in part and does not start: flash it again."


@click.command()
@click.option("--port", metavar="PORT", help="as in /dev/ttyUSB0 or COM3; default: the only one that fits")
@click.option("--baud", type=click.IntRange(9600, 2000000), default=460800, show_default=True, help="speed of writing")
@click.option(
    "--board",
    metavar="NAME",
    help=f"name in boards/, or a .toml file; default: {deploy.DEFAULT_BOARD}, with --app-only as the board was",
)
@complete_image.options
@click.option("--app-only", is_flag=True, help="send the application alone, over the REPL; settings and secrets stay")
@click.option("--keep", is_flag=True, help="keep the settings, secrets and LoRaWAN counters that the board has")
@click.option(
    "--restore", metavar="FILE", type=click.Path(path_type=Path), help="as --keep, from the file that one left behind"
)
@click.option("--wait", type=click.FloatRange(0), default=30, metavar="SECONDS", help="for --app-only: how long to try")
@click.option("--json", "as_json", is_flag=True, help="print the result only, as JSON")
@click.pass_context
def command(
    ctx: click.Context,
    port: str | None,
    baud: int,
    board: str | None,
    micropython: str | None,
    mirror: str,
    config: Path | None,
    ca: Path | None,
    secrets: Path | None,
    app_only: bool,
    keep: bool,
    restore: Path | None,
    wait: float,
    as_json: bool,
) -> None:
    """Put a whole node on a board: MicroPython, the application, the board's pins, settings and secrets.

    All that was on the board goes, its secrets and its LoRaWAN counters too, unless --keep says otherwise. Build,
    chip and size of the flash are checked before the first byte is erased; what was written is hashed by the chip and
    compared.

    \b
    binnode flash --board esp32c3
    binnode flash --board heltec_v3 --config bin7.json --secrets bin7.secrets.json
    binnode flash --micropython ESP32_GENERIC-20260824-v1.29.0.bin --port /dev/ttyUSB0
    binnode flash --app-only
    """
    if app_only and (config or ca or secrets or micropython):
        raise click.UsageError("--app-only leaves MicroPython, settings and secrets as they are: name none of them")
    if (keep or restore) and (app_only or config or ca or secrets or (keep and restore)):
        raise click.UsageError("--keep takes settings and secrets from the board: name no others, and not --app-only")
    try:
        if app_only:
            found = port or find_port(boards.load(board).console == "usb" if board else None)
            ctx.invoke(deploy.command, port=found, wait=wait, as_json=as_json, board=board, force=False)
        else:
            content = complete_image.content_of(board, micropython, mirror, config, secrets, ca)
            _flash(port, baud, content, keeping.load(restore) if restore else keep, as_json)
    except (boards.BoardError, ImageError) as error:
        fail(str(error))
    except SeveralPorts as error:
        fail(str(error), USAGE_ERROR)
    except LinkError as error:
        fail(str(error), NO_DEVICE if isinstance(error, NoBoard) else FAILED)


def _flash(port: str | None, baud: int, content: complete_image.Content, keep: bool | Kept, as_json: bool) -> None:
    out = console()
    made = content.image_for(content.board.flash.size)  # what does not fit is said before a board is looked for
    port = port or find_port(content.board.console == "usb")
    made, mac = _write(port, baud, content, made, keep, out, as_json)
    if as_json:
        click.echo(json.dumps({**complete_image.as_json(made, content.board), "mac": mac, "verified": True}))
        return
    for line in complete_image.described(made):
        out.print(escape(line))
    out.print("Written, and verified by the chip. The node starts.")


def _write(
    port: str, baud: int, content: complete_image.Content, made: Complete, keep: bool | Kept, out: Console, silent: bool
) -> tuple[Complete, str]:
    """(the image as written, the chip's MAC). Errors and Ctrl-C end the program, and say how the board is now."""
    from binnode_tools.flashing import esptool_writer  # half a second

    board = content.board
    after, half_done, backup = _UNTOUCHED, _HALF_DONE, None
    try:
        with _bar(out, silent) as bar, esptool_writer.connected(port, baud) as target:
            target.check(board)
            if target.flash_size != board.flash.size:
                note(f"the flash has {megabytes(target.flash_size)}: the file system takes all of it")
            if keep or target.flash_size != board.flash.size:
                kept = keep if isinstance(keep, Kept) else keeping.of(target.read, target.flash_size) if keep else None
                made = content.image_for(target.flash_size, kept)
                if kept and kept.problem:
                    note(kept.problem)
                if kept and keep is True:
                    backup = _backup(kept, target.mac)
                    half_done += f" What it had is in {backup}: flash it with --restore {backup}"
            if not silent:
                out.print(escape(f"{board.title}: {target.chip}, {megabytes(target.flash_size)}, MAC {target.mac}"))
                out.print(escape(f"Firmware {complete_image.firmware()}, MicroPython {made.micropython}"))

            def progress(step: str, done: int, total: int) -> None:
                nonlocal after
                after = half_done
                end = total if step == "Writing" else None
                bar.update(bar.task_ids[0], description=step, completed=done, total=end)

            target.write(made, progress)
            if backup:
                backup.unlink()
            return made, target.mac
    except esptool_writer.NotAsWritten as error:
        fail(f"{error}. {half_done}", DISAGREES)
    except (LinkError, ImageError) as error:
        fail(f"{str(error).rstrip('.')}. {after}", NO_DEVICE if isinstance(error, NoBoard) else FAILED)
    except OSError as error:
        fail(f"{error.filename}: {error.strerror}. {after}")
    except (KeyboardInterrupt, click.Abort):
        click.echo(err=True)
        fail(f"stopped. {after}")
    raise AssertionError("unreachable")


def _backup(kept: Kept, mac: str) -> Path:
    """Until all is written a file holds it. ImageError when there is one: an earlier try broke off."""
    path = Path(f"binnode-kept-{mac.replace(':', '')}.json")
    if path.exists():
        raise ImageError(f"{path} holds what this board had when flashing it broke off: --restore {path}, or remove it")
    kept.save(path)
    return path


@contextlib.contextmanager
def _bar(out: Console, silent: bool) -> Iterator[Progress]:
    columns = (TextColumn("{task.description:<10}"), BarColumn(40), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=out, transient=True, disable=silent or not out.is_terminal) as bar:
        bar.add_task("Connecting", total=None)
        yield bar
