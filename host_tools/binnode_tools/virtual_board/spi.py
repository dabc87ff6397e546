"""A SPI bus between the chip and a radio: the right pins, mode and clock, or nothing comes of it."""

from collections.abc import Callable
from dataclasses import dataclass

from binnode_tools.virtual_board.radios.radio import Radio

SOFT = -1
NOTHING = 255  # a pin that was not given
BUSES = {"esp32": (1, 2), "esp32s3": (1, 2), "esp32c3": (1,), "esp32c6": (1,)}
_OPEN = 0xFF  # what an open MISO reads


@dataclass(frozen=True)
class Bus:
    """`mode`: polarity << 1 | phase; both radios want 0."""

    hz: int
    sck: int
    mosi: int
    miso: int
    mode: int

    def transfer(self, data: bytes, radio: Radio | None, find: Callable[..., None], now: int) -> bytes:
        nothing = bytes([_OPEN]) * len(data)
        if radio is None or (self.sck, self.mosi) != (radio.wiring.sck, radio.wiring.mosi):
            return nothing
        if self.mode or self.hz > radio.MAX_SPI_HZ:
            find("spi_mode", hz=self.hz, polarity=self.mode >> 1, phase=self.mode & 1, most=radio.MAX_SPI_HZ)
            return nothing
        answer = radio.transfer(data, now)
        return answer if self.miso == radio.wiring.miso else nothing
