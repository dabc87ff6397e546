"""Whatever stalls, breaks or lies, wifi/mqtt.py ends by its deadline: each state, each byte."""

from binnode.deadline import Deadline
from binnode.wifi.mqtt import MqttError, open_socket
from check import raises
from mqtt_peer import BUDGET_MS, CONNACK, ENDS, Peer, connected, meeting, outcome_of, whole_visit
from virtual_clock import Clock


def test_a_huge_length_is_refused_before_it_is_read():
    for length in (b"\x81\x04", b"\xff\x7f", b"\xff\xff\xff\x7f", b"\xff\xff\xff\xff\xff", b"\x80\x80\x00"):
        client, peer = connected(b"\x30" + length + bytes(600))
        client.publish("t", b"")
        assert "too much" in str(raises(MqttError, client.settle))
        assert peer.asked == 4 and peer.clock.passed_ms == 0


def test_sending_in_pieces():
    for at_once in (1, 2, 7):
        client, peer = meeting(CONNACK, b"\x40\x02\x00\x01", b"\x40\x02\x00\x02", at_once=at_once)
        whole_visit(client)
        client.disconnect()
        whole, witness = meeting(CONNACK, b"\x40\x02\x00\x01", b"\x40\x02\x00\x02")
        whole_visit(whole)
        whole.disconnect()
        assert peer.sent == witness.sent and peer.closed


def test_a_stall_at_any_byte_of_what_we_send():
    client, witness = meeting(CONNACK, b"\x40\x02\x00\x01\x40\x02\x00\x02")
    whole_visit(client)
    for end in ENDS:
        for capacity in range(len(witness.sent)):
            client, peer = meeting(CONNACK, b"\x40\x02\x00\x01\x40\x02\x00\x02", end=end, capacity=capacity)
            error = raises(MqttError, whole_visit, client)
            assert "secret" not in str(error) and "crew" not in str(error)
            assert peer.clock.passed_ms == (BUDGET_MS if end == "silence" else 0)
            client.disconnect()
            assert peer.closed and peer.sent == witness.sent[:capacity]
            assert peer.clock.passed_ms <= BUDGET_MS


def test_a_stall_at_any_byte_of_the_answers():
    answers = CONNACK + b"\x40\x02\x00\x01" + b"\x32\x05\x00\x01x\x00\x07" + b"\xd0\x00" + b"\x40\x02\x00\x02"
    words = {
        "silence": "out of time waiting for",
        "closing": "closed the connection",
        "reset": "socket error waiting for",
    }
    for end, word in words.items():
        for one_by_one in (False, True):
            for count in range(len(answers)):
                ended, took_ms, _ = outcome_of([(0, answers[:count])], end, one_by_one)
                assert word in ended and took_ms == (BUDGET_MS if end == "silence" else 0), (ended, took_ms)
            assert outcome_of([(0, answers)], end, one_by_one)[:2] == ("done", 0)


def test_a_trickle_cannot_extend_the_deadline():
    endless = CONNACK + b"\xd0\x00" * 200
    ended, took_ms, _ = outcome_of([(90, endless)], "silence", True)
    assert ended == "out of time waiting for PUBACK" and took_ms == BUDGET_MS


def test_no_goodbye_behind_a_cut_packet():
    client, peer = connected()
    peer.capacity, peer.end = 5, "reset"
    raises(MqttError, client.publish, "t", b"12345")
    peer.capacity = None
    client.disconnect()
    assert len(peer.sent) == 5 and peer.closed


class Sockets:
    """A socket module that hands out `peer`; None: no more sockets."""

    def __init__(self, peer):
        self.peer = peer

    def socket(self):
        if not self.peer:
            raise OSError(23)
        return self.peer


def test_open_socket():
    clock = Clock()
    peer = Peer(clock)
    assert open_socket(Sockets(peer), "10.0.0.1", 1883, Deadline(clock, BUDGET_MS)) is peer
    assert peer.address == ("10.0.0.1", 1883) and not peer.closed


def test_open_socket_closes_when_it_fails():
    for end, word, took_ms in (("reset", "socket error", 0), ("deaf", "out of time", BUDGET_MS)):
        clock = Clock()
        peer = Peer(clock, end=end)
        error = raises(MqttError, open_socket, Sockets(peer), "h", 1883, Deadline(clock, BUDGET_MS))
        assert word in str(error) and "mqtt_host" in str(error) and peer.closed and clock.passed_ms == took_ms


def test_open_socket_without_socket_or_time():
    clock = Clock()
    deadline = Deadline(clock, BUDGET_MS)
    assert "no socket is free" in str(raises(MqttError, open_socket, Sockets(None), "h", 1883, deadline))
    clock.passed_ms = BUDGET_MS  # the look-up took it all
    peer = Peer(clock)
    raises(MqttError, open_socket, Sockets(peer), "h", 1883, deadline)
    assert peer.calls == [] and peer.closed


def test_deadline_counts_down_over_the_wrap_and_stays_at_zero():
    clock = Clock()
    deadline = Deadline(clock, 1000)
    seen = []
    for _ in range(5):
        seen.append((deadline.left_ms(), deadline.expired()))
        clock.passed_ms += 333
    assert seen == [(1000, False), (667, False), (334, False), (1, False), (0, True)]
