"""TLS in front of a scripted peer, by this computer's OpenSSL, without a socket or a thread; and peers that stall."""

import ssl
from collections.abc import Callable

from binnode_tools.virtual_board.network import Stream


class TlsStream(Stream):
    """A TLS server that hands what it deciphers to `inner`, and enciphers what `inner` answers."""

    def __init__(self, context: ssl.SSLContext, inner: Stream, latency_us: Callable[[], int]):
        self.inner, self.latency_us = inner, latency_us
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_side=True)
        self.ready = bytearray()
        self.arrives = 0
        self.shaken = self.closed = False

    def send(self, data: bytes, now: int) -> int:
        self.incoming.write(data)
        self._turn(now)
        fresh = self.outgoing.read()
        if fresh:
            self.ready += fresh
            self.arrives = now + self.latency_us()
        return len(data)

    def _turn(self, now: int) -> None:
        try:
            if not self.shaken:
                self.tls.do_handshake()
                self.shaken = True
            while not self.closed:
                clear = self.tls.read(4096)
                if not clear:
                    self.closed = True
                    return
                self.inner.send(clear, now)
                answer = self.inner.receive(4096, now, now + 10**9)
                if answer:
                    self.tls.write(answer[0])
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError:  # the alert, if any, lies in `outgoing`
            self.closed = True

    def receive(self, size: int, now: int, deadline: int) -> tuple[bytes, int] | None:
        if not self.ready:
            return (b"", now) if self.closed else None
        if self.arrives > deadline:
            return None
        data = bytes(self.ready[:size])
        del self.ready[:size]
        return data, max(now, self.arrives)


class Fault(Stream):
    """`inner`, until it has said `count` bytes: then it stalls, or closes the connection."""

    def __init__(self, inner: Stream, count: int, closes: bool = False):
        self.inner, self.left, self.closes = inner, count, closes

    def send(self, data: bytes, now: int) -> int:
        return self.inner.send(data, now)

    def receive(self, size: int, now: int, deadline: int) -> tuple[bytes, int] | None:
        if not self.left:
            return (b"", now) if self.closes else None
        got = self.inner.receive(min(size, self.left), now, deadline)
        if got:
            self.left -= len(got[0])
        return got

    def close(self) -> None:
        self.inner.close()


class Trickle(Stream):
    """`inner`, one byte every `gap_us`."""

    def __init__(self, inner: Stream, gap_us: int):
        self.inner, self.gap_us = inner, gap_us
        self.next = 0

    def send(self, data: bytes, now: int) -> int:
        return self.inner.send(data, now)

    def receive(self, size: int, now: int, deadline: int) -> tuple[bytes, int] | None:
        at = max(now, self.next)
        if at > deadline:
            return None
        got = self.inner.receive(1, at, deadline)
        if got:
            self.next = got[1] + self.gap_us
        return got
