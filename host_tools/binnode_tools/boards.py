"""Board files (boards/*.toml): found, read, and cut down to what the node needs. Each is checked against its chip.

`load` is strict: an unknown, missing or impossible entry is a BoardError that says where, why and what would work.
"""

import tomllib
from pathlib import Path
from typing import Any

from binnode_tools.board_parts import Board, BoardError, Pins, Radio
from binnode_tools.board_rules import board_of
from binnode_tools.chips import CHIPS, ROLES
from binnode_tools.paths import BOARDS

__all__ = ["Board", "BoardError", "Pins", "Radio", "adc_attenuation", "firmware_json", "load", "names"]
_WIDEST = 3  # machine.ADC.ATTN_11DB, what the node takes when board.json names none


def names() -> list[str]:
    return sorted(path.stem for path in BOARDS.glob("*.toml"))


def load(name_or_path: str | Path) -> Board:
    """The board of that name, or of that .toml file; BoardError when it can't be used."""
    path = Path(name_or_path)
    if path.suffix != ".toml":
        if str(name_or_path) not in names():
            raise BoardError(
                f"board {str(name_or_path)!r}: unknown; there are: {', '.join(names())}; or give a .toml file"
            )
        path = BOARDS / f"{name_or_path}.toml"
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        board = board_of(data)
        if board.name != path.stem:
            raise BoardError(f"board.name = {board.name!r}: must be the file's name, {path.stem!r}")
    except OSError as error:
        raise BoardError(f"{path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BoardError(f"{path.name}: not TOML: {error}") from None
    except BoardError as error:
        raise BoardError(f"{path.name}: {error}") from None
    return board


def choice_for(chip: str | None) -> str | None:
    """The option that names the boards with this chip, as in "--board esp32c3"; None when no board file is for it."""
    fitting = [name for name in names() if load(name).chip == chip]
    return f"--board {' or '.join(fitting)}" if fitting else None


def adc_attenuation(board: Board) -> int:
    """The least attenuation of the ADC (0..3, machine.ADC.ATTN_...) that a full battery fits: the most exact one."""
    at_pin = board.battery.full_mv * board.battery.divider_permille // 1000
    ranges = CHIPS[board.chip].adc_ranges_mv
    return next(number for number, most in enumerate(ranges) if at_pin <= most)


def radio_json(radio: Radio) -> dict[str, int | str]:
    """What a driver needs: pins (`dio`: DIO1 of an SX1262, DIO0 of an SX1276), oscillator, antenna switch, power.

    Each byte is read at each wake: what is 0 or not there is left out.
    """
    settings: dict[str, int | str] = {"chip": radio.chip}
    for name in ("sck", "mosi", "miso", "cs", "reset", "busy"):
        if getattr(radio, name) is not None:
            settings[name] = getattr(radio, name)
    dio = radio.dio1 if radio.chip == "sx1262" else radio.dio0
    assert dio is not None
    optional = {"tcxo_mv": radio.tcxo_mv, "dio2_rf_switch": int(radio.dio2_rf_switch)}
    always = {"dio": dio, "max_dbm": radio.max_dbm, "clock_ppm": radio.clock_ppm}
    return settings | always | {key: value for key, value in optional.items() if value}


def firmware_json(board: Board) -> dict[str, Any]:
    """What the node reads at each wake (/board.json): name, pins that exist, how to measure the battery, the radio."""
    pins: dict[str, Any] = {}
    for role in ROLES:
        if getattr(board.pins, role) is not None:
            pins[role] = getattr(board.pins, role)
    if pins.get("button") not in CHIPS[board.chip].wake:  # such as the C3's download pin: it serves at reset only
        pins.pop("button", None)
    if "supply" in pins:
        pins["supply_on"] = board.pins.supply_active_level
    if "led" in pins:
        pins["led_on"] = board.pins.led_active_level
    if "battery" in pins:
        pins["battery_permille"] = board.battery.divider_permille
        if adc_attenuation(board) != _WIDEST:
            pins["battery_attn"] = adc_attenuation(board)
    if "battery_enable" in pins:
        pins["battery_settle_ms"] = board.battery.settle_ms
        if board.pins.battery_enable_active_level is not None:
            pins["battery_enable_on"] = board.pins.battery_enable_active_level
    if board.radio:
        pins["radio"] = radio_json(board.radio)
    return {"name": board.name, **pins}
