"""What `binnode flash` and `binnode image` share: the options that say what the complete image holds."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click

from binnode_tools import boards, certificate, image, provisioning
from binnode_tools.boards import Board
from binnode_tools.cli.config import CA_FILE
from binnode_tools.cli.deploy import DEFAULT_BOARD
from binnode_tools.cli.port import note
from binnode_tools.flashing import complete, download, micropython_build, node_rules
from binnode_tools.flashing.complete import Complete
from binnode_tools.flashing.keeping import Kept
from binnode_tools.flashing.micropython_build import Build
from binnode_tools.image import ImageError
from binnode_tools.private_files import open_to_others


def options(command: Callable) -> Callable:
    """--micropython, --mirror, --config, --ca and --secrets; they arrive under these names, and go to `content_of`."""
    for option in (
        click.option(
            "--secrets", metavar="FILE", type=click.Path(path_type=Path), help="JSON object of secrets, for NVS"
        ),
        click.option(
            "--ca",
            metavar="FILE",
            type=click.Path(path_type=Path),
            help="the CA's certificate, for MQTT over TLS",
        ),
        click.option(
            "--config",
            metavar="FILE",
            type=click.Path(path_type=Path),
            help="JSON object of settings, or a file by binnode provision",
        ),
        click.option(
            "--mirror", metavar="URL", default=download.SITE, show_default=True, help="where builds are fetched from"
        ),
        click.option(
            "--micropython",
            metavar="FILE|VERSION",
            help="the official build as a .bin, or its version, to be fetched; default: the version in the board file",
        ),
    ):
        command = option(command)
    return command


@dataclass(frozen=True)
class Content:
    """What goes into an image, checked: for `image_for` it remains to know the size of the flash."""

    board: Board
    build: Build
    config: dict[str, str | int] | None
    secrets: dict[str, str]
    more_files: dict[str, bytes]

    def image_for(self, flash_size: int, kept: Kept | None = None) -> Complete:
        return complete.build(self.board, self.build, flash_size, self.config, self.secrets, self.more_files, kept)


def content_of(
    board: str | None, micropython: str | None, mirror: str, config: Path | None, secrets: Path | None, ca: Path | None
) -> Content:
    """ImageError or BoardError when it can't be had. The MicroPython build is fetched when it is no file."""
    chosen = boards.load(board or DEFAULT_BOARD)
    settings, kept = _told(config, secrets)
    more_files = {CA_FILE: _certificate(ca)} if ca else {}
    wanted = micropython or chosen.micropython
    if re.fullmatch(r"\d+\.\d+(\.\d+)?", wanted) and not Path(wanted).exists():
        path = download.fetch(chosen, wanted, mirror, note)
    else:
        path = Path(wanted)
    return Content(chosen, micropython_build.load(path, chosen), settings, kept, more_files)


def _told(config: Path | None, secrets: Path | None) -> tuple[dict[str, str | int] | None, dict[str, str]]:
    """Settings and secrets, checked: from a file each, or both from one that `binnode provision` wrote."""
    if config and provisioning.is_file(config):
        if secrets:
            raise ImageError(f"{config.name}: holds the secrets too; leave --secrets out")
        try:
            told = provisioning.read_file(config)
        except provisioning.ProvisioningError as error:
            raise ImageError(str(error)) from None
        settings, kept, secrets = told["config"], told["secrets"], config
    else:
        settings, kept = _object(config, str | int) if config else None, _object(secrets, str) if secrets else {}
    node_rules.check_secrets(kept)
    if secrets and open_to_others(secrets):
        note(f"others on this computer can read {secrets}: chmod 600 {secrets}")
    return node_rules.complete_config(settings) if config and settings is not None else None, kept


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


def _certificate(path: Path) -> bytes:
    try:
        return certificate.to_der(path.read_bytes())
    except OSError as error:
        raise ImageError(f"{path}: {error.strerror}") from None
    except ValueError as error:
        raise ImageError(f"{path.name} {error}") from None


def _object(path: Path, values: Any) -> dict[str, Any]:
    """The JSON object in a file, with values of that type. ImageError says what is wrong, and repeats none of it."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ImageError(f"{path}: {error.strerror}") from None
    except ValueError:
        raise ImageError(f"{path.name}: not JSON") from None
    if not isinstance(found, dict):
        raise ImageError(f'{path.name}: must be a JSON object, {{"name": value}}')
    for name, value in found.items():
        if not isinstance(value, values) or isinstance(value, bool):
            raise ImageError(f"{path.name}: {name} has no value that fits")
    return found
