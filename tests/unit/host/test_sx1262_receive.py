"""The model of the SX1262 against its data sheet: what it receives, what it misses, and when it gives up."""

import pytest
from binnode_tools.virtual_board.radios.burst import airtime_us, symbol_us

from tests.unit.host.sx1262_bench import (
    CAD_DONE,
    CAD_HIT,
    CRC_ERROR,
    HEADER,
    HEADER_ERROR,
    HZ,
    PREAMBLE,
    RX_DONE,
    TIMEOUT,
    command,
    downlink,
    irq,
    listening,
    lora,
    mode,
    outcome,
    read,
    started,
    write,
)


def open_rx(bench, timeout: int = 0) -> int:
    """SetRx; when the receiver is on."""
    bench.spi(0x82, *timeout.to_bytes(3, "big"))
    bench.wait_busy()
    assert mode(bench) == 5
    return bench.now


def symbols(bench, count: int) -> None:
    """The symbol time-out as the vendor sets it: rounded up, and written to its register too (6.1.3)."""
    mantissa, exponent = (count + 1) >> 1, 0
    while mantissa > 31:
        mantissa, exponent = (mantissa + 3) >> 2, exponent + 1
    bench.spi(0xA0, mantissa << (2 * exponent + 1))
    write(bench, 0x0706, mantissa << 3 | exponent)


@pytest.mark.parametrize("sf", [7, 12])
def test_a_frame_in_the_window_arrives(sf):
    bench = listening(sf=sf)
    symbols(bench, 8)
    payload = b"an answer of the network"
    burst = downlink(bench, bench.now + 10_000, payload, sf)
    bench.pass_us(8_000)
    open_rx(bench)
    bench.wait_dio()
    assert bench.now == pytest.approx(burst.end_us, abs=50)
    assert irq(bench) == PREAMBLE | HEADER | RX_DONE and outcome(bench) == 2 and mode(bench) == 2
    assert bench.spi(0x13, 0, more=2)[2:] == bytes([len(payload), 0])
    assert bench.spi(0x1E, 0, more=1 + len(payload))[3:] == payload
    rssi, snr, signal = bench.spi(0x14, 0, more=3)[2:]
    assert (-rssi / 2, snr / 4, -signal / 2) == (pytest.approx(-80, abs=0.5), 10, -80)
    assert bench.ledger.current_ua == 600 and not bench.findings


def test_a_frame_below_the_noise_has_a_negative_ratio():
    bench = listening(sf=12)
    bench.air.rssi, bench.air.snr_db = -134.0, -17.25
    downlink(bench, bench.now + 10_000, sf=12)
    open_rx(bench, 0xFFFFFF)
    bench.wait_dio()
    rssi, snr, signal = bench.spi(0x14, 0, more=3)[2:]
    assert snr - 256 == -69 and -signal / 2 == pytest.approx(-127.5)  # it ends at -127.5
    assert -rssi / 2 == pytest.approx(-116.5, abs=1)  # noise and signal


@pytest.mark.parametrize(("count", "lasts"), [(1, 2), (6, 6), (7, 8), (62, 62), (64, 64), (100, 104), (248, 248)])
def test_the_symbol_time_out_is_not_linear(count, lasts):
    bench = listening()
    symbols(bench, count)
    open_rx(bench)
    took = bench.wait_dio()
    assert took / symbol_us(7, 125) == pytest.approx(lasts, abs=0.05)
    assert irq(bench) == TIMEOUT and outcome(bench) == 3 and mode(bench) == 2


@pytest.mark.parametrize(("count", "lasts"), [(7, 6), (64, 64), (70, 64), (248, 248)])
def test_the_command_alone_rounds_down(count, lasts):
    bench = listening()
    bench.spi(0xA0, count)
    open_rx(bench)
    assert bench.wait_dio() / symbol_us(7, 125) == pytest.approx(lasts, abs=0.05)


def test_the_timer_ends_what_the_symbols_do_not():
    bench = listening()
    open_rx(bench, 640)  # 10 ms
    assert bench.wait_dio() == pytest.approx(10_000, abs=50) and irq(bench) == TIMEOUT


def test_a_window_that_misses_the_preamble_times_out():
    bench = listening()
    symbols(bench, 6)
    downlink(bench, bench.now - 4 * 1024)  # four of its eight symbols are over
    open_rx(bench)
    bench.wait_dio()
    assert irq(bench) == TIMEOUT


@pytest.mark.parametrize(
    "wrong", [{"iq_inverted": False}, {"sync_word": 0x12}, {"bw_khz": 250}, {"sf": 8}, {"low_rate": True}]
)
def test_a_frame_of_another_kind_is_not_heard(wrong):
    bench = listening()
    symbols(bench, 20)
    downlink(bench, bench.now + 5000, **wrong)
    open_rx(bench)
    bench.wait_dio()
    assert irq(bench) == TIMEOUT


def test_two_short_preambles_are_heard_one_after_the_other_in_continuous_mode():
    bench = listening()
    first = downlink(bench, bench.now + 5000, b"one")
    downlink(bench, first.end_us + 30_000, b"two")
    open_rx(bench, 0xFFFFFF)
    for payload in (b"one", b"two"):
        bench.wait_dio()
        assert bench.spi(0x1E, 0, more=4)[3:] == payload and mode(bench) == 5
        bench.spi(0x02, 3, 255)
        bench.air.bursts.pop(0)
    assert bench.ledger.current_ua == 5300  # boosted, DC-DC


def test_a_crc_error_comes_with_rx_done():
    bench = listening()
    bench.air.crc_ok = False
    downlink(bench, bench.now + 5000, crc=True)
    open_rx(bench)
    bench.wait_dio()
    assert irq(bench) == PREAMBLE | HEADER | RX_DONE | CRC_ERROR


def test_after_a_header_error_only_the_timer_ends_it():
    bench = listening()
    symbols(bench, 8)
    bench.air.header_ok = False
    downlink(bench, bench.now + 5000)
    start = open_rx(bench, 6400)  # 100 ms
    bench.wait_dio()
    assert irq(bench) == PREAMBLE | HEADER_ERROR | TIMEOUT and bench.now - start == pytest.approx(100_000, abs=50)


def test_a_longer_payload_than_allowed_is_a_header_error():
    bench = listening()
    bench.spi(0x8C, 0, 8, 0, 10, 0, 1)
    write(bench, 0x0736, 0x09)
    downlink(bench, bench.now + 5000, bytes(11))
    open_rx(bench, 6400)
    bench.wait_dio()
    assert irq(bench) == PREAMBLE | HEADER_ERROR | TIMEOUT


def test_a_false_lock_outlasts_the_symbols_and_not_the_timer():
    bench = listening()
    bench.radio.faults.add("false lock")
    symbols(bench, 6)
    start = open_rx(bench, 6400)
    bench.wait_dio()
    assert irq(bench) == PREAMBLE | TIMEOUT and bench.now - start == pytest.approx(100_000, abs=50)
    open_rx(bench)
    bench.spi(0x02, 3, 255)
    bench.pass_us(10_000_000)
    assert not bench.level() and mode(bench) == 5


@pytest.mark.parametrize(("at_preamble", "arrives"), [(0, False), (1, True)])
def test_the_timer_stops_at_the_header_or_at_the_preamble(at_preamble, arrives):
    """13.1.8: 10 ms end between the two."""
    bench = listening()
    command(bench, 0x9F, at_preamble)
    downlink(bench, bench.now + 5000)
    open_rx(bench, 960)  # 15 ms
    bench.wait_dio()
    assert bool(irq(bench) & RX_DONE) is arrives and bool(irq(bench) & TIMEOUT) is not arrives


@pytest.mark.parametrize(("size", "arrives"), [(16, True), (17, False)])
def test_without_the_answer_to_erratum_15_4_long_frames_are_lost(size, arrives):
    bench = listening()
    bench.spi(0x8C, 0, 8, 0, 255, 0, 1)
    payload = bytes(range(size))
    downlink(bench, bench.now + 5000, payload)
    open_rx(bench)
    bench.wait_dio()
    assert (bench.spi(0x1E, 0, more=1 + size)[3:] == payload) is arrives and bench.findings == ["radio_erratum"]


@pytest.mark.parametrize(("undone", "loss_db"), [((0x08AC, 0x94), 2), (None, 0)], ids=["power saving", "boosted"])
def test_the_receivers_gain(undone, loss_db):
    for over_db, heard in ((loss_db - 0.1, False), (loss_db + 0.1, True)):
        bench = listening()
        if undone:
            write(bench, *undone)
        bench.air.snr_db = -7.5 + over_db
        downlink(bench, bench.now + 5000)
        open_rx(bench, 6400)
        bench.wait_dio()
        assert bool(irq(bench) & RX_DONE) is heard
        assert bench.radio.wiring.rx_ua == 4600


def test_without_its_antenna_switch_it_is_deaf():
    bench = listening()
    bench.spi(0x9D, 0)
    downlink(bench, bench.now + 5000)
    open_rx(bench, 6400)
    bench.wait_dio()
    assert irq(bench) == TIMEOUT and bench.findings == ["radio_rf_switch"]


def test_the_ldo_draws_more_than_the_dcdc_converter():
    drawn = []
    for regulator in (0, 1):
        bench = listening()
        bench.spi(0x96, regulator)
        write(bench, 0x08AC, 0x94)
        open_rx(bench, 0xFFFFFF)
        drawn.append(bench.ledger.current_ua)
    assert drawn == [8800, 4600]


def test_an_implicit_frame_and_the_timer_that_goes_on():
    """Erratum 15.3."""
    bench = listening()
    bench.spi(0x8C, 0, 8, 1, 5, 0, 1)
    write(bench, 0x0736, 0x09)
    downlink(bench, bench.now + 5000, b"12345", implicit=True)
    open_rx(bench, 6400)
    bench.wait_dio()
    assert irq(bench) == PREAMBLE | RX_DONE and bench.spi(0x1E, 0, more=6)[3:] == b"12345"
    bench.spi(0x02, 3, 255)
    bench.air.bursts.clear()
    open_rx(bench, 0xFFFFFF)
    bench.wait_dio()
    assert irq(bench) == TIMEOUT and mode(bench) == 2 and bench.findings == ["radio_erratum"]


def test_the_answer_to_erratum_15_3_stops_it():
    bench = listening()
    bench.spi(0x8C, 0, 8, 1, 5, 0, 1)
    write(bench, 0x0736, 0x09)
    downlink(bench, bench.now + 5000, b"12345", implicit=True)
    open_rx(bench, 6400)
    bench.wait_dio()
    write(bench, 0x0902, 0)
    write(bench, 0x0944, read(bench, 0x0944)[0] | 2)
    bench.pass_us(1_000_000)
    assert not irq(bench) & TIMEOUT and not bench.findings


def test_signal_strength_and_who_listened():
    bench = listening()
    start = open_rx(bench, 0xFFFFFF)
    assert bench.spi(0x15, 0, 0)[2] == 220  # -110 dBm
    downlink(bench, bench.now, sf=9)
    bench.pass_us(5000)
    assert bench.spi(0x15, 0, 0)[2] == 160
    last = bench.now
    bench.spi(0x80, 0)
    ((since, until, most),) = bench.air.heard_from
    assert since == pytest.approx(start, abs=60) and until == pytest.approx(last, abs=60) and most == -80


@pytest.mark.parametrize("busy", [False, True])
def test_channel_activity_detection(busy):
    bench = listening()
    if busy:
        downlink(bench, bench.now)
    bench.spi(0x88, 2, 22, 10, 0, 0, 0, 0)
    bench.spi(0xC5)
    bench.wait_busy()
    assert bench.wait_dio() == pytest.approx(4.5 * 1024, abs=50)  # four symbols, and a half to work it out
    assert irq(bench) == CAD_DONE | (CAD_HIT if busy else 0) and mode(bench) == 2


def test_the_fallback_mode_is_where_it_goes_after_a_reception():
    bench = listening()
    command(bench, 0x93, 0x30)
    downlink(bench, bench.now + 5000)
    open_rx(bench)
    bench.wait_dio()
    assert mode(bench) == 3 and bench.ledger.current_ua == 800


def test_a_chip_that_is_not_there_and_one_that_stays_busy():
    bench = listening()
    bench.radio.faults.add("absent")
    assert bench.spi(0x1D, 7, 0x40, 0, 0, 0) == b"\xff" * 6 and bench.level(bench.wiring.busy) is None
    bench = listening()
    bench.radio.faults.add("busy")
    assert bench.level(bench.wiring.busy) == 1
    bench.spi(0x80, 0)
    assert bench.findings == ["radio_busy"]
    bench.pin(bench.wiring.reset, 0)
    bench.pass_us(200)
    bench.pin(bench.wiring.reset, 1)
    bench.wait_busy()
    assert mode(bench) == 2
    bench.radio.faults.add("dead busy")
    bench.pin(bench.wiring.reset, 0)
    bench.pass_us(200)
    bench.pin(bench.wiring.reset, 1)
    bench.pass_us(10_000_000)
    assert bench.level(bench.wiring.busy) == 1


def test_the_charge_of_a_window_is_that_of_its_states():
    bench = listening()
    symbols(bench, 8)
    before, start = bench.ledger.total, bench.now
    bench.spi(0x82, 0, 0, 0)
    bench.wait_dio()
    opens = 83 + 3125
    window = 8 * 1024
    assert bench.ledger.total - before == pytest.approx(2100 * opens + 5300 * window, rel=0.01)
    assert bench.now - start == pytest.approx(opens + window, abs=50)


def test_a_buffer_wraps_at_256():
    bench = started()
    lora(bench, 20)
    bench.spi(0x8F, 250, 100)
    bench.spi(0x0E, 250, *range(20))
    assert bench.spi(0x1E, 0, more=15)[3:] == bytes(range(6, 20))
    bench.spi(0x83, 0, 0, 0)
    bench.pass_us(5000)
    assert bench.air.sent[0].payload == bytes(range(20))
    assert bench.air.sent[0].hz == pytest.approx(HZ, abs=1)
    assert bench.air.sent[0].airtime_us == airtime_us(7, 125, 20)
