"""Board files (boards/*.toml): read, checked against the chip, and cut down to what the node needs.

`load` is strict: an unknown, missing or impossible entry is a BoardError that says where, why and what would work.
"""

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from binnode_tools.chips import CHIPS, ROLES, Chip, pin_problem, usable


class BoardError(ValueError):
    """A board file that can't be used; the message names file, key and what would work."""


_PIN_MAX_MV = 3600  # data sheets, absolute maximum ratings: VDD + 0.3 V


@dataclass(frozen=True)
class Flash:
    size: int
    fs_offset: int
    fs_size: int
    nvs_offset: int
    nvs_size: int


@dataclass(frozen=True)
class Pins:
    """GPIO numbers; None: the board has none. The active levels are 0 or 1."""

    trigger: int
    echo: int
    supply: int | None = None
    supply_active_level: int = 1
    onewire: int | None = None
    battery: int | None = None
    led: int | None = None
    led_active_level: int = 1
    button: int | None = None


@dataclass(frozen=True)
class Echo:
    """`level_mv` on the module's echo line when high; `divider_permille` of it reach the pin (1000: no divider)."""

    level_mv: int
    divider_permille: int


@dataclass(frozen=True)
class Battery:
    """`divider_permille` of the battery's voltage reach the ADC pin."""

    divider_permille: int
    full_mv: int
    low_mv: int
    capacity_mah: int


@dataclass(frozen=True)
class Currents:
    """uA at the battery. The chip is in one state at a time; always_on, module, thermometer and flash come on top."""

    always_on: int
    deep_sleep: int
    light_sleep: int
    cpu_160mhz: int
    cpu_240mhz: int
    boot: int
    wifi_receive: int
    wifi_transmit: int
    wifi_join: int
    wifi_idle: int
    module_standby: int
    module_ranging: int
    thermometer_standby: int
    thermometer_converting: int
    flash_write: int


@dataclass(frozen=True)
class Durations:
    """How long the things take that no instruction of the firmware shows; the unit is in each name."""

    boot_ms: int
    validate_ms: int
    mount_ms: int
    flash_read_us_per_kib: int
    python_us_per_act: int
    nvs_commit_us: int
    flash_erase_us: int
    flash_program_us: int
    thermometer_conversion_ms: int
    wifi_join_ms: int
    wifi_scan_ms: int
    wifi_dhcp_ms: int


@dataclass(frozen=True)
class Board:
    """One board file. `sources` maps "currents_ua.deep_sleep" and the like to where the number comes from."""

    name: str
    title: str
    chip: str
    build: str
    micropython: str
    models: str
    flash: Flash
    pins: Pins
    echo: Echo
    battery: Battery
    currents_ua: Currents
    durations: Durations
    sources: dict[str, str] = field(default_factory=dict)

    @property
    def estimates(self) -> list[str]:
        """The numbers that nobody measured: their source starts with "estimate:"."""
        return sorted(key for key, source in self.sources.items() if source.startswith("estimate:"))


def folder() -> Path:
    """Where the board files are: boards/ of the repository, or the copy that an installed wheel carries."""
    for place in (Path(__file__).parents[2] / "boards", Path(__file__).parent / "_data" / "boards"):
        if place.is_dir():
            return place
    raise BoardError("no folder with board files: neither a repository nor a complete installation")


def names() -> list[str]:
    return sorted(path.stem for path in folder().glob("*.toml"))


def load(name_or_path: str | Path) -> Board:
    """The board of that name, or of that .toml file; BoardError when it can't be used."""
    path = Path(name_or_path)
    if path.suffix != ".toml":
        if str(name_or_path) not in names():
            raise BoardError(
                f"board {str(name_or_path)!r}: unknown; there are: {', '.join(names())}; or give a .toml file"
            )
        path = folder() / f"{name_or_path}.toml"
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        board = _board(data)
        if board.name != path.stem:
            raise BoardError(f"board.name = {board.name!r}: must be the file's name, {path.stem!r}")
    except OSError as error:
        raise BoardError(f"{path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BoardError(f"{path.name}: not TOML: {error}") from None
    except BoardError as error:
        raise BoardError(f"{path.name}: {error}") from None
    return board


def firmware_json(board: Board) -> dict[str, int | str]:
    """What the node reads at each wake (/board.json): pins that exist, the battery's divider and low mark, the name."""
    pins = {role: getattr(board.pins, role) for role in ROLES if getattr(board.pins, role) is not None}
    if "supply" in pins:
        pins["supply_on"] = board.pins.supply_active_level
    if "led" in pins:
        pins["led_on"] = board.pins.led_active_level
    if "battery" in pins:
        pins["battery_permille"] = board.battery.divider_permille
    return {"name": board.name, **pins}


def _board(data: dict[str, Any]) -> Board:
    if "radio" in data:
        raise BoardError("[radio]: kept for the LoRa radio, which this version does not drive; leave the section out")
    sections = {"board", "flash", "pins", "echo", "battery", "currents_ua", "durations"}
    _same_keys("the file", data, sections, sections, "section")
    about = {"name": str, "title": str, "chip": str, "build": str, "micropython": str, "models": str}
    text = _table(data, "board", about, set(about))
    if text["chip"] not in CHIPS:
        raise BoardError(f"board.chip = {text['chip']!r}: unknown; known: {', '.join(CHIPS)}")
    chip = CHIPS[text["chip"]]
    sources: dict[str, str] = {}
    board = Board(
        **text,
        flash=_filled(data, "flash", Flash),
        pins=_filled(data, "pins", Pins, optional={one.name for one in fields(Pins)} - {"trigger", "echo"}),
        echo=_filled(data, "echo", Echo),
        battery=_filled(data, "battery", Battery),
        currents_ua=_measured(data, "currents_ua", Currents, sources),
        durations=_measured(data, "durations", Durations, sources),
        sources=sources,
    )
    _check_flash(board.flash)
    _check_pins(board.pins, text["chip"], chip)
    _check_voltages(board, chip)
    return board


def _same_keys(where: str, found: Iterable[str], known: set[str], required: set[str], kind: str = "key") -> None:
    for key in found:
        if key not in known:
            raise BoardError(f"{where}: unknown {kind} {key!r}; known: {', '.join(sorted(known))}")
    missing = sorted(required - set(found))
    if missing:
        raise BoardError(f"{where}: missing {kind} {', '.join(map(repr, missing))}")


def _table(data: dict[str, Any], section: str, types: dict[str, type], required: set[str]) -> dict[str, Any]:
    table = data[section]
    if not isinstance(table, dict):
        raise BoardError(f"{section}: must be a section, [{section}]")
    _same_keys(f"[{section}]", table, set(types), required)
    for key, value in table.items():
        if type(value) is not types[key]:
            wanted = {int: "a whole number", str: "a text"}[types[key]]
            raise BoardError(f"{section}.{key} = {value!r}: must be {wanted}")
        if isinstance(value, int) and value < 0:
            raise BoardError(f"{section}.{key} = {value}: must not be negative")
    return table


def _filled(data: dict[str, Any], section: str, kind: type, optional: Iterable[str] = ()) -> Any:
    types: dict[str, type] = {one.name: int for one in fields(kind)}
    return kind(**_table(data, section, types, set(types) - set(optional)))


def _measured(data: dict[str, Any], section: str, kind: type, sources: dict[str, str]) -> Any:
    """Each entry is {value = <whole number>, source = "..."}; the sources are collected under "section.key"."""
    known = {one.name for one in fields(kind)}
    table = data[section]
    if not isinstance(table, dict):
        raise BoardError(f"{section}: must be a section, [{section}]")
    _same_keys(f"[{section}]", table, known, known)
    values = {}
    for key, entry in table.items():
        if not isinstance(entry, dict):
            raise BoardError(f'{section}.{key} = {entry!r}: must be {{ value = ..., source = "..." }}')
        both = _table(
            {f"{section}.{key}": entry}, f"{section}.{key}", {"value": int, "source": str}, {"value", "source"}
        )
        if not both["source"].strip():
            raise BoardError(f'{section}.{key}: the source is empty; say where the number is from, or "estimate: why"')
        values[key] = both["value"]
        sources[f"{section}.{key}"] = both["source"]
    return kind(**values)


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


def _check_pins(pins: Pins, chip_name: str, chip: Chip) -> None:
    taken: dict[int, str] = {}
    wired = {role: getattr(pins, role) for role in ROLES if getattr(pins, role) is not None}
    for role, pin in wired.items():
        problem = pin_problem(chip, role, pin)
        if pin in taken:
            problem = f"taken by pins.{taken[pin]}"
        if problem:
            free = ", ".join(map(str, usable(chip, role, wired.values()))) or "none"
            raise BoardError(f"pins.{role} = {pin}: {problem} ({chip_name}); free for {role}: {free}")
        taken[pin] = role
    for key in ("supply_active_level", "led_active_level"):
        if getattr(pins, key) not in (0, 1):
            raise BoardError(f"pins.{key} = {getattr(pins, key)}: must be 0 or 1")


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
