"""What the firmware's own rules say of settings and secrets that go into an image, before any node sees them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from binnode_tools import boards, firmware_rules, modules
from binnode_tools.boards import Board
from binnode_tools.image import ImageError


def complete_config(settings: Mapping[str, str | int]) -> dict[str, str | int]:
    """The settings, and the defaults for what is not among them. ImageError when the node would not take them."""
    rules = firmware_rules.rules()
    config = {**rules.DEFAULTS, **settings}
    if messages := rules.check(config):
        raise ImageError(f"the settings are not in order: {'; '.join(messages)}")
    return config


def check_secrets(secrets: Mapping[str, str]) -> None:
    """ImageError when one is unknown or can't be right; it never shows the secret."""
    rules = firmware_rules.rules()
    for name, text in secrets.items():
        if name not in rules.SECRETS:
            raise ImageError(f"{name}: no secret; there are: {', '.join(rules.SECRETS)}")
        if message := rules.check_secret(name, text):
            raise ImageError(message)


def problems(config: Mapping[str, Any], secrets: Mapping[str, Any] | None = None) -> list[str]:
    """What the node would say against these settings, with its defaults for those that are not there, and secrets."""
    rules = firmware_rules.rules()
    found = list(rules.check({**rules.DEFAULTS, **config}))
    for name, text in (secrets or {}).items():
        said = rules.check_secret(name, text) if name in rules.SECRETS else f"{name}: no secret of a node's"
        found += [said] if said else []
    return found


def misfits(config: Mapping[str, Any], board: Board) -> list[str]:
    """What settings that are in order ask for and the board does not have."""
    asked = {**firmware_rules.defaults(), **config}
    found = []
    module = modules.modules()[str(asked["module"])]
    if modules.pins(module, board) is None:
        found.append(f"module = {module.name}: {board.name} has no pins for it")
    if board.radio is None:
        found += [
            f"{name} = lorawan: {board.name} has no LoRa radio"
            for name in ("transport", "fallback")
            if asked[name] == "lorawan"
        ]
    if asked["thermometer"] == "ds18b20" and board.pins.onewire is None:
        found.append(f"thermometer = ds18b20: {board.name} has no pin for one")
    return found


def check_file(path: Path, board: str | None = None) -> tuple[dict[str, Any], list[str]]:
    """(settings in a file, what is wrong with it): an object of settings, or a file by `binnode provision`.

    `board`: name or .toml of the board that they are for. ImageError when it is no such file, BoardError.
    """
    chosen = boards.load(board) if board else None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ImageError(f"{path}: {error.strerror}") from None
    except ValueError:
        raise ImageError(f"{path.name}: not JSON") from None
    if not isinstance(found, dict):
        raise ImageError(f'{path.name}: must be a JSON object, {{"name": value}}')
    secrets = {}
    if set(found) == {"config", "secrets"} and all(isinstance(part, dict) for part in found.values()):
        found, secrets = found["config"], found["secrets"]
    wrong = problems(found, secrets)
    shown = {name: value for name, value in found.items() if name not in firmware_rules.rules().SECRETS}
    return shown, wrong or (misfits(found, chosen) if chosen else [])
