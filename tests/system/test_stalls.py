"""A peer that stalls after each byte of each packet: the wake ends within its budget, by itself, and nothing is lost.

One node goes through all the places, one wake each (it tries at every wake, see OFTEN); then the peer is well again.
The exhaustive sweep over every byte of the TLS handshake is `exhaustive()`, for a soak.
"""

from collections.abc import Callable, Iterable

import pytest
from binnode_tools.virtual_board import node_kit
from binnode_tools.virtual_board.network import GATEWAY, Stream
from binnode_tools.virtual_board.services import DNS_PORT, Cut
from binnode_tools.virtual_board.tls_peer import Fault
from binnode_tools.virtual_board.wake import DEEP_SLEEP

from tests.system.pki import Authority
from tests.system.scenario import Scenario, scenario, wake_budget_us
from tests.system.secure import OFTEN, Secure, secure

HOST = node_kit.BROKER_HOST
BUDGET_US = wake_budget_us()
DNS_ANSWER = 12 + (1 + 6 + 1 + 7 + 1 + 4) + 16  # header, question, one A record
NTP_ANSWER = 48


def walk(node: Scenario, places: Iterable[int], stall: Callable[[int], None], heal: Callable[[], None]) -> None:
    """A wake for each of `places`, each of which must fail in time and keep its reading; then all is delivered."""
    count = 0
    for place in places:
        stall(place)
        one_wake(node)
        wake = node.wakes[-1]
        assert "failed: " in wake.console, (place, wake.console)
        assert wake.how == "deep sleep" and wake.awake_us <= BUDGET_US, (place, wake)
        assert not node.judge.delivered
        count += 1
    assert count == len(node.wakes) == len(node.judge.waiting) > 3
    heal()
    for _ in range(6):
        one_wake(node)
    assert node.judge.delivered + len(node.judge.waiting) == len(node.wakes) and len(node.judge.waiting) <= 3
    assert not node.judge.thinned
    assert all(wake.cause == DEEP_SLEEP for wake in node.wakes[1:]), "no watchdog helped: each woke from its sleep"


def one_wake(node: Scenario) -> None:
    board, world = node.board, node.world
    board.step(world.zygote, world.trace)
    while board.vm:
        board.step(world.zygote, world.trace)


def test_dns_stalls_after_each_byte():
    with scenario(config=OFTEN) as node:
        cut = Cut(node.network.dns)
        node.network.services[GATEWAY, DNS_PORT] = cut

        def stall(count: int) -> None:
            cut.count = count

        walk(node, range(-1, DNS_ANSWER), stall, lambda: stall(DNS_ANSWER))


@pytest.mark.parametrize("closes", [False, True])
def test_connack_and_pubacks_stall_or_break_after_each_byte(closes):
    """CONNACK, PUBACK of the report, PUBACK of the JSON state: 12 bytes."""
    with scenario(config=OFTEN) as node:
        key = node.network.names[HOST], node_kit.BROKER_PORT

        def stall(count: int) -> None:
            node.network.peers[key] = lambda: Fault(node.broker.connect(), count, closes)

        def heal() -> None:
            node.network.peers[key] = node.broker.connect

        # The broker takes what is not acknowledged, and gets it again: at least once. Here only receipts count.
        node.board.on_wake_end = lambda wake: judged(node, wake)
        walk(node, range(12), stall, heal)


def judged(node: Scenario, wake) -> None:
    """Only a wake that knows of its receipt has delivered."""
    fresh = [(topic, payload) for _, topic, payload, _ in node.broker.published[node.taken :]]
    node.taken = len(node.broker.published)
    node.judge.wake(wake, fresh if ": sent" in wake.console else [])


@pytest.fixture(scope="module")
def pki():
    authority = Authority()
    return authority, authority.server(HOST)


def test_sntp_stalls_after_each_byte(pki):
    with secure(*pki, config=OFTEN) as it:

        def stall(count: int) -> None:
            it.time.count = count

        walk(it.node, range(-1, NTP_ANSWER), stall, lambda: stall(NTP_ANSWER))
        assert it.ntp.asked >= NTP_ANSWER


class Records(Stream):
    """Notes where each TLS record of the peer ends (RFC 5246, 6.2.1)."""

    def __init__(self, inner: Stream, said: bytearray):
        self.inner, self.said = inner, said

    def send(self, data: bytes, now: int) -> int:
        return self.inner.send(data, now)

    def receive(self, size: int, now: int, deadline: int) -> tuple[bytes, int] | None:
        got = self.inner.receive(size, now, deadline)
        if got:
            self.said += got[0]
        return got


def whole_visit(pki) -> tuple[int, list[int]]:
    """(bytes that the broker says in a visit up to the last receipt, where each of its TLS records ends)."""
    said = bytearray()
    with secure(*pki) as it:
        it.fault = lambda stream: Records(stream, said)
        one_wake(it.node)
        assert ": sent" in it.said
    ends, at = [], 0
    while at < len(said):
        at += 5 + int.from_bytes(said[at + 3 : at + 5], "big")
        ends.append(at)
    assert ends[-1] == len(said)
    return len(said), ends


def tls_stalls(pki, places: Iterable[int], closes: bool) -> None:
    with secure(*pki, config=OFTEN) as it:
        node = it.node
        node.board.on_wake_end = lambda wake: judged(node, wake)
        walk(node, places, lambda count: fault(it, count, closes), lambda: fault(it, None, closes))


def fault(it: Secure, count: int | None, closes: bool) -> None:
    it.fault = None if count is None else lambda stream: Fault(stream, count, closes)


@pytest.mark.parametrize("closes", [False, True])
def test_tls_stalls_or_breaks_around_each_record_and_in_between(pki, closes):
    total, ends = whole_visit(pki)
    last = ends[-4] - 1 if len(ends) > 4 else total - 1  # before the first receipts: what comes later may be delivered
    around = {end + step for end in ends for step in (-1, 0, 1, 4, 5)}
    places = sorted(place for place in around | set(range(0, total, 67)) if 0 <= place <= last)
    assert len(places) > 25
    tls_stalls(pki, places, closes)


def exhaustive() -> int:
    """Every byte of the TLS handshake and the visit behind it, for a soak; the number of places."""
    pki = Authority(), None
    pki = pki[0], pki[0].server(HOST)
    _, ends = whole_visit(pki)
    places = range(ends[-4])
    for start in range(0, len(places), 100):
        tls_stalls(pki, places[start : start + 100], closes=False)
    return len(places)
