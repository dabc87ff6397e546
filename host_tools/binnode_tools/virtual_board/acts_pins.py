"""Acts of pins: levels, pulses, the ADC, the 1-Wire bus."""

from binnode_tools.virtual_board import acts
from binnode_tools.virtual_board.chip import Chip, Pin
from binnode_tools.virtual_board.handlers import Answer, handles, refused
from binnode_tools.virtual_board.sensors import Ds18b20

_MODES = {1: "input", 3: "output", 7: "open drain", 255: None}
_PULSE_READ_US = 1  # one look at the pin inside time_pulse_us


@handles(acts.PIN_MODE)
def pin_mode(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    pin = chip.pin(a)
    mode, pull, level = _MODES.get(b & 255), b >> 8 & 255, b >> 16 & 255
    if mode in ("output", "open drain") and a in chip.limits.input_only:
        raise refused("input_only")
    if pull != 255:
        pin.pull = pull if pull in (1, 2) else None
    if mode:
        pin.rtc = False
        _set(pin, "mode", mode)
    if level != 255:
        _set(pin, "level", level)
    if mode or level != 255:
        chip.drive(a)
    return 0


def _set(pin: Pin, what: str, value: str | int) -> None:
    """A held pin goes on as it was until the hold is released."""
    if not pin.held:
        setattr(pin, what, value)
    elif getattr(pin, what) != value or what in pin.queued:
        pin.queued[what] = value


@handles(acts.PIN_READ)
def pin_read(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    if chip.pin(a).rtc:
        chip.find("ext_pin_dark", pin=a)
    return chip.level(a, chip.now)


@handles(acts.PIN_WRITE)
def pin_write(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    _set(chip.pin(a), "level", b)
    chip.drive(a)
    return 0


@handles(acts.PIN_HOLD)
def pin_hold(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    pin = chip.pin(a)
    pin.held = False
    for what, value in pin.queued.items():
        setattr(pin, what, value)
    pin.queued = {}
    chip.drive(a)
    pin.held = bool(b) and a not in chip.limits.input_only
    return 0


@handles(acts.DEEP_SLEEP_HOLD)
def deep_sleep_hold(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    chip.deep_sleep_hold = bool(a)
    return 0


@handles(acts.TIME_PULSE)
def time_pulse(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    """extmod/machine_pulse.c: -2 when the pulse does not begin in time, -1 when it does not end in time."""
    level, timeout_us = b >> 30 & 1, b & (1 << 30) - 1
    if chip.pin(a).mode == "output":
        chip.find("pulse_output", pin=a)
    for wanted, code in ((level, -2), (1 - level, -1)):
        start = chip.now
        while chip.level(a, chip.now) != wanted:
            edge = chip.next_edge(a, chip.now)
            if edge is None or edge - start >= timeout_us:
                chip.advance(start + timeout_us - chip.now)
                return code
            chip.advance(edge - chip.now)
        chip.advance(_PULSE_READ_US)
    return chip.now - start - _PULSE_READ_US


@handles(acts.ADC_INIT)
def adc_init(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    chip.pin(a)
    if a not in chip.limits.adc1 and a not in chip.limits.adc2:
        raise refused("no_adc")
    chip.adc_ready[a] = chip.limits.adc_ranges_mv[b & 3]
    return 0


@handles(acts.ADC_READ)
def adc_read(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    """Microvolts at the pin: the battery behind its divider, up to the attenuation's range; other pins are open."""
    if a not in chip.adc_ready:
        raise refused("no_adc")
    if a in chip.limits.adc2 and chip.station.active:
        raise refused("adc2_wifi")
    millivolts = 0.0
    if a == chip.board.pins.battery:
        celsius = chip.scene.temperature_c(chip.now / 1e6)
        battery = chip.battery.voltage_mv(chip.ledger.charge_mc, chip.ledger.current_ua, celsius)
        millivolts = battery * chip.board.battery.divider_permille / 1000 * chip.divider.part(chip.now)
    millivolts += chip.random.gauss(0, chip.scene.unkind.adc_noise_mv)
    return round(1000 * min(max(millivolts, 0.0), chip.adc_ready[a]))


# 1-Wire: a byte takes eight slots of 70 us, a reset about a millisecond -----------------------------------------------


def _bus(chip: Chip, pin: int) -> Ds18b20 | None:
    return chip.thermometer if chip.thermometer and pin == chip.board.pins.onewire else None


@handles(acts.OW_RESET)
def ow_reset(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    chip.pin(a)
    chip.advance(960)
    device = _bus(chip, a)
    return device.reset(chip.now) if device else 0


@handles(acts.OW_WRITE)
def ow_write(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    chip.advance(560)
    device = _bus(chip, a)
    if device:
        device.write(b, chip.now)
    return 0


@handles(acts.OW_READ)
def ow_read(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    chip.advance(560)
    device = _bus(chip, a)
    return device.read(chip.now) if device else 255
