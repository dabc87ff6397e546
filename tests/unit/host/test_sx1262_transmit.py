"""The model of the SX1262 against its data sheet: transmissions, their power, their current, and the errata."""

import pytest

from tests.unit.host.sx1262_bench import (
    HZ,
    RX_DONE,
    TIMEOUT,
    TX_DONE,
    irq,
    listening,
    mode,
    outcome,
    read,
    sending,
    started,
    word,
    write,
)


@pytest.mark.parametrize(
    ("size", "sf", "ms"),
    [(23, 7, 61.696), (23, 10, 370.688), (23, 12, 1482.752), (64, 7, 118.016), (64, 10, 698.368), (64, 12, 2793.472)],
)
def test_a_transmission_takes_its_time_on_air(size, sf, ms):
    bench = sending(size, sf=sf)
    bench.spi(0x83, 0, 0, 0)
    bench.wait_busy()
    assert bench.wait_dio() / 1000 == pytest.approx(ms + 0.2, abs=0.002)  # and the ramp of 200 us
    (burst,) = bench.air.sent
    assert burst.payload == bytes(range(size)) and burst.power_dbm == 14 and burst.crc and not burst.iq_inverted
    assert burst.hz == pytest.approx(HZ, abs=1) and burst.sync_word == 0x34 and burst.sf == sf
    assert irq(bench) == TX_DONE and outcome(bench) == 6 and mode(bench) == 2
    bench.spi(0x02, 0, 1)
    assert irq(bench) == 0 and not bench.level() and not bench.findings


def test_interrupts_that_the_mask_does_not_name_never_come():
    bench = sending()
    bench.spi(0x08, 0, RX_DONE, 3, 255, 0, 0, 0, 0)
    bench.spi(0x83, 0, 0, 0)
    bench.pass_us(100_000)
    assert irq(bench) == 0 and not bench.level() and mode(bench) == 2


def test_a_dio_that_is_not_connected_stays_low_and_the_register_tells():
    bench = sending()
    bench.radio.faults.add("dio")
    bench.spi(0x83, 0, 0, 0)
    bench.pass_us(100_000)
    assert irq(bench) == TX_DONE and not bench.level()


def test_the_timer_of_a_transmission_cuts_it():
    bench = sending()
    bench.spi(0x83, 0, 2, 128)  # 10 ms
    bench.wait_busy()
    assert bench.wait_dio() == pytest.approx(10_000, abs=50)
    assert irq(bench) == TIMEOUT and bench.air.cuts and mode(bench) == 2


@pytest.mark.parametrize("event", ["reset", "standby", "power"])
def test_what_stops_it_in_the_middle_is_told_to_the_air(event):
    bench = sending()
    bench.spi(0x83, 0, 0, 0)
    bench.pass_us(20_000)
    if event == "reset":
        bench.pin(bench.wiring.reset, 0)
        bench.pass_us(200)
        bench.pin(bench.wiring.reset, 1)
    elif event == "standby":
        bench.spi(0x80, 0)
    else:
        bench.radio.power_on(bench.now)
    assert len(bench.air.cuts) == 1 and bench.ledger.current_ua == 600


@pytest.mark.parametrize(
    ("pa", "power", "dbm", "ma"),
    [  # tables 13-21 and 3-7
        ((4, 7, 0, 1), 22, 22, 118),
        ((4, 7, 0, 1), 14, 14, 90),
        ((4, 7, 0, 1), 2, 2, 50),
        ((3, 5, 0, 1), 22, 20, 84),
        ((2, 3, 0, 1), 22, 17, 58),
        ((2, 2, 0, 1), 22, 14, 45),
    ],
)
def test_power_and_current(pa, power, dbm, ma):
    bench = sending()
    bench.spi(0x95, *pa)
    bench.spi(0x8E, power, 4)
    bench.spi(0x83, 0, 0, 0)
    bench.wait_busy()
    assert bench.air.sent[0].power_dbm == dbm and bench.ledger.current_ua == ma * 1000 and not bench.findings


def test_setpaconfig_sets_the_over_current_limit_back():
    bench = started()
    assert read(bench, 0x08E7) == b"\x18"
    bench.spi(0x95, 4, 7, 0, 1)
    assert read(bench, 0x08E7) == b"\x38"  # 140 mA


def test_too_low_a_limit_takes_power():
    bench = sending()
    bench.spi(0x8E, 22, 4)
    write(bench, 0x08E7, 0x24)  # 90 mA
    bench.spi(0x83, 0, 0, 0)
    bench.wait_busy()
    assert bench.air.sent[0].power_dbm == 14 and bench.ledger.current_ua == 90_000 and bench.findings == ["radio_power"]


@pytest.mark.parametrize(
    ("undone", "finding", "loss_db"),
    [
        (((0x9D, 0),), "radio_rf_switch", 30),
        (((0x0D, 0x08, 0xD8, 0xC8),), "radio_erratum", 5),  # 15.2
        (((0x0D, 0x08, 0x89, 0x01),), "radio_erratum", 3),  # 15.1
        (((0x95, 4, 7, 1, 1), (0x0D, 0x08, 0xE7, 0x38)), "radio_power", 30),
    ],
)
def test_what_was_left_undone_costs_power(undone, finding, loss_db):
    bench = sending()
    for one in undone:
        bench.spi(*one)
    bench.spi(0x83, 0, 0, 0)
    bench.wait_busy()
    assert bench.air.sent[0].power_dbm == 14 - loss_db and bench.findings == [finding]


def test_at_500_khz_the_modulation_register_is_the_other_way_round():
    bench = sending(bandwidth=6)
    bench.spi(0x83, 0, 0, 0)
    bench.wait_busy()
    assert not bench.findings and bench.air.sent[0].bw_khz == 500
    bench = sending(bandwidth=6)
    write(bench, 0x0889, 0x05)
    bench.spi(0x83, 0, 0, 0)
    bench.wait_busy()
    assert bench.findings == ["radio_erratum"]


def test_setpacketparams_undoes_the_answer_to_erratum_15_4():
    bench = listening()
    assert read(bench, 0x0736) == b"\x09"
    bench.spi(0x8C, 0, 8, 0, 64, 0, 1)  # only the length is another
    assert read(bench, 0x0736) == b"\x0d"


def test_without_lora_nothing_is_sent():
    bench = started()
    bench.spi(0x86, *word(HZ))
    bench.spi(0x83, 0, 0, 0)
    bench.wait_busy()
    assert not bench.air.sent and outcome(bench) == 5 and bench.findings == ["radio_command"]


def test_the_crystal_moves_the_frequency():
    bench = sending()
    bench.radio.ppm = -2.0
    bench.spi(0x83, 0, 0, 0)
    bench.wait_busy()
    assert bench.air.sent[0].hz == pytest.approx(HZ - 1736, abs=1)
