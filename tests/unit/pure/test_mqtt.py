"""The packets of wifi/mqtt.py, compared with ones made by hand from the OASIS standard (MQTT 3.1.1)."""

from binnode.wifi.mqtt import MqttError, start_packet
from check import raises
from mqtt_peer import BUDGET_MS, CONNACK, connected, meeting


def test_remaining_length_of_the_standard():
    # Table 2.4: the smallest and the largest length of one, two, three and four bytes.
    table = (
        (0, b"\x00"),
        (127, b"\x7f"),
        (128, b"\x80\x01"),
        (16383, b"\xff\x7f"),
        (16384, b"\x80\x80\x01"),
        (2097151, b"\xff\xff\x7f"),
        (2097152, b"\x80\x80\x80\x01"),
        (268435455, b"\xff\xff\xff\x7f"),
        (321, b"\xc1\x02"),  # the example in the text: 65 + 2 * 128
    )
    for length, encoded in table:
        assert start_packet(0x30, length) == b"\x30" + encoded


def test_connect_anonymous():
    client, peer = meeting(CONNACK)
    client.connect("bin7", keep_alive_s=10)
    # 3.1.2: protocol name, level 4, flags (clean session only), keep alive 10 s (the example of 3.1.2.11); client id
    assert peer.sent == b"\x10\x10" + b"\x00\x04MQTT" + b"\x04" + b"\x02" + b"\x00\x0a" + b"\x00\x04bin7"
    assert peer.calls == ["send", "recv"]


def test_connect_with_user_and_password():
    client, peer = meeting(CONNACK)
    client.connect("bin7", "crew", b"pa\xc3\x9f", 300)
    assert peer.sent == (
        b"\x10\x1c"
        + b"\x00\x04MQTT"
        + b"\x04"
        + b"\xc2"
        + b"\x01\x2c"
        + b"\x00\x04bin7"
        + b"\x00\x04crew"
        + b"\x00\x04pa\xc3\x9f"
    )


def test_no_password_without_user():
    client, peer = meeting(CONNACK)
    client.connect("b", "", "secret")
    assert b"secret" not in peer.sent and peer.sent[9] == 0x02


def test_text_is_utf8_and_counted_in_bytes():
    client, peer = meeting(CONNACK)
    client.connect("b\u00e4r")
    assert peer.sent[-6:] == b"\x00\x04b\xc3\xa4r" and peer.sent[1] == len(peer.sent) - 2
    client.publish("\u00e4", b"")
    assert peer.sent[-8:] == b"\x32\x06\x00\x02\xc3\xa4\x00\x01"


def test_each_refusal_has_a_name():
    # Table 3.1
    for code, word in (
        (1, "3.1.1"),
        (2, "client id"),
        (3, "unavailable"),
        (4, "bad user name"),
        (5, "not authorised"),
        (6, "code 6"),
    ):
        client, _ = meeting(bytes((0x20, 2, 0, code)))
        text = str(raises(MqttError, client.connect, "n", "crew", "secret"))
        assert word in text and "crew" not in text and "secret" not in text


def test_a_connack_must_be_one():
    for reply in (b"\x30\x02\x00\x00", b"\x20\x03\x00\x00", b"HTTP", b"\x20\x02\x02\x00"):
        client, _ = meeting(reply)
        raises(MqttError, client.connect, "n")


def test_publish_is_one_send():
    client, peer = connected()
    for count in range(9):
        assert client.publish("t", b"") == count + 1
    peer.sent, peer.calls = b"", []
    # The example of 3.3.2: topic "a/b", packet id 10.
    assert client.publish("a/b", b"\x01\x02") == 10
    assert peer.sent == b"\x32\x09" + b"\x00\x03\x61\x2f\x62" + b"\x00\x0a" + b"\x01\x02"
    assert client.publish("a/b", b"", True) == 11
    assert peer.sent[11:] == b"\x33\x07" + b"\x00\x03\x61\x2f\x62" + b"\x00\x0b"
    assert peer.calls == ["send", "send"]
    assert client.unacknowledged == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]


def test_long_payload():
    client, peer = connected()
    client.publish("t", bytes(200))
    assert peer.sent == b"\x32\xcd\x01" + b"\x00\x01t" + b"\x00\x01" + bytes(200)


def test_settle_takes_pubacks_in_any_order():
    client, peer = connected(b"\x40\x02\x00\x02", b"\x40\x02\x00\x01")
    client.publish("t", b"1")
    client.publish("t", b"2")
    client.settle()
    assert client.unacknowledged == []
    assert peer.calls == ["send", "send"] + ["recv"] * 4 and peer.asked == 4


def test_nothing_to_settle_costs_nothing():
    client, peer = connected()
    client.settle()
    assert peer.calls == []


def test_what_else_arrives_is_passed_over():
    stale = b"\x40\x02\x00\x09"
    ping = b"\xd0\x00"
    qos0 = b"\x31\x05\x00\x01xhi"
    qos1 = b"\x3a\x07\x00\x01x\x12\x34hi"  # DUP is set
    long = b"\x30\x80\x02" + b"\x00\x01x" + bytes(253)
    for one_by_one in (False, True):
        data = stale + ping + qos0 + qos1 + long + b"\x40\x02\x00\x01"
        client, peer = connected(*[data[at : at + 1] for at in range(len(data))] if one_by_one else [data])
        client.publish("t", b"")
        peer.sent = b""
        client.settle()
        assert peer.sent == b"\x40\x02\x12\x34"  # the QoS 1 message is acknowledged
        assert not peer.script  # and not a byte is left or taken too much


def test_the_next_packet_is_left_alone():
    for cut in range(4):
        data = b"\x40\x02\x00\x01\xd0\x00"
        client, peer = connected(*[part for part in (data[:cut], data[cut:]) if part])
        client.publish("t", b"")
        client.settle()
        assert peer.script == [(0, b"\xd0\x00")]


def test_wrong_packets_are_refused():
    wrong = (
        b"\x20\x02\x00\x00",  # a second CONNACK
        b"\x40\x03\x00\x01\x00",  # PUBACK too long
        b"\x41\x02\x00\x01",  # reserved flag
        b"\xd0\x01\x00",  # PINGRESP with a body
        b"\x34\x05\x00\x01x\x00\x01",  # PUBLISH QoS 2 was not asked for
        b"\x36\x05\x00\x01x\x00\x01",  # QoS 3 does not exist
        b"\x32\x00",  # PUBLISH QoS 1 with nothing in it
        b"\x32\x04\x00\x01x\x00",  # half a packet id
        b"\x32\x04\xff\xffxx",  # topic longer than the packet
        b"\x00\x00",
    )
    for packet in wrong:
        client, peer = connected(packet)
        client.publish("t", b"")
        raises(MqttError, client.settle)
        assert client.unacknowledged == [1] and peer.clock.passed_ms == 0


def test_disconnect():
    client, peer = connected()
    client.disconnect()
    assert peer.sent == b"\xe0\x00" and peer.calls == ["send"] and peer.closed  # 3.14
    client, peer = connected()
    peer.clock.passed_ms += BUDGET_MS
    client.disconnect()
    assert peer.sent == b"" and peer.calls == [] and peer.closed


def test_packet_ids_are_never_zero():
    client, peer = connected()
    client._last_id = 65534
    assert [client.publish("t", b"") for _ in range(3)] == [65535, 1, 2]
    assert peer.sent[5:7] == b"\xff\xff"
