"""The distance modules: what the firmware's tables say of each, and how it is wired."""

import runpy
from dataclasses import dataclass

from binnode_tools import paths
from binnode_tools.boards import Board
from binnode_tools.chips import CHIPS


@dataclass(frozen=True)
class Wiring:
    """Names of the module's own pins: the one that the chip's trigger goes to, and the one that its echo comes from.
    `supply_mv`: lowest and highest."""

    title: str
    supply_mv: tuple[int, int]
    to_it: str
    from_it: str
    note: str = ""


@dataclass(frozen=True)
class Module:
    """`bus`: pulse, uart or i2c. `compensates`: it measures the air's temperature itself."""

    name: str
    wiring: Wiring
    bus: str
    blind_mm: int
    range_mm: int
    beam_deg: int
    compensates: bool


_DYP = ((3300, 5000), "RX", "TX")
_HRXL = ((2700, 5500), "4 (RX)", "5 (TX)")
_RS232 = "sends inverted, at its supply's level: straight to the pin, no RS232 converter"
_UART_PIN = "TTL: straight to the pin"
# Supplies: makers' sheets; RCWL-9600: sellers' (M5Stack's unit takes 5 V).
WIRINGS = {
    "hcsr04": Wiring(
        "HC-SR04", (5000, 5000), "Trig", "Echo", "5 V: its echo line needs a divider, 10 k and 18 k to ground"
    ),
    "hcsr04p": Wiring("HC-SR04P", (3000, 5500), "Trig", "Echo"),
    "jsn_sr04t": Wiring("JSN-SR04T, pulse mode", (3000, 5500), "Trig", "Echo", "R27 open"),
    "aj_sr04m": Wiring("AJ-SR04M, pulse mode", (3000, 5500), "Trig", "Echo", "draws 30 mA: needs the MOSFET"),
    "a02yyuw": Wiring("A02YYUW, DYP-A02", *_DYP, "RX open: filtered readings, which take longer"),
    "a01nyub": Wiring("A01NYUB, DYP-A01", *_DYP, "RX open: filtered readings, which take longer"),
    "dyp_115200": Wiring("DYP, 115200 baud", *_DYP, "frames of FF H L SUM; not for those that speak Modbus"),
    "jsn_sr04t_uart": Wiring("JSN-SR04T, UART modes", (3000, 5500), "Trig (RX)", "Echo (TX)", "R27 47 k or 120 k"),
    "aj_sr04m_uart": Wiring("AJ-SR04M, UART modes", (3000, 5500), "Trig (RX)", "Echo (TX)", "resistor 120 k or 47 k"),
    "mb7360": Wiring("MaxBotix MB7360", *_HRXL, _RS232),
    "mb7369": Wiring("MaxBotix MB7369", *_HRXL, _RS232),
    "mb7380": Wiring("MaxBotix MB7380", *_HRXL, _UART_PIN),
    "mb7389": Wiring("MaxBotix MB7389", *_HRXL, _UART_PIN),
    "mb7363": Wiring("MaxBotix MB7363", *_HRXL, _RS232),
    "mb7383": Wiring("MaxBotix MB7383", *_HRXL, _UART_PIN),
    "us100": Wiring("US-100, serial mode", (2400, 5500), "Trig/TX", "Echo/RX", "jumper set; tells the temperature"),
    "rcwl9600": Wiring("RCWL-9600, I2C", (2800, 5500), "SCL", "SDA", "4.7 k from each line to the module's VCC"),
}


def modules() -> dict[str, Module]:
    """Every module that the firmware knows, by its name in the configuration."""
    folder = paths.FIRMWARE / "binnode" / "sensing"
    pulse = runpy.run_path(str(folder / "modules.py"))
    serial = runpy.run_path(str(folder / "serial_modules.py"))
    profiles = {name: pulse["Profile"](*row) for name, row in pulse["_MODULES"].items()}
    profiles |= {name: serial["SerialProfile"](*row) for name, row in serial["_MODULES"].items()}
    return {
        name: Module(
            name,
            WIRINGS[name],
            _bus(profile),
            profile.blind_mm,
            profile.range_mm,
            profile.beam_deg,
            compensates=getattr(profile, "half_speed", None) == 0,
        )
        for name, profile in profiles.items()
    }


def _bus(profile) -> str:
    if hasattr(profile, "trigger_us"):
        return "pulse"
    return "uart" if profile.baud else "i2c"


def pins(module: Module, board: Board) -> tuple[int, int] | None:
    """The GPIOs to it and from it; None when the board has no pins for it."""
    if module.bus == "pulse":
        return board.pins.trigger, board.pins.echo
    if module.bus == "uart":
        return board.pins.uart
    return None if set(board.pins.i2c) & CHIPS[board.chip].input_only else board.pins.i2c


def level_shifter(module: Module) -> str:
    """What its line to the chip needs, fed with 3.3 V if it can be."""
    return "10 k, 18 k" if module.wiring.supply_mv[0] > 3300 else "none"
