"""Acts of UART and I2C: the distance modules that answer in bytes."""

from binnode_tools.virtual_board import acts
from binnode_tools.virtual_board.chip import Chip
from binnode_tools.virtual_board.handlers import Answer, ChipError, handles, refused
from binnode_tools.virtual_board.serial_line import I2c, Line, Receiver, Uart
from binnode_tools.virtual_board.serial_modules import Rcwl9600, UartModule

UARTS = {"esp32": 3, "esp32s3": 3, "esp32c3": 2, "esp32c6": 2}  # numbered from 0
BUSES = {"esp32": 2, "esp32s3": 2, "esp32c3": 1, "esp32c6": 1}
_NONE = 255  # a pin that was not given
_INV_RX, _INV_TX = 4, 32
_ENODEV = 19
_NO_WIRE = Line(1)


@handles(acts.UART_OPEN)
def uart_open(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    """data: inversion, then baud and room for what comes, four bytes each."""
    if not 0 <= a < UARTS[chip.board.chip]:
        raise refused("uart_unknown", id=a)
    tx, rx = b & 255, b >> 8 & 255
    for number in (tx, rx):
        if number != _NONE:
            chip.pin(number)
    if a == 0:
        chip.find("uart0")
        return 0
    invert, baud, room = data[0], int.from_bytes(data[1:5], "big"), int.from_bytes(data[5:9], "big")
    module = chip.module
    line = module.tx if isinstance(module, UartModule) and rx == module.from_it else _NO_WIRE
    receiver = Receiver(line, baud, bool(invert & _INV_RX), chip.now, room)
    chip.uarts[a] = Uart(baud, tx, rx, bool(invert & _INV_TX), receiver)
    if tx != _NONE:
        pin = chip.pin(tx)
        pin.mode, pin.level = "output", 0 if invert & _INV_TX else 1
        chip.drive(tx)
    return 0


def _uart(chip: Chip, number: int) -> Uart:
    if number not in chip.uarts:
        raise ChipError(acts.RUNTIME_ERROR, f"UART({number}) is not open")
    if isinstance(chip.module, UartModule):
        chip.module.run(chip.now)
    return chip.uarts[number]


def before_light_sleep(chip: Chip) -> None:
    """What has come so far is there afterwards; a byte on its way out is cut."""
    for number, uart in chip.uarts.items():
        _uart(chip, number).receiver.listen(chip.now)
        if uart.sends_until > chip.now:
            chip.find("uart_light_sleep", id=number)


def after_light_sleep(chip: Chip) -> None:
    for number in chip.uarts:
        _uart(chip, number).receiver.skip(chip.now)


@handles(acts.UART_CLOSE)
def uart_close(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    chip.uarts.pop(a, None)
    return 0


@handles(acts.UART_READ)
def uart_read(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    return bytes(byte for _, byte in _uart(chip, a).receiver.take(chip.now, b))


@handles(acts.UART_ANY)
def uart_any(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    receiver = _uart(chip, a).receiver
    receiver.listen(chip.now)
    return len(receiver.received)


@handles(acts.UART_WRITE)
def uart_write(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    """Goes out by itself; the act does not wait."""
    uart, module = _uart(chip, a), chip.module
    start = max(uart.sends_until, float(chip.now))
    line = module.rx if isinstance(module, UartModule) and uart.tx == module.to_it else Line(1)
    uart.sends_until = line.send(data, start, uart.baud, uart.inverted)
    return len(data)


@handles(acts.UART_FLUSH)
def uart_flush(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    chip.advance(round(_uart(chip, a).sends_until) + 1 - chip.now)
    return 0


@handles(acts.I2C_OPEN)
def i2c_open(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    if not 0 <= a < BUSES[chip.board.chip]:
        raise refused("i2c_unknown", id=a)
    for number in data:
        chip.pin(number)
        if number in chip.limits.input_only:
            chip.find("i2c_input_only", pin=number)
    chip.i2cs[a] = I2c(b, *data)
    return 0


def _device(chip: Chip, number: int, address: int, count: int) -> Rcwl9600:
    """The module that answers at this address, after the time that `count` bytes take; ENODEV when nobody does."""
    bus, module = chip.i2cs.get(number), chip.module
    if bus is None:
        raise refused("i2c_unknown", id=number)
    chip.advance(-(-9_000_000 * (count + 1) // bus.hz))
    if isinstance(module, Rcwl9600) and (bus.scl, bus.sda) == module.pins:
        works = bus.hz <= module.MOST_HZ and not chip.limits.input_only & {bus.scl, bus.sda}
        if works and module.answers(address, chip.now):
            return module
    raise ChipError(acts.OS_ERROR, _ENODEV)


@handles(acts.I2C_WRITE)
def i2c_write(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    _device(chip, a, b, len(data)).write(data, chip.now)
    return len(data)


@handles(acts.I2C_READ)
def i2c_read(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    return _device(chip, a, b & 127, b >> 8).read(b >> 8, chip.now)
