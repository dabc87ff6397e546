"""The other end of wifi/mqtt.py, scripted, in virtual time; and a whole visit to it."""

from binnode.deadline import Deadline
from binnode.wifi.mqtt import Client, MqttError
from virtual_clock import Clock

ETIMEDOUT = 116  # as on the ESP32 (lwIP)
ECONNRESET = 104
BUDGET_MS = 4000
CONNACK = b"\x20\x02\x00\x00"
ENDS = "silence", "closing", "reset"


class Peer:
    """A socket: what it answers, `script`, is a list of (ms after the chunk before, bytes); then comes `end`.

    It takes `capacity` bytes in all (None: any number), `at_once` in one call.
    """

    def __init__(self, clock, script=(), end="silence", capacity=None, at_once=1000):
        self.clock, self.end, self.capacity, self.at_once = clock, end, capacity, at_once
        self.sent, self.calls, self.asked, self.closed = b"", [], 0, False
        self.address = self.timeout_ms = None
        self.script, arrives_ms = [], clock.passed_ms
        for delay_ms, data in script:
            arrives_ms += delay_ms
            self.script.append((arrives_ms, data))

    def settimeout(self, seconds):
        assert seconds > 0, "0 would mean: do not wait"
        self.timeout_ms = int(seconds * 1000 + 0.5)

    def _start(self, name):
        assert not self.closed
        assert self.timeout_ms is not None, "each call takes what is left of the deadline"
        self.calls.append(name)

    def _stall(self):
        self.clock.passed_ms += self.timeout_ms
        raise OSError(ETIMEDOUT)

    def connect(self, address):
        self._start("connect")
        self.address = address
        if self.end == "reset":
            raise OSError(ECONNRESET)
        if self.end == "deaf":
            self._stall()
        self.timeout_ms = None

    def send(self, data):
        self._start("send")
        count = min(len(data), self.at_once)
        if self.capacity is not None:
            count = min(count, self.capacity - len(self.sent))
            if not count:
                return self._ended()
        self.sent += bytes(data[:count])
        self.timeout_ms = None
        return count

    def recv(self, count):
        self._start("recv")
        self.asked = max(self.asked, count)
        if not self.script:
            return self._ended()
        arrives_ms, data = self.script.pop(0)
        if arrives_ms > self.clock.passed_ms + self.timeout_ms:
            self._stall()
        self.clock.passed_ms = max(self.clock.passed_ms, arrives_ms)
        self.timeout_ms = None
        if len(data) > count:
            self.script.insert(0, (arrives_ms, data[count:]))
        return data[:count]

    def _ended(self):
        if self.end == "silence":
            self._stall()
        if self.end == "reset":
            raise OSError(ECONNRESET)
        self.timeout_ms = None
        return b""

    def close(self):
        self.closed = True


def meeting(*script, **peer):
    """A client and its peer, which sends the chunks of `script` at once."""
    clock = Clock()
    peer = Peer(clock, [(0, data) for data in script], **peer)
    return Client(peer, Deadline(clock, BUDGET_MS)), peer


def connected(*script, **peer):
    client, peer = meeting(CONNACK, *script, **peer)
    client.connect("n")
    peer.sent, peer.calls = b"", []
    return client, peer


def whole_visit(client):
    client.connect("node", "crew", "secret")
    client.publish("binnode/7", b"full", True)
    client.publish("binnode/8", b"empty")
    client.settle()


def outcome_of(chunks, end, one_by_one):
    """(what a whole visit ends with, ms it took, most bytes asked for at once) when the broker sends `chunks`."""
    clock = Clock()
    script = []
    for delay_ms, data in chunks:
        pieces = [data[at : at + 1] for at in range(len(data))] if one_by_one else [data]
        script += [(delay_ms, piece) for piece in pieces if piece]
    peer = Peer(clock, script, end)
    client = Client(peer, Deadline(clock, BUDGET_MS))
    try:
        whole_visit(client)
        ended = "done"
    except MqttError as error:
        # The interpreters word a socket's own error each in its way.
        ended = str(error).split(":")[0]
    client.disconnect()
    assert peer.closed
    return ended, clock.passed_ms, peer.asked
