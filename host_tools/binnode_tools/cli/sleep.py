"""`binnode sleep`: storage mode, before a node goes into a box."""

import json

import click

from binnode_tools.cli import port as serial_port
from binnode_tools.node_service import NodeService

_MOST_HOURS = 576


@click.command()
@click.option(
    "--hours",
    metavar="N",
    type=click.IntRange(0, _MOST_HOURS),
    default=0,
    show_default=True,
    help="wake by itself after so long; 0: never",
)
@serial_port.options
def command(hours: int, port: str | None, wait: float, as_json: bool) -> None:
    """Send a node to sleep for storage or transport.

    It draws what it draws in deep sleep, radio and distance module off, and
    forgets nothing. Its button or reset (EN) ends it: the node listens for
    3 s, measures, reports, and goes on with its work.

    \b
    binnode sleep
    binnode sleep --hours 48
    """
    with serial_port.connected(port, wait) as link:
        rest = NodeService(link).sleep(hours)
    if rest.radio:
        serial_port.note(f"the LoRa radio could not be sent to sleep ({rest.radio}): binnode doctor")
    if as_json:
        click.echo(json.dumps({"asleep": True, "hours": hours, "button": rest.button, "radio": rest.radio}))
        return
    by = "its button or reset (EN)" if rest.button else "its reset (EN): the board has no button"
    until = f"for {hours} h, or until {by}" if hours else f"until {by}"
    click.echo(f"The node sleeps {until}.")
