"""The model of the SX1276 against its data sheet: what it receives, what it misses, and when it gives up."""

import pytest
from binnode_tools.virtual_board.radios.burst import symbol_us

from tests.unit.host.radio_bench import Bench
from tests.unit.host.sx1276_bench import (
    ANSWER,
    CAD,
    CAD_DONE,
    CAD_HIT,
    CRC_ERROR,
    HEADER,
    HZ,
    RX,
    RX_DONE,
    RX_SINGLE,
    RX_TIMEOUT,
    STANDBY,
    downlink,
    ends,
    listening,
    read,
    started,
    write,
)


@pytest.mark.parametrize("sf", [7, 12])
def test_a_frame_in_the_window_arrives(sf):
    bench = listening(sf=sf)
    burst = downlink(bench, bench.now + 2000, sf=sf)
    write(bench, 0x01, RX_SINGLE)
    bench.wait_dio()
    assert bench.now == pytest.approx(burst.end_us, abs=2) and read(bench, 0x01)[0] == STANDBY
    assert read(bench, 0x12)[0] == RX_DONE | HEADER
    size, start = read(bench, 0x13)[0], read(bench, 0x10)[0]
    write(bench, 0x0D, start)
    assert read(bench, 0x00, size) == ANSWER
    snr, rssi = read(bench, 0x19, 2)
    assert snr / 4 == 10 and rssi - 157 == -80 and not bench.findings


def test_below_the_noise_the_ratio_is_part_of_the_strength():
    """5.5.5: -157 + PacketRssi + PacketSnr / 4."""
    bench = listening(sf=12, symbols=100)
    bench.air.rssi, bench.air.snr_db = -134.0, -17.25
    downlink(bench, bench.now + 2000, sf=12)
    write(bench, 0x01, RX_SINGLE)
    ends(bench, RX_DONE)
    snr, rssi = read(bench, 0x19, 2)
    assert (snr - 256) / 4 == -17.25 and -157 + rssi + (snr - 256) / 4 == pytest.approx(-134, abs=0.5)


@pytest.mark.parametrize("count", [4, 8, 255, 256, 1023])
def test_the_symbol_time_out(count):
    bench = listening(symbols=count)
    write(bench, 0x40, 0x00)
    start = bench.now
    write(bench, 0x01, RX_SINGLE)
    assert ends(bench, RX_TIMEOUT) == RX_TIMEOUT
    assert bench.now - start - 30 == pytest.approx(131 + count * symbol_us(7, 125), abs=2)
    assert bench.level(bench.wiring.dio1) == 1 and bench.level() == 0 and read(bench, 0x01)[0] == STANDBY


def test_a_window_that_misses_the_preamble_times_out():
    bench = listening(symbols=6)
    downlink(bench, bench.now - 4 * 1024)
    write(bench, 0x01, RX_SINGLE)
    assert ends(bench, RX_DONE, RX_TIMEOUT) == RX_TIMEOUT


@pytest.mark.parametrize("wrong", [{"iq_inverted": False}, {"sync_word": 0x12}, {"bw_khz": 250}, {"sf": 8}])
def test_a_frame_of_another_kind_is_not_heard(wrong):
    bench = listening(symbols=40)
    downlink(bench, bench.now + 2000, **wrong)
    write(bench, 0x01, RX_SINGLE)
    assert ends(bench, RX_DONE, RX_TIMEOUT) == RX_TIMEOUT


def test_continuous_reception_puts_one_frame_behind_the_other():
    bench = listening()
    first = downlink(bench, bench.now + 2000, b"one")
    downlink(bench, first.end_us + 30_000, b"three")
    write(bench, 0x01, RX)
    for start, payload in ((0, b"one"), (3, b"three")):
        ends(bench, RX_DONE)
        assert read(bench, 0x10)[0] == start and read(bench, 0x13)[0] == len(payload)
        write(bench, 0x0D, start)
        assert read(bench, 0x00, len(payload)) == payload and read(bench, 0x01)[0] == RX
        write(bench, 0x12, 0xFF)
        bench.air.bursts.pop(0)
    assert bench.ledger.current_ua == 11_500


def test_a_crc_error_comes_with_rx_done_and_a_bad_header_with_nothing():
    bench = listening()
    bench.air.crc_ok = False
    downlink(bench, bench.now + 2000, crc=True)
    write(bench, 0x01, RX_SINGLE)
    assert ends(bench, RX_DONE) == RX_DONE | CRC_ERROR | HEADER
    assert read(bench, 0x1C)[0] & 0x40
    bench = listening()
    bench.air.header_ok = False
    downlink(bench, bench.now + 2000)
    write(bench, 0x01, RX_SINGLE)
    bench.pass_us(10_000_000)
    assert bench.radio.irq == 0 and read(bench, 0x01)[0] == RX_SINGLE  # only the host ends it


def test_masked_interrupts_do_not_come():
    bench = listening()
    write(bench, 0x11, 0xFF & ~RX_TIMEOUT)
    downlink(bench, bench.now + 2000)
    write(bench, 0x01, RX_SINGLE)
    bench.pass_us(1_000_000)
    assert read(bench, 0x12) == b"\0" and read(bench, 0x01)[0] == STANDBY


@pytest.mark.parametrize(
    ("settings", "change", "finding", "loss_db"),
    [
        ({}, (0x31, 0xC3), "radio_erratum", 1),  # 2.3
        ({}, (0x2F, 0x45), "radio_erratum", 1),
        ({}, (0x36, 0x02), "radio_erratum", 4),  # 2.1
        ({"bandwidth": 9}, (0x36, 0x03), "radio_erratum", 4),
        ({"bandwidth": 9}, (0x3A, 0x7F), "radio_erratum", 4),
        ({"bandwidth": 9}, (0x31, 0x43), "radio_erratum", 1),
        ({}, (0x3B, 0x1D), "radio_erratum", 10),
        ({}, (0x0C, 0x20), None, 1),
        ({}, (0x06, 0xE4), "radio_calibration", 3),
        ({}, None, None, 0),
        ({"bandwidth": 9}, None, None, 0),
    ],
)
def test_what_was_left_undone_costs_sensitivity(settings, change, finding, loss_db):
    bench = listening(**settings)
    if change:
        write(bench, *change)
    write(bench, 0x01, RX)
    bench.pass_us(1000)
    assert bench.radio.receiver.window.loss_db == loss_db and bench.findings == ([finding] if finding else [])


def test_the_image_is_calibrated_in_fsk_standby_and_takes_10_ms():
    bench = Bench("lilygo_lora32_v21")
    bench.pass_us(5000)
    write(bench, 0x06, *round(HZ * (1 << 19) / 32e6).to_bytes(3, "big"))
    write(bench, 0x01, 0x01)
    write(bench, 0x3B, 0xC2)
    assert read(bench, 0x3B)[0] & 0x20
    bench.pass_us(10_000)
    assert read(bench, 0x3B) == b"\x82" and bench.radio.image_hz == pytest.approx(HZ, abs=61)
    bench.radio.faults.add("calibration")
    write(bench, 0x3B, 0xC2)
    bench.pass_us(1_000_000)
    assert read(bench, 0x3B)[0] & 0x20


def test_modem_registers_are_not_written_while_it_receives():
    bench = listening()
    write(bench, 0x01, RX)
    write(bench, 0x1E, 0xC0)
    assert read(bench, 0x1E)[0] >> 4 == 7 and bench.findings == ["radio_state"]


@pytest.mark.parametrize("busy", [False, True])
def test_channel_activity_detection(busy):
    bench = listening()
    write(bench, 0x40, 0x80)
    if busy:
        downlink(bench, bench.now)
    start = bench.now
    write(bench, 0x01, CAD)
    bench.wait_dio()
    assert read(bench, 0x12)[0] == CAD_DONE | (CAD_HIT if busy else 0)
    assert bench.now - start == pytest.approx(1024 + 256 + 131 + 30, abs=5)


def test_signal_strength_now():
    bench = listening()
    write(bench, 0x01, RX)
    bench.pass_us(1000)
    assert read(bench, 0x1B)[0] - 157 == -110
    write(bench, 0x01, STANDBY)
    assert len(bench.air.heard_from) == 1


def test_a_chip_that_is_not_there_and_one_that_does_not_obey():
    bench = started()
    for fault, version in (("absent", b"\xff"), ("busy", b"\0")):
        bench.radio.faults = {fault}
        assert read(bench, 0x42) == version
    bench.radio.open_miso, bench.radio.faults = 0x00, {"absent"}
    assert read(bench, 0x42) == b"\0"
