"""What goes into a complete image, from files and names: board, MicroPython build, settings, secrets, certificate."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from binnode_tools import boards, certificate, provisioning
from binnode_tools.app_update import DEFAULT_BOARD
from binnode_tools.boards import Board
from binnode_tools.flashing import complete, download, micropython_build, node_rules
from binnode_tools.flashing.complete import Complete
from binnode_tools.flashing.keeping import Kept
from binnode_tools.flashing.micropython_build import Build
from binnode_tools.image import ImageError
from binnode_tools.private_files import open_to_others


@dataclass(frozen=True)
class Content:
    """What goes into an image, checked: for `image_for` it remains to know the size of the flash."""

    board: Board
    build: Build
    config: dict[str, str | int] | None
    secrets: dict[str, str]
    more_files: dict[str, bytes]

    def image_for(self, flash_size: int, kept: Kept | None = None) -> Complete:
        """The image for a flash chip of that many bytes. ImageError when it does not fit."""
        return complete.build(self.board, self.build, flash_size, self.config, self.secrets, self.more_files, kept)


def content_of(
    board: str | None = None,
    micropython: str | None = None,
    mirror: str = download.SITE,
    config: Path | None = None,
    secrets: Path | None = None,
    ca: Path | None = None,
    notice: Callable[[str], None] = lambda text: None,
) -> Content:
    """ImageError or BoardError when it can't be had.

    `board`: name or .toml. `micropython`: a .bin or a version to be fetched from `mirror`, None: the board file's.
    `config`: settings as JSON, or a file by `binnode provision`. `secrets`: JSON. `ca`: PEM or DER.
    """
    chosen = boards.load(board or DEFAULT_BOARD)
    settings, kept = _told(config, secrets, notice)
    more_files = {certificate.CA_FILE: _certificate(ca)} if ca else {}
    wanted = micropython or chosen.micropython
    if re.fullmatch(r"\d+\.\d+(\.\d+)?", wanted) and not Path(wanted).exists():
        path = download.fetch(chosen, wanted, mirror, notice)
    else:
        path = Path(wanted)
    return Content(chosen, micropython_build.load(path, chosen), settings, kept, more_files)


def _told(
    config: Path | None, secrets: Path | None, notice: Callable[[str], None]
) -> tuple[dict[str, str | int] | None, dict[str, str]]:
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
        notice(f"others on this computer can read {secrets}: chmod 600 {secrets}")
    return node_rules.complete_config(settings) if config and settings is not None else None, kept


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
