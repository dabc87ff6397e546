"""Time on air of a LoRaWAN frame (Semtech AN1200.13): preamble of 8 symbols, explicit header, coding rate 4/5."""


def airtime_us(sf, bw_khz, size, crc=True):
    """Microseconds that `size` bytes of PHYPayload take; crc: uplinks have one, downlinks don't."""
    symbol_us = (1000 << sf) // bw_khz
    per_group = 4 * (sf - 2 if symbol_us >= 16000 else sf)  # low data rate optimisation
    bits = 8 * size - 4 * sf + (44 if crc else 28)
    symbols = 8 + (-(-bits // per_group) * 5 if bits > 0 else 0)
    return symbol_us * (49 + 4 * symbols) // 4
