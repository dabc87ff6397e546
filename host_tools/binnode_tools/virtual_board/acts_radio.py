"""Acts of SPI: the bus that a board's LoRa radio is on. Chip select and reset are ordinary pins."""

from binnode_tools.virtual_board import acts
from binnode_tools.virtual_board.chip import Chip
from binnode_tools.virtual_board.handlers import Answer, ChipError, handles, refused
from binnode_tools.virtual_board.spi import BUSES, NOTHING, SOFT, Bus

_DEINITIALIZED = 5  # EIO


@handles(acts.SPI_OPEN)
def spi_open(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    """`b` Hz, 0: closed; data: the pins sck, mosi and miso (255: not given), polarity << 1 | phase."""
    if a != SOFT and a not in BUSES[chip.board.chip]:
        raise refused("spi_unknown", id=a)
    if not b:
        chip.buses.pop(a, None)
        return 0
    sck, mosi, miso, mode = data
    for number in (sck, mosi, miso):
        if number != NOTHING:
            chip.pin(number)
    chip.buses[a] = Bus(b, sck, mosi, miso, mode)
    return 0


@handles(acts.SPI_TRANSFER)
def spi_transfer(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    """Clocks `data` out; `b` 1: answers with what came in."""
    bus = chip.buses.get(a)
    if bus is None:
        raise ChipError(acts.OS_ERROR, _DEINITIALIZED)
    chip.advance(-(-8_000_000 * len(data) // bus.hz))
    answer = bus.transfer(data, chip.radio, chip.find, chip.now)
    return answer if b else 0
