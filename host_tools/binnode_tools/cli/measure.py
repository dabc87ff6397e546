"""`binnode measure`: what a connected node sees now."""

import json
from dataclasses import asdict

import click
from rich.table import Table

from binnode_tools.cli import port as serial_port
from binnode_tools.cli.main import console
from binnode_tools.node_service import NodeService, Reading


def tenths(value: int | None, unit: str) -> str:
    """725 -> "72.5 %"; "-" for an unknown one."""
    return "-" if value is None else f"{value / 10:.1f} {unit}"


def distance(value: int | None) -> str:
    return "-" if value is None else f"{value} mm"


def pings(reading: Reading) -> str:
    """ "5 of 5 within 3 mm": how well the pings agree."""
    within = "" if reading.spread_mm is None else f" within {reading.spread_mm} mm"
    return f"{reading.valid} of {reading.pings}{within}"


@click.command()
@serial_port.options
@click.option("--count", type=click.IntRange(1, 1000), default=1, show_default=True, help="readings to take")
def command(port: str | None, wait: float, as_json: bool, count: int) -> None:
    """Take readings with the settings that the node has, and print them."""
    readings = []
    out = console()
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
        battery = "-" if reading.battery_mv is None else f"{reading.battery_mv / 1000:.2f} V"
        table.add_row(
            reading.kind,
            distance(reading.distance_mm),
            tenths(reading.fill_permille, "%"),
            pings(reading),
            tenths(reading.temperature_c10, "C"),
            battery,
        )
    out.print(table)
