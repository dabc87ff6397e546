"""The SX1276's driver: what only this chip has. Numbers are the data sheet's (rev. 7) and its errata note's."""

import pytest
from binnode_tools.virtual_board.radios import sx1276_tables as t

from tests.unit.host.driver_bench import FRAME, HZ, SX1276, Driven


@pytest.mark.parametrize(
    ("hz", "word"),
    [(863_000_000, 0xD7C000), (868_100_000, 0xD90666), (902_300_000, 0xE19333), (927_500_000, 0xE7E000)],
)
def test_frequency_word_and_image_calibration_near_it(hz, word):
    node = Driven(SX1276, hz=hz)
    burst, _ = node.transmit()
    shared = node.chip.registers.shared
    assert shared[t.FRF] << 16 | shared[t.FRF + 1] << 8 | shared[t.FRF + 2] == word
    assert abs(burst.hz - hz) <= 61 and abs(node.chip.image_hz - hz) <= 61
    assert node.receive(late_us=0) == FRAME and node.calm


@pytest.mark.parametrize("dbm", range(-5, 31))
def test_each_power_at_pa_boost(dbm):
    """2..17 dBm without the high-power setting, 18..20 with it and its own current limit."""
    node = Driven(SX1276)
    burst, _ = node.transmit(dbm=dbm)
    sent_dbm = max(2, min(dbm, 20))
    assert burst.power_dbm == sent_dbm and node.calm
    strong = sent_dbm > 17
    assert node.chip.registers.shared[t.PA_DAC] == (0x87 if strong else 0x84)
    assert node.chip.registers.limit_ma() == (140 if strong else 100)


def test_a_board_made_for_less_gets_no_more():
    node = Driven(SX1276, max_dbm=14)
    assert node.transmit(dbm=20)[0].power_dbm == 14 and node.calm


@pytest.mark.parametrize("asked", [*range(1, 12), 100, 255, 256, 511, 512, 1022, 1023, 1024, 5000])
def test_symbol_timeouts_are_exact(asked):
    node = Driven(SX1276)
    assert node.radio._arm(HZ, 7, 500, asked) == max(4, min(asked, 1023)) == node.chip.registers.symbols
    assert not node.bench.found


def test_errata_hold_from_one_bandwidth_to_the_other():
    """2.1: 0x36 and 0x3A at 500 kHz. 2.3: 0x31, 0x2F, 0x30 below. US915 sends at 125 kHz and listens at 500."""
    node = Driven(SX1276, hz=915_000_000)
    lora = node.chip.registers.lora
    for _ in range(2):
        node.transmit(sf=10)
        assert (lora[0x36], lora[0x31] & 0x80, lora[0x2F], lora[0x30]) == (3, 0, 0x40, 0)
        assert node.receive(10, 500, late_us=0) == FRAME
        assert (lora[0x36], lora[0x3A], lora[0x31] & 0x80) == (2, 0x64, 0x80)
        node.transmit(sf=8, bw_khz=500)
        assert node.receive(8, 125, late_us=0) == FRAME
        assert (lora[0x36], lora[0x31] & 0x80, lora[0x2F], lora[0x30]) == (3, 0, 0x40, 0)
    assert node.calm


def test_polarity_of_sending_and_of_receiving():
    """Bit 0 of 0x33 is 1 for a normal transmission, against the data sheet; 0x3B goes with it."""
    node = Driven(SX1276)
    lora = node.chip.registers.lora
    assert not node.transmit()[0].iq_inverted
    assert (lora[0x33], lora[0x3B]) == (0x27, 0x1D)
    node.receive()
    assert (lora[0x33] & 0x41, lora[0x3B]) == (0x41, 0x19)
    assert node.receive(late_us=0, iq_inverted=False) is None, "an uplink of somebody else"
    assert node.calm


def test_the_longest_frames_fit_the_fifo():
    node = Driven(SX1276)
    long = bytes(range(255))
    assert node.transmit(long)[0].payload == long
    assert node.receive(late_us=0, payload=long) == long and node.calm


def test_sleep_keeps_the_modem_that_is_on():
    """LongRangeMode changes in sleep only: straight after power-on it is FSK that goes to sleep."""
    node = Driven(SX1276, wake=False)
    node.radio.sleep()
    assert node.chip.mode == "sleep" and not node.chip.registers.long_range
    node.radio.wake(HZ)
    node.radio.sleep()
    assert node.chip.mode == "sleep" and node.chip.registers.long_range
    resets = node.bench.resets
    node.radio.wake(HZ)
    node.radio.sleep(False)
    assert node.bench.resets == resets
    node.radio.wake(HZ)
    assert node.bench.resets == resets + 1, "it was to be set up anew"
    node.transmit()
    assert node.receive(late_us=0) == FRAME and node.calm


def test_signal_and_noise_of_a_weak_frame():
    node = Driven(SX1276)
    node.bench.air.rssi, node.bench.air.snr_db = -131.0, -18.75
    assert node.receive(12, late_us=0, symbols=6) == FRAME
    assert node.radio.snr_db == -19 and node.radio.rssi_dbm == pytest.approx(-131, abs=1)
