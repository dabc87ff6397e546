"""An SX1262 on the bench, spoken to as its data sheet says."""

from binnode_tools.virtual_board.radios.burst import Burst

from tests.unit.host.radio_bench import Bench

HZ = 868_100_000
TX_DONE, RX_DONE, PREAMBLE, HEADER, HEADER_ERROR, CRC_ERROR, CAD_DONE, CAD_HIT, TIMEOUT = (
    1,
    2,
    4,
    16,
    32,
    64,
    128,
    256,
    512,
)
ALL = 0x3FF


def word(hz: int) -> bytes:
    return round(hz * (1 << 25) / 32e6).to_bytes(4, "big")


def read(bench: Bench, address: int, count: int = 1) -> bytes:
    return bench.spi(0x1D, address >> 8, address & 255, more=1 + count)[4:]


def write(bench: Bench, address: int, *values: int) -> None:
    bench.spi(0x0D, address >> 8, address & 255, *values)


def errors(bench: Bench) -> int:
    return int.from_bytes(bench.spi(0x17, 0, more=2)[2:], "big")


def irq(bench: Bench) -> int:
    return int.from_bytes(bench.spi(0x12, 0, more=2)[2:], "big")


def mode(bench: Bench) -> int:
    return bench.spi(0xC0, 0)[1] >> 4 & 7


def outcome(bench: Bench) -> int:
    return bench.spi(0xC0, 0)[1] >> 1 & 7


def command(bench: Bench, *sent: int) -> None:
    bench.spi(*sent)
    bench.wait_busy()


def started(band: tuple[int, int] = (0xD7, 0xDB), **changes) -> Bench:
    """As the data sheet has a chip with a TCXO started (13.3.6, 9.2.1), and nothing else."""
    bench = Bench("heltec_v3", **changes)
    bench.wait_busy()
    command(bench, 0x80, 0)
    command(bench, 0x96, 1)
    command(bench, 0x97, 2, 0, 0, 200)  # 1.8 V, 3.125 ms
    command(bench, 0x07, 0, 0)
    command(bench, 0x89, 0x7F)
    command(bench, 0x98, *band)
    return bench


def lora(
    bench: Bench,
    size: int = 23,
    hz: int = HZ,
    sf: int = 7,
    bandwidth: int = 4,
    inverted: int = 0,
    crc: int = 1,
    masks: int = ALL,
) -> None:
    """All that a transmission or a reception needs."""
    low_rate = int((1000 << sf) // (125 << (bandwidth - 4)) >= 16000)
    for one in (
        (0x9D, 1),
        (0x8A, 1),
        (0x86, *word(hz)),
        (0x95, 4, 7, 0, 1),
        (0x8E, 14, 4),
        (0x8B, sf, bandwidth, 1, low_rate),
        (0x8C, 0, 8, 0, size, crc, inverted),
        (0x08, *ALL.to_bytes(2, "big"), *masks.to_bytes(2, "big"), 0, 0, 0, 0),
    ):
        command(bench, *one)
    write(bench, 0x0740, 0x34, 0x44)
    write(bench, 0x0736, 0x09 if inverted else 0x0D)
    write(bench, 0x0889, 0x01 if bandwidth == 6 else 0x05)
    write(bench, 0x08D8, 0xDE)
    write(bench, 0x08AC, 0x96)


def sending(size: int = 23, **settings) -> Bench:
    bench = started()
    lora(bench, size, masks=TX_DONE | RX_DONE | TIMEOUT, **settings)
    bench.spi(0x0E, 0, *(i & 255 for i in range(size)))
    return bench


def listening(**settings) -> Bench:
    bench = started()
    settings.setdefault("masks", TX_DONE | RX_DONE | TIMEOUT | CAD_DONE)
    lora(bench, 255, inverted=1, crc=0, **settings)
    return bench


def downlink(
    bench: Bench, start_us: int, payload: bytes = b"an answer of the network", sf: int = 7, **settings
) -> Burst:
    settings = {"bw_khz": 125, "iq_inverted": True, "crc": False, **settings}
    burst = Burst(HZ, sf, payload=payload, power_dbm=14, start_us=start_us, **settings)
    bench.air.bursts.append(burst)
    return burst
