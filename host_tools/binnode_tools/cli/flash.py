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
from binnode_tools.app_update import DEFAULT_BOARD
from binnode_tools.cli import complete_image, deploy, values
from binnode_tools.cli import port as serial_port
from binnode_tools.cli.main import console
from binnode_tools.cli.port import note
from binnode_tools.flashing import keeping
from binnode_tools.flashing.content import Content, content_of
from binnode_tools.flashing.keeping import Kept
from binnode_tools.flashing.micropython_build import megabytes


@click.command()
@click.option(
    "--board",
    metavar="NAME",
    shell_complete=values.boards,
    help=f"name in boards/, or a .toml file  [default: {DEFAULT_BOARD}; with --app-only as the board was]",
)
@complete_image.options
@click.option("--keep", is_flag=True, help="keep the settings, secrets and LoRaWAN counters that the board has")
@click.option(
    "--restore", metavar="FILE", type=click.Path(path_type=Path), help="as --keep, from the file that one left behind"
)
@click.option("--app-only", is_flag=True, help="send the application alone, over the REPL; settings and secrets stay")
@serial_port.port_option
@click.option(
    "--baud",
    type=click.IntRange(9600, 2000000),
    metavar="BAUD",
    default=460800,
    show_default=True,
    help="speed of writing",
)
@click.option(
    "--wait", type=click.FloatRange(0), default=30, metavar="SECONDS", help="with --app-only: how long to try"
)
@serial_port.json_option
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
    binnode flash --board heltec_v3 --config nodes/gate.json
    binnode flash --micropython ESP32_GENERIC-20260824-v1.29.0.bin -p COM3
    binnode flash --app-only
    """
    if app_only and (config or ca or secrets or micropython):
        raise click.UsageError("--app-only leaves MicroPython, settings and secrets as they are: name none of them")
    if (keep or restore) and (app_only or config or ca or secrets or (keep and restore)):
        raise click.UsageError("--keep takes settings and secrets from the board: name no others, and not --app-only")
    if app_only:
        found = serial_port.chosen(port, boards.load(board).console == "usb" if board else None)
        ctx.invoke(deploy.command, port=found, wait=wait, as_json=as_json, board=board, force=False)
    else:
        content = content_of(board, micropython, mirror, config, secrets, ca, note)
        _flash(port, baud, content, keeping.load(restore) if restore else keep, as_json)
        if restore:
            note(f"{restore} has done its work: remove it. It holds secrets, and LoRaWAN counters that grow old")


def _flash(port: str | None, baud: int, content: Content, keep: bool | Kept, as_json: bool) -> None:
    from binnode_tools.flashing import whole_node  # esptool takes half a second

    out = console()
    with _bar(out, as_json) as bar:

        class Shown(whole_node.Listener):
            def note(self, text: str) -> None:
                note(text)

            def met(self, target, made) -> None:
                if not as_json:
                    board = content.board
                    out.print(escape(f"{board.title}: {target.chip}, {megabytes(target.flash_size)}, MAC {target.mac}"))
                    out.print(escape(f"Firmware {complete_image.firmware()}, MicroPython {made.micropython}"))

            def progress(self, step: str, done: int, total: int) -> None:
                bar.update(
                    bar.task_ids[0], description=step, completed=done, total=total if step == "Writing" else None
                )

        made, mac = whole_node.flash(content, serial_port.named_or_set(port), baud, keep, Shown())
    if as_json:
        click.echo(json.dumps({**complete_image.as_json(made, content.board), "mac": mac, "verified": True}))
        return
    for line in complete_image.described(made):
        out.print(escape(line))
    out.print("Written, and verified by the chip. The node starts.")


@contextlib.contextmanager
def _bar(out: Console, silent: bool) -> Iterator[Progress]:
    columns = (TextColumn("{task.description:<10}"), BarColumn(40), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=out, transient=True, disable=silent or not out.is_terminal) as bar:
        bar.add_task("Connecting", total=None)
        yield bar
