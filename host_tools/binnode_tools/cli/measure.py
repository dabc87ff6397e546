"""`binnode measure`: what a connected node sees now."""

import json
from dataclasses import asdict

import click
from rich.table import Table

from binnode_tools.cli import port as serial_port
from binnode_tools.cli.live_view import LiveView, distance, pings, possible, tenths, volts
from binnode_tools.cli.main import USAGE_ERROR, console, fail
from binnode_tools.node_service import NodeService


@click.command()
@serial_port.options
@click.option(
    "--count", metavar="N", type=click.IntRange(1, 1000), default=1, show_default=True, help="readings to take"
)
@click.option("--live", is_flag=True, help="one after the other in place, until Enter or q")
def command(port: str | None, wait: float, as_json: bool, count: int, live: bool) -> None:
    """Take readings with the settings that the node has, and print them.

    \b
    binnode measure --count 5
    binnode measure --live
    """
    readings = []
    out = console()
    if live:
        if as_json or not possible(out):
            fail("--live: is for a terminal; --count N gives N readings anywhere", USAGE_ERROR)
        with serial_port.connected(port, wait) as link:
            LiveView(out, NodeService(link).measure, "Measuring until Enter or q", "q", stays=True).run()
        return
    with serial_port.connected(port, wait) as link:
        service = NodeService(link)
        for number in range(count):
            if not as_json:
                with out.status(f"Measuring, {number + 1} of {count}"):
                    readings.append(service.measure())
            else:
                readings.append(service.measure())
    if as_json:
        click.echo(json.dumps({"readings": [asdict(reading) for reading in readings]}))
        return
    table = Table("kind", box=None, pad_edge=False)
    for name in ("distance", "level", "pings agree", "air", "battery"):
        table.add_column(name, justify="right")
    for reading in readings:
        table.add_row(
            reading.kind,
            distance(reading.distance_mm),
            tenths(reading.fill_permille, "%"),
            pings(reading),
            tenths(reading.temperature_c10, "C"),
            volts(reading.battery_mv),
        )
    out.print(table)
