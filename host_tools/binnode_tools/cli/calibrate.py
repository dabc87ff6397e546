"""`binnode calibrate`: how deep the bin is and where it is full, measured in place."""

import json
from pathlib import Path
from typing import Any

import click

from binnode_tools.calibration_record import SHAPES
from binnode_tools.cli import port as serial_port
from binnode_tools.cli import values
from binnode_tools.cli.main import FAILED, USAGE_ERROR, fail

_MM = click.IntRange(1)


@click.command()
@serial_port.options
@click.option(
    "--module",
    metavar="NAME",
    help="the distance module that is connected (binnode modules lists them)",
    shell_complete=values.modules,
)
@click.option("--empty-mm", type=_MM, metavar="MM", help="from the module to the bottom; not measured then")
@click.option("--full-mm", type=_MM, metavar="MM", help="from the module to the full line; not measured then")
@click.option(
    "--rim-to-full",
    "rim_to_full_mm",
    type=click.IntRange(0),
    metavar="MM",
    help="measure to a board laid on the bin's rim, the full line being MM below it",
)
@click.option(
    "--shape",
    type=click.Choice(SHAPES),
    help="of the bin; what follows here implies it",
)
@click.option(
    "--bottom-permille",
    type=_MM,
    metavar="N",
    help="tapered: width at the bottom over that at the full line",
)
@click.option(
    "--diameter-mm",
    type=click.IntRange(0),
    metavar="MM",
    help="lying: inner diameter of the cylinder; 0: the full line is its very top",
)
@click.option(
    "--strapping",
    metavar="TABLE",
    help="strapping: heights above the bottom in mm and their volumes, as in 0:0,300:250,800:1000",
)
@click.option("--width-mm", type=_MM, metavar="MM", help="inner width of the bin where it is narrowest, for the beam")
@click.option("--to-wall-mm", type=_MM, metavar="MM", help="from the module's centre to the nearest wall, for the beam")
@click.option(
    "--depth-mm", type=_MM, metavar="MM", help="from the module to the bottom by tape: must fit what is heard"
)
@click.option("--by", default="", metavar="TEXT", help="who calibrates, for the sheet")
@click.option("--place", default="", metavar="TEXT", help="where the bin is, for the sheet")
@click.option(
    "--sheet",
    type=click.Path(file_okay=False, path_type=Path),
    default="calibrations",
    show_default=True,
    metavar="FOLDER",
    help="for the calibration sheet (JSON and PNG)",
)
@click.option("--no-sheet", is_flag=True, help="write no sheet")
@click.option("--yes", is_flag=True, help="ask nothing: the bin is ready for the one thing to measure")
def command(
    port: str | None, wait: float, as_json: bool, sheet: Path, no_sheet: bool, yes: bool, **answers: Any
) -> None:
    """Measure the bin empty and full, check, and save both on the node.

    Until you agree at the end nothing is written, and Ctrl-C leaves the old calibration.

    \b
    binnode calibrate --module a02yyuw
    binnode calibrate --rim-to-full 120 --bottom-permille 700
    binnode calibrate --yes --full-mm 205 --json
    """
    from binnode_tools.calibration import calibrate
    from binnode_tools.calibration_record import Wishes
    from binnode_tools.cli.calibration_dialogue import Dialogue
    from binnode_tools.node_service import NodeService

    wishes = Wishes(**answers)
    if yes and wishes.empty_mm is None and wishes.full_mm is None:
        fail("--yes: a bin is not empty and full at once; give --empty-mm or --full-mm", USAGE_ERROR)
    if wishes.full_mm is not None and wishes.rim_to_full_mm is not None:
        fail("--rim-to-full: says where the full line is, and so does --full-mm; give one", USAGE_ERROR)
    try:
        wishes.of_shape()
    except ValueError as error:
        fail(str(error), USAGE_ERROR)
    dialogue = Dialogue(not yes, as_json, not no_sheet)
    try:
        with serial_port.connected(port, wait, lambda: dialogue.left.value) as link:
            done = calibrate(NodeService(link), wishes, dialogue)
    except SystemExit:  # told already; what is saved has its sheet all the same
        if dialogue.done and not no_sheet:
            _file(dialogue.done.as_json(), sheet, as_json)
        raise
    if as_json:
        click.echo(json.dumps(done.as_json()))
    elif done.saved:
        dialogue.saved(done)
        click.echo("Saved. The node starts.")
    else:
        click.echo("Not saved; the calibration is as it was. The node starts.")
    if done.saved and not no_sheet:
        _file(done.as_json(), sheet, as_json)


def _file(record: dict, folder: Path, as_json: bool) -> None:
    from binnode_tools import calibration_sheet

    try:
        files = calibration_sheet.write(record, folder)
    except OSError as error:
        fail(f"the calibration is saved on the node, its sheet is not: {folder}: {error.strerror or error}", FAILED)
    if not as_json:
        click.echo(f"Its sheet: {files[1]}, and the same as JSON.")
