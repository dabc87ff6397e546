"""The audit of the air: each rule is broken, and kept by a hair's breadth."""

import pytest
from binnode_tools.lora_network.regions import REGIONS, region
from binnode_tools.virtual_board.radios.air import Air
from binnode_tools.virtual_board.radios.audit import HOUR_US, Audit
from binnode_tools.virtual_board.radios.burst import Burst, airtime_us

S = 1_000_000
RIGHT = {  # a lawful uplink of each region: Hz, spreading factor, kHz, dBm
    "EU868": (868_100_000, 7, 125, 16),
    "US915": (903_900_000, 7, 125, 21),
    "AU915": (916_800_000, 7, 125, 30),
    "AS923-1": (923_200_000, 7, 125, 16),
    "AS923-2": (921_400_000, 7, 125, 16),
    "AS923-3": (916_600_000, 7, 125, 16),
    "AS923-4": (917_300_000, 7, 125, 16),
    "AS923-JP": (923_200_000, 7, 125, 13),
    "KR920": (922_100_000, 7, 125, 14),
    "IN865": (865_062_500, 7, 125, 30),
}


def an_audit(name="EU868", **settings):
    air = Air()
    audit = Audit(air, region(name), **settings)
    audit.gateways.add("gateway")
    return air, audit


def send(air, audit, name="EU868", start_us=S, size=20, place="bin", kind=0x40, **how):
    """A lawful uplink but for `how`; what the audit has found since."""
    hz, sf, bw_khz, dbm = RIGHT[name]
    settings = {"hz": hz, "sf": sf, "bw_khz": bw_khz, "power_dbm": dbm, **how}
    burst = Burst(payload=bytes([kind]) + bytes(size - 1), start_us=start_us, **settings)
    if REGIONS[name].lbt and "unheard" not in how:
        air.listened(place, burst.hz, start_us - 7_000, start_us - 500, -100.0)
    known = len(audit.findings)
    air.transmit(place, burst)
    air.run_to(burst.end_us)
    return [finding.text for finding in audit.findings[known:]]


@pytest.mark.parametrize("name", REGIONS)
def test_a_lawful_uplink_is_no_finding(name):
    air, audit = an_audit(name)
    assert send(air, audit, name) == []
    account = audit.accounts["bin"]
    assert (account.frames, account.airtime_us, account.rates) == (1, airtime_us(7, 125, 20), {"SF7BW125": 1})


@pytest.mark.parametrize(
    ("how", "what"),
    [
        ({"sync_word": 0x12}, "sync word 0x34"),
        ({"preamble": 10}, "a preamble of 8"),
        ({"coding": 2}, "coding rate 4/5"),
        ({"crc": False}, "a CRC"),
        ({"iq_inverted": True}, "normal IQ"),
        ({"implicit": True}, "an explicit header"),
        ({"low_rate": True}, "low-data-rate optimisation as its symbols need"),
    ],
)
def test_an_uplink_has_lorawans_form(how, what):
    assert send(*an_audit(), **how) == [f"not in LoRaWAN's form: {what} is due"]


def test_a_downlink_has_the_other_form():
    air, audit = an_audit()
    assert send(air, audit, place="gateway", iq_inverted=True, crc=False) == []
    assert len(send(air, audit, place="gateway", start_us=9 * S)) == 2


@pytest.mark.parametrize(
    ("name", "hz", "dbm", "limit"),
    [
        ("EU868", 868_100_000, 16, None),
        ("EU868", 868_100_000, 16.6, "16.00"),
        ("EU868", 869_525_000, 16.6, "16.00"),
        ("IN865", 865_062_500, 30.6, "30.00"),
        ("KR920", 921_900_000, 10, None),
        ("KR920", 921_900_000, 12, "10.00"),
        ("KR920", 922_100_000, 14, None),
        ("KR920", 922_100_000, 16, "14.00"),
        ("AS923-1", 923_200_000, 17, "16.00"),
        ("AS923-JP", 923_200_000, 16, "13.00"),
        ("AU915", 916_800_000, 31, "30.00"),
    ],
)
def test_power_is_limited(name, hz, dbm, limit):
    air, audit = an_audit(name)
    found = send(air, audit, name, hz=hz, power_dbm=dbm)
    assert found == ([] if limit is None else [f"{dbm:.1f} dBm EIRP on {hz / 1e6:.3f} MHz, {limit} dBm are allowed"])


def test_gateways_may_be_louder_in_the_band_of_rx2():
    air, audit = an_audit()
    down = {"place": "gateway", "iq_inverted": True, "crc": False}
    assert send(air, audit, hz=869_525_000, power_dbm=29, **down) == []
    assert len(send(air, audit, hz=868_100_000, power_dbm=29, start_us=9 * S, **down)) == 1


def test_us915_with_few_channels_is_limited_to_21_dbm():
    air, audit = an_audit("US915", hop_channels=8)
    assert len(send(air, audit, "US915", power_dbm=22)) == 1
    assert send(air, audit, "US915", power_dbm=21, start_us=9 * S) == []
    wide = {"hz": 904_600_000, "sf": 8, "bw_khz": 500}
    assert send(air, audit, "US915", power_dbm=26, start_us=19 * S, **wide) == []
    assert len(send(air, audit, "US915", power_dbm=27, start_us=29 * S, **wide)) == 1


def test_us915_a_loud_device_that_keeps_to_one_sub_band_is_seen():
    air, audit = an_audit("US915")
    for n in range(64):
        found = send(air, audit, "US915", start_us=(1 + 30 * n) * S, power_dbm=28, hz=902_300_000 + 200_000 * n)
        assert found == []
    found = []
    for n in range(20):
        hz = 903_900_000 + 200_000 * (n % 8)
        found += send(air, audit, "US915", start_us=(3000 + 30 * n) * S, power_dbm=28, hz=hz)
    assert found and "21.00 dBm are allowed" in found[0]


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("EU868", {"hz": 868_650_000}),  # between the sub-bands
        ("EU868", {"hz": 868_590_000}),  # its upper half is
        ("EU868", {"hz": 870_100_000}),
        ("US915", {"hz": 904_000_000}),
        ("US915", {"bw_khz": 500}),
        ("US915", {"hz": 904_600_000}),
        ("AU915", {"hz": 914_900_000}),
        ("AS923-2", {"hz": 923_200_000}),
        ("KR920", {"hz": 922_200_000}),
        ("KR920", {"hz": 923_500_000}),
        ("IN865", {"hz": 867_100_000}),
    ],
)
def test_uplinks_keep_to_the_regions_channels(name, how):
    air, audit = an_audit(name)
    found = send(air, audit, name, **how)
    assert found and "MHz" in found[0]


@pytest.mark.parametrize("name", REGIONS)
def test_a_crystal_may_be_off_by_20_ppm(name):
    air, audit = an_audit(name)
    hz = RIGHT[name][0]
    for n, off in enumerate((-20, 20)):
        assert send(air, audit, name, hz=hz + hz * off // 1_000_000, start_us=(1 + 30 * n) * S) == []


def test_data_rates_and_lengths_are_the_regions():
    air, audit = an_audit("US915")
    assert send(air, audit, "US915", sf=10, size=24) == []
    assert send(air, audit, "US915", sf=10, size=25, start_us=9 * S)[-1] == "25 bytes at DR0, 24 are allowed"
    assert "SF11BW125 is no uplink data rate of US915" in send(air, audit, "US915", sf=11, start_us=19 * S)
    air, audit = an_audit()
    assert send(air, audit, sf=12, size=64) == []
    assert send(air, audit, sf=12, size=65, start_us=9 * S) == ["65 bytes at DR0, 64 are allowed"]


def test_dwell_time_where_it_is_asked_for():
    air, audit = an_audit("AS923-1")
    assert send(air, audit, "AS923-1", sf=10, size=24) == []
    found = send(air, audit, "AS923-1", sf=10, size=34, start_us=9 * S)
    assert found == ["452.6 ms on air, 400 ms are allowed", "34 bytes at DR2, 24 are allowed"]
    audit.dwell_of["bin"] = False
    assert send(air, audit, "AS923-1", sf=12, size=50, start_us=19 * S) == []
    air, audit = an_audit("AU915")
    assert "823.3 ms on air, 400 ms are allowed" in send(air, audit, "AU915", sf=11, size=23)
    assert send(*an_audit("AU915", dwell=False), "AU915", sf=11, size=23) == []
    assert send(*an_audit("US915"), "US915", hz=904_600_000, sf=8, bw_khz=500, size=255) == []


def test_dwell_time_holds_per_channel_too():
    air, audit = an_audit("US915")
    assert send(air, audit, "US915", sf=10, size=24) == []
    found = send(air, audit, "US915", sf=10, size=24, start_us=S + 2_000_000)
    assert found == ["741.4 ms within 3.2 s on 903.9 MHz"]
    assert send(air, audit, "US915", sf=10, size=24, start_us=S + 6_000_000) == []


def test_duty_cycle_in_every_sliding_hour():
    """1 % of an hour is 36 s: 24 Join-Requests at SF12 (35.586 s), not 25; again as soon as the first has slid out."""
    air, audit = an_audit()
    for n in range(24):
        assert send(air, audit, sf=12, size=23, start_us=(1 + 100 * n) * S) == []
    assert audit.accounts["bin"].worst_duty == pytest.approx(24 * 1.482752 / 36)
    assert audit.accounts["bin"].worst_band == "M"
    found = send(air, audit, sf=12, size=23, start_us=HOUR_US - 2 * S)
    assert found == ["37.07 s on air within an hour in band M, 36.0 s are allowed"]
    # One hour after the begin of the second frame only a part of it counts, but 24 others do.
    found = send(air, audit, sf=12, size=23, start_us=HOUR_US + 101 * S - 1_482_752 + 500_000)
    assert len(found) == 1 and found[0].startswith("36.57 s")
    assert send(air, audit, sf=12, size=23, start_us=2 * HOUR_US + 10 * S) == []


def test_duty_cycle_counts_each_sub_band_and_place_apart():
    air, audit = an_audit()
    for n in range(24):
        for place in ("bin", "other"):
            assert send(air, audit, sf=12, size=23, start_us=(1 + 100 * n) * S, place=place) == []
            found = send(air, audit, sf=12, size=23, start_us=(10 + 100 * n) * S, place=place, hz=867_100_000)
            assert found == []


def test_the_bands_of_a_thousandth_and_of_a_tenth():
    air, audit = an_audit()
    assert send(air, audit, sf=12, size=64, hz=864_500_000) == []
    assert len(send(air, audit, sf=12, size=64, hz=864_500_000, start_us=100 * S)) == 1
    for n in range(100):
        found = send(air, audit, sf=12, size=64, hz=869_525_000, start_us=(200 + 10 * n) * S)
        assert found == []


def test_a_country_may_ask_for_a_duty_cycle_elsewhere():
    air, audit = an_audit("AS923-1", duty=0.01, dwell=False)
    for n in range(24):
        assert send(air, audit, "AS923-1", sf=12, size=23, start_us=(1 + 100 * n) * S) == []
    assert send(air, audit, "AS923-1", sf=12, size=23, start_us=2500 * S)


@pytest.mark.parametrize(
    ("hz", "from_us", "until_us", "dbm", "found"),
    [
        (0, -7_000, -1_000, -100, []),
        (0, -7_000, -1_001, -100, ["listened on 922.100 MHz for 6.0 ms, 6 ms are due"]),
        (0, -7_000, -1_000, -80, []),
        (0, -7_000, -1_000, -79, ["sent on 922.100 MHz although it heard -79 dBm there; -80 dBm is the limit"]),
        (200_000, -7_000, -1_000, -100, ["sent on 922.100 MHz without having listened there right before"]),
        (0, -50_000, -31_000, -100, ["sent on 922.100 MHz without having listened there right before"]),
        (0, -5_000, 1_000, -100, ["sent on 922.100 MHz without having listened there right before"]),
    ],
)
def test_kr920_listens_before_it_talks(hz, from_us, until_us, dbm, found):
    air, audit = an_audit("KR920")
    air.listened("bin", 922_100_000 + hz, S + from_us, S + until_us, float(dbm))
    air.transmit("bin", Burst(922_100_000, 7, 125, bytes([0x40]) + bytes(19), 14, S))
    assert [finding.text for finding in audit.findings] == found


def test_kr920_one_listening_is_good_for_one_transmission():
    air, audit = an_audit("KR920")
    air.transmit("bin", Burst(922_100_000, 7, 125, bytes(20), 14, S))
    assert len(audit.findings) == 1
    air.listened("bin", 922_100_000, 10 * S - 7_000, 10 * S, -100.0)
    air.transmit("bin", Burst(922_100_000, 7, 125, bytes([0x40]) + bytes(10), 14, 10 * S))
    air.transmit("bin", Burst(922_100_000, 7, 125, bytes([0x40]) + bytes(10), 14, 10 * S + 20_000))
    assert len(audit.findings) == 2


def join(air, audit, at_us):
    return send(air, audit, "IN865", sf=12, size=23, kind=0, start_us=at_us)


def test_tr007_the_first_hour_of_joining_has_36_s():
    air, audit = an_audit("IN865")
    for n in range(24):
        assert join(air, audit, (1 + 100 * n) * S) == []
    assert join(air, audit, 3000 * S) == ["37.07 s of Join-Requests in the first hour, TR007: 36.0 s"]
    assert audit.accounts["bin"].joins == 25


def test_tr007_the_next_ten_hours_have_36_s_again():
    air, audit = an_audit("IN865")
    join(air, audit, S)
    for n in range(24):
        assert join(air, audit, HOUR_US + (1 + 1400 * n) * S) == []
    assert len(join(air, audit, 11 * HOUR_US)) == 1


def test_tr007_any_day_after_has_8_7_s():
    air, audit = an_audit("IN865")
    join(air, audit, S)
    first_us = 11 * HOUR_US + 2 * S
    for n in range(5):
        assert join(air, audit, first_us + 3 * n * HOUR_US) == []
    assert join(air, audit, first_us + 23 * HOUR_US) == ["8.90 s of Join-Requests in 24 hours, TR007: 8.7 s"]
    assert len(join(air, audit, first_us + 23 * HOUR_US + 60 * S)) == 1
    assert join(air, audit, first_us + 60 * HOUR_US) == []


def test_tr007_begins_anew_with_the_power():
    air, audit = an_audit("IN865")
    for n in range(24):
        join(air, audit, (1 + 100 * n) * S)
    audit.powered_on("bin")
    for n in range(24):
        assert join(air, audit, (3000 + 10 * n) * S) == []


def test_data_frames_are_no_joins():
    air, audit = an_audit("IN865")
    for n in range(30):
        assert send(air, audit, "IN865", sf=12, size=23, start_us=(1 + 100 * n) * S) == []
    assert audit.accounts["bin"].joins == 0


def test_a_finding_says_who_when_and_what():
    air, audit = an_audit()
    send(air, audit, start_us=1_234_567, crc=False)
    assert str(audit.findings[0]) == "bin at 1.235 s: not in LoRaWAN's form: a CRC is due"
