"""What a station reaches: access points, names, and peers at the far end of a stream.

A live peer is a real server on this computer: virtual time stands still while it owes bytes (at most GUARD_S of
the computer's time), then advances by a modelled latency. Refusal, silence and loss are the world's decisions.
"""

import select
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from binnode_tools.virtual_board.services import DNS_PORT, NTP_PORT, DnsServer, Service

GUARD_S = 2.0
REST_S = 0.25
ECONNRESET, ETIMEDOUT, ECONNREFUSED, EHOSTUNREACH, ENOTCONN, EAGAIN = 104, 116, 111, 118, 128, 11  # lwIP's numbers

GATEWAY = "10.0.0.1"

IDLE, CONNECTING, GOT_IP = 1000, 1001, 1010
BEACON_TIMEOUT, NO_AP_FOUND, WRONG_PASSWORD, ASSOC_FAIL = 200, 201, 202, 203


@dataclass
class AccessPoint:
    """One network in the air. `away`: spans of world time (us from, us to) in which it is not there."""

    ssid: str = "binnode"
    key: str = "correct horse"
    bssid: bytes = b"\x02\x00\x5e\x10\x00\x01"
    channel: int = 6
    rssi: int = -67
    away: list[tuple[int, int]] = field(default_factory=list)

    def here(self, now: int) -> bool:
        return not any(start <= now < end for start, end in self.away)


class Stream:
    """The far end of one connection. Times are world microseconds."""

    def send(self, data: bytes, now: int) -> int:
        """Take `data`; the number of bytes taken. Raises OSError as a socket does."""
        raise NotImplementedError

    def receive(self, size: int, now: int, deadline: int) -> tuple[bytes, int] | None:
        """(up to `size` bytes, when they are there); b"" when the peer has closed; None: nothing by `deadline`."""
        raise NotImplementedError

    def close(self) -> None:
        pass


class LiveStream(Stream):
    """A relay to a real TCP server on this computer."""

    def __init__(self, address: tuple[str, int], latency_us: Callable[[], int]):
        self.socket = socket.create_connection(address, timeout=GUARD_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.latency_us = latency_us
        self.waiting = bytearray()
        self.closed = False
        # When the answer to the last send is there, in world time. Drawn at the send: at the receive it would depend on
        # how this computer happened to cut the stream.
        self.arrives = 0

    def send(self, data: bytes, now: int) -> int:
        self.socket.settimeout(GUARD_S)
        self.socket.sendall(data)
        self.arrives = now + self.latency_us()
        return len(data)

    def _pump(self, guard_s: float) -> None:
        ready, _, _ = select.select([self.socket], [], [], guard_s)
        if ready:
            try:
                data = self.socket.recv(65536)
            except OSError:
                data = b""
            self.waiting += data
            self.closed = not data

    def receive(self, size: int, now: int, deadline: int) -> tuple[bytes, int] | None:
        if not self.waiting and not self.closed:
            self._pump(GUARD_S)
        end = time.monotonic() + REST_S
        while 0 < len(self.waiting) < size and not self.closed and time.monotonic() < end:
            self._pump(REST_S)  # the rest of a packet that was cut in two on the way: chance must not reach the trace
        if (not self.waiting and not self.closed) or self.arrives > deadline:
            return None
        data = bytes(self.waiting[:size])
        del self.waiting[:size]
        return data, max(now, self.arrives)

    def close(self) -> None:
        self.socket.close()


class SilentStream(Stream):
    """Takes everything and never answers."""

    def send(self, data: bytes, now: int) -> int:
        return len(data)

    def receive(self, size: int, now: int, deadline: int) -> tuple[bytes, int] | None:
        return None


class DatagramStream(Stream):
    """A UDP socket that has one peer: what comes back comes whole, or is cut to what was asked for."""

    def __init__(self, network: "Network", address: tuple[str, int]):
        self.network, self.address = network, address
        self.answers: list[tuple[int, bytes]] = []  # (when it is there, answer)

    def send(self, data: bytes, now: int) -> int:
        answer = self.network.ask(self.address, data, now)
        if answer is not None:
            self.answers.append((now + self.network.latency_us(), answer))
            self.answers.sort()
        return len(data)

    def receive(self, size: int, now: int, deadline: int) -> tuple[bytes, int] | None:
        if not self.answers or self.answers[0][0] > deadline:
            return None
        arrives, data = self.answers.pop(0)
        return data[:size], max(now, arrives)


@dataclass
class Trouble:
    """From `start` to `end` (world us) connections are "refused", "silent" or "unreachable", names "unresolved", or
    there is "no time" from anybody."""

    start: int
    end: int
    kind: str


class Network:
    """Names and peers behind every access point of a world."""

    def __init__(self, seed: str, latency_ms: tuple[int, int], join_failures: float = 0.0):
        self.random = Random(f"{seed} network")
        self.latency_ms = latency_ms
        self.join_failures = join_failures
        self.access_points: list[AccessPoint] = []
        self.names: dict[str, str] = {}
        self.peers: dict[tuple[str, int], Callable[[], Stream]] = {}
        self.troubles: list[Trouble] = []
        self.dns = DnsServer(self.names)
        self.services: dict[tuple[str, int], Service] = {(GATEWAY, DNS_PORT): self.dns}
        self.datagram_loss = 0.0

    def latency_us(self) -> int:
        return self.random.randint(self.latency_ms[0] * 1000, self.latency_ms[1] * 1000)

    def add_live(self, name: str, port: int, address: tuple[str, int]) -> None:
        """`name`:`port` in the node's world is the real server at `address` on this computer."""
        self.add(name, port, lambda: LiveStream(address, self.latency_us))

    def add(self, name: str, port: int, peer: Callable[[], Stream]) -> None:
        self.names.setdefault(name, f"10.0.0.{10 + len(self.names)}")
        self.peers[self.names[name], port] = peer

    def add_service(self, name: str, port: int, service: Service) -> None:
        """`name`:`port` answers datagrams."""
        self.names.setdefault(name, f"10.0.0.{10 + len(self.names)}")
        self.services[self.names[name], port] = service

    def ask(self, address: tuple[str, int], data: bytes, now: int) -> bytes | None:
        """What comes back for one datagram, None: nothing."""
        deaf = {"unreachable": (address[1],), "unresolved": (DNS_PORT,), "no time": (NTP_PORT,)}
        lost = self.datagram_loss > 0 and self.random.random() < self.datagram_loss
        service = self.services.get(address)
        if lost or service is None or address[1] in deaf.get(self.trouble(now) or "", ()):
            return None
        return service(data, now)

    def trouble(self, now: int) -> str | None:
        return next((t.kind for t in self.troubles if t.start <= now < t.end), None)

    def find(self, ssid: str, bssid: bytes, now: int) -> AccessPoint | None:
        for point in self.access_points:
            if point.ssid == ssid and (not bssid or point.bssid == bssid) and point.here(now):
                return point
        return None

    def connect(self, address: str, port: int, now: int) -> Stream:
        """Raises OSError (refused) at once; TimeoutError when nobody answers."""
        trouble = self.trouble(now)
        if trouble == "unreachable":
            raise TimeoutError
        if trouble == "silent":
            return SilentStream()
        peer = self.peers.get((address, port))
        if trouble == "refused" or (peer is None and address in self.names.values()):
            raise OSError(ECONNREFUSED)
        if peer is None:
            raise TimeoutError
        try:
            return peer()
        except ConnectionError:
            raise OSError(ECONNREFUSED) from None


class Station:
    """The Wi-Fi station of one chip, and its sockets."""

    SOCKETS = 10  # CONFIG_LWIP_MAX_SOCKETS of the esp32 port

    def __init__(self, network: Network, mac: bytes, durations_us: dict[str, int]):
        self.network, self.mac, self.durations_us = network, mac, durations_us
        self.reset()

    def reset(self) -> None:
        for stream in getattr(self, "streams", {}).values():
            if stream:
                stream.close()
        self.active = False
        self.status_until: list[tuple[int, int]] = []  # (from this time on, status), in order
        self.point: AccessPoint | None = None
        self.address = ""
        self.channel_hint = 0
        self.wanted = ("", "", b"")
        self.reconnects = -1
        self.streams: dict[int, Stream | None] = {}
        self.timeouts_ms: dict[int, int] = {}
        self.datagrams: set[int] = set()
        self.aborted: set[int] = set()  # sockets that were open when the radio lost its power

    def lose_link(self, now: int) -> None:
        """The radio's power went away and is back: still switched on, but connected to nothing."""
        aborted = set(self.streams)
        self.reset()
        self.active, self.aborted = True, aborted
        self.status_until = [(now, BEACON_TIMEOUT)]

    def status(self, now: int) -> int:
        current = IDLE
        for since, status in self.status_until:
            if since <= now:
                current = status
        if current == GOT_IP and self.point and not self.point.here(now):
            self.status_until = [(now, NO_AP_FOUND)]
            return NO_AP_FOUND
        return current

    def configure(self, ssid: str, key: str, bssid: bytes) -> None:
        """connect(ssid, key) starts from a blank configuration: a channel set before is forgotten."""
        self.wanted = (ssid, key, bssid)
        self.channel_hint = 0

    def connect(self, now: int) -> None:
        ssid, key, bssid = self.wanted
        point = self.network.find(ssid, bssid, now)
        known = self.channel_hint > 0 and point is not None and self.channel_hint == point.channel
        scan = 0 if known else self.durations_us["scan"]
        join = int(self.durations_us["join"] * self.network.random.uniform(0.9, 1.3))
        self.status_until = [(now, CONNECTING)]
        self.point = point
        if point is None:
            self.status_until.append((now + scan + 300_000, NO_AP_FOUND))
        elif point.key != key:
            self.status_until.append((now + scan + join, WRONG_PASSWORD))
        elif self.network.random.random() < self.network.join_failures:
            self.status_until.append((now + scan + join, ASSOC_FAIL))
        else:
            address = 0 if self.address else int(self.durations_us["dhcp"] * self.network.random.uniform(0.8, 1.5))
            self.status_until.append((now + scan + join + address, GOT_IP))

    def disconnect(self) -> None:
        self.status_until = []
        self.point = None

    # sockets ---------------------------------------------------------------------------------------------------------

    def open(self, datagrams: bool = False) -> int:
        for handle in range(self.SOCKETS):
            if handle not in self.streams and handle not in self.aborted:
                self.streams[handle] = None
                self.timeouts_ms[handle] = -1
                if datagrams:
                    self.datagrams.add(handle)
                return handle
        raise OSError(23)

    def deadline(self, handle: int, now: int) -> int:
        """When a call on this socket gives up: a blocking socket never does, as far as a wake is concerned."""
        timeout = self.timeouts_ms[handle]
        return now + (10**12 if timeout < 0 else timeout * 1000)

    def close(self, handle: int) -> None:
        stream = self.streams.pop(handle, None)
        self.datagrams.discard(handle)
        self.aborted.discard(handle)
        if stream:
            stream.close()
