"""The embedded network server, told as traces: what a device sends, what comes back, what the server thinks of it."""

import base64

import pytest
from binnode_tools.lora_network.regions import REGIONS

from tests.unit.host.lora_node import S, a_node, findings

# Joining.


@pytest.mark.parametrize("name", REGIONS)
def test_a_device_joins_and_reports_in_each_region(name):
    node = a_node(name)
    assert node.dev_addr >> 25 == 0x13  # NetID 0x000013
    assert node.uplink(20 * S, b"level", confirmed=True).control & 0x20
    device, fport, payload, fcnt, _, rxpk = node.got[0]
    assert (device, fport, payload, fcnt) == (node.device, 1, b"level", 0)
    assert rxpk["freq"] == node.hz / 1e6
    assert (node.device.joins, node.device.uplinks, node.device.missed) == (1, 1, 0)
    assert findings(node) == []
    heard = [text for text in map(str, node.network.audit.findings) if "without having listened" not in text]
    assert heard == []


@pytest.mark.parametrize("name", REGIONS)
@pytest.mark.parametrize("window", [1, 2])
def test_both_windows_of_a_join_and_of_an_uplink(name, window):
    node = a_node(name, joined=False)
    node.network.server.transmitter.only = window
    assert node.join(S) == window
    assert node.uplink(20 * S, confirmed=True).window == window


def test_the_join_accept_carries_the_networks_settings():
    node = a_node(rx2_dr=3, rx1_offset=2, rx1_delay_s=5)
    assert (node.rx1_offset, node.rx2_dr, node.rx1_delay_s) == (2, 3, 5)
    assert node.uplink(20 * S, confirmed=True).window == 1
    node.network.server.transmitter.only = 2
    assert node.uplink(40 * S, confirmed=True).window == 2


@pytest.mark.parametrize(
    ("name", "cf_list"),
    [
        ("EU868", "184f84e85684b85e8488668458 6e8400"),
        ("US915", "00ff000000000000 0200 0000000000 01"),
        ("AU915", "00ff000000000000 0200 0000000000 01"),
        ("KR920", "f8ca8c c8d28c 98da8c 68e28c 000000 00"),
    ],
)
def test_the_join_accept_carries_the_channels(name, cf_list):
    assert a_node(name).accept[12:28] == bytes.fromhex(cf_list)


def test_a_join_with_the_wrong_key_or_an_unknown_device_is_ignored():
    node = a_node(joined=False)
    assert node.join(S, key=bytes(16)) == 0
    node.device.join_eui = bytes(8)
    assert node.join(20 * S) == 0
    assert [text.split(" of ")[0] for text in findings(node)] == ["a Join-Request with a wrong MIC", "a Join-Request"]
    assert node.device.session is None and node.device.joining is None


@pytest.mark.parametrize("nonce", [7, 6])
def test_a_devnonce_is_used_once_and_never_steps_back(nonce):
    node = a_node(joined=False)
    assert node.join(S, 7) == 1
    assert node.join(20 * S, nonce) == 0
    assert findings(node) == [f"DevNonce {nonce} after 7: used twice, or stepped back"]
    assert node.join(40 * S, 8) == 1


def test_a_join_counts_when_it_is_used_and_the_old_session_lives_until_then():
    node = a_node()
    node.uplink(20 * S)
    old = node.device.session
    keys, dev_addr, fcnt = node.keys, node.dev_addr, node.fcnt
    assert node.join(40 * S) == 1
    assert node.device.session is old and node.device.joins == 1
    node.keys, node.dev_addr, node.fcnt = keys, dev_addr, fcnt  # the accept was lost on the device
    node.uplink(60 * S)
    assert node.device.session is old and len(node.got) == 2
    assert node.join(80 * S) == 1
    node.uplink(100 * S)
    assert node.device.session is not old and node.device.joins == 2 and node.device.session.fcnt_up == 0
    assert findings(node) == []


def test_a_forgotten_device_joins_again_with_its_next_nonce():
    node = a_node()
    node.uplink(20 * S)
    node.network.server.forget(node.device)
    assert node.uplink(40 * S, confirmed=True) is None
    assert node.network.server.strangers == 1 and findings(node) == []
    assert node.join(60 * S) == 1
    assert node.uplink(80 * S, confirmed=True)
    assert [what[3] for what in node.got] == [0, 0]


def test_abp_starts_with_the_regions_defaults():
    node = a_node(joined=False)
    server = node.network.server
    server.devices.clear()
    node.keys, node.dev_addr = (bytes([1]) * 16, bytes([2]) * 16), 0x26011234
    server.abp(node.device, node.dev_addr, *node.keys)
    assert node.uplink(S, b"abp", confirmed=True).window == 1
    server.transmitter.only = 2
    assert node.uplink(20 * S, confirmed=True).window == 2


# Uplinks.


def test_copies_of_several_gateways_are_one_uplink_and_the_best_answers():
    node = a_node(gateways=3)
    assert node.uplink(20 * S, confirmed=True)
    gateways = node.network.gateways
    assert [gateway.stats.forwarded for gateway in gateways] == [2, 2, 2]
    assert [gateway.stats.sent for gateway in gateways] == [2, 0, 0]
    assert len(node.got) == 1 and node.got[0][5]["rssi"] == -86


def test_the_next_gateway_answers_when_the_best_can_not():
    node = a_node(gateways=2)
    node.network.gateways[0].max_dbm = 10
    assert node.uplink(20 * S, confirmed=True).window == 1
    assert node.network.gateways[1].stats.sent == 1
    assert node.network.server.transmitter.refusals == {"TX_POWER": 1}


def test_a_repeated_frame_is_delivered_once_and_answered_each_time():
    node = a_node()
    frame = node.frame(b"x", confirmed=True)
    assert node.send(20 * S, frame).fcnt == 0
    assert node.send(30 * S, frame).fcnt == 1
    assert len(node.got) == 1 and node.device.repeats == 1 and findings(node) == []


def test_a_counter_used_for_two_frames_is_a_finding():
    node = a_node()
    node.send(20 * S, node.frame(b"one"))
    assert node.send(30 * S, node.frame(b"two", confirmed=True)) is None
    assert findings(node) == ["FCntUp 0 used twice, for different frames"]
    assert len(node.got) == 1


def test_a_counter_that_steps_back_is_a_finding():
    node = a_node()
    for n in range(3):
        node.uplink((20 + 10 * n) * S)
    assert node.send(90 * S, node.frame(confirmed=True, fcnt=1)) is None
    assert findings(node) == ["FCntUp 1 after 2: stepped back"]


def test_the_counter_has_32_bits():
    node = a_node()
    for n, fcnt in enumerate((0xFFFE, 0xFFFF, 0x10000, 0x10005, 0x1FFFF, 0x20000)):
        node.fcnt = fcnt
        node.uplink((20 + 10 * n) * S)
    assert [what[3] for what in node.got] == [0xFFFE, 0xFFFF, 0x10000, 0x10005, 0x1FFFF, 0x20000]
    assert findings(node) == []


def test_a_jump_counts_what_is_missing():
    node = a_node()
    node.uplink(20 * S)
    node.fcnt += 64
    node.uplink(30 * S)
    assert node.device.missed == 64 and node.device.uplinks == 2 and findings(node) == []


def test_a_wrong_mic_is_a_finding_and_has_no_effect():
    node = a_node()
    frame = bytearray(node.frame(b"x", confirmed=True))
    frame[-1] ^= 1
    assert node.send(20 * S, bytes(frame)) is None
    assert findings(node) == [f"an uplink of {node.dev_addr:08x} with a wrong MIC"]
    assert node.device.session is None and node.got == []


@pytest.mark.parametrize(
    "frame",
    [b"\x41" + bytes(20), b"\x40" + bytes(7), b"\x00" + bytes(21), b"\x60" + bytes(12), b"\x40" + bytes(4) + b"\x0f"],
)
def test_what_is_no_frame_is_a_finding(frame):
    node = a_node()
    node.send(20 * S, frame + bytes(3))
    assert len(findings(node)) == 1


def test_fopts_together_with_fport_0_is_a_finding():
    node = a_node()
    assert node.uplink(20 * S, b"\x02", fport=0, fopts=b"\x02") is None
    assert findings(node)[0].endswith("FOpts together with FPort 0")


# Downlinks.


def test_a_message_waits_for_an_uplink_and_is_encrypted():
    node = a_node()
    server = node.network.server
    first, second = server.send(node.device, 10, b"empty"), server.send(node.device, 11, b"again")
    down = node.uplink(20 * S)
    assert (down.fport, down.payload, down.control & 0x10, first.state) == (10, b"empty", 0x10, "sent")
    down = node.uplink(30 * S)
    assert (down.fport, down.payload, down.control & 0x10, down.fcnt, second.state) == (11, b"again", 0, 1, "sent")
    assert node.uplink(40 * S) is None


def test_a_confirmed_message_is_repeated_until_it_is_acknowledged():
    node = a_node()
    message = node.network.server.send(node.device, 10, b"now", confirmed=True)
    downs = [node.uplink((20 + 10 * n) * S) for n in range(2)]
    assert [(down.confirmed, down.payload, down.fcnt) for down in downs] == [(True, b"now", 0), (True, b"now", 1)]
    assert node.uplink(50 * S, control=0x20) is None
    assert message.state == "delivered" and findings(node) == []


def test_a_confirmed_message_is_given_up_after_three_tries():
    node = a_node()
    message = node.network.server.send(node.device, 10, b"now", confirmed=True)
    downs = [node.uplink((20 + 10 * n) * S) for n in range(4)]
    assert [down is not None for down in downs] == [True, True, True, False]
    assert message.state == "failed"


def test_an_ack_of_nothing_is_a_finding():
    node = a_node()
    node.uplink(20 * S, control=0x20)
    assert findings(node) == ["an ACK, but no confirmed downlink had been sent"]


def test_a_message_too_long_for_the_data_rate_waits():
    node = a_node()
    node.dr = 0
    message = node.network.server.send(node.device, 10, bytes(52))
    down = node.uplink(20 * S, confirmed=True)
    assert (down.fport, down.control & 0x30, message.state) == (None, 0x30, "waiting")
    node.dr = 5
    assert node.uplink(40 * S).payload == bytes(52)


def test_an_adrackreq_gets_an_answer():
    node = a_node()
    assert node.uplink(20 * S, control=0x80) is None
    assert node.uplink(30 * S, control=0xC0) is not None


def test_rx2_is_taken_when_the_gateway_is_busy_in_rx1():
    node = a_node()
    gateway = node.network.gateways[0]
    air = node.network.air
    frame = node.frame(b"x", confirmed=True)
    end_us = 20 * S + node.transmit(frame, 20 * S).airtime_us
    gateway.send(
        {
            "tmst": gateway.tmst(end_us + S),
            "freq": 867.1,
            "powe": 14,
            "modu": "LORA",
            "datr": "SF7BW125",
            "size": 12,
            "data": base64.b64encode(bytes(12)).decode(),
        },
        end_us,
    )
    assert node.listen(1, end_us + S, node.hz, 5) is None
    assert node.understand(2, node.listen(2, end_us + 2 * S, node.rx2_hz, node.rx2_dr)).control & 0x20
    assert node.network.server.transmitter.refusals == {"COLLISION_PACKET": 1}
    assert air.now_us > end_us


def test_the_gateway_keeps_its_own_duty_cycle():
    """1 % in the band of RX1, then RX2 in the band of 10 %."""
    node = a_node()
    node.dr = 0
    windows = []
    for n in range(40):
        node.hz = 868_100_000 + 200_000 * (n % 3)
        windows.append(node.uplink((20 + 80 * n) * S, confirmed=True).window)
    assert windows == [1] * windows.count(1) + [2] * windows.count(2)
    assert windows.count(1) == int((36_000 - 71.936) / 991.232)  # 12 bytes at SF12; the Join-Accept at SF7
    assert [f for f in node.network.audit.findings if f.place != "bin"] == []


def test_a_month_of_losses_keeps_every_counter_right():
    node = a_node(use_adr=False)
    node.network.air.loss_up = node.network.air.loss_down = 0.3
    sent = 700
    for n in range(sent):
        node.uplink((100 + 3600 * n) * S)
    device = node.device
    assert device.uplinks == len(node.got) == len({what[3] for what in node.got})
    assert device.uplinks + device.missed == node.got[-1][3] + 1
    assert device.uplinks == pytest.approx(0.7 * sent, abs=50)
    assert findings(node) == [] and node.network.findings == []


def test_the_same_seed_gives_the_same_course():
    def course():
        node = a_node()
        node.network.air.loss_up = 0.3
        for n in range(30):
            node.uplink((100 + 60 * n) * S, confirmed=True)
        return node.dev_addr, [(what[3], what[4], what[5]["tmst"]) for what in node.got], node.heard

    assert course() == course()
