"""ADR's back-off (TS001-1.0.4, table 9), and the rule by which a forgotten node joins anew."""

from lorawan_node import Node


def link_adr(dr, power, mask=7, nb_trans=1):
    return bytes([3, dr << 4 | power, mask, 0, nb_trans])


def optimised(name="EU868", **settings):
    """A node that the network has set to something better than the default, and heard from last."""
    node = Node(name).joined()
    for field, value in settings.items():
        setattr(node.session, field, value)
    node.sends()
    assert node.hears(node.network.down())
    assert node.session.adr_ack_cnt == 0
    return node


def life(node, frames):
    """Unanswered uplinks, a wake each: (ADRACKReq, dr, power, nb_trans, mask) of every frame as it was sent."""
    found = []
    for _ in range(frames):
        node.wake()
        session = node.session
        setting = session.dr, session.power, session.nb_trans, bytes(session.mask)
        up = node.sends(b"x")
        assert up.adr
        while node.repeats():
            pass
        found.append((up.adr_ack_req,) + setting)
    return found


def test_back_off_step_by_step():
    """ADRACKReq from 64 on; at 96 full power; at 128 and every 32 after the next data rate; NbTrans and channels."""
    mask = bytearray(9)
    mask[0] = 0b11000  # two channels that the network added, the default ones are off
    channels = [[hz, 0, 5, 0] for hz in (868100000, 868300000, 868500000, 867100000, 867300000)]
    node = optimised(dr=2, power=4, nb_trans=3, mask=mask, channels=channels)
    frames = life(node, 230)
    off, on = bytes(mask), b"\x1f" + bytes(8)
    for first, until, setting in (
        (0, 64, (False, 2, 4, 3, off)),
        (64, 96, (True, 2, 4, 3, off)),
        (96, 128, (True, 2, 0, 3, off)),
        (128, 160, (True, 1, 0, 3, off)),
        (160, 192, (True, 0, 0, 3, off)),
        (192, 230, (True, 0, 0, 1, on)),
    ):
        assert set(frames[first:until]) == {setting}, (first, set(frames[first:until]))


def test_the_next_data_rate_is_that_of_the_regions_table():
    """US915's 500 kHz data rate 4 falls to 3 and on; the last step turns all channels on."""
    mask = bytearray(b"\x00\xff" + bytes(6) + b"\x02")
    node = optimised("US915", dr=4, power=0, mask=mask)
    frames = life(node, 270)
    assert [frames[at][1] for at in (127, 128, 160, 192, 224, 256)] == [4, 3, 2, 1, 0, 0]
    assert frames[255][4] == bytes(mask) and frames[256][4] == b"\xff" * 9


def test_a_configured_sub_band_stays():
    node = Node("US915", sub_band=2).joined()
    node.session.dr = 0
    life(node, 170)
    assert node.session.mask == b"\x00\xff" + bytes(6) + b"\x02"


def test_the_counter_counts_new_frames_and_not_repeats():
    node = optimised(nb_trans=3)
    life(node, 10)
    assert node.session.adr_ack_cnt == 10


def test_confirmed_retries_are_new_frames_and_count():
    node = optimised()
    node.sends(confirmed=True)
    node.silence()
    assert node.session.adr_ack_cnt == 8


def test_any_downlink_returns_the_counter_to_0():
    node = optimised(dr=5, power=3)
    frames = life(node, 95)
    assert frames[-1][0]
    node.wake().sends()
    assert node.hears(node.network.down())
    assert node.session.adr_ack_cnt == 0
    assert set(life(node, 64)) == {(False, 5, 3, 1, b"\x07" + bytes(8))}


def test_a_downlink_in_the_last_window_prevents_the_step():
    node = optimised(dr=5, power=3)
    life(node, 95)
    node.wake().sends()  # the 96th: the step is due unless this one is answered
    assert node.hears(node.network.down())
    node.wake()
    assert (node.session.power, node.session.dr) == (3, 5)


def test_a_step_is_taken_once_also_when_the_wake_dies_before_its_windows():
    node = optimised(dr=5, power=3)
    life(node, 127)
    node.wake().sends()  # and then the battery sags
    assert node.wake().session.dr == 4
    assert node.wake().session.dr == 4


def test_the_step_outlives_a_loss_of_power():
    node = optimised(dr=5, power=3)
    life(node, 128)
    node.wake().sends()
    node.lose_power()
    assert (node.wake().session.dr, node.session.power) == (4, 0)


def test_room_follows_the_step_within_a_wake():
    node = optimised(dr=4)
    life(node, 127)
    node.wake()
    assert node.mac.room() == 242
    node.sends()
    assert node.silence() == 0
    assert node.mac.room() == 115


def test_without_adr_there_is_no_request_but_the_way_back_is_the_same():
    node = optimised(dr=5)
    node.session.adr = 0
    node.image = node.session.pack()
    for _ in range(130):
        up = node.wake().sends()
        assert not up.adr and not up.adr_ack_req
        node.silence()
    assert node.session.dr == 4


def unanswered(node, count, confirmed=True):
    for _ in range(count):
        node.now_s += 7200
        node.wake().sends(confirmed=confirmed)
        node.silence()


def test_a_node_that_the_network_has_forgotten_joins_anew():
    """The back-off is over, 8 more messages that should have been answered were not, and 54 h have passed."""
    node = optimised(dr=1, power=2)
    unanswered(node, 12)  # 96 frames: full power
    assert node.session.power == 0 and not node.session.rescued
    unanswered(node, 8)
    assert node.session.dr == 0 and node.session.rescued and node.session.silent == 0
    unanswered(node, 7)
    assert not node.session.lost(node.now_s + 10**6)
    node.now_s += 86400
    node.wake().sends(confirmed=True)
    assert node.silence() == 7  # the eighth is tried as the others were
    assert node.session.lost(node.now_s) and node.wake().session.lost(node.now_s)
    # from now on a confirmed message is tried once, and every wake may ask to join
    node.sends(confirmed=True)
    assert node.silence() == 0
    key = node.session.nwk_s_key
    request = node.asks()
    assert node.session.joined and node.session.nwk_s_key == key and node.session.lost(node.now_s)
    assert node.accepts(node.network.join_accept(request.frame))
    assert not node.session.lost(node.now_s) and node.sends().fcnt == 0


def test_the_old_session_may_come_back_before_the_join():
    node = optimised(dr=0)
    unanswered(node, 40)
    assert node.session.lost(node.now_s)
    node.asks()
    node.sends()
    assert node.hears(node.network.down())
    assert not node.session.lost(node.now_s) and node.session.silent == 0


def test_link_checks_count_as_well_and_plain_uplinks_do_not():
    node = optimised(dr=0, adr_ack_cnt=0)
    unanswered(node, 200, confirmed=False)
    assert node.session.rescued and node.session.silent == 0 and not node.session.lost(node.now_s)
    for _ in range(8):
        node.wake().mac.asks = b"\x02"
        assert node.sends().fopts == b"\x02"
        node.silence()
    assert node.session.lost(node.now_s)


def test_a_gateway_outage_of_two_days_is_no_reason():
    """Tries every two hours, 8 frames each, from the highest and the lowest data rate."""
    for dr in (5, 0):
        node = optimised(dr=dr, power=2)
        start_s = node.now_s
        while node.now_s < start_s + 48 * 3600:
            unanswered(node, 1)
            assert not node.session.lost(node.now_s)


def test_not_before_54_hours():
    node = optimised(dr=0)
    node.now_s += 10**6
    for _ in range(40):
        node.wake().sends(confirmed=True)
        node.silence()
        node.session.last_downlink_s = node.now_s - 194399
        node.image = node.session.pack()
    assert node.session.silent >= 8 and not node.session.lost(node.now_s)
    assert node.session.lost(node.now_s + 1)
