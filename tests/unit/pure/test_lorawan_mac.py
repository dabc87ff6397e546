"""Uplinks, windows and downlinks as a protocol trace."""

from check import raises
from lorawan_network import cmac, little, plain_cmac
from lorawan_node import Node


def test_the_network_of_these_tests_has_the_cmac_of_rfc_4493():
    key = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c")
    for data, code in (
        (b"", "bb1d6929e95937287fa37d129b756746"),
        (bytes.fromhex("6bc1bee22e409f96e93d7e117393172a"), "070a16b46b4d4144f79bdd9dd04a287c"),
        (
            bytes.fromhex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411"),
            "dfa66747de9ae63030ca32611497c827",
        ),
    ):
        assert plain_cmac(key, data) == cmac(key, data) == bytes.fromhex(code)


def test_windows_follow_the_uplink():
    node = Node().joined()
    node.sends()
    tx = node.tx
    assert tx.windows[0][:4] == (1000, tx.hz, tx.sf, 125)
    assert tx.windows[1] == (2000, 869525000, 12, 125, 64)
    assert (tx.eirp_dbm, tx.lbt, tx.pause_ms) == (16, None, 0)
    assert tx.airtime_ms >= 1


def test_channels_are_used_in_turns_and_none_twice_in_a_row():
    node = Node().joined()
    used = []
    for _ in range(5):
        for _ in range(3):
            node.sends()
            used.append(node.tx.hz)
        node.wake()
    assert len(set(used)) == 3 and not [at for at in range(1, len(used)) if used[at] == used[at - 1]]


def test_fixed_plans_leave_a_gap_after_an_answer():
    """FCC 15.247: over 8 channels 0.4 s in 3.2 s for each, and of three messages the third may be where the first was:
    0.37 s at SF10, 1 s to RX1, 50 ms of an answer are less than half of 3.2 s."""
    for name, gap_ms in (("US915", 300), ("EU868", 0)):
        node = Node(name).joined()
        pauses = []
        for _ in range(3):
            node.sends(confirmed=True)
            pauses.append(node.tx.pause_ms)
            node.hears(node.network.down(ack=1))
        assert pauses == [0, gap_ms, gap_ms]
        node.wake()
        node.sends()
        assert node.tx.pause_ms == 0


def test_listen_before_talk_comes_with_the_tx_and_the_frame_finds_another_channel():
    """KR920: the stricter of -80 dBm and 6 ms; the frame and its counter stay."""
    node = Node("KR920").joined()
    up = node.sends()
    assert node.tx.lbt == (-80, 6)
    moved = [node.mac.send(node.now_s) for _ in range(6)]
    assert {tx.frame for tx in moved} == {node.tx.frame} and len({tx.hz for tx in moved}) == 3
    assert node.sends().fcnt == up.fcnt + 1


def test_a_payload_may_fill_the_room_and_no_more():
    for name, dr, room in (("EU868", 0, 51), ("EU868", 3, 115), ("EU868", 5, 242), ("US915", 0, 11), ("US915", 4, 242)):
        node = Node(name).joined()
        node.session.dr = dr
        assert node.mac.room() == room
        assert raises(ValueError, node.mac.uplink, 1, bytes(room + 1), False, node.now_s).args[0] == "too long"
        assert len(node.sends(bytes(room)).payload) == room


def test_payload_limits_follow_dwell_time():
    node = Node("AS923-1").joined()
    assert (node.session.uplink_dwell, node.session.dr) == (1, 3)
    assert node.mac.room() == 53
    node.told(b"\x09\x05")  # TXParamSetupReq: no dwell time, 16 dBm
    assert node.session.uplink_dwell == 0 and node.mac.room() == 115 - 1


def test_mac_answers_take_room_from_the_payload():
    node = Node("US915").joined()
    node.session.dr = 0
    node.sends(b"")
    assert node.hears(node.network.down(fopts=b"\x06\x06\x04\x00"))  # DevStatusReq twice, DutyCycleReq
    assert node.mac.room() == 11 - 3 - 3 - 1
    assert raises(ValueError, node.mac.uplink, 1, bytes(5), False, node.now_s).args[0] == "too long"
    assert node.sends(bytes(4)).fopts == b"\x06\xff\x05\x06\xff\x05\x04"
    assert node.mac.room() == 11


def test_ports_1_to_223_and_224_only_when_enabled():
    node = Node().joined()
    for port in (0, 224, 225, 255, 256, -1):
        assert raises(ValueError, node.mac.uplink, port, b"x", False, node.now_s).args[0] == "no such port", port
    assert node.sends(b"x", 1).fport == 1 and node.sends(b"x", 223).fport == 223
    assert node.hears(node.network.down(b"test", 224)) == (None, b"", False, False)
    node.mac.last_port = 224
    assert node.sends(b"x", 224).fport == 224
    assert node.hears(node.network.down(b"test", 224)) == (224, b"test", False, False)
    assert raises(ValueError, node.mac.uplink, 225, b"x", False, node.now_s)


def test_a_frame_without_port_is_empty():
    up = Node().joined().sends(b"ignored", None)
    assert (up.fport, up.payload) == (None, b"")


def test_downlink_with_payload_and_more_waiting():
    node = Node().joined()
    node.sends()
    assert node.hears(node.network.down(b"turn it up", 10, pending=1)) == (10, b"turn it up", False, True)
    assert node.session.last_downlink_s == node.now_s


def test_an_ack_counts_only_for_a_confirmed_uplink():
    node = Node().joined()
    node.sends(confirmed=False)
    assert node.hears(node.network.down(ack=1))[2] is False
    node.sends(confirmed=True)
    assert node.hears(node.network.down(ack=0))[2] is False
    node.sends(confirmed=True)
    assert node.hears(node.network.down(ack=1))[2] is True


def test_a_confirmed_downlink_is_acknowledged_in_the_next_uplink_only():
    node = Node().joined()
    assert not node.sends().ack
    node.hears(node.network.down(b"x", 5, confirmed=1))
    node.wake()
    assert node.sends().ack
    assert not node.sends().ack
    node.hears(node.network.down(b"x", 5, confirmed=1))
    node.sends()
    node.hears(node.network.down(b"x", 5))
    assert not node.sends().ack


def test_only_frames_in_the_windows_of_an_uplink_count():
    node = Node().joined()
    frame = node.network.down(b"x", 5)
    assert node.hears(frame) is None
    node.sends()
    assert node.hears(frame) and node.hears(node.network.down(b"y", 5)) is None


def test_a_downlink_longer_than_its_data_rate_allows_is_discarded():
    node = Node().joined()
    node.session.dr = 0
    for size, window, good in ((52, 0, False), (52, 1, False), (51, 1, True)):
        node.sends()
        assert bool(node.hears(node.network.down(bytes(size), 5), window=window)) is good, size
    node.session.dr = 5
    node.sends()
    assert node.hears(node.network.down(bytes(200), 5), window=1) is None
    assert node.hears(node.network.down(bytes(200), 5), window=0)


def test_fopts_together_with_fport_0_is_discarded_silently():
    node = Node().joined()
    node.sends()
    before = node.session.pack()
    assert node.hears(node.network.down(b"\x06", 0, fopts=b"\x06")) is None
    assert node.session.pack() == before
    assert node.hears(node.network.down(b"\x06", 0)) == (None, b"", False, False)
    assert node.sends().fopts == b"\x06\xff\x05"


def test_downlink_counter_of_32_bits():
    """16-bit part greater: same upper half; smaller: upper half + 1; equal: rejected. The first one may be 0."""
    node = Node().joined()
    for fcnt, good in (
        (0, True),
        (0, False),
        (1, True),
        (0xFFFF, True),
        (0xFFFF, False),
        (0x10000, True),
        (0x1FFFF, True),
        (0x1FFFE, False),  # read as 0x2FFFE
        (0x20005, True),
    ):
        node.sends()
        before = node.session.pack()
        assert bool(node.hears(node.network.down(b"x", 5, fcnt=fcnt))) is good, fcnt
        assert good or node.session.pack() == before
        node.wake()
    assert node.session.fcnt_down == 0x20005


def test_the_first_downlink_may_be_any():
    for fcnt in (0, 1, 0xFFFF):
        node = Node().joined()
        node.sends()
        assert node.hears(node.network.down(fcnt=fcnt)) and node.session.fcnt_down == fcnt


def test_a_replayed_downlink_is_rejected_also_after_power_loss():
    node = Node().joined()
    node.sends()
    frame = node.network.down(b"open the lid", 10)
    assert node.hears(frame)
    node.lose_power()
    node.wake().sends()
    assert node.hears(frame) is None


def test_the_counter_is_committed_only_after_the_mic():
    node = Node().joined()
    node.sends()
    before = node.session.pack()
    assert node.hears(node.network.down(fcnt=500, broken=True)) is None
    assert node.session.pack() == before
    assert node.hears(node.network.down(fcnt=0)) is not None


def test_uplink_counter_goes_past_16_bits():
    node = Node().joined()
    node.session.fcnt_up = node.network.up_fcnt = 0xFFFE
    node.network.up_fcnt -= 1
    assert [node.sends().fcnt for _ in range(4)] == [0xFFFE, 0xFFFF, 0x10000, 0x10001]


def test_nb_trans_repeats_the_frame_on_other_channels_until_a_downlink():
    """NbTrans counts for confirmed and unconfirmed frames; any downlink in RX1 or RX2 ends the repeats."""
    node = Node().joined()
    node.session.nb_trans = 3
    up = node.sends()
    frame, used = node.tx.frame, [node.tx.hz]
    while node.repeats():
        assert node.tx.frame == frame and node.tx.pause_ms == 0 and node.tx.dr == node.session.dr
        used.append(node.tx.hz)
    assert len(used) == len(set(used)) == 3
    assert node.sends().fcnt == up.fcnt + 1
    assert node.repeats()
    assert node.hears(node.network.down(), window=1)
    assert node.repeats() is None


def test_a_confirmed_uplink_is_tried_a_bounded_number_of_times():
    """NbTrans times with one counter, then with the next; not until the battery is empty."""
    for nb_trans, tries in ((1, 8), (2, 8), (3, 8), (12, 12)):
        node = Node("US915").joined()
        node.session.nb_trans = nb_trans
        counters = [node.sends(confirmed=True).fcnt]
        while True:
            up = node.repeats()
            if not up:
                break
            assert up.confirmed and up.payload == b"reading"
            counters.append(up.fcnt)
        assert counters == [index // nb_trans for index in range(tries)]
        assert node.mac.again(node.now_s) is None
        assert node.mac.heard(node.network.down(), 0, node.now_s) is None


def test_any_downlink_ends_a_confirmed_uplink_too():
    node = Node().joined()
    node.sends(confirmed=True)
    assert node.repeats() and node.hears(node.network.down(ack=0)) == (None, b"", False, False)
    assert node.repeats() is None


def test_retransmit_timeout_is_waited_for_only_while_an_ack_is_awaited():
    """2 s +- 1 s, by chance, before a repetition and before the next new frame."""
    node = Node("US915").joined()
    node.sends(confirmed=True)
    assert node.tx.pause_ms == 0
    pauses = []
    while node.repeats():
        pauses.append(node.tx.pause_ms)
    node.sends()  # a new frame, after no answer
    pauses.append(node.tx.pause_ms)
    assert len(set(pauses)) > 6 and 1000 <= min(pauses) < 1500 and 2500 < max(pauses) <= 3000
    node.sends()
    assert node.tx.pause_ms == 300
    node.sends(confirmed=True)
    node.hears(node.network.down(ack=1))
    node.sends(confirmed=True)
    assert node.tx.pause_ms == 300  # the gap of fixed plans


def test_the_data_rate_falls_after_every_second_try_where_the_payload_fits():
    def rates(payload):
        node = Node().joined()
        node.session.dr = 5
        node.sends(payload, confirmed=True)
        found = [node.tx.dr]
        while node.repeats():
            found.append(node.tx.dr)
        assert node.session.dr == 5  # the network's setting stays
        return found

    assert rates(bytes(11)) == [5, 5, 4, 4, 3, 3, 2, 2]
    assert rates(bytes(100)) == [5, 5, 4, 4, 3, 3, 3, 3]
    assert rates(bytes(200)) == [5, 5, 4, 4, 4, 4, 4, 4]


def test_duty_cycle_makes_wait_and_changes_nothing():
    node = Node().joined()
    node.session.dr = 0
    node.session.credits = [0] * len(node.session.credits)
    before = node.session.pack()
    wait_s = node.mac.uplink(1, bytes(51), True, node.now_s)
    assert isinstance(wait_s, int) and 100 < wait_s < 1000
    assert node.session.fcnt_up == 0 and node.session.pack()[5:] == before[5:]
    assert node.mac.again(node.now_s) is None
    node.now_s += wait_s
    assert node.sends(bytes(51), confirmed=True).fcnt == 0


def test_a_repeat_that_has_to_wait_is_not_lost():
    node = Node().joined()
    node.session.dr = 0
    fcnt = node.sends(bytes(51), confirmed=True).fcnt
    node.session.credits = [0] * len(node.session.credits)
    assert isinstance(node.mac.again(node.now_s), int) and node.session.fcnt_up == fcnt + 1
    assert node.silence() == 7
    assert node.session.fcnt_up == fcnt + 8
    node.session.nb_trans = 4
    node.sends(bytes(51))
    node.session.credits = [0] * len(node.session.credits)
    assert isinstance(node.mac.again(node.now_s), int) and isinstance(node.mac.again(node.now_s), int)
    assert node.silence() == 3


def test_credits_survive_deep_sleep():
    node = Node().joined()
    node.session.dr = 0
    node.sends(bytes(51))
    credits = list(node.session.credits)
    assert node.wake().session.credits == credits and node.session.credits_at_s > 0


def test_the_session_outlives_deep_sleep_whole():
    node = Node().joined()
    node.told(bytes([4, 2, 5, 0x13]) + little(8690000, 3) + b"\x08\x03\x07\x04" + little(8671000, 3) + b"\x50")
    image = node.session.pack()
    assert node.wake().session.pack() == image


def test_device_time_and_link_check():
    """DeviceTimeAns: GPS seconds, 4 bytes little endian, and 1/256 s."""
    node = Node().joined()
    node.mac.asks = b"\x02\x0d"
    assert node.mac.room() == 115 - 2 and node.sends().fopts == b"\x02\x0d"
    node.hears(node.network.down(fopts=b"\x02\x14\x03\x0d" + little(1234567890, 4) + b"\x80"))
    assert (node.mac.asks, node.mac.link, node.mac.gps) == (b"", (20, 3), (1234567890, 128))
    assert node.sends().fopts == b""


def test_answers_that_were_not_asked_for_are_not_believed():
    node = Node().joined()
    node.sends()
    assert node.hears(node.network.down(fopts=b"\x02\x14\x03\x0d" + bytes(5)))
    assert node.mac.gps is node.mac.link is None
