"""What the commands that talk to a board share: --port, --wait, --json, and the node back at its work at the end."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click

from binnode_tools.board_link import BoardLink
from binnode_tools.cli.main import FAILED, NO_DEVICE, USAGE_ERROR, fail
from binnode_tools.node_service import NodeError
from binnode_tools.serial_ports import LinkError, NoBoard, ports_text


def options(command: Callable) -> Callable:
    """--port, --wait and --json for a command; they arrive as port, wait and as_json."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="print the result only, as JSON"),
        click.option(
            "--wait", type=click.FloatRange(0), metavar="SECONDS", default=30, show_default=True, help="how long to try"
        ),
        click.option("--port", metavar="PORT", help="where the board is, as in /dev/ttyUSB0 or COM3"),
    ):
        command = option(command)
    return command


def note(text: str) -> None:
    """Something to know or to do, beside the result: on stderr."""
    click.echo(f"binnode: {text}", err=True)


@contextmanager
def connected(port: str | None, wait: float, stopped: Callable[[], str] | None = None) -> Iterator[BoardLink]:
    """A link to the board, which is reset at the end, however it ends, so that it goes on with its work.

    Errors and Ctrl-C end the program with a message and an exit code; `stopped` words what they left behind.
    """
    if port is None:
        fail(f"say where the board is: --port PORT. {ports_text()}", USAGE_ERROR)
    left: dict[str, Any] = {"stopped": stopped or (lambda: "")}
    try:
        with BoardLink(port or "", wait, note) as link:
            try:
                yield link
            finally:
                left["reset"] = link.reset()
    except (KeyboardInterrupt, click.Abort):
        click.echo(err=True)  # off the line where ^C stands
        fail(_sentence("stopped", left), FAILED)
    except (LinkError, NodeError) as error:
        fail(_sentence(str(error), left), NO_DEVICE if isinstance(error, NoBoard) else FAILED)
    if not left["reset"]:
        note("the board could not be told to start anew: press its reset (EN)")


def _sentence(text: str, left: dict[str, Any]) -> str:
    after = left["stopped"]() if "reset" in left else ""
    return f"{text.rstrip('.')}. {after}" if after else text
