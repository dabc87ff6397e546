"""Each region's numbers against tables of their own, written from RP002-1.0.4 as several implementations have it."""

from binnode.lorawan.regions import region
from plan_kit import AS923, DYNAMIC, FIXED, new

NARROW = ((12, 125), (11, 125), (10, 125), (9, 125), (8, 125), (7, 125))
DOWN = ((12, 500), (11, 500), (10, 500), (9, 500), (8, 500), (7, 500))
NONE_3 = (None,) * 3
# name: data rates from 0 on, N without and with UplinkDwellTime, EIRP, highest TXPower, RX2, highest RX1DROffset
TABLE = {
    "EU868": (NARROW, (51, 51, 51, 115, 242, 242), None, 16, 7, (869525000, 0), 5),
    "KR920": (NARROW, (51, 51, 51, 115, 242, 242), None, 14, 7, (921900000, 0), 5),
    "IN865": (NARROW, (51, 51, 51, 115, 242, 242), None, 30, 10, (866550000, 2), 7),
    "US915": (
        ((10, 125), (9, 125), (8, 125), (7, 125), (8, 500)) + NONE_3 + DOWN,
        (11, 53, 125, 242, 242, 0, 0, 0, 53, 129, 242, 242, 242, 242),
        None,
        30,
        14,
        (923300000, 8),
        3,
    ),
    "AU915": (
        NARROW + ((8, 500), None) + DOWN,
        (51, 51, 51, 115, 242, 242, 242, 0, 53, 129, 242, 242, 242, 242),
        (0, 0, 11, 53, 125, 242, 242),
        30,
        14,
        (923300000, 8),
        5,
    ),
}
for _name, _rx2, _eirp in (
    ("AS923-1", 923200000, 16),
    ("AS923-2", 921400000, 16),
    ("AS923-3", 916600000, 16),
    ("AS923-4", 917300000, 16),
    ("AS923-JP", 923200000, 13),
):
    TABLE[_name] = (NARROW, (51, 51, 115, 115, 242, 242), (0, 0, 11, 53, 125, 242), _eirp, 7, (_rx2, 2), 7)
DEFAULT_HZ = {
    "EU868": (868100000, 868300000, 868500000),
    "KR920": (922100000, 922300000, 922500000),
    "IN865": (865062500, 865402500, 865985000),
    "AS923-1": (923200000, 923400000),
    "AS923-2": (921400000, 921600000),
    "AS923-3": (916600000, 916800000),
    "AS923-4": (917300000, 917500000),
    "AS923-JP": (923200000, 923400000),
}


def test_data_rates():
    for name, row in TABLE.items():
        plan = region(name)
        assert tuple(plan.rate(dr) for dr in range(16)) == row[0] + (None,) * (16 - len(row[0])), name


def test_payload_limits_with_and_without_dwell_time():
    for name, (rates, rooms, dwell_rooms, *_) in TABLE.items():
        plan, session = new(name)
        assert session.uplink_dwell == (dwell_rooms is not None), name
        for dr, rate in enumerate(rates):
            if rate:
                session.uplink_dwell = 0
                assert plan.room(session, dr) == rooms[dr], (name, dr)
                assert plan.longest(dr) == rooms[dr] + 13, (name, dr)
                if dwell_rooms and dr < len(dwell_rooms):
                    session.uplink_dwell = 1
                    assert plan.room(session, dr) == dwell_rooms[dr], (name, dr)


def test_state_before_a_join():
    for name, row in TABLE.items():
        plan, session = new(name)
        assert (session.rx2_hz, session.rx2_dr) == row[5], name
        assert session.dr == (2 if row[2] else 0), name  # the slowest that may be sent
        assert (session.rx1_offset, session.power, session.max_eirp_dbm, session.downlink_dwell) == (0, 0, 0, 0)
        if name in DYNAMIC:
            assert [channel[0] for channel in session.channels] == list(DEFAULT_HZ[name])
            assert all(channel[1:] == [0, 5, 0] for channel in session.channels)
            assert session.mask == bytes(((1 << len(session.channels)) - 1,)) + bytes(8)
        else:
            assert session.channels == [] and session.mask == b"\xff" * 9
        assert plan.has_new_channel == (name in DYNAMIC)
        assert plan.has_tx_param == (name in AS923 or name == "AU915")


def test_power_steps():
    for name, row in TABLE.items():
        plan, session = new(name)
        for index in range(16):
            assert plan.power_ok(index) == (index <= row[4]), (name, index)
        for index in range(row[4] + 1):
            session.power = index
            assert plan.eirp_dbm(session, 922100000, session.dr) == row[3] - 2 * index, (name, index)


def test_tx_param_setup_limits_the_power():
    for name in AS923 + ("AU915",):
        plan, session = new(name)
        session.max_eirp_dbm, session.power = 12, 1
        assert plan.eirp_dbm(session, 923200000, 2) == 10
        session.max_eirp_dbm, session.power = 36, 0
        assert plan.eirp_dbm(session, 923200000, 2) == TABLE[name][3]  # never above the region's


def test_kr920_sends_10_dbm_below_922_mhz():
    plan, session = new("KR920")
    for hz, expected in ((920900000, 10), (921900000, 10), (922100000, 14), (923300000, 14)):
        assert plan.eirp_dbm(session, hz, 0) == expected
    session.power = 1
    assert plan.eirp_dbm(session, 921900000, 0) == 10
    session.power = 4
    assert plan.eirp_dbm(session, 921900000, 0) == 6


def test_us915_power_rules():
    plan, session = new("US915")
    assert plan.eirp_dbm(session, 902300000, 0) == 30
    assert plan.eirp_dbm(session, 903000000, 4) == 26
    session.mask = bytearray(b"\xff" * 6 + b"\x03\0\0")  # 50 narrow channels
    assert plan.eirp_dbm(session, 902300000, 0) == 30
    session.mask = bytearray(b"\xff" * 6 + b"\x01\0\xff")
    assert plan.eirp_dbm(session, 902300000, 0) == 21
    session.power = 5
    assert plan.eirp_dbm(session, 902300000, 0) == 20
    assert plan.eirp_dbm(session, 903000000, 4) == 20
    for sub_band in range(1, 9):
        assert plan.eirp_dbm(new("US915", sub_band)[1], 902300000, 0) == 21
        assert region("AU915").eirp_dbm(new("AU915", sub_band)[1], 915200000, 2) == 30


def test_listen_before_talk():
    for name in TABLE:
        assert region(name).lbt == ((-80, 6) if name in ("KR920", "AS923-JP") else None)


def test_rx1_of_dynamic_plans():
    for name in DYNAMIC:
        plan, session = new(name)
        session.channels[1][3] = 922000000  # DlChannelReq
        for offset in range(TABLE[name][6] + 1):
            session.rx1_offset = offset
            effective = (0, 1, 2, 3, 4, 5, -1, -2)[offset]
            for dr in range(6):
                expected = max(0, dr - effective)
                lost = expected in (6, 7) if name in AS923 else expected == 7
                assert plan.dr_ok(session, session.mask, dr) == (not lost and (name not in AS923 or dr > 1))
                if name == "IN865" and expected == 6:
                    expected = 5
                if not lost:
                    assert plan.rx1(session, 0, dr) == (DEFAULT_HZ[name][0], expected), (name, offset, dr)
                    assert plan.rx1(session, 1, dr) == (922000000, expected)
                assert plan.rate(plan.rx1(session, 0, dr)[1])  # whatever was set: a window that can be opened
        for offset in range(8):
            assert plan.rx1_offset_ok(offset) == (offset <= TABLE[name][6]), (name, offset)


def test_rx1_of_as923_with_downlink_dwell_time():
    plan, session = new("AS923-1")
    session.downlink_dwell = 1
    for offset, effective in enumerate((0, 1, 2, 3, 4, 5, -1, -2)):
        session.rx1_offset = offset
        for dr in range(2, 6):
            expected = max(2, dr - effective)
            if expected < 6:
                assert plan.rx1(session, 0, dr)[1] == expected, (offset, dr)


def test_as923_sends_no_data_rate_whose_rx1_is_not_ours():
    """DR5 at RX1DROffset 6, DR4 and DR5 at 7 lead to DR6 and DR7."""
    plan, session = new("AS923-1")
    refused = []
    for offset in range(8):
        session.rx1_offset = offset
        refused += [(dr, offset) for dr in range(2, 6) if not plan.dr_ok(session, session.mask, dr)]
    assert refused == [(5, 6), (4, 7), (5, 7)]


US915_RX1 = ((10, 9, 8, 8), (11, 10, 9, 8), (12, 11, 10, 9), (13, 12, 11, 10), (13, 13, 12, 11))
AU915_RX1 = (
    (8, 8, 8, 8, 8, 8),
    (9, 8, 8, 8, 8, 8),
    (10, 9, 8, 8, 8, 8),
    (11, 10, 9, 8, 8, 8),
    (12, 11, 10, 9, 8, 8),
    (13, 12, 11, 10, 9, 8),
    (13, 13, 12, 11, 10, 9),
)


def test_rx1_of_fixed_plans():
    for name, table in (("US915", US915_RX1), ("AU915", AU915_RX1)):
        plan, session = new(name)
        for dr, row in enumerate(table):
            for offset, expected in enumerate(row):
                session.rx1_offset = offset
                assert plan.rx1(session, 0, dr) == (923300000, expected), (name, dr, offset)
        for channel in range(72):
            assert plan.rx1(session, channel, 0)[0] == 923300000 + 600000 * (channel % 8)
        for offset in range(8):
            assert plan.rx1_offset_ok(offset) == (offset < len(table[0])), (name, offset)


def test_channels_of_fixed_plans():
    for name, first, wide, wide_dr in (("US915", 902300000, 903000000, 4), ("AU915", 915200000, 915900000, 6)):
        plan, session = new(name)
        for dr in range(8):
            for channel in range(64):
                assert plan.hz(session, channel, dr) == (first + 200000 * channel if dr < wide_dr else 0)
            for channel in range(64, 72):
                assert plan.hz(session, channel, dr) == (wide + 1600000 * (channel - 64) if dr == wide_dr else 0)


def test_back_off_data_rates():
    for name, lowest, highest in (
        ("EU868", 0, 5),
        ("KR920", 0, 5),
        ("IN865", 0, 5),
        ("US915", 0, 4),
        ("AU915", 2, 6),
        ("AS923-1", 2, 5),
    ):
        plan, session = new(name)
        for dr in range(lowest + 1, highest + 1):
            assert plan.back_off_dr(session, dr) == dr - 1, (name, dr)
        assert plan.back_off_dr(session, lowest) is None
        session.uplink_dwell = 0
        assert plan.back_off_dr(session, lowest) == (lowest - 1 if lowest else None)
    plan, session = new("US915")
    session.mask = bytearray(8) + b"\x01"  # the 500 kHz channel alone carries no other data rate
    assert plan.back_off_dr(session, 4) is None


def test_frequencies_by_region():
    edges = {
        "EU868": ((863.0, 865.0), (865.0, 868.0), (868.0, 868.6), (868.7, 869.2), (869.4, 869.65), (869.7, 870.0)),
        "KR920": ((920.8375, 923.3625),),  # its edges are those of carriers
        "IN865": ((865.0, 867.0),),
        "AS923-1": ((915.0, 928.0),),
        "AS923-2": ((920.0, 923.0),),
        "AS923-3": ((915.0, 921.0),),
        "AS923-4": ((917.0, 920.0),),
    }
    for name, bands in edges.items():
        plan = region(name)
        for low_mhz, high_mhz in bands:
            low, high = round(low_mhz * 1e6), round(high_mhz * 1e6)
            for hz, expected in ((low + 62500, True), (high - 62500, True), (low, False), (high, False)):
                assert plan.hz_ok(hz) == expected, (name, hz)
        for hz in (0, 433000000, bands[0][0] * 1e6 - 1, bands[-1][1] * 1e6 + 1, 0xFFFFFF * 100):
            assert not plan.hz_ok(int(hz))
        for hz in DEFAULT_HZ[name] + (TABLE[name][5][0],):
            assert plan.hz_ok(hz)
    for hz in (868650000, 869300000, 869675000):
        assert not region("EU868").hz_ok(hz)
    assert region("KR920").hz_ok(920900000) and region("KR920").hz_ok(923300000)


def test_rx2_by_region():
    for name, row in TABLE.items():
        plan = region(name)
        for dr in range(16):
            ours = plan.rate(dr) is not None and (name in DYNAMIC or dr >= 8)
            assert plan.rx2_ok(row[5][0], dr) == ours, (name, dr)
        assert not plan.rx2_ok(433000000, row[5][1])
    for name in FIXED:
        plan = region(name)
        assert [hz for hz in range(923100000, 928100000, 100000) if plan.hz_ok(hz)] == [
            923300000 + 600000 * channel for channel in range(8)
        ]


def test_duty_cycle_bands():
    permille = {"EU868": [1, 10, 10, 1, 100, 10], "KR920": [0], "IN865": [0], "US915": [], "AU915": []}
    for name in TABLE:
        plan, session = new(name)
        assert [band[2] for band in plan.BANDS] == permille.get(name, [10]), name
        # Half an hour's allowance, and where that is 3.6 s the longest frame.
        assert list(session.credits) == [1800 * share if share != 1 else 2800 for share in permille.get(name, [10])]


def test_an_unknown_region_is_no_plan():
    for name in ("", "XX999", "EU433"):
        try:
            region(name)
            raise AssertionError(name)
        except (ImportError, AttributeError):
            pass
