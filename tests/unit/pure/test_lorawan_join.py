"""Activation as a protocol trace: over the air with the back-off of TR007, and by personalisation."""

from binnode.lorawan import join, restart
from binnode.lorawan.tx import Tx
from check import raises
from lorawan_network import little
from lorawan_node import ABP, OTAA, Node


def test_a_node_joins_reports_and_is_acknowledged():
    node = Node()
    request = node.asks()
    first, second = request.windows
    assert (first[0], second[0]) == (5000, 6000)  # JOIN_ACCEPT_DELAY1 and 2
    assert first[1:4] == (request.hz, request.sf, 125) and second[1:4] == (869525000, 12, 125)
    assert node.accepts(node.network.join_accept(request.frame))
    up = node.sends(b"eleven byte", 1, confirmed=True)
    assert (up.fcnt, up.fport, up.payload, up.confirmed, up.adr) == (0, 1, b"eleven byte", True, True)
    assert [window[0] for window in node.tx.windows] == [1000, 2000]
    assert node.hears(node.network.down(ack=1)) == (None, b"", True, False)
    assert node.repeats() is None
    assert node.sends().fcnt == 1


def test_joined_once_and_not_again_after_every_wake():
    node = Node().joined()
    for count in range(20):
        node.now_s += 900
        assert node.wake().session.joined
        assert node.sends().fcnt == count
    assert len(node.network.nonces) == 1


def test_dev_nonce_counts_from_0_and_is_kept_before_the_frame_leaves():
    node = Node()
    for count in range(5):
        tx = node.asks()
        assert tx.frame[17:19] == little(count, 2)
        assert restart.nonces(node.board, OTAA)[0] == count + 1
        node.network.join_accept(tx.frame)  # which the node does not hear
        node.lose_power()
        node.wake()


def test_dev_nonces_go_on_when_the_keys_change_and_end_at_65535():
    node = Node()
    node.asks()
    node.joined()
    assert restart.nonces(node.board, OTAA) == (2, 1, 1)
    other = (bytes(16),) + OTAA[1:]
    assert restart.nonces(node.board, other) == (2, 0, None)
    assert isinstance(join.request(node.session, node.plan, OTAA, 65535, 10**6, node.entropy), Tx)
    assert raises(ValueError, join.request, node.session, node.plan, OTAA, 65536, 10**7, node.entropy)


def test_join_nonce_is_taken_once_and_only_a_later_one():
    node = Node().joined(join_nonce=7)
    for nonce, good in ((7, False), (6, False), (0, False), (8, True), (8, False), (0xFFFFFF, True)):
        before = node.session.fcnt_up, node.session.nwk_s_key
        frame = node.network.join_accept(node.asks().frame, join_nonce=nonce)
        assert node.accepts(frame) is good, nonce
        assert (before == (node.session.fcnt_up, node.session.nwk_s_key)) is not good
    node.lose_power()
    node.wake()
    assert not node.accepts(node.network.join_accept(node.asks().frame, join_nonce=8))


def test_join_nonce_0_is_a_first_one():
    assert Node().joined(join_nonce=0).session.joined


def test_a_join_accept_that_is_not_ours_changes_nothing():
    node = Node()
    request = node.asks()
    good = node.network.join_accept(request.frame)
    before = node.session.pack()
    for frame in (b"", b"\x20", good[:-1], good + b"\0", b"\x60" + good[1:], good[:9] + b"\0" + good[10:], bytes(33)):
        assert not node.accepts(frame)
        assert node.session.pack() == before
    assert node.accepts(good)


def test_the_accept_sets_rx_parameters_and_channels():
    """RX2's data rate of the network differs from the standard: The Things Network's is DR3."""
    frequencies = b"".join([little(mhz10 * 1000, 3) for mhz10 in (8671, 8673, 8675, 8677, 8679)])
    node = Node().joined(settings=0x13, delay=5, cf_list=frequencies + b"\0")
    session = node.session
    assert (session.rx1_offset, session.rx2_dr, session.rx1_delay_s) == (1, 3, 5)
    assert [channel[0] // 100000 for channel in session.channels] == [8681, 8683, 8685, 8671, 8673, 8675, 8677, 8679]
    node.sends()
    first, second = node.tx.windows
    assert first[0] == 5000 and second[:4] == (6000, 869525000, 9, 125)
    assert first[2] == node.tx.sf + 1


def test_rx_delay_0_is_a_second_and_settings_out_of_range_leave_the_default():
    session = Node().joined(settings=0x7F, delay=0).session
    assert (session.rx1_offset, session.rx2_dr, session.rx1_delay_s) == (0, 0, 1)


def test_a_join_forgets_what_the_old_network_had_set_and_resets_counters():
    node = Node().joined()
    node.told(bytes([4, 3, 8, 9, 5, 0x23]) + little(8690000, 3))
    node.sends()
    assert (node.session.max_duty, node.session.rx1_delay_s, node.session.rx2_dr) == (3, 9, 3)
    node.now_s += 10000
    request = node.asks()
    # the old session holds until the accept; its parameters do not count for the join
    assert [window[0] for window in request.windows] == [5000, 6000] and request.windows[1][1:3] == (869525000, 12)
    assert node.session.fcnt_up > 0 and node.session.joined and node.session.rx1_delay_s == 9
    node.network.up_fcnt += 1
    credits = list(node.session.credits)
    assert node.accepts(node.network.join_accept(request.frame))
    session = node.session
    assert (session.max_duty, session.rx1_delay_s, session.rx2_dr, session.fcnt_up) == (0, 1, 0, 0)
    assert session.fcnt_down is None and session.credits == credits and not session.answers
    assert node.sends().fcnt == 0


def test_the_data_rate_of_the_join_is_that_of_the_first_uplink():
    for attempts in range(1, 5):
        node = Node()
        for _ in range(attempts):
            request = node.asks()
        node.accepts(node.network.join_accept(request.frame))
        assert node.session.dr == request.dr
        node.sends()
        assert node.tx.sf == request.sf


def airtime_in(node, from_s, until_s):
    return sum([tx.airtime_ms for at_s, tx in node.times if from_s <= at_s < until_s])


def months_of_joining(name, seed):
    """20 days; seed None: the shortest waits that chance can give."""
    node = Node(name, seed=seed or 1)
    if seed is None:
        node.entropy = bytes
    start_s = node.now_s
    node.times = []
    while node.now_s < start_s + 20 * 86400:
        tx = node.asks()
        node.times.append((node.now_s, tx))
        node.wake()  # deep sleep between the tries
    return node, start_s


def test_join_retries_keep_to_tr007_through_deep_sleep():
    """Under 36 s of air time in the first hour, under 36 s in the next 10 h, under 8.7 s per 24 h after."""
    for name in ("EU868", "US915", "AS923-1"):
        node, start_s = months_of_joining(name, None)
        later_s = start_s + 11 * 3600
        assert 0 < airtime_in(node, start_s, start_s + 3600) < 36000
        assert 0 < airtime_in(node, start_s + 3600, later_s) < 36000
        days = [airtime_in(node, at_s, at_s + 86400) for at_s, _ in node.times if at_s >= later_s]
        assert len(days) > 30 and 4000 < max(days) < 8700, (name, max(days))


def test_join_tries_of_two_nodes_fall_apart():
    """No join storm after a gateway outage: the spacing is random."""
    one, _ = months_of_joining("US915", 1)
    other, _ = months_of_joining("US915", 2)
    early = [at_s for at_s, _ in one.times[:40]], [at_s for at_s, _ in other.times[:40]]
    assert len(set(early[0]) & set(early[1])) < 10


def test_us915_joins_hop_over_sub_bands_and_bandwidths():
    node = Node("US915")
    wide, narrow = set(), set()
    for _ in range(16):
        tx = node.asks()
        if tx.bw_khz == 500:
            wide.add((tx.hz - 903000000) // 1600000)
        else:
            narrow.add((tx.hz - 902300000) // 1600000)
        assert tx.windows[1][1:4] == (923300000, 12, 500)
    assert wide == narrow == set(range(8))


def test_a_node_that_was_on_the_air_before_power_loss_has_no_credits():
    node = Node()
    assert sum(node.session.credits) > 0  # new
    node.asks()
    node.lose_power()
    assert sum(node.wake().session.credits) == 0


def test_abp_needs_no_join_and_never_resets_its_counters():
    node = Node(keys=ABP).personalised()
    assert node.session.dr == 0  # the lowest, until the network asks for more
    for count in range(3):
        assert node.sends().fcnt == count
    assert node.hears(node.network.down(ack=0))
    node.lose_power()
    node.wake()
    assert node.session.fcnt_down == 0
    assert node.sends().fcnt >= 3
    node.board.records.pop("lora_session")  # and by activation anew
    node.lose_power()
    last = node.network.up_fcnt
    assert node.wake().sends().fcnt > last


def test_abp_never_joins_anew():
    node = Node(keys=ABP).personalised()
    node.session.silent = 200
    assert not node.session.lost(node.now_s + 10**7)


def test_nothing_is_sent_without_a_session():
    node = Node()
    assert raises(ValueError, node.mac.uplink, 1, b"x", False, node.now_s).args[0] == "not joined"
    assert node.mac.heard(bytes(20), 0, node.now_s) is None
    assert node.mac.again(node.now_s) is None
