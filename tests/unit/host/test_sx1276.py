"""The model of the SX1276 against its data sheet: registers, modes, FIFO, transmissions and their current."""

import pytest

from tests.unit.host.radio_bench import Bench
from tests.unit.host.sx1276_bench import (
    HZ,
    SLEEP,
    STANDBY,
    TX,
    TX_DONE,
    lora,
    read,
    sending,
    started,
    write,
)


@pytest.mark.parametrize(
    ("address", "value"),
    [  # data sheet rev. 7, tables 41 and 85: of both modems
        (0x01, "09"),
        (0x06, "6c8000"),
        (0x09, "4f"),
        (0x0A, "09"),
        (0x0B, "2b"),
        (0x0C, "20"),
        (0x42, "12"),
        (0x4D, "84"),
    ],
)
def test_registers_after_a_reset(address, value):
    bench = Bench("lilygo_lora32_v21")
    bench.pass_us(5000)
    assert read(bench, address, len(value) // 2).hex() == value and bench.ledger.current_ua == 1600


@pytest.mark.parametrize(
    ("address", "value"),
    [
        (0x0D, "008000000000"),
        (0x18, "10"),
        (0x1D, "7270640008"),
        (0x22, "01ff"),
        (0x31, "c3"),
        (0x33, "27"),
        (0x36, "03"),
        (0x37, "0a"),
        (0x39, "12"),
        (0x3B, "1d"),
    ],
)
def test_registers_of_the_lora_page_after_a_reset(address, value):
    bench = Bench("lilygo_lora32_v21")
    bench.pass_us(5000)
    for mode in (0x00, SLEEP, STANDBY):
        write(bench, 0x01, mode)
    assert read(bench, address, len(value) // 2).hex() == value and not bench.findings


def test_it_answers_5_ms_after_a_reset():
    bench = Bench("lilygo_lora32_v21")
    bench.pass_us(4900)
    assert read(bench, 0x42) == b"\0" and bench.findings == ["radio_busy"] * 2
    bench.pass_us(100)
    assert read(bench, 0x42) == b"\x12"
    write(bench, 0x06, 1)
    bench.pin(bench.wiring.reset, 0)
    bench.pass_us(100)
    bench.pin(bench.wiring.reset, 1)
    bench.pass_us(5000)
    assert read(bench, 0x06) == b"\x6c"


def test_long_range_mode_changes_in_sleep_only():
    bench = Bench("lilygo_lora32_v21")
    bench.pass_us(5000)
    write(bench, 0x01, STANDBY)
    assert read(bench, 0x01) == b"\x01" and bench.findings == ["radio_state"]  # FSK still
    write(bench, 0x01, SLEEP)
    assert read(bench, 0x01) == b"\x80" and bench.ledger.current_ua == bench.wiring.sleep_ua
    write(bench, 0x01, STANDBY)
    write(bench, 0x01, 0x01)
    assert read(bench, 0x01) == b"\x81" and len(bench.findings) == 2


def test_the_fifo_goes_with_its_pointer_and_is_empty_after_sleep():
    bench = started()
    write(bench, 0x0D, 254)
    write(bench, 0x00, 1, 2, 3, 4)
    assert read(bench, 0x0D) == b"\x02"
    write(bench, 0x0D, 254)
    assert read(bench, 0x00, 4) == bytes([1, 2, 3, 4]) and not bench.findings
    write(bench, 0x01, SLEEP)
    write(bench, 0x00, 9)
    write(bench, 0x01, STANDBY)
    write(bench, 0x0D, 254)
    assert read(bench, 0x00, 4) == bytes(4) and bench.findings == ["radio_state"]


def test_sleep_keeps_the_registers():
    bench = started()
    lora(bench)
    write(bench, 0x01, SLEEP)
    bench.pin(bench.wiring.cs, None)  # and an open NSS does not wake it
    bench.pass_us(1_000_000)
    bench.pin(bench.wiring.cs, 1)
    assert bench.ledger.current_ua == bench.wiring.sleep_ua
    assert read(bench, 0x39) == b"\x34" and read(bench, 0x1D, 2) == b"\x72\x74"


def test_read_only_registers_stay():
    bench = started()
    for address in (0x10, 0x13, 0x18, 0x19, 0x1A, 0x42):
        before = read(bench, address)
        write(bench, address, 0x5A)
        assert read(bench, address) == before


@pytest.mark.parametrize(
    ("size", "sf", "ms"), [(23, 7, 61.696), (23, 10, 370.688), (23, 12, 1482.752), (64, 7, 118.016), (64, 12, 2793.472)]
)
def test_a_transmission_takes_its_time_on_air(size, sf, ms):
    bench = sending(size, sf=sf)
    write(bench, 0x01, TX)
    start = bench.now - 30
    bench.wait_dio()
    assert (bench.now - start) / 1000 == pytest.approx(ms + 0.115, abs=0.002)  # PLL 60 us, transmitter 55 us
    (burst,) = bench.air.sent
    assert burst.payload == bytes(range(size)) and burst.power_dbm == 14 and burst.crc and not burst.iq_inverted
    assert burst.hz == pytest.approx(HZ, abs=31) and burst.sync_word == 0x34 and burst.start_us == start + 115
    assert read(bench, 0x12)[0] == TX_DONE and read(bench, 0x01)[0] == STANDBY
    write(bench, 0x12, 0xFF)
    assert not bench.level() and not bench.findings and bench.ledger.current_ua == 1600


def test_from_sleep_the_oscillator_comes_on_top():
    bench = sending()
    write(bench, 0x01, SLEEP)
    write(bench, 0x01, TX)
    start = bench.now - 30
    bench.pass_us(1000)
    assert bench.air.sent[0].start_us == start + 250 + 115


@pytest.mark.parametrize(("frf", "hz"), [("6c8000", 434_000_000), ("d90666", 868_100_000), ("e4c000", 915_000_000)])
def test_frequency_steps(frf, hz):
    bench = started()
    write(bench, 0x06, *bytes.fromhex(frf))
    assert bench.radio.registers.hz == pytest.approx(hz, abs=61.1)


@pytest.mark.parametrize(
    ("config", "dac", "ocp", "dbm", "ma", "findings"),
    [
        (0x80, 0x84, 0x2B, 2, 30, []),
        (0x8F, 0x84, 0x2B, 17, 87, []),
        (0x8F, 0x87, 0x31, 20, 120, []),
        (0x80, 0x87, 0x2B, 5, 39, []),
        (0x8F, 0x87, 0x2B, 18, 100, ["radio_power"]),  # 100 mA is what the reset allows
        (0x8F, 0x87, 0x0B, 20, 120, []),  # protection off
        (0x7E, 0x84, 0x2B, -16, 70, ["radio_power"]),  # the RFO pin, 14 dBm and nothing wired to it
    ],
)
def test_power_and_current(config, dac, ocp, dbm, ma, findings):
    bench = sending()
    for address, value in ((0x09, config), (0x4D, dac), (0x0B, ocp)):
        write(bench, address, value)
    write(bench, 0x01, TX)
    bench.pass_us(1000)
    assert bench.air.sent[0].power_dbm == pytest.approx(dbm) and bench.findings == findings
    assert bench.ledger.current_ua == ma * 1000


@pytest.mark.parametrize(
    ("ocp", "ma"), [(0x20, 45), (0x2B, 100), (0x2F, 120), (0x30, 130), (0x31, 140), (0x3B, 240), (0x3F, 240)]
)
def test_over_current_protection(ocp, ma):
    """Table 37."""
    bench = started()
    write(bench, 0x0B, ocp)
    assert bench.radio.registers.limit_ma() == ma


@pytest.mark.parametrize("event", ["reset", "standby"])
def test_what_stops_it_in_the_middle_is_told_to_the_air(event):
    bench = sending()
    write(bench, 0x01, TX)
    bench.pass_us(20_000)
    if event == "reset":
        bench.pin(bench.wiring.reset, 0)
        bench.pass_us(200)
        bench.pin(bench.wiring.reset, 1)
    else:
        write(bench, 0x01, STANDBY)
    assert len(bench.air.cuts) == 1


def test_the_transmit_polarity_bit_works_the_other_way_round():
    bench = sending()
    write(bench, 0x33, 0x26)
    write(bench, 0x3B, 0x19)
    write(bench, 0x01, TX)
    bench.pass_us(1000)
    assert bench.air.sent[0].iq_inverted and not bench.findings
