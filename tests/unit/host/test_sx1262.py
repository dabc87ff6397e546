"""The model of the SX1262 against its data sheet: registers, modes, timing, interrupts, the air, the current."""

import pytest

from tests.unit.host.radio_bench import Bench
from tests.unit.host.sx1262_bench import (
    HZ,
    command,
    errors,
    listening,
    lora,
    mode,
    outcome,
    read,
    sending,
    started,
    write,
)

# registers and start -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "value"),
    [  # data sheet rev. 2.1, table 12-1
        (0x06B8, "01"),
        (0x06BC, "1d0f1021"),
        (0x06C0, "9723522556536564"),
        (0x0736, "0d"),
        (0x0740, "1424"),
        (0x0889, "01"),
        (0x08AC, "94"),
        (0x08D8, "c8"),
        (0x08E7, "18"),
        (0x0902, "00"),
        (0x0911, "0505"),
        (0x0920, "01"),
        (0x0944, "00"),
    ],
)
def test_registers_after_a_reset(address, value):
    bench = Bench("heltec_v3")
    bench.wait_busy()
    assert read(bench, address, len(value) // 2).hex() == value


def test_after_power_on_it_is_busy_for_3500_us_and_then_in_standby_with_its_rc_oscillator():
    bench = Bench("heltec_v3")
    assert bench.wait_busy() == 3500
    assert mode(bench) == 2 and outcome(bench) == 1
    assert bench.spi(0xC0, 0)[1] & 0x80  # reserved, and it reads 1
    assert bench.ledger.current_ua == 600


def test_a_tcxo_that_nobody_feeds_is_an_oscillator_error_and_a_crystal_is_none():
    bench = Bench("heltec_v3")
    bench.wait_busy()
    assert errors(bench) == 0x20
    bench.spi(0x07, 0, 0)
    assert errors(bench) == 0
    crystal = Bench("heltec_v3", tcxo_mv=0)
    crystal.wait_busy()
    assert errors(crystal) == 0


@pytest.mark.parametrize(
    ("tcxo", "why"),
    [
        (None, "has no supply"),
        ((0x00, 0, 0, 200), "gets 1600 mV and needs 1800"),
        ((0x02, 0, 0, 64), "gets 1000 us to start and needs 2000"),
    ],
)
def test_without_its_tcxo_it_neither_calibrates_nor_sends(tcxo, why):
    bench = Bench("heltec_v3")
    bench.wait_busy()
    bench.spi(0x07, 0, 0)
    if tcxo:
        command(bench, 0x97, *tcxo)
    command(bench, 0x89, 0x7F)
    assert errors(bench) == 0x20 and why in bench.found[0][1]["what"]
    lora(bench)
    command(bench, 0x83, 0, 0, 0)
    assert mode(bench) == 2 and outcome(bench) == 5 and not bench.air.sent


def test_a_crystal_does_not_start_as_a_tcxo():
    bench = Bench("heltec_v3", tcxo_mv=0)
    bench.wait_busy()
    command(bench, 0x97, 2, 0, 0, 200)
    command(bench, 0x80, 1)
    assert mode(bench) == 2 and errors(bench) == 0x20


def test_calibration_takes_3500_us_and_the_tcxos_start():
    bench = Bench("heltec_v3")
    bench.wait_busy()
    command(bench, 0x97, 2, 0, 0, 200)
    bench.spi(0x89, 0x7F)
    assert bench.wait_busy() + 30 == 3500 + 3125
    bench.spi(0x07, 0, 0)
    assert errors(bench) == 0


def test_a_calibration_that_fails_is_reported():
    bench = Bench("heltec_v3")
    bench.radio.faults.add("calibration")
    bench.wait_busy()
    command(bench, 0x97, 2, 0, 0, 200)
    bench.spi(0x07, 0, 0)
    command(bench, 0x89, 0x7F)
    assert errors(bench) & 0x1F


@pytest.mark.parametrize(
    ("low", "high", "hz", "right"),
    [  # data sheet table 9-2
        (0x6B, 0x6F, 433_175_000, True),
        (0x75, 0x81, 490_000_000, True),
        (0xC1, 0xC5, 780_000_000, True),
        (0xD7, 0xDB, 868_100_000, True),
        (0xD7, 0xDB, 869_525_000, True),
        (0xE1, 0xE9, 902_300_000, True),
        (0xE1, 0xE9, 923_300_000, True),
        (0xD7, 0xDB, 922_100_000, False),
        (0xE1, 0xE9, 868_100_000, False),
    ],
)
def test_the_image_is_calibrated_for_a_band(low, high, hz, right):
    bench = started((low, high))
    lora(bench, hz=hz, inverted=1)
    bench.spi(0x82, 0, 0, 64)
    bench.wait_busy()
    assert ("radio_calibration" in bench.findings) is not right
    assert bench.radio.receiver.window.loss_db == (0 if right else 6)


# modes ---------------------------------------------------------------------------------------------------------------


def test_switching_times():
    """Table 8-2, with the TCXO's delay (3125 us) where the oscillator was off."""
    bench = sending()

    def busy_us(*sent: int) -> int:
        start = bench.now
        bench.spi(*sent)
        bench.wait_busy()
        return max(bench.now - start, 30)

    assert busy_us(0x80, 1) == 31 + 3125 and mode(bench) == 3
    assert busy_us(0xC1) == 40 and mode(bench) == 4
    assert busy_us(0x83, 0, 0, 0) == 76 and mode(bench) == 6
    bench.wait_dio()
    assert mode(bench) == 2
    bench.spi(0x02, 3, 255)
    assert busy_us(0x82, 255, 255, 255) == 83 + 3125 and mode(bench) == 5
    assert busy_us(0x80, 0) == 30 and mode(bench) == 2
    assert busy_us(0x83, 0, 0, 0) == 126 + 3125
    assert not bench.findings


@pytest.mark.parametrize(
    "sent", [(0x84, 4), (0x89, 0x7F), (0x98, 0xD7, 0xDB), (0x97, 2, 0, 0, 200), (0x8B, 7, 4, 1, 0), (0x86, 0, 0, 0, 0)]
)
def test_a_command_in_the_wrong_mode_is_refused(sent):
    bench = listening()
    command(bench, 0x82, 255, 255, 255)
    bench.spi(*sent)
    assert outcome(bench) == 5 and mode(bench) == 5 and bench.findings == ["radio_state"]


@pytest.mark.parametrize(
    "sent",
    [
        (0x86, 1, 2),
        (0x8E, 23, 4),
        (0x8E, 14, 8),
        (0x95, 5, 7, 0, 1),
        (0x95, 4, 7, 0, 0),
        (0x8B, 13, 4, 1, 0),
        (0x8B, 7, 0x0B, 1, 0),
        (0x8C, 0, 0, 0, 5, 1, 0),
        (0x97, 8, 0, 0, 1),
        (0x93, 0x10),
        (0x8A, 2),
        (0x55, 1),
    ],
)
def test_wrong_parameters_are_a_processing_error(sent):
    bench = started()
    bench.spi(0x8A, 1)
    bench.spi(*sent)
    assert outcome(bench) == 4 and bench.findings == ["radio_command"]


def test_bytes_while_busy_or_deselected_are_lost():
    bench = Bench("heltec_v3")
    write(bench, 0x0740, 0x34, 0x44)
    assert bench.spi(0xC0, 0) == b"\xff\xff"  # nobody drives MISO
    bench.wait_busy()
    assert read(bench, 0x0740, 2) == b"\x14\x24"
    bench.radio.transfer(bytes([0x0D, 0x07, 0x40, 0x34, 0x44]), bench.now)
    assert read(bench, 0x0740, 2) == b"\x14\x24" and bench.findings == ["radio_busy", "radio_deselected"]


def test_a_reset_of_less_than_100_us_is_none():
    bench = started()
    write(bench, 0x0740, 0x34, 0x44)
    for us, expected in ((60, b"\x34\x44"), (100, b"\x14\x24")):
        bench.pin(bench.wiring.reset, 0)
        bench.pass_us(us)
        bench.pin(bench.wiring.reset, None)
        bench.wait_busy()
        assert read(bench, 0x0740, 2) == expected
    assert bench.findings == ["radio_reset_short"]


# sleep ---------------------------------------------------------------------------------------------------------------


def asleep(bench: Bench, warm: bool) -> None:
    bench.spi(0x84, 4 if warm else 0)
    bench.pass_us(1000)
    assert bench.level(bench.wiring.busy) == 1


def test_warm_sleep_keeps_all_but_three_registers_and_the_buffer():
    bench = sending()
    asleep(bench, warm=True)
    assert bench.ledger.current_ua == bench.wiring.sleep_ua
    bench.spi(0xC0, 0)  # NSS wakes it; this transaction is lost
    assert bench.wait_busy() + 30 == 340
    assert read(bench, 0x0740, 2) == b"\x34\x44" and read(bench, 0x08D8) == b"\xde"
    assert read(bench, 0x0736) + read(bench, 0x0889) + read(bench, 0x08AC) == b"\x0d\x01\x94"
    assert bench.spi(0x1E, 0, more=5)[3:] == bytes(4)
    assert bench.radio.config.hz == pytest.approx(HZ, abs=1) and not bench.findings


def test_the_retention_list_keeps_them():
    bench = listening()
    write(bench, 0x029F, 2, 0x08, 0xAC, 0x08, 0x89)
    asleep(bench, warm=True)
    bench.spi(0xC0, 0)
    bench.wait_busy()
    assert read(bench, 0x0736) + read(bench, 0x0889) + read(bench, 0x08AC) == b"\x0d\x05\x96"


def test_cold_sleep_forgets_everything():
    bench = sending()
    asleep(bench, warm=False)
    assert bench.ledger.current_ua == bench.wiring.cold_sleep_ua
    bench.spi(0xC0, 0)
    assert bench.wait_busy() + 30 == 3500
    assert read(bench, 0x0740, 2) == b"\x14\x24" and errors(bench) == 0x20 and bench.radio.config.packet_type == 0


def test_lost_configuration_is_a_cold_start_where_a_warm_one_was_asked_for():
    bench = sending()
    asleep(bench, warm=True)
    bench.radio.lose_configuration()
    bench.spi(0xC0, 0)
    assert bench.wait_busy() + 30 == 3500 and read(bench, 0x0740, 2) == b"\x14\x24"


def test_for_500_us_after_setsleep_it_hears_nothing():
    bench = started()
    bench.spi(0x84, 4)
    bench.spi(0xC0, 0)
    bench.pass_us(5000)
    assert bench.level(bench.wiring.busy) == 1 and bench.findings == ["radio_sleep_soon"]


def test_a_floating_nss_wakes_it():
    bench = started()
    asleep(bench, warm=True)
    bench.pin(bench.wiring.cs, None)
    bench.pass_us(1000)
    assert bench.radio.mode == "stby_rc" and bench.ledger.current_ua == bench.wiring.standby_ua
