"""The SX1262's driver: what only this chip has. Numbers are the data sheet's (DS.SX1261-2.W.APP), as the model's."""

import pytest
from binnode.radios import RadioError
from binnode_tools.virtual_board.radios.burst import symbol_us

from tests.unit.host.driver_bench import FRAME, HZ, SX1262, Driven


@pytest.mark.parametrize(
    ("hz", "band", "word"),
    [  # of all regions: lowest and highest channels; words worked out by hand from f * 2^25 / 32 MHz
        (863_000_000, (860, 876), 0x35F00000),
        (868_100_000, (860, 876), 0x36419999),
        (869_525_000, (860, 876), 0x36586666),
        (902_300_000, (900, 932), 0x3864CCCC),
        (923_200_000, (900, 932), 0x39B33333),
        (927_500_000, (900, 932), 0x39F80000),
    ],
)
def test_frequency_and_image_calibration(hz, band, word):
    node = Driven(SX1262, hz=hz)
    burst, _ = node.transmit()
    assert node.chip.config.frequency == word and abs(burst.hz - hz) <= 1
    assert node.chip.config.image_mhz == band
    assert node.receive(late_us=0) == FRAME and node.calm


@pytest.mark.parametrize("dbm", range(-20, 31))
def test_each_power_with_the_least_current_that_gives_it(dbm):
    node = Driven(SX1262)
    drawn = []
    rest = node.radio._sleep_ms
    node.radio._sleep_ms = lambda ms: (rest(ms), drawn.append(node.bench.ledger.current_ua))
    burst, _ = node.transmit(dbm=dbm)
    sent_dbm = max(-9, min(dbm, 22))
    assert burst.power_dbm == sent_dbm and node.calm
    best_ua = {14: 45_000, 17: 58_000, 20: 84_000, 22: 118_000}  # data sheet, table 3-7
    assert drawn[0] == best_ua.get(sent_dbm, drawn[0])
    assert node.chip.config.registers[0x08E7] == 0x38, "140 mA"


def test_a_board_made_for_less_gets_no_more():
    node = Driven(SX1262, max_dbm=17)
    assert node.transmit(dbm=22)[0].power_dbm == 17 and node.calm


@pytest.mark.parametrize("asked", range(1, 300))
def test_symbol_timeouts_are_at_least_what_was_asked_for(asked):
    """Pairs up to 62, then steps of 8 up to 248: never shorter, never longer than a step."""
    node = Driven(SX1262)
    counted = node.radio._arm(HZ, 7, 500, asked)
    value = node.chip.config.registers[0x0706]
    assert node.chip.config.symbols == counted == (value >> 3) << (2 * (value & 7) + 1)
    step = 2 if asked <= 62 else 8
    assert counted == min(-(-asked // step) * step, 248)
    assert not node.bench.found


@pytest.mark.parametrize("tcxo_mv", [1600, 1700, 1800, 2200, 2400, 2700, 3000, 3300])
def test_every_tcxo_is_fed_with_its_voltage(tcxo_mv):
    node = Driven(SX1262, tcxo_mv=tcxo_mv)
    assert node.chip.config.tcxo_mv == tcxo_mv
    node.transmit()
    node.radio.sleep()
    node.bench.pass_us(60_000_000)
    node.radio.wake(HZ)
    node.transmit()
    assert node.receive(late_us=0) == FRAME and node.calm


def test_the_tcxo_is_armed_again_after_each_sleep():
    """A receiver whose oscillator has no supply is deaf, and nothing says so."""
    node = Driven(SX1262)
    sent = []
    node.spi.before = lambda data: sent.append(data[0]) if data[0] in (0x84, 0x97, 0x83, 0x82) else None
    node.transmit()
    node.receive(late_us=0)
    node.radio.sleep()
    node.bench.pass_us(60_000_000)
    node.renew()
    node.radio.wake(HZ)
    node.transmit()
    assert bytes(sent) == b"\x83\x84\x97\x82\x84\x97\x83"


def test_a_board_with_a_crystal():
    node = Driven(SX1262, tcxo_mv=0)
    burst, end_us = node.transmit()
    assert -250 <= end_us - burst.end_us <= 250
    assert node.receive(late_us=0) == FRAME and node.calm


def test_a_board_whose_host_switches_the_antenna():
    node = Driven(SX1262, dio2_rf_switch=False)
    assert not node.chip.config.dio2_switch
    node.transmit()
    assert node.receive(late_us=0) == FRAME and node.calm


def test_a_tcxo_that_does_not_start_is_named():
    node = Driven(SX1262, wake=False, tcxo_start_us=9_000)
    with pytest.raises(RadioError, match="radio calibration 0020"):
        node.radio.wake(HZ)


def test_errata_hold_from_frame_to_frame_and_through_sleep():
    """15.1 (0x0889 by bandwidth), 15.2 (0x08D8), 15.4 (0x0736 by polarity), and the gain, also in the window itself."""
    node = Driven(SX1262)
    registers = []
    rest = node.radio._sleep_ms

    def watch(ms):
        rest(ms)
        held = node.chip.config.registers
        wide, inverted = held[0x0889] & 4 == 0, held[0x0736] & 4 == 0
        registers.append((node.chip.mode, wide, inverted, held[0x08D8] & 0x1E, held[0x08AC]))

    node.radio._sleep_ms = watch
    for bw_khz in (125, 500, 125):
        wide = bw_khz == 500
        node.transmit(sf=10, bw_khz=bw_khz)
        assert registers[0] == ("tx", wide, False, 0x1E, 0x96)
        registers.clear()
        node.receive(10, 500 - bw_khz + 125)
        assert [(*state[1:],) for state in registers[1:2]] == [(not wide, True, 0x1E, 0x96)]
        registers.clear()
    assert node.calm


def test_the_chip_itself_ends_a_transmission_that_does_not_end():
    """Its timer, should the host be gone."""
    node = Driven(SX1262)
    sent = []
    node.spi.before = lambda data: sent.append(bytes(data)) if data[0] in (0x82, 0x83) else None
    burst, _ = node.transmit(sf=9)
    steps = int.from_bytes(sent[0][1:], "big")
    assert burst.airtime_us + 90_000 < steps * 15.625 < burst.airtime_us + 110_000
    node.receive(9)
    steps = int.from_bytes(sent[1][1:], "big")
    assert (8 + 17) * symbol_us(9, 125) <= steps * 15.625 < (8 + 18) * symbol_us(9, 125) + 5000


def test_signal_and_noise_of_a_weak_frame():
    node = Driven(SX1262)
    node.bench.air.rssi, node.bench.air.snr_db = -131.0, -18.75
    assert node.receive(12, late_us=0, symbols=6) == FRAME
    assert node.radio.snr_db == -19 and -115 <= node.radio.rssi_dbm <= -111, "with the noise in it"
