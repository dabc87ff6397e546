"""From the TOML of a board file to a Board, strictly: every mistake is a BoardError that says what would work."""

from collections.abc import Iterable
from dataclasses import MISSING, fields
from typing import Any

from binnode_tools.board_parts import Battery, Board, BoardError, Currents, Durations, Echo, Flash, Pins, Radio
from binnode_tools.chips import CHIPS, ROLES, Chip, pin_problem, usable

_PIN_MAX_MV = 3600  # data sheets, absolute maximum ratings: VDD + 0.3 V
_CONSOLES = ("uart", "usb")
_MEASURED_OF_RADIO = (
    "clock_ppm",
    "standby_ua",
    "sleep_ua",
    "fs_ua",
    "rx_ua",
    "rx_boosted_ua",
    "cold_sleep_ua",
    "standby_xosc_ua",
    "tcxo_start_us",
)
# What DIO3 of the SX126x can feed an oscillator with (data sheet, SetDIO3AsTCXOCtrl).
_TCXO_MV = (0, 1600, 1700, 1800, 2200, 2400, 2700, 3000, 3300)
# Pins that a radio must have beside SPI and reset, and its power on the pin that LoRa boards wire (SX1276: PA_BOOST).
_RADIOS: dict[str, tuple[tuple[str, ...], range]] = {
    "sx1262": (("busy", "dio1", "cold_sleep_ua", "standby_xosc_ua"), range(0, 23)),
    "sx1276": (("dio0",), range(2, 21)),
}
_RADIO_PINS = ("sck", "mosi", "miso", "cs", "reset", "busy", "dio0", "dio1")


def board_of(data: dict[str, Any]) -> Board:
    """The board that the file's sections say."""
    required = {"board", "flash", "pins", "echo", "battery", "currents_ua", "durations"}
    _same_keys("the file", data, required | {"radio", "onboard"}, required, "section")
    about = dict.fromkeys(("name", "title", "chip", "build", "micropython", "models", "console"), str)
    head = _table(data, "board", {**about, "cpu_mhz": int}, set(about))
    if head["chip"] not in CHIPS:
        raise BoardError(f"board.chip = {head['chip']!r}: unknown; known: {', '.join(CHIPS)}")
    chip = CHIPS[head["chip"]]
    sources: dict[str, str] = {}
    optional = {one.name for one in fields(Pins)} - {"trigger", "echo"}
    board = Board(
        **head,
        flash=_filled(data, "flash", Flash),
        pins=_filled(data, "pins", Pins, optional),
        echo=_filled(data, "echo", Echo),
        battery=_filled(data, "battery", Battery, {"settle_ms"}),
        currents_ua=_measured(data, "currents_ua", Currents, sources, {"cpu_240mhz"}),
        durations=_measured(data, "durations", Durations, sources),
        radio=_radio(data, sources) if "radio" in data else None,
        onboard=_onboard(data, chip) if "onboard" in data else {},
        sources=sources,
    )
    _check_chip(board, chip)
    _check_flash(board.flash)
    _check_pins(board, chip)
    _check_voltages(board, chip)
    return board


def _same_keys(where: str, found: Iterable[str], known: set[str], required: set[str], kind: str = "key") -> None:
    for key in found:
        if key not in known:
            raise BoardError(f"{where}: unknown {kind} {key!r}; known: {', '.join(sorted(known))}")
    missing = sorted(required - set(found))
    if missing:
        raise BoardError(f"{where}: missing {kind} {', '.join(map(repr, missing))}")


def _section(data: dict[str, Any], section: str) -> dict[str, Any]:
    if not isinstance(data[section], dict):
        raise BoardError(f"{section}: must be a section, [{section}]")
    return data[section]


def _table(data: dict[str, Any], section: str, types: dict[str, type], required: set[str]) -> dict[str, Any]:
    table = _section(data, section)
    _same_keys(f"[{section}]", table, set(types), required)
    for key, value in table.items():
        if type(value) is not types[key]:
            wanted = {int: "a whole number", str: "a text", bool: "true or false"}[types[key]]
            raise BoardError(f"{section}.{key} = {value!r}: must be {wanted}")
        if isinstance(value, int) and value < 0:
            raise BoardError(f"{section}.{key} = {value}: must not be negative")
    return table


def _filled(data: dict[str, Any], section: str, kind: type, optional: Iterable[str] = ()) -> Any:
    types: dict[str, type] = {one.name: int for one in fields(kind)}
    return kind(**_table(data, section, types, set(types) - set(optional)))


def _number(section: str, key: str, entry: Any, sources: dict[str, str]) -> int:
    """The value of {value = <whole number>, source = "..."}; its source goes to `sources` under "section.key"."""
    name = f"{section}.{key}"
    if not isinstance(entry, dict):
        raise BoardError(f'{name} = {entry!r}: must be {{ value = ..., source = "..." }}')
    both = _table({name: entry}, name, {"value": int, "source": str}, {"value", "source"})
    if not both["source"].strip():
        raise BoardError(f'{name}: the source is empty; say where the number is from, or "estimate: why"')
    sources[name] = both["source"]
    return both["value"]


def _measured(
    data: dict[str, Any], section: str, kind: type, sources: dict[str, str], optional: Iterable[str] = ()
) -> Any:
    known = {one.name for one in fields(kind)}
    table = _section(data, section)
    _same_keys(f"[{section}]", table, known, known - set(optional))
    return kind(**{key: _number(section, key, entry, sources) for key, entry in table.items()})


def _radio(data: dict[str, Any], sources: dict[str, str]) -> Radio:
    table = dict(_section(data, "radio"))
    if table.get("chip") not in _RADIOS:
        raise BoardError(f"radio.chip = {table.get('chip')!r}: unknown; known: {', '.join(_RADIOS)}")
    wanted, powers = _RADIOS[table["chip"]]
    known = {one.name for one in fields(Radio)}
    required = {one.name for one in fields(Radio) if one.default is MISSING} | set(wanted)
    required |= {"tcxo_start_us"} if table.get("tcxo_mv") and table["chip"] == "sx1262" else set()
    _same_keys("[radio]", table, known, required)
    values: dict[str, Any] = {
        key: _number("radio", key, table.pop(key), sources) for key in _MEASURED_OF_RADIO if key in table
    }
    values["tx_ua"] = _by_power(table.pop("tx_ua"), sources)
    types = {**dict.fromkeys(known, int), "chip": str, "pins_source": str, "dio2_rf_switch": bool}
    radio = Radio(**values | _table({"radio": table}, "radio", types, set()))
    if radio.max_dbm not in powers:
        raise BoardError(f"radio.max_dbm = {radio.max_dbm}: must be {powers[0]}..{powers[-1]} ({radio.chip})")
    if radio.chip == "sx1276" and (radio.tcxo_mv or radio.dio2_rf_switch):
        raise BoardError("radio.tcxo_mv, radio.dio2_rf_switch: an sx1276 switches neither; leave them out")
    if radio.tcxo_mv not in _TCXO_MV:
        raise BoardError(f"radio.tcxo_mv = {radio.tcxo_mv}: must be one of {', '.join(map(str, _TCXO_MV))}")
    return radio


def _by_power(entry: Any, sources: dict[str, str]) -> dict[int, int]:
    """The values of {<dBm> = <uA>, ..., source = "..."}."""
    if not isinstance(entry, dict) or len(entry) < 2 or not all(key == "source" or key.isdecimal() for key in entry):
        raise BoardError('radio.tx_ua: must be { <dBm> = <uA>, ..., source = "..." }')
    source = entry.get("source", "")
    return {
        int(key): _number("radio", "tx_ua", {"value": value, "source": source}, sources)
        for key, value in entry.items()
        if key != "source"
    }


def _onboard(data: dict[str, Any], chip: Chip) -> dict[int, str]:
    """[onboard]: part = [GPIOs]."""
    taken = {}
    for part, pins in _section(data, "onboard").items():
        if not isinstance(pins, list) or not pins or not all(type(pin) is int for pin in pins):
            raise BoardError(f"onboard.{part} = {pins!r}: must be a list of GPIO numbers")
        for pin in pins:
            if pin not in chip.exists:
                raise BoardError(f"onboard.{part}: the chip has no GPIO{pin}")
            taken[pin] = part
    return taken


def _check_chip(board: Board, chip: Chip) -> None:
    if board.console not in _CONSOLES:
        raise BoardError(f"board.console = {board.console!r}: must be {' or '.join(_CONSOLES)}")
    if board.console == "usb" and not chip.usb:
        raise BoardError(f"board.console = 'usb': the {board.chip} has no USB of its own; uart works")
    speeds = [mhz for mhz in (160, 240) if mhz <= chip.max_mhz]
    if board.cpu_mhz not in speeds:
        raise BoardError(f"board.cpu_mhz = {board.cpu_mhz}: must be {' or '.join(map(str, speeds))} ({board.chip})")
    if (board.currents_ua.cpu_240mhz > 0) != (chip.max_mhz >= 240):
        needed = "missing" if chip.max_mhz >= 240 else "to be left out"
        raise BoardError(f"currents_ua.cpu_240mhz: {needed}; the {board.chip} runs at up to {chip.max_mhz} MHz")


def _check_flash(flash: Flash) -> None:
    for part in ("fs", "nvs"):
        offset, size = getattr(flash, f"{part}_offset"), getattr(flash, f"{part}_size")
        if offset % 4096 or size % 4096 or size == 0:
            raise BoardError(f"flash.{part}_offset, flash.{part}_size: must be whole sectors of 4096 bytes")
        if offset + size > flash.size:
            raise BoardError(
                f"flash.{part}_size = {size:#x}: ends at {offset + size:#x}, past flash.size = {flash.size:#x}"
            )
    if flash.nvs_offset + flash.nvs_size > flash.fs_offset and flash.fs_offset + flash.fs_size > flash.nvs_offset:
        raise BoardError("flash.fs_offset: the file system and NVS overlap")


def _check_pins(board: Board, chip: Chip) -> None:
    pins, radio = board.pins, board.radio
    wired = {f"pins.{role}": (role, getattr(pins, role)) for role in ROLES}
    if radio:
        wired |= {f"radio.{name}": (f"radio_{name}", getattr(radio, name)) for name in _RADIO_PINS}
    wired = {key: (role, pin) for key, (role, pin) in wired.items() if pin is not None}
    all_taken = {pin for _, pin in wired.values()} | set(board.onboard)
    taken = {pin: f"the {part} (onboard)" for pin, part in board.onboard.items()}
    for key, (role, pin) in wired.items():
        problem = f"taken by {taken[pin]}" if pin in taken else pin_problem(chip, role, pin)
        if problem:
            free = ", ".join(map(str, usable(chip, role, all_taken))) or "none"
            raise BoardError(f"{key} = {pin}: {problem} ({board.chip}); free for {key.split('.')[1]}: {free}")
        taken[pin] = key
    for key in ("supply_active_level", "led_active_level", "battery_enable_active_level"):
        if getattr(pins, key) not in (0, 1, None):
            raise BoardError(f"pins.{key} = {getattr(pins, key)}: must be 0 or 1")
    if pins.battery_enable is not None and (pins.battery is None or not board.battery.settle_ms):
        raise BoardError("pins.battery_enable: needs pins.battery and battery.settle_ms, the wait for the divider")


def _check_voltages(board: Board, chip: Chip) -> None:
    for section, divider in (("echo", board.echo.divider_permille), ("battery", board.battery.divider_permille)):
        if not 1 <= divider <= 1000:
            raise BoardError(f"{section}.divider_permille = {divider}: must be 1..1000 (1000: no divider)")
    at_pin = board.echo.level_mv * board.echo.divider_permille // 1000
    if at_pin > _PIN_MAX_MV:
        most = 3300 * 1000 // board.echo.level_mv
        raise BoardError(
            f"echo: {at_pin} mV at the pin destroy it; a divider of {most} permille or less leaves 3300 mV"
        )
    battery = board.battery
    if not 0 < battery.low_mv < battery.full_mv:
        raise BoardError(f"battery.low_mv = {battery.low_mv}: must be between 1 and full_mv ({battery.full_mv})")
    at_pin = battery.full_mv * battery.divider_permille // 1000
    if board.pins.battery is not None and at_pin > chip.adc_max_mv:
        most = chip.adc_max_mv * 1000 // battery.full_mv
        raise BoardError(
            f"battery.divider_permille = {battery.divider_permille}: a full battery is {at_pin} mV at the pin, "
            f"and the ADC ends at {chip.adc_max_mv} mV; {most} or less works"
        )
