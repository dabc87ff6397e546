"""An SX1276 on the bench, spoken to as its data sheet says."""

from binnode_tools.virtual_board.radios.burst import Burst

from tests.unit.host.radio_bench import Bench

HZ = 868_100_000
RX_TIMEOUT, RX_DONE, CRC_ERROR, HEADER, TX_DONE, CAD_DONE, CAD_HIT = 0x80, 0x40, 0x20, 0x10, 0x08, 0x04, 0x01
SLEEP, STANDBY, TX, RX, RX_SINGLE, CAD = 0x80, 0x81, 0x83, 0x85, 0x86, 0x87
ANSWER = b"an answer of the network"


def read(bench: Bench, address: int, count: int = 1) -> bytes:
    return bench.spi(address, more=count)[1:]


def write(bench: Bench, address: int, *values: int) -> None:
    bench.spi(address | 0x80, *values)


def started(hz: int = HZ, **changes) -> Bench:
    """Reset, image calibrated in FSK standby, then LoRa standby."""
    bench = Bench("lilygo_lora32_v21", **changes)
    bench.pass_us(5000)
    write(bench, 0x06, *round(hz * (1 << 19) / 32e6).to_bytes(3, "big"))
    write(bench, 0x01, 0x01)
    write(bench, 0x3B, 0xC2)
    bench.until(lambda: not read(bench, 0x3B)[0] & 0x20)
    write(bench, 0x01, 0x00)
    write(bench, 0x01, SLEEP)
    write(bench, 0x01, STANDBY)
    return bench


def lora(
    bench: Bench, size: int = 23, sf: int = 7, bandwidth: int = 7, inverted: bool = False, crc: bool = True
) -> None:
    """All that a transmission or a reception needs."""
    wide = bandwidth == 9
    low_rate = (1000 << sf) // (125 << (bandwidth - 7)) >= 16000
    for address, value in (
        (0x1D, bandwidth << 4 | 1 << 1),
        (0x1E, sf << 4 | (4 if crc else 0)),
        (0x26, 0x04 | (8 if low_rate else 0)),
        (0x22, size),
        (0x39, 0x34),
        (0x33, 0x67 if inverted else 0x27),
        (0x3B, 0x19 if inverted else 0x1D),
        (0x31, 0xC3 if wide else 0x43),
        (0x2F, 0x40),
        (0x30, 0x00),
        (0x36, 0x02 if wide else 0x03),
        (0x3A, 0x64 if wide else 0x49),
        (0x0C, 0x23),
        (0x09, 0x80 | 14 - 2),
        (0x0B, 0x20 | 17),  # 140 mA
    ):
        write(bench, address, value)


def sending(size: int = 23, **settings) -> Bench:
    bench = started()
    lora(bench, size, **settings)
    write(bench, 0x40, 0x40)  # DIO0 is TxDone
    write(bench, 0x0E, 0)
    write(bench, 0x0D, 0)
    write(bench, 0x00, *range(size))
    return bench


def listening(symbols: int = 8, **settings) -> Bench:
    bench = started()
    lora(bench, 1, inverted=True, crc=False, **settings)
    write(bench, 0x1E, read(bench, 0x1E)[0] | symbols >> 8)
    write(bench, 0x1F, symbols & 255)
    write(bench, 0x0D, 0)
    return bench


def downlink(bench: Bench, start_us: int, payload: bytes = ANSWER, sf: int = 7, **settings) -> Burst:
    """Something to receive."""
    settings = {"bw_khz": 125, "iq_inverted": True, "crc": False, **settings}
    burst = Burst(HZ, sf, payload=payload, power_dbm=14, start_us=start_us, **settings)
    bench.air.bursts.append(burst)
    return burst


def ends(bench: Bench, *flags: int) -> int:
    """Wait until one of these flags is there; all flags then."""
    bench.until(lambda: bench.radio.irq & sum(flags))
    return read(bench, 0x12)[0]
