"""What the network may do to channels, masks and data rates: each request applied, or refused without a trace."""

from plan_kit import AS923, DYNAMIC, FIXED, enabled, new

# --- LinkADRReq's masks


def test_dynamic_mask_control_0_and_6():
    for name in DYNAMIC:
        plan, session = new(name)
        count = len(session.channels)
        plan.new_channel(session, 5, plan.DEFAULT_HZ[0] + 400000, 0x50)
        assert enabled(plan.mask(session, [(0, 0b100001)], 0)) == [0, 5]
        assert enabled(plan.mask(session, [(6, 0)], 0)) == list(range(count)) + [5]
        assert enabled(plan.mask(session, [(6, 0), (0, 2)], 0)) == [1]  # the last one says it


def test_dynamic_mask_refusals():
    plan, session = new("EU868")
    before = bytes(session.mask)
    for blocks in (
        [(0, 0)],  # all channels off
        [(0, 0b1000)],  # a channel that is not there
        [(0, 0b1001)],
        [(0, 0b1001), (6, 0)],  # ... anywhere in the block
        [(1, 1)],
        [(2, 1)],
        [(3, 1)],
        [(4, 1)],
        [(5, 1)],
        [(7, 0)],
        [(0, 7), (5, 0)],
    ):
        assert plan.mask(session, blocks, 0) is None, blocks
    assert session.mask == before


def test_fixed_mask_control_0_to_7():
    for name in FIXED:
        plan, session = new(name)
        every = list(range(72))
        for control in range(4):
            first = 16 * control
            rest = [channel for channel in every if not first <= channel < first + 16]
            assert enabled(plan.mask(session, [(control, 0)], 0)) == rest
            assert enabled(plan.mask(session, [(control, 0x8001)], 0)) == sorted(rest + [first, first + 15])
        assert enabled(plan.mask(session, [(4, 0xFF02)], 0)) == every[:64] + [65]
        assert enabled(plan.mask(session, [(5, 0b10000010)], 0)) == every[8:16] + every[56:64] + [65, 71]
        session.mask = bytearray(b"\x01" * 9)
        assert enabled(plan.mask(session, [(6, 0b101)], 0)) == every[:64] + [64, 66]
        assert enabled(plan.mask(session, [(7, 0b101)], plan.WIDE_DR)) == [64, 66]
        assert enabled(plan.mask(session, [(7, 0b10), (0, 0xFF00)], 0)) == every[8:16] + [65]  # as TTN sends it


def test_fixed_mask_never_empty():
    for name in FIXED:
        plan, session = new(name)
        for blocks in ([(7, 0)], [(5, 0)], [(7, 0xFF00)], [(6, 0), (0, 0), (1, 0), (2, 0), (3, 0)]):
            assert plan.mask(session, blocks, plan.WIDE_DR) is None, blocks
        assert enabled(plan.mask(session, [(7, 0), (2, 3)], 0)) == [32, 33]  # empty only on the way
        assert session.mask == b"\xff" * 9


def test_us915_wants_two_narrow_channels_below_dr4():
    plan, session = new("US915")
    for dr in range(4):
        assert plan.mask(session, [(7, 1), (0, 1)], dr) is None
        assert plan.mask(session, [(7, 1)], dr) is None
        assert enabled(plan.mask(session, [(7, 1), (0, 3)], dr)) == [0, 1, 64]
    assert enabled(plan.mask(session, [(7, 1)], 4)) == [64]
    plan, session = new("AU915")
    assert enabled(plan.mask(session, [(7, 1), (0, 1)], 2)) == [0, 64]


def test_a_data_rate_needs_an_enabled_channel():
    plan, session = new("US915")
    assert not plan.dr_ok(session, bytearray(8) + b"\xff", 3)
    assert plan.dr_ok(session, bytearray(8) + b"\xff", 4)
    assert not plan.dr_ok(session, bytearray(b"\xff" * 8) + b"\0", 4)
    assert not plan.dr_ok(session, bytearray(9), 0)
    for name, highest in (("EU868", 5), ("US915", 4), ("AU915", 6), ("AS923-1", 5)):
        plan, session = new(name)
        lowest = 2 * session.uplink_dwell
        for dr in range(16):
            assert plan.dr_ok(session, session.mask, dr) == (lowest <= dr <= highest), (name, dr)
    plan, session = new("EU868")
    assert plan.new_channel(session, 3, 867100000, 0x54) == 3
    assert plan.dr_ok(session, bytearray(b"\x08") + bytes(8), 4)
    assert not plan.dr_ok(session, bytearray(b"\x08") + bytes(8), 3)


# --- NewChannelReq, DlChannelReq, CFList


def test_new_channel_is_on_at_once_and_replaces():
    plan, session = new("EU868")
    assert plan.new_channel(session, 9, 867100000, 0x53) == 3
    assert session.channels[9] == [867100000, 3, 5, 0] and enabled(session.mask) == [0, 1, 2, 9]
    assert session.channels[3][0] == 0 and len(session.channels) == 10
    assert plan.dl_channel(session, 9, 869525000) == 3
    assert plan.rx1(session, 9, 5) == (869525000, 5)
    assert plan.new_channel(session, 9, 867300000, 0x50) == 3  # the DlChannelReq is forgotten
    assert plan.rx1(session, 9, 5) == (867300000, 5)
    assert plan.new_channel(session, 9, 0, 0) == 3
    assert enabled(session.mask) == [0, 1, 2] and plan.mask(session, [(0, 1 << 9)], 0) is None
    assert plan.dl_channel(session, 9, 869525000) == 1


def test_new_channel_refusals_change_nothing():
    for index, hz, dr_range, expected in (
        (0, 867100000, 0x50, 0),  # a default channel never changes
        (2, 0, 0, 0),
        (16, 867100000, 0x50, 0),
        (255, 867100000, 0x50, 0),
        (3, 868650000, 0x50, 2),  # between the sub-bands
        (3, 862000000, 0x50, 2),
        (3, 867100000, 0x05, 1),  # lowest above highest
        (3, 867100000, 0x60, 1),  # not ours: SF7 at 250 kHz
        (3, 867100000, 0xF0, 1),
        (3, 1, 0x05, 0),
    ):
        plan, session = new("EU868")
        before = session.pack()
        assert plan.new_channel(session, index, hz, dr_range) == expected, (index, hz, dr_range)
        assert session.pack() == before


def test_taking_the_last_channel_away_brings_the_default_ones_back():
    plan, session = new("EU868")
    plan.new_channel(session, 3, 867100000, 0x50)
    session.mask = plan.mask(session, [(0, 0b1000)], 0)
    assert plan.new_channel(session, 3, 0, 0) == 3
    assert enabled(session.mask) == [0, 1, 2]


def test_a_channel_change_leaves_a_data_rate_that_can_be_sent():
    plan, session = new("EU868")
    plan.new_channel(session, 3, 867100000, 0x50)
    session.mask, session.dr = plan.mask(session, [(0, 0b1000)], 5), 5
    assert plan.new_channel(session, 3, 867100000, 0x32) == 3
    assert session.dr == 3  # the nearest lower
    assert plan.new_channel(session, 3, 867100000, 0x55) == 3
    assert session.dr == 5  # none is lower


def test_dl_channel():
    plan, session = new("AS923-1")
    assert plan.dl_channel(session, 0, 924000000) == 3  # a default channel may
    assert plan.rx1(session, 0, 3) == (924000000, 3)
    for index, hz, expected in ((0, 900000000, 2), (7, 924000000, 1), (200, 900000000, 0), (2, 924000000, 1)):
        assert plan.dl_channel(session, index, hz) == expected
    assert plan.rx1(session, 0, 3) == (924000000, 3)


def frequencies(*all_hz):
    return b"".join((hz // 100).to_bytes(3, "little") for hz in all_hz)


def test_cf_list_of_frequencies():
    plan, session = new("EU868")
    plan.new_channel(session, 10, 865100000, 0x50)
    plan.cf_list(session, frequencies(867100000, 867300000, 0, 433000000, 867900000) + b"\0")
    assert enabled(session.mask) == [0, 1, 2, 3, 4, 7]  # what lies outside the band is left out, as are the old ones
    assert session.channels[3:5] == [[867100000, 0, 5, 0], [867300000, 0, 5, 0]]
    assert session.channels[7] == [867900000, 0, 5, 0] and len(session.channels) == 8
    for kind in (1, 2, 255):  # types that a dynamic plan does not know
        plan, session = new("EU868")
        plan.cf_list(session, frequencies(*[867100000] * 5) + bytes((kind,)))
        assert enabled(session.mask) == [0, 1, 2]
    for name in AS923:
        plan, session = new(name)
        plan.cf_list(session, frequencies(plan.DEFAULT_HZ[0] + 400000, 0, 0, 0, 0) + b"\0")
        assert enabled(session.mask) == [0, 1, 2]


def test_cf_list_of_masks():
    for name in FIXED:
        plan, session = new(name)
        plan.cf_list(session, b"\0\xff\0\0\0\0\0\0\2\0" + bytes(5) + b"\1")
        assert enabled(session.mask) == list(range(8, 16)) + [65]
        plan.cf_list(session, bytes(15) + b"\1")  # no channel at all: ignored
        plan.cf_list(session, b"\xff" * 15 + b"\0")  # frequencies: a fixed plan does not know them
        assert enabled(session.mask) == list(range(8, 16)) + [65]
        session.dr = plan.WIDE_DR
        plan.cf_list(session, b"\0\xff" + bytes(13) + b"\1")
        assert enabled(session.mask) == list(range(8, 16)) and session.dr == plan.WIDE_DR - 1


def test_last_step_of_the_back_off():
    plan, session = new("EU868")
    for index in (3, 4):
        plan.new_channel(session, index, 867100000, 0x50)
    session.mask = bytearray(b"\x08") + bytes(8)
    plan.rescue(session)
    assert enabled(session.mask) == [0, 1, 2, 3]  # the others stay as they are
    for name in FIXED:
        plan, session = new(name)
        session.mask = bytearray(b"\x01") + bytes(8)
        plan.rescue(session)
        assert len(enabled(session.mask)) == 72
        plan, session = new(name, 3)
        session.mask = bytearray(b"\x01") + bytes(8)
        plan.rescue(session)
        assert enabled(session.mask) == list(range(16, 24)) + [66]  # somebody chose that sub-band


def test_uplink_dwell_time_lifts_the_data_rate():
    for name in ("AS923-1", "AU915"):
        plan, session = new(name)
        session.uplink_dwell, session.dr = 0, 0
        plan.settle(session)
        assert session.dr == 0
        session.uplink_dwell = 1
        plan.settle(session)
        assert session.dr == 2
