"""Scripted peers for scenarios in pure virtual time: an MQTT broker that answers by rule and remembers what it got."""

from collections.abc import Callable

from binnode_tools.virtual_board.network import Stream

CONNECT, CONNACK, PUBLISH, PUBACK, PINGREQ, DISCONNECT = 1, 2, 3, 4, 12, 14


class ScriptedBroker:
    """Takes every login and every publish. `mute`: packet types that it leaves unanswered."""

    def __init__(self, latency_us: Callable[[], int] = lambda: 10_000):
        self.latency_us = latency_us
        self.published: list[tuple[int, str, bytes, bool]] = []  # (world us, topic, payload, retained)
        self.logins: list[tuple[str, str | None]] = []  # (client id, user)
        self.goodbyes = 0
        self.mute: set[int] = set()

    def connect(self) -> "BrokerStream":
        return BrokerStream(self)


class BrokerStream(Stream):
    """One connection to a ScriptedBroker. Packets are cut by OASIS MQTT 3.1.1, section 2.2."""

    def __init__(self, broker: ScriptedBroker):
        self.broker = broker
        self.incoming = bytearray()
        self.outgoing = bytearray()
        self.arrives = 0

    def send(self, data: bytes, now: int) -> int:
        self.incoming += data
        while packet := self._cut():
            answer = self._answer(packet[0] >> 4, packet[0] & 15, packet[1:], now)
            if answer:
                self.outgoing += answer
                self.arrives = now + self.broker.latency_us()
        return len(data)

    def _cut(self) -> bytes | None:
        """The next whole packet without its length, taken off the stream."""
        length, shift = 0, 0
        for at in range(1, min(5, len(self.incoming))):
            length |= (self.incoming[at] & 127) << shift
            shift += 7
            if not self.incoming[at] & 128:
                end = at + 1 + length
                if len(self.incoming) < end:
                    return None
                packet = bytes(self.incoming[:1] + self.incoming[at + 1 : end])
                del self.incoming[:end]
                return packet
        return None

    def _answer(self, kind: int, flags: int, body: bytes, now: int) -> bytes:
        broker = self.broker
        if kind == CONNECT:
            fields, at = [], 10
            while at < len(body):
                size = int.from_bytes(body[at : at + 2], "big")
                fields.append(body[at + 2 : at + 2 + size].decode())
                at += 2 + size
            broker.logins.append((fields[0], fields[1] if body[7] & 0x80 else None))
            return b"" if CONNECT in broker.mute else b"\x20\x02\x00\x00"
        if kind == PUBLISH:
            size = int.from_bytes(body[:2], "big")
            at = 2 + size + (2 if flags & 6 else 0)
            if PUBLISH in broker.mute:
                return b""
            broker.published.append((now, body[2 : 2 + size].decode(), body[at:], bool(flags & 1)))
            return b"\x40\x02" + body[2 + size : at] if flags & 6 else b""
        if kind == DISCONNECT:
            broker.goodbyes += 1
        return b""

    def receive(self, size: int, now: int, deadline: int) -> tuple[bytes, int] | None:
        if not self.outgoing or self.arrives > deadline:
            return None
        data = bytes(self.outgoing[:size])
        del self.outgoing[:size]
        return data, max(now, self.arrives)
