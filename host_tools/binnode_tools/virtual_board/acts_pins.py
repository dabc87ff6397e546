"""Acts of pins: levels, pulses, the ADC, the 1-Wire bus."""

from binnode_tools.virtual_board import acts
from binnode_tools.virtual_board.chip import Answer, Chip, handles, misuse
from binnode_tools.virtual_board.sensors import Ds18b20

_MODES = {1: "input", 3: "output", 7: "open drain", 255: None}
_PULSE_READ_US = 1  # one look at the pin inside time_pulse_us


@handles(acts.PIN_MODE)
def pin_mode(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    pin = chip.pin(a)
    mode, pull, level = _MODES.get(b & 255), b >> 8 & 255, b >> 16 & 255
    if mode in ("output", "open drain") and a in chip.limits.input_only:
        raise misuse("pin can only be input")
    if mode:
        pin.mode = mode
    pin.pull = pull if pull in (1, 2) else None
    if level != 255:
        pin.level = level
    chip.drive(a)
    return 0


@handles(acts.PIN_READ)
def pin_read(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    return chip.level(a, chip.now)


@handles(acts.PIN_WRITE)
def pin_write(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    chip.pin(a).level = b
    chip.drive(a)
    return 0


@handles(acts.PIN_HOLD)
def pin_hold(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    chip.pin(a).held = bool(b)
    return 0


@handles(acts.DEEP_SLEEP_HOLD)
def deep_sleep_hold(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    chip.deep_sleep_hold = bool(a)
    return 0


@handles(acts.TIME_PULSE)
def time_pulse(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    """extmod/machine_pulse.c: -2 when the pulse does not begin in time, -1 when it does not end in time."""
    level, timeout_us = b >> 30 & 1, b & (1 << 30) - 1
    for wanted, code in ((level, -2), (1 - level, -1)):
        start = chip.now
        while chip.level(a, chip.now) != wanted:
            edge = chip.module.next_edge(a, chip.now)
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
        raise misuse("invalid pin")
    chip.adc_ready.add(a)
    return 0


@handles(acts.ADC_READ)
def adc_read(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    """Microvolts at the pin: the battery behind its divider, clipped at the ADC's range; other pins are open."""
    if a not in chip.adc_ready:
        raise misuse("invalid pin")
    millivolts = 0.0
    if a == chip.board.pins.battery:
        celsius = chip.scene.temperature_c(chip.now / 1e6)
        battery = chip.battery.voltage_mv(chip.ledger.charge_mc, chip.ledger.current_ua, celsius)
        millivolts = battery * chip.board.battery.divider_permille / 1000
    millivolts += chip.random.gauss(0, chip.scene.unkind.adc_noise_mv)
    return round(1000 * min(max(millivolts, 0.0), chip.limits.adc_max_mv))


# 1-Wire: a byte takes eight slots of 70 us, a reset about a millisecond ------------------------------------------------


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
