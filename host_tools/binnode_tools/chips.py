"""What the pins of the ESP32 family can do: the table that board files are checked against."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Chip:
    """What a chip and its pins can do.

    `strapping`: pin -> what its level decides at reset; `boot`: the download pin; `wake`: the pins that end deep sleep.
    `adc_ranges_mv`: what each of the four attenuations measures up to.
    """

    exists: frozenset[int]
    input_only: frozenset[int]
    flash: frozenset[int]
    strapping: dict[int, str]
    boot: int
    uart0: frozenset[int]
    usb: frozenset[int]
    adc1: frozenset[int]
    adc2: frozenset[int]
    wake: frozenset[int]
    adc_ranges_mv: tuple[int, int, int, int]
    max_mhz: int

    @property
    def adc_max_mv(self) -> int:
        return self.adc_ranges_mv[-1]


def _pins(*parts: int | range) -> frozenset[int]:
    return frozenset(pin for part in parts for pin in (part if isinstance(part, range) else (part,)))


# Sources: ESP-IDF 5 programming guide, "GPIO & RTC GPIO" of each chip (pins, ADC, RTC/LP, SPI0/1, USB-JTAG);
# the data sheets, "Strapping Pins", "Pin Overview" (UART0) and "ADC Characteristics" (0, 2.5, 6 and 11 dB).
CHIPS = {
    "esp32": Chip(
        exists=_pins(range(20), range(21, 24), range(25, 28), range(32, 40)),
        input_only=_pins(range(34, 40)),
        flash=_pins(range(6, 12)),
        strapping={
            0: "selects the download mode",
            2: "has to be low or open to enter the download mode",
            5: "sets the SDIO timing",
            12: "high at reset sets the flash to 1.8 V, and the chip does not start",
            15: "low at reset silences the boot messages",
        },
        boot=0,
        uart0=_pins(1, 3),
        usb=_pins(),
        adc1=_pins(range(32, 40)),
        adc2=_pins(0, 2, 4, range(12, 16), range(25, 28)),
        wake=_pins(0, 2, 4, range(12, 16), range(25, 28), range(32, 40)),
        adc_ranges_mv=(950, 1250, 1750, 2450),
        max_mhz=240,
    ),
    "esp32s3": Chip(
        exists=_pins(range(22), range(26, 49)),
        input_only=_pins(),
        flash=_pins(range(26, 33)),  # 33..37 too on modules with octal flash or PSRAM
        strapping={
            0: "selects the download mode",
            3: "selects the JTAG source",
            45: "high at reset sets the flash to 1.8 V, and the chip does not start",
            46: "has to be low to enter the download mode",
        },
        boot=0,
        uart0=_pins(43, 44),
        usb=_pins(19, 20),
        adc1=_pins(range(1, 11)),
        adc2=_pins(range(11, 21)),
        wake=_pins(range(22)),
        adc_ranges_mv=(850, 1100, 1600, 2900),
        max_mhz=240,
    ),
    "esp32c3": Chip(
        exists=_pins(range(22)),
        input_only=_pins(),
        flash=_pins(range(11, 18)),  # 11 is VDD_SPI, the flash's supply
        strapping={
            2: "has to be high at reset",
            8: "has to be high to enter the download mode",
            9: "selects the download mode",
        },
        boot=9,
        uart0=_pins(20, 21),
        usb=_pins(18, 19),
        adc1=_pins(range(5)),
        adc2=_pins(5),
        wake=_pins(range(6)),
        adc_ranges_mv=(750, 1050, 1300, 2500),
        max_mhz=160,
    ),
    "esp32c6": Chip(
        exists=_pins(range(31)),
        input_only=_pins(),
        flash=_pins(range(24, 31)),
        strapping={
            4: "sets the SDIO timing",
            5: "sets the SDIO timing",
            8: "has to be high to enter the download mode",
            9: "selects the download mode",
            15: "selects the JTAG source",
        },
        boot=9,
        uart0=_pins(16, 17),
        usb=_pins(12, 13),
        adc1=_pins(range(7)),
        adc2=_pins(),
        wake=_pins(range(8)),
        adc_ranges_mv=(1000, 1300, 1900, 3300),
        max_mhz=160,
    ),
}

_OF_MODULES = ("module_tx", "module_rx", "scl", "sda")
ROLES = ("trigger", "echo", "supply", "onewire", "battery", "battery_enable", "led", "button", *_OF_MODULES)
_DRIVEN_BY_RADIO = ("radio_sck", "radio_mosi", "radio_cs", "radio_reset")
_DRIVEN = ("trigger", "supply", "onewire", "battery_enable", "led", "module_tx", "scl", "sda", *_DRIVEN_BY_RADIO)
# Soldered by who made the board: on a strapping pin it does no harm at reset, or the board would not start.
_SOLDERED = ("led", "radio_")


def pin_problem(chip: Chip, role: str, pin: int) -> str | None:
    """Why `pin` can't serve as `role` on `chip`; None when it can."""
    kinds = {
        "a pin of the flash chip": chip.flash,
        "the console's (UART0)": chip.uart0,
        "the console's (USB)": chip.usb,
    }
    if pin not in chip.exists:
        return "the chip has no such pin"
    for kind, pins in kinds.items():
        if pin in pins:
            return kind
    if role == "battery" and pin in chip.adc2:
        return "on ADC2, which does not measure while Wi-Fi is on"
    if role == "battery" and pin not in chip.adc1:
        return "not on ADC1"
    if role in _DRIVEN and pin in chip.input_only:
        return "input only"
    if role == "button" and pin in chip.input_only:
        return "input only, without a pull-up"
    if role == "button" and pin not in chip.wake:
        # The C3 and C6 download pin can't wake, but it is the button that their boards have: it serves at reset.
        return None if pin == chip.boot else "no pin that wakes the chip"
    if pin in chip.strapping and not (role.startswith(_SOLDERED) and "1.8 V" not in chip.strapping[pin]):
        return None if role == "button" and pin == chip.boot else f"a strapping pin ({chip.strapping[pin]})"
    return None


def usable(chip: Chip, role: str, taken: Iterable[int] = ()) -> list[int]:
    """The pins that can serve as `role`, less those in `taken`."""
    return [pin for pin in sorted(chip.exists - set(taken)) if pin_problem(chip, role, pin) is None]
