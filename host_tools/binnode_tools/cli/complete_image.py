"""What `binnode flash` and `binnode image` share: the options that say what it holds, and its account."""

from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click

from binnode_tools import image
from binnode_tools.boards import Board
from binnode_tools.flashing import download
from binnode_tools.flashing.complete import Complete


def options(command: Callable) -> Callable:
    """--micropython, --mirror, --config, --ca and --secrets; they arrive under these names, and go to `content_of`."""
    file = click.Path(path_type=Path)
    for option in (
        click.option("--secrets", metavar="FILE", type=file, help="JSON object of secrets, for NVS"),
        click.option("--ca", metavar="FILE", type=file, help="the CA's certificate, for MQTT over TLS"),
        click.option(
            "--config",
            metavar="FILE",
            type=file,
            help="JSON object of settings, or a file by binnode provision, with settings and secrets",
        ),
        click.option(
            "--mirror", metavar="URL", default=download.SITE, show_default=True, help="where builds are fetched from"
        ),
        click.option(
            "--micropython",
            metavar="FILE|VERSION",
            help="the official build as a .bin, or its version, to be fetched  [default: the board file's version]",
        ),
    ):
        command = option(command)
    return command


def as_json(made: Complete, board: Board) -> dict[str, Any]:
    """The result for a script; of secrets the names alone."""
    regions = [{"name": one.name, "offset": one.offset, "size": one.size, "used": one.used} for one in made.regions]
    return {
        "board": board.name,
        "chip": board.chip,
        "micropython": made.micropython,
        "firmware": firmware(),
        "bytes": len(made.content),
        "files": list(made.files),
        "secrets": list(made.secrets),
        "regions": regions,
    }


def described(made: Complete) -> list[str]:
    """A line for each region."""
    details = {
        "MicroPython": made.micropython,
        "NVS": ", ".join(made.secrets) or "empty",
        "file system": f"{len(made.files)} files",
    }
    return [
        f"  0x{one.offset:06x}  {one.name:<12} {one.used:>8} of {one.size:>8} bytes  {details[one.name]}"
        for one in made.regions
    ]


def firmware() -> str:
    return f"{version('binnode-tools')} ({image.commit()})"
