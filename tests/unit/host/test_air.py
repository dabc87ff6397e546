"""The air against vendors' numbers, and each way in which a frame is lost on it."""

import pytest
from binnode_tools.virtual_board.radios.air import Air
from binnode_tools.virtual_board.radios.burst import SNR_LIMIT_DB, Burst, Tuning, airtime_us, symbol_us
from binnode_tools.virtual_board.radios.city import NOISE_FIGURE_DB, City, Interferer

HZ = 868_100_000
CALM = City(fade_db=0, shadow_db=0)
S = 1_000_000


def an_air(loss_db=100.0, seed="1", city=CALM):
    air = Air(seed, city)
    for place in ("bin", "other", "third"):
        for receiver in ("gateway", "node"):
            air.set_loss_db(place, receiver, loss_db)
    return air


def a_burst(start_us=S, sf=7, payload=b"\x40 some twenty bytes.", power_dbm=14.0, **how):
    return Burst(how.pop("hz", HZ), sf, how.pop("bw_khz", 125), payload, power_dbm, start_us, **how)


def tuned(sf=7, **how):
    return Tuning(how.pop("hz", HZ), sf, 125, iq_inverted=how.pop("iq_inverted", False), **how)


# Semtech's LoRa calculator: a Join-Request of 23 bytes, 64 bytes, Join-Accepts of 17 and 33 without CRC.
TIMES_MS = {
    7: (61.70, 118.02, 46.34, 71.94),
    8: (113.15, 215.55, 92.67, 133.63),
    9: (205.82, 390.14, 164.86, 246.78),
    10: (370.69, 698.37, 329.73, 452.61),
    11: (823.30, 1560.58, 659.46, 905.22),
    12: (1482.75, 2793.47, 1155.07, 1810.43),
}


@pytest.mark.parametrize("sf", TIMES_MS)
def test_time_on_air_is_the_vendors(sf):
    sizes = ((23, True), (64, True), (17, False), (33, False))
    ours = [airtime_us(sf, 125, size, crc) for size, crc in sizes]
    assert [us / 1000 for us in ours] == pytest.approx(TIMES_MS[sf], abs=0.005)


def test_time_on_air_of_a_burst_follows_its_settings():
    assert a_burst(payload=bytes(24), sf=10).airtime_us == airtime_us(10, 125, 24) == 370_688
    assert a_burst(sf=12, payload=bytes(51), low_rate=False).airtime_us < a_burst(sf=12, payload=bytes(51)).airtime_us
    assert a_burst(coding=4).airtime_us > a_burst().airtime_us > a_burst(implicit=True, crc=False).airtime_us
    assert a_burst(preamble=12).airtime_us - a_burst().airtime_us == 4 * symbol_us(7, 125)


# Sensitivity in dBm: SX1261/2 data sheet, LoRa, boosted gain; SX1276 data sheet, table of LoRa sensitivities, band 1.
@pytest.mark.parametrize(
    ("chip", "bw_khz", "by_sf"),
    [
        ("sx1262", 125, {7: -124, 12: -137}),
        ("sx1262", 250, {7: -121, 12: -134}),
        ("sx1262", 500, {7: -117, 12: -129}),
        ("sx1276", 125, {7: -123, 8: -126, 9: -129, 10: -132, 11: -133, 12: -136}),
        ("sx1276", 250, {7: -120, 8: -123, 9: -125, 10: -128, 11: -130, 12: -133}),
        ("sx1276", 500, {7: -116, 8: -119, 9: -122, 10: -125, 11: -128, 12: -130}),
    ],
)
def test_sensitivity_is_the_data_sheets(chip, bw_khz, by_sf):
    air = Air()
    air.noise_figure_db["node"] = NOISE_FIGURE_DB[chip]
    for sf, dbm in by_sf.items():
        assert air.noise_dbm("node", bw_khz) + SNR_LIMIT_DB[sf] == pytest.approx(dbm, abs=2.1)


@pytest.mark.parametrize("sf", range(7, 13))
def test_a_frame_is_heard_down_to_the_sensitivity_and_no_further(sf):
    for beyond_db, heard in ((0.5, True), (-0.5, False)):
        air = an_air()
        air.set_loss_db("bin", "node", 14 - (air.noise_dbm("node", 125) + SNR_LIMIT_DB[sf] + beyond_db))
        burst = a_burst(sf=sf)
        air.transmit("bin", burst)
        got = air.find("node", tuned(sf), 0, burst.start_us + burst.airtime_us)
        assert (got is not None) == heard
        if got:
            assert got.snr_db == pytest.approx(SNR_LIMIT_DB[sf] + beyond_db)
            assert got.crc_ok and got.header_ok and got.payload == burst.payload
            assert got.end_us == burst.end_us


def test_a_receiver_needs_five_symbols_of_the_preamble():
    air, burst = an_air(), a_burst()
    air.transmit("bin", burst)
    symbol = burst.symbol_us
    assert air.find("node", tuned(), S + 3 * symbol, 2 * S) is not None
    assert air.find("node", tuned(), S + 3 * symbol + 1, 2 * S) is None
    assert air.find("node", tuned(), 0, S + 5 * symbol - 1) is None
    got = air.find("node", tuned(), 0, S + 5 * symbol)
    assert got and got.lock_us == S + 5 * symbol


@pytest.mark.parametrize(
    "tuning",
    [
        tuned(iq_inverted=True),
        tuned(sf=8),
        tuned(sync_word=0x12),
        tuned(hz=HZ + 200_000),
        tuned(hz=HZ + 31_251),
        Tuning(HZ, 7, 250, False),
    ],
    ids=["polarity", "factor", "sync word", "channel", "a quarter of the bandwidth", "bandwidth"],
)
def test_a_receiver_tuned_otherwise_hears_nothing(tuning):
    air = an_air()
    air.transmit("bin", a_burst())
    assert air.find("node", tuning, 0, 2 * S) is None
    assert air.find("node", tuned(hz=HZ + 31_249), 0, 2 * S)


def test_header_and_low_rate_settings_must_agree():
    air = an_air()
    air.transmit("bin", a_burst(sf=12))
    for tuning in (tuned(12, implicit=True), tuned(12, low_rate=False)):
        got = air.find("node", tuning, 0, 2 * S)
        assert got and not got.header_ok and not got.crc_ok
    got = air.find("node", tuned(12, low_rate=True), 0, 2 * S)
    assert got and got.crc_ok


def test_nobody_hears_himself():
    air = an_air()
    air.transmit("bin", a_burst())
    assert air.find("bin", tuned(), 0, 2 * S) is None


@pytest.mark.parametrize(("stronger_db", "survives"), [(6.1, True), (5.9, False), (-20, False)])
def test_capture_takes_six_db_at_the_same_spreading_factor(stronger_db, survives):
    air, burst = an_air(), a_burst()
    air.transmit("bin", burst)
    air.transmit("other", a_burst(S + 10_000, power_dbm=14 - stronger_db))
    got = air.hear("gateway", burst)
    assert got and got.crc_ok == survives
    assert (got.payload == burst.payload) == survives


def test_a_collision_in_the_first_symbols_of_the_preamble_does_no_harm():
    air = an_air()
    first, burst = a_burst(S), a_burst(S + airtime_us(7, 125, 20) - 3 * 1024)
    air.transmit("other", first)
    air.transmit("bin", burst)
    got = air.hear("gateway", burst)
    assert first.end_us == burst.start_us + 3 * 1024 and got and got.crc_ok
    late = a_burst(10 * S)
    air.transmit("other", late)
    air.transmit("bin", again := a_burst(late.end_us - 3 * 1024 - 1))
    got = air.hear("gateway", again)
    assert got and not got.crc_ok


@pytest.mark.parametrize(("louder_db", "survives"), [(0, True), (7.9, True), (8.1, False)])
def test_other_spreading_factors_are_nearly_orthogonal(louder_db, survives):
    air, burst = an_air(), a_burst()
    air.transmit("bin", burst)
    air.transmit("other", a_burst(S, sf=9, power_dbm=14 + louder_db))
    got = air.hear("gateway", burst)
    assert got and got.crc_ok == survives


def test_other_channels_do_no_harm():
    air, burst = an_air(), a_burst()
    air.transmit("bin", burst)
    air.transmit("other", a_burst(S, hz=HZ + 200_000, power_dbm=30))
    got = air.hear("gateway", burst)
    assert got and got.crc_ok


def test_a_damaged_frame_without_crc_looks_sound():
    """As on the chip: a downlink has no CRC, so only the MIC tells."""
    seen = set()
    for number in range(40):
        air, burst = an_air(seed=str(number)), a_burst(crc=False, iq_inverted=True)
        air.transmit("bin", burst)
        air.transmit("other", a_burst(S + 5000, iq_inverted=True))
        got = air.find("node", tuned(iq_inverted=True), 0, 2 * S)
        assert got
        seen.add((got.header_ok, got.crc_ok, got.payload == burst.payload))
    assert seen == {(True, True, False), (False, False, False)}


def test_levels_noise_and_foreign_transmitters_add_up():
    air = an_air(loss_db=100)
    noise_dbm = -144 + 10 * 2.0969 + 6
    assert air.rssi_dbm("node", HZ, 125, 0) == pytest.approx(noise_dbm, abs=0.01)
    air.transmit("bin", a_burst())
    assert air.rssi_dbm("node", HZ, 125, S + 5) == pytest.approx(-86, abs=0.01)
    assert air.rssi_dbm("node", HZ + 200_000, 125, S + 5) == pytest.approx(noise_dbm, abs=0.01)
    assert air.rssi_dbm("bin", HZ, 125, S + 5) < -110
    air.interferers.append(Interferer(HZ, 125, -86, 2 * S, 3 * S))
    assert air.rssi_dbm("node", HZ, 125, 2 * S - 1) == pytest.approx(noise_dbm, abs=0.01)
    assert air.rssi_dbm("node", HZ, 125, 2 * S) == pytest.approx(-86, abs=0.01)
    assert air.rssi_dbm("node", HZ, 125, 3 * S) == pytest.approx(noise_dbm, abs=0.01)


def test_a_foreign_transmitter_deafens():
    air = an_air(loss_db=100)
    air.interferers.append(Interferer(HZ, 125, -70))
    air.transmit("bin", a_burst())
    assert air.find("node", tuned(), 0, 2 * S) is None
    air.transmit("bin", a_burst(5 * S, sf=12))  # 16 dB below the foreigner, SF12 stands 20
    assert air.find("node", tuned(12), 4 * S, 7 * S)


@pytest.mark.parametrize(
    ("from_us", "until_us", "is_on"),
    [
        (99, 99, False),
        (100, 100, True),
        (109, 109, True),
        (110, 149, False),
        (110, 150, True),
        (155, 156, True),
        (0, 100, True),
        (190, 199, False),
        (199, 400, False),
        (200, 400, False),
    ],
)
def test_a_foreign_transmitter_may_come_and_go(from_us, until_us, is_on):
    foreign = Interferer(HZ, 125, -70, from_us=100, until_us=200, on_us=10, period_us=50)
    assert foreign.on_air(from_us, until_us) == is_on


def test_activity_is_detected_while_it_lasts():
    air, burst = an_air(), a_burst()
    air.transmit("bin", burst)
    assert not air.detects("node", tuned(), S - 1)
    assert air.detects("node", tuned(), S)
    assert not air.detects("node", tuned(8), S)
    assert not air.detects("node", tuned(iq_inverted=True), S)
    assert not air.detects("node", tuned(), burst.end_us)


def test_losses_come_as_often_as_asked_for_and_the_same_again():
    def heard(seed):
        air = an_air(seed=seed)
        air.loss_up = 0.3
        bursts = [a_burst(n * S) for n in range(1, 400)]
        found = []
        for burst in bursts:
            air.transmit("bin", burst)
            found.append(air.hear("gateway", burst) is not None)
        return found

    assert heard("1") == heard("1") != heard("2")
    assert sum(heard("1")) == pytest.approx(0.7 * 399, abs=30)


def test_uplinks_and_downlinks_are_lost_apart():
    air = an_air()
    air.loss_up = 1.0
    up, down = a_burst(), a_burst(2 * S, iq_inverted=True)
    air.transmit("bin", up)
    air.transmit("bin", down)
    assert air.hear("gateway", up) is None
    assert air.hear("gateway", down)


def test_a_transmission_that_was_cut_reaches_nobody():
    air, burst = an_air(), a_burst()
    air.transmit("bin", burst)
    air.cut(burst, S + 3000)
    assert burst.end_us == S + 3000
    assert air.find("node", tuned(), 0, 2 * S) is None


def test_links_are_the_same_both_ways_for_ever_and_for_every_seed_others():
    air, again = Air("7"), Air("7")
    assert air.loss_db("bin", "gateway") == air.loss_db("gateway", "bin") == again.loss_db("gateway", "bin")
    assert Air("8").loss_db("bin", "gateway") != air.loss_db("bin", "gateway")


def test_in_the_default_city_most_bins_are_heard_at_sf7_to_sf9():
    air = Air("city")
    air.put("gateway", 0, 0)
    snrs = [16 - air.loss_db(f"bin {n}", "gateway") - air.noise_dbm("gateway", 125) for n in range(1000)]
    share = sum(snr >= SNR_LIMIT_DB[9] for snr in snrs) / 1000
    assert 0.85 < share < 0.99
    assert sum(snr >= SNR_LIMIT_DB[12] for snr in snrs) / 1000 > share


def test_frames_fade_apart_around_the_links_level():
    air = Air("3", City(shadow_db=0, fade_db=2))
    air.set_loss_db("bin", "gateway", 100)
    levels = []
    for n in range(1, 300):
        burst = a_burst(n * S)
        air.transmit("bin", burst)
        got = air.hear("gateway", burst)
        assert got
        levels.append(got.rssi_dbm)
    mean = sum(levels) / len(levels)
    assert mean == pytest.approx(-86, abs=0.5)
    assert sum((level - mean) ** 2 for level in levels) / len(levels) == pytest.approx(4, abs=1)


def test_the_agenda_runs_in_order_and_only_as_far_as_asked():
    air, done = Air(), []
    air.at(30, lambda: done.append(30))
    air.at(10, lambda: (done.append(10), air.at(20, lambda: done.append(20))))
    air.run_to(29)
    assert done == [10, 20] and air.next_us == 30
    air.run_to(5)
    air.run_to(30)
    assert done == [10, 20, 30] and air.next_us is None


def test_old_bursts_are_forgotten():
    air = an_air()
    for n in range(1, 500):
        air.transmit("bin", a_burst(n * S))
    assert len(air._sent) < 70
