"""`binnode deploy`: the application onto a board that runs MicroPython."""

import json
from dataclasses import asdict

import click
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn

from binnode_tools import app_update
from binnode_tools.app_update import DEFAULT_BOARD, Stage
from binnode_tools.cli import port as serial_port
from binnode_tools.cli import values
from binnode_tools.cli.main import console


@click.command()
@serial_port.options
@click.option(
    "--board",
    metavar="NAME",
    shell_complete=values.boards,
    help=f"name in boards/, or a .toml file  [default: as the board was, else {DEFAULT_BOARD}]",
)
@click.option("--force", is_flag=True, help="even if the chip is not the one in the board file")
def command(port: str | None, wait: float, as_json: bool, board: str | None, force: bool) -> None:
    """Copy the application to a board that runs MicroPython, check it, and start it.

    Only what differs is sent. Settings and secrets of the node stay as they are. Broken off at any place, it leaves the
    old application or the new one.

    \b
    binnode deploy
    binnode deploy --board esp32c3 --port COM3
    """
    out = console()
    stages = [Stage.PREPARING]
    with serial_port.connected(port, wait, lambda: stages[-1].value) as link:
        todo = app_update.prepare(link, board, force)
        if not as_json:
            out.print(escape(f"{todo.board.name}: MicroPython {link.identity.micropython}, {link.identity.machine}"))
        with Progress(
            TextColumn("Sending"),
            BarColumn(40),
            TextColumn("{task.completed} of {task.total} bytes"),
            console=out,
            transient=True,
            disable=as_json or not out.is_terminal or not todo.plan.send,
        ) as bar:
            task = bar.add_task("", total=todo.plan.bytes_to_send)

            def progress(stage: Stage, count: int) -> None:
                stages.append(stage)
                bar.advance(task, count)

            result = app_update.update(link, todo, progress)
    if as_json:
        click.echo(json.dumps(asdict(result)))
        return
    removed = f", {len(result.removed)} stale removed" if result.removed else ""
    sent = (
        f"{len(result.sent)} of {result.files} files sent, {result.bytes_sent} bytes"
        if result.sent
        else "already there"
    )
    out.print(escape(f"Firmware {result.firmware}: {sent}{removed}. Checked; the node starts."))
