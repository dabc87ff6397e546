"""`binnode modules`: which distance modules a node can have, and how each is wired."""

import json
from dataclasses import asdict

import click
from rich.table import Table

from binnode_tools import boards
from binnode_tools.cli import values
from binnode_tools.cli.main import console
from binnode_tools.cli.port import json_option
from binnode_tools.modules import Module, level_shifter, modules, pins


def volts(module: Module) -> str:
    low, high = (f"{mv / 1000:g}" for mv in module.wiring.supply_mv)
    return f"{low} V" if low == high else f"{low}-{high} V"


@click.command()
@click.option(
    "--board",
    "board_name",
    default="esp32_devkit",
    show_default=True,
    metavar="NAME",
    shell_complete=values.boards,
    help="whose pins: name in boards/, or a .toml file",
)
@json_option
def command(board_name: str, as_json: bool) -> None:
    """List the distance modules: range, blind zone, beam, supply, and the pins of a board that they go to.

    The node is told which one it has by calibrate or config.

    \b
    binnode modules --board heltec_v3
    binnode calibrate --module NAME
    binnode config set module=NAME
    """
    board = boards.load(board_name)
    known = modules()
    if as_json:
        rows = [
            asdict(module) | {"pins": pins(module, board), "level_shifter": level_shifter(module)}
            for module in known.values()
        ]
        click.echo(json.dumps({"board": board.name, "modules": rows}))
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("name", no_wrap=True, min_width=max(map(len, known)))
    for name in ("mm", "deg"):
        table.add_column(name, justify="right", no_wrap=True)
    for name in ("supply", "its pins, to GPIO", "level shifter"):
        table.add_column(name, no_wrap=True)
    notes = []
    for module in known.values():
        wiring, found = module.wiring, pins(module, board)
        wires = f"{wiring.to_it} {found[0]}, {wiring.from_it} {found[1]}" if found else "none free here"
        spans = (f"{module.blind_mm}-{module.range_mm}", str(module.beam_deg))
        table.add_row(module.name, *spans, volts(module), wires, level_shifter(module))
        notes.append(f"  {module.name}: {wiring.title}" + (f"; {wiring.note}" if wiring.note else ""))
    out = console()
    out.print(f"At the pins of {board.name}; each module's VCC is switched, its ground is the board's.")
    out.print("Fed with 3.3 V none but hcsr04 needs a level shifter; fed with more, each does.\n")
    out.print(table)
    out.print()
    for note in notes:
        out.print(note, soft_wrap=True)
