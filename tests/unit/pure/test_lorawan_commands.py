"""Every MAC command of the network: what it changes, and what is answered."""

from lorawan_network import little
from lorawan_node import Node


def link_adr(dr, power, mask, control=0, nb_trans=1):
    return bytes([3, dr << 4 | power]) + little(mask, 2) + bytes([control << 4 | nb_trans])


def channel(index, hz, dr_range=0x50):
    return bytes([7, index]) + little(hz // 100, 3) + bytes([dr_range])


def joined(name="EU868", **fields):
    return Node(name, **fields).joined()


def settings(session):
    return session.dr, session.power, session.nb_trans, bytes(session.mask)


def test_link_adr_sets_data_rate_power_repeats_and_mask():
    node = joined()
    assert node.told(link_adr(5, 3, 0b101, 0, 2)) == b"\x03\x07"
    assert settings(node.session) == (5, 3, 2, b"\x05" + bytes(8))
    assert (node.tx.sf, node.tx.eirp_dbm) == (7, 10)


def test_a_mask_that_is_acknowledged_is_applied():
    node = joined()
    assert node.told(link_adr(15, 15, 0b010)) == b"\x03\x07"
    for _ in range(6):
        node.sends()
        assert node.tx.hz == 868300000
        node.wake()


def test_link_adr_15_keeps_data_rate_and_power():
    node = joined()
    node.told(link_adr(4, 2, 7))
    assert node.told(link_adr(15, 15, 0b011)) == b"\x03\x07"
    assert settings(node.session) == (4, 2, 1, b"\x03" + bytes(8))


def test_nb_trans_0_means_1():
    node = joined()
    node.told(link_adr(15, 15, 7, 0, 3))
    assert node.session.nb_trans == 3
    node.told(link_adr(15, 15, 7, 0, 0))
    assert node.session.nb_trans == 1


def test_any_ack_bit_0_means_nothing_is_applied():
    for request, bits in (
        (link_adr(5, 1, 0b1000), 6),  # no such channel
        (link_adr(5, 1, 0), 6),  # all channels off
        (link_adr(5, 1, 7, 3), 6),  # ChMaskCntl RFU
        (link_adr(7, 1, 7), 5),  # FSK
        (link_adr(14, 1, 7), 5),
        (link_adr(5, 8, 7), 3),  # less power than there is
        (link_adr(5, 14, 7), 3),
        (link_adr(9, 9, 0), 0),
    ):
        node = joined()
        before = settings(node.session)
        assert node.told(request) == bytes([3, bits]), request
        assert settings(node.session) == before


def test_more_power_than_the_device_has_is_accepted():
    node = joined("US915")
    node.session.power = 5
    assert node.told(link_adr(15, 0, 0xFFFF, 6)) == b"\x03\x07"
    assert node.session.power == 0  # 30 dBm; the driver clamps


def test_neighbouring_link_adr_requests_are_one_atomic_block():
    """Data rate, power and NbTrans from the last one only; one answer each with the same status."""
    node = joined("US915")
    block = link_adr(0, 9, 0, 7, 9) + link_adr(1, 8, 0xFF00, 0, 8) + link_adr(2, 1, 0x02, 4, 2)
    assert node.told(block) == b"\x03\x07" * 3
    assert settings(node.session) == (2, 1, 2, b"\x00\xff" + bytes(6) + b"\x02")
    bad = link_adr(3, 2, 0, 7) + link_adr(3, 2, 0x0001, 0)  # in the end one 125 kHz channel
    before = settings(node.session)
    assert node.told(bad) == b"\x03\x06" * 2 and settings(node.session) == before


def test_another_command_between_them_makes_two_blocks():
    node = joined()
    assert node.told(link_adr(5, 1, 0b1000) + b"\x06" + link_adr(4, 2, 0b11)) == b"\x03\x06\x06\xff\x05\x03\x07"
    assert settings(node.session) == (4, 2, 1, b"\x03" + bytes(8))


def test_us915_refuses_a_mask_with_fewer_than_two_125_khz_channels_below_dr4():
    for dr, mask, bits in ((3, 0x0000, 6), (3, 0x0001, 6), (3, 0x0003, 7), (4, 0x0000, 7)):
        node = joined("US915")
        assert node.told(link_adr(dr, 15, 0x01, 7) + link_adr(dr, 15, mask, 0)) == bytes([3, bits]) * 2, (dr, mask)


def test_without_adr_the_network_sets_mask_and_nb_trans_only():
    node = joined()
    node.session.adr = 0
    up = node.sends()
    assert not up.adr and not up.adr_ack_req
    dr = node.session.dr
    assert node.told(link_adr(5, 4, 0b110, 0, 3)) == b"\x03\x07"
    assert settings(node.session) == (dr, 0, 3, b"\x06" + bytes(8))


def test_duty_cycle_silence_is_airtime_times_2_to_the_n_minus_1():
    """The stricter of it and of the sub-band's rules."""
    for n in (1, 4, 10, 15):
        node = joined("US915")
        node.session.dr = 0
        node.told(bytes([4, n]))
        wait_s = node.mac.uplink(1, b"x", False, node.now_s)
        assert wait_s == (node.tx.airtime_ms << n) // 1000 + 2, n
        assert node.wake().mac.uplink(1, b"x", False, node.now_s) == wait_s  # deep sleep changes nothing
        node.now_s += wait_s
        assert node.sends()
        node.session.max_duty = 0
    node = joined()
    node.told(bytes([4, 1]))
    node.session.credits = [0] * len(node.session.credits)
    assert node.mac.uplink(1, bytes(50), False, node.now_s + 10) > 5


def test_duty_cycle_0_is_no_limit():
    node = joined("US915")
    assert node.told(b"\x04\x0c") == b"\x04"
    node.sends()
    node.hears(node.network.down(fopts=b"\x04\x00"))
    node.session.quiet_until_s = 0
    node.sends()
    assert not isinstance(node.mac.uplink(1, b"x", False, node.now_s), int)


def test_rx_parameters_are_all_or_nothing():
    for request, bits in (
        (b"\x05\x23" + little(8690000, 3), 7),
        (b"\x05\x23" + little(8725000, 3), 4),  # beyond the band: RX2's data rate is not possible there either
        (b"\x05\x27" + little(8690000, 3), 5),  # FSK
        (b"\x05\x63" + little(8690000, 3), 3),  # offset 6
    ):
        node = joined()
        before = node.session.rx1_offset, node.session.rx2_dr, node.session.rx2_hz
        answer = node.told(request)
        assert answer == bytes([5, bits]), (request, answer)
        after = node.session.rx1_offset, node.session.rx2_dr, node.session.rx2_hz
        assert after == ((2, 3, 869000000) if bits == 7 else before)
    node = joined()
    node.told(b"\x05\x23" + little(8690000, 3))
    assert node.tx.windows[0][2] == node.tx.sf + 2 and node.tx.windows[1][1:4] == (869000000, 9, 125)


def test_an_offset_with_which_rx1_would_be_deaf_lowers_the_data_rate():
    """AS923 without DR6: no DR5 at RX1DROffset 6, no DR4 and DR5 at 7."""
    for offset, dr in ((5, 5), (6, 4), (7, 3)):
        node = joined("AS923-1")
        node.session.dr = 5
        assert node.told(bytes([5, offset << 4 | 2]) + little(9232000, 3)) == b"\x05\x07"
        assert node.session.dr == dr
        assert node.told(link_adr(5, 15, 3)) == (b"\x03\x07" if offset == 5 else b"\x03\x05")


def test_rx_timing():
    for delay, seconds in ((0, 1), (1, 1), (15, 15)):
        node = joined()
        assert node.told(bytes([8, delay])) == b"\x08"
        assert [window[0] for window in node.tx.windows] == [1000 * seconds, 1000 * seconds + 1000]


def test_dev_status_tells_battery_and_the_margin_of_its_frame():
    for battery, snr_db, answer in (
        (None, 5, b"\x06\xff\x05"),
        ((3300, 3300), -20, b"\x06\x01\x2c"),
        ((4200, 3300), 40, b"\x06\xfe\x1f"),
        ((3750, 3300), 0, b"\x06\x7f\x00"),
        ((3000, 3300), 0, b"\x06\x01\x00"),
        ((4400, 4300), 0, b"\x06\xfe\x00"),
    ):
        node = joined()
        node.mac.battery = battery
        assert node.told(b"\x06", snr_db) == answer
    assert joined().told(b"\x06", -100) == b"\x06\xff\x20"


def test_new_channel():
    node = joined()
    assert node.told(channel(3, 867100000)) == b"\x07\x03"
    assert node.session.channels[3] == [867100000, 0, 5, 0] and node.session.mask[0] == 15
    assert node.told(channel(3, 0)) == b"\x07\x03"
    assert node.session.mask[0] == 7
    for request, bits in ((channel(4, 868650000), 2), (channel(4, 867300000, 0x05), 1), (channel(16, 867300000), 0)):
        assert node.told(request) == bytes([7, bits]), request


def test_new_channel_never_changes_a_default_channel():
    node = joined()
    before = list(node.session.channels)
    for index in range(3):
        assert node.told(channel(index, 867100000)) == b"\x07\x00"
        assert node.told(channel(index, 0)) == b"\x07\x00"
    assert node.session.channels == before and node.session.mask[0] == 7


def test_dl_channel_moves_rx1():
    node = joined()
    assert node.told(b"\x0a\x00" + little(8690000, 3)) == b"\x0a\x03"
    for _ in range(4):
        node.sends()
        assert node.tx.windows[0][1] == (869000000 if node.tx.hz == 868100000 else node.tx.hz)
    assert node.told(b"\x0a\x09" + little(8690000, 3)) == b"\x0a\x01"
    assert node.told(b"\x0a\x01" + little(8725000, 3)) == b"\x0a\x02"


def test_fixed_plans_do_not_answer_new_channel_and_dl_channel():
    node = joined("US915")
    before = bytes(node.session.mask)
    assert node.told(channel(3, 903000000) + b"\x0a\x00" + little(9233000, 3) + b"\x06") == b"\x06\xff\x05"
    assert bytes(node.session.mask) == before


def test_tx_parameters():
    node = joined("AS923-1")
    assert node.told(b"\x09\x22") == b"\x09"  # 12 dBm, dwell time down
    session = node.session
    assert (session.downlink_dwell, session.uplink_dwell, session.max_eirp_dbm) == (1, 0, 12)
    assert node.tx.eirp_dbm == 12
    session.dr = 0
    node.told(b"\x09\x15")
    assert session.uplink_dwell == 1 and session.dr == 2  # the lowest that dwell time allows
    assert joined("EU868").told(b"\x09\x23\x06") == b"\x06\xff\x05"  # not there: no answer


def test_rx_and_tx_answers_are_repeated_until_a_downlink_arrives():
    """5, 8, 9 and 10 in every uplink, through deep sleep; the others once."""
    node = joined("AS923-1")
    node.sends()
    commands = b"\x06\x05\x02" + little(9234000, 3) + b"\x04\x00\x08\x01\x09\x05\x0a\x00" + little(9232000, 3)
    node.hears(node.network.down(fopts=b"", payload=commands, fport=0))
    repeated = b"\x05\x07\x08\x09\x0a\x03"
    assert node.wake().sends().fopts == b"\x06\xff\x05\x05\x07\x04\x08\x09\x0a\x03"
    for _ in range(3):
        assert node.wake().sends().fopts == repeated
    assert node.hears(node.network.down(broken=True)) is None
    assert node.sends(confirmed=True).fopts == repeated
    assert node.repeats().fopts == repeated
    node.hears(node.network.down())
    assert node.wake().sends().fopts == b""


def test_an_unknown_or_cut_off_command_ends_parsing():
    for tail in (b"\x00", b"\x01", b"\x0b", b"\x0e", b"\x10\x01", b"\x80", b"\xff", b"\x03\x50\x07", b"\x0d"):
        node = joined()
        assert node.told(b"\x06" + tail) == b"\x06\xff\x05", tail
        node = joined()
        assert node.told(tail[:1] + b"\x0f" * 3 if tail[0] in (3, 13) else tail + b"\x06") == b"", tail


def test_commands_on_port_0_are_obeyed():
    node = joined()
    node.sends()
    assert node.hears(node.network.down(link_adr(5, 1, 7) + b"\x06", 0)) == (None, b"", False, False)
    assert node.sends().fopts == b"\x03\x07\x06\xff\x05"


def test_fopts_have_15_bytes_and_more_answers_go_on_port_0():
    """All answers to one frame in one frame, whole commands only; application data waits."""
    node = joined()
    node.sends()
    node.hears(node.network.down(b"\x06" * 5, 0))
    assert len(node.sends().fopts) == 15
    node.hears(node.network.down(b"\x06" * 6, 0))
    assert node.mac.room() == 0
    up = node.sends(fport=None)
    assert (up.fport, up.fopts, up.payload) == (0, b"", b"\x06\xff\x05" * 6)
    assert node.mac.room() > 0 and node.sends().fopts == b""
    node.session.dr = 0
    node.hears(node.network.down(b"\x06" * 100, 0))
    assert node.sends(fport=None).payload == b"\x06\xff\x05" * 17  # 51 bytes; the session keeps no more than 64


def test_all_commands_are_executed_even_if_their_answers_are_too_many():
    node = joined()
    node.sends()
    node.hears(node.network.down(b"\x06" * 60 + link_adr(5, 1, 7), 0))
    assert node.session.dr == 5
