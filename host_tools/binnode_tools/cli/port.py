"""What the commands that talk to a board share: --port, --wait, --json, and the node back at its work at the end."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click

from binnode_tools.board_link import BoardLink
from binnode_tools.cli import values
from binnode_tools.cli.main import fail, named_port
from binnode_tools.problems import FAILED, Problem
from binnode_tools.serial_ports import find_port


def port_option(command: Callable) -> Callable:
    """--port alone; it arrives as port, for `chosen`."""
    return click.option("-p", "--port", metavar="PORT", help=values.PORT_HELP, shell_complete=values.ports)(command)


def json_option(command: Callable) -> Callable:
    """--json; it arrives as as_json."""
    return click.option("--json", "as_json", is_flag=True, help="print the result only, as JSON")(command)


def options(command: Callable) -> Callable:
    """--port, --wait and --json for a command; they arrive as port, wait and as_json."""
    wait = click.option(
        "--wait", type=click.FloatRange(0), metavar="SECONDS", default=30, show_default=True, help="how long to try"
    )
    return port_option(wait(json_option(command)))


def note(text: str) -> None:
    """Something to know or to do, beside the result: on stderr."""
    click.echo(f"binnode: {text}", err=True)


def named_or_set(port: str | None) -> str | None:
    """The port that is named by the command, before the command or by BINNODE_PORT."""
    return named_port(port) or os.environ.get("BINNODE_PORT") or None


def chosen(port: str | None, native_usb: bool | None = None) -> str:
    """As named_or_set, else the only one that fits.

    `native_usb` as for find_port. Raises NoPort and SeveralPorts.
    """
    return named_or_set(port) or find_port(native_usb)


@contextmanager
def connected(port: str | None, wait: float, stopped: Callable[[], str] | None = None) -> Iterator[BoardLink]:
    """A link to the board, which is reset at the end, however it ends, so that it goes on with its work.

    `port` as for `chosen`. A Problem and Ctrl-C end the program with a message and an exit code; `stopped` words what
    they left behind.
    """
    left: dict[str, Any] = {"stopped": stopped or (lambda: "")}
    try:
        with BoardLink(chosen(port), wait, note) as link:
            try:
                yield link
            finally:
                left["reset"] = link.reset()
    except (KeyboardInterrupt, click.Abort):
        click.echo(err=True)  # off the line where ^C stands
        fail(_sentence("stopped", left), FAILED, "stopped")
    except Problem as problem:
        fail(_sentence(str(problem), left), problem.exit, problem.code)
    if not left["reset"]:
        note("the board could not be told to start anew: press its reset (EN)")


def _sentence(text: str, left: dict[str, Any]) -> str:
    after = left["stopped"]() if "reset" in left else ""
    return f"{text}{'' if text.endswith(('.', '?')) else '.'} {after}" if after else text
