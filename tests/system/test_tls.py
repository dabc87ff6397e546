"""MQTT over TLS: who is trusted, when, and what the console says of the others. Real mbedTLS, real OpenSSL."""

import socket
import ssl
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from binnode_tools.certificate import validity
from binnode_tools.virtual_board import node_kit
from binnode_tools.virtual_board.network import LiveStream, SilentStream, Trouble
from binnode_tools.virtual_board.peers import ScriptedBroker
from binnode_tools.virtual_board.tls_peer import Fault, Trickle

from tests.system.pki import DAY, Authority, around
from tests.system.scenario import HOUR_US, wake_budget_us
from tests.system.secure import OFTEN, TLS_PORT, calendar_s, secure, today

HOST = node_kit.BROKER_HOST
FOR_EVER = 10**15


@pytest.fixture(scope="module")
def authority():
    return Authority()


@pytest.fixture(scope="module")
def server(authority):
    return authority.server(HOST)


def refused(node, words: str) -> None:
    """Every wake said `words`, ended in time, and kept its reading."""
    failed = [wake.console for wake in node.wakes if "failed" in wake.console]
    assert failed and all(words in console for console in failed), failed
    assert not node.broker.published and not node.broker.logins, "no password and no reading for a stranger"
    assert max(wake.awake_us for wake in node.wakes) <= wake_budget_us()
    assert len(node.judge.waiting) == len(node.wakes)
    assert all(wake.how == "deep sleep" for wake in node.wakes)


def test_reports_go_out_and_the_clock_is_asked_for_once(authority, server):
    with secure(authority, server, level=lambda t_s: 300 + t_s / 100) as it:
        it.node.run_hours(6)
        reports = it.node.reports()
        assert len(reports) >= 3 and it.connections == len(reports) and it.node.broker.goodbyes == len(reports)
        assert it.ntp.asked == 1, "the clock is set once after power-on"
        assert it.node.judge.delivered + len(it.node.judge.waiting) == len(it.node.wakes)
        assert max(it.node.judge.errors_pct) <= 1.0


def test_ages_stay_right_when_the_clock_is_set(authority, server):
    """Readings wait for hours on a clock that counts from 2000; then it jumps by decades, and the ages do not."""
    with secure(authority, server) as it:
        it.node.network.troubles.append(Trouble(0, 4 * HOUR_US, "no time"))
        it.node.run_hours(8)
        first = next(report for report in it.node.reports() if report.history)
        ages = [reading.age_s for reading in first.history]
        assert len(ages) >= 15 and ages == sorted(ages, reverse=True)
        assert 3.7 * 3600 < ages[0] < 8 * 3600 and ages[-1] < 1300
        gaps = [a - b for a, b in pairwise(ages)]
        assert all(800 < gap < 1000 for gap in gaps), gaps
        # No report is due because of the jump: the bin is quiet, the next heartbeat hours away.
        assert len(it.node.reports()) == 1
        clock_s = it.node.board.chip.node_time_us(it.node.board.chip.now) // 1_000_000
        assert abs(clock_s - calendar_s(today()) - it.node.board.chip.now // 1_000_000) < 0.06 * 8 * 3600


def test_wrong_ca(authority, server):
    with secure(authority, server, ca=Authority("somebody else").der) as it:
        it.node.run_hours(1)
        refused(it.node, "the broker's certificate is not from the CA in ca.der")


def test_self_made_certificate_of_the_same_names(authority):
    with secure(authority, Authority().server(HOST)) as it:
        it.node.run_hours(0.2)
        refused(it.node, "the broker's certificate is not from the CA in ca.der")


def test_wrong_host_name(authority):
    with secure(authority, authority.server("broker.example.org")) as it:
        it.node.run_hours(1)
        refused(it.node, "the broker's certificate is for another name than mqtt_host")


def test_certificate_that_has_expired_for_everybody(authority):
    """mbedTLS finds this itself, by this computer's clock. The time is asked for again, but not without end."""
    with secure(authority, authority.server(HOST, around(datetime.now(UTC), 30, -2))) as it:
        it.node.run_hours(0.2)
        refused(it.node, "the broker's certificate has expired")
        assert it.ntp.asked == 1, "the clock was just set: it is right"


def test_certificate_that_is_not_valid_yet_for_everybody(authority):
    with secure(authority, authority.server(HOST, around(datetime.now(UTC), -2, 30))) as it:
        it.node.run_hours(0.2)
        refused(it.node, "the broker's certificate is not valid yet")


def test_certificate_expires_by_the_clock_of_the_world(authority):
    """Valid on this computer, expired in the world, which begins four years later."""
    dates = around(datetime.now(UTC), 30, 365)
    with secure(authority, authority.server(HOST, dates), starts=today() + timedelta(days=4 * 365)) as it:
        it.node.run_hours(0.2)
        refused(it.node, "the broker's certificate has expired")


def test_clock_that_is_off_is_set_again_before_a_certificate_is_refused(authority):
    """A new certificate, a clock that deep sleep has made days late: the node must not lock itself out."""
    now = datetime.now(UTC)
    with secure(authority, authority.server(HOST, (now - timedelta(hours=1), now + 90 * DAY))) as it:
        it.node.run_hours(0.1)
        assert it.ntp.asked == 1 and len(it.node.reports()) == 1
        chip = it.node.board.chip
        chip.node_clock_us -= 3 * 86400 * 1_000_000
        it.node.scene.level_permille = lambda t_s: 500
        it.node.run_hours(0.4)
        assert len(it.node.reports()) == 2 and it.ntp.asked == 2
        assert "failed" not in it.said


@pytest.mark.parametrize("silent", ["no time", "unresolved"])
def test_cold_clock_without_an_answer_trusts_nobody(authority, server, silent):
    words = "no answer from the " + ("time server" if silent == "no time" else "DNS server for pool.ntp.org")
    with secure(authority, server, level=lambda t_s: 300 + t_s / 100) as it:
        it.node.network.troubles.append(Trouble(0, 4 * HOUR_US, silent))
        it.node.run_hours(4)
        refused(it.node, words)
        assert it.connections == 0
        it.node.run_hours(9)
        delivered = it.node.judge.delivered
        assert delivered > 20 and delivered + len(it.node.judge.waiting) == len(it.node.wakes)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [("stratum", 0, "sends us away"), ("leap", 3, "does not know"), ("starts_s", 0, "is wrong")],
)
def test_time_server_that_is_no_good_is_not_believed(authority, server, field, value, words):
    with secure(authority, server) as it:
        setattr(it.ntp, field, value)
        it.node.run_hours(0.5)
        assert words in it.node.wakes[0].console and it.connections == 0
        assert it.node.board.chip.node_time_us(it.node.board.chip.now) < 10 * HOUR_US, "the clock was not set"


def test_handshake_that_the_broker_ends(authority, server):
    with secure(authority, server) as it:
        it.fault = lambda stream: Fault(stream, 600, closes=True)
        it.node.run_hours(0.2)
        refused(it.node, "the broker closed the connection in the TLS handshake")


def test_trickle_does_not_stretch_the_deadline(authority, server):
    with secure(authority, server) as it:
        it.fault = lambda stream: Trickle(stream, 100_000)
        it.node.run_hours(0.2)
        refused(it.node, "out of time in the TLS handshake")


def test_plain_mqtt_port_is_named(authority, server):
    """A peer that answers, but not with TLS: a text as from an HTTP server."""

    class Text(SilentStream):
        def receive(self, size, now, deadline):
            return b"HTTP/1.1 400 Bad Request\r\n\r\n"[:size], now

    with secure(authority, server) as it:
        it.node.network.peers[it.node.network.names[HOST], TLS_PORT] = Text
        it.node.run_hours(0.2)
        refused(it.node, "no TLS there")


@pytest.mark.parametrize(("ca", "words"), [(b"", "no ca.der"), (b"-----BEGIN", "ca.der is no certificate")])
def test_node_without_a_usable_ca_says_so(authority, server, ca, words):
    with secure(authority, server, ca=ca) as it:
        it.node.run_hours(0.2)
        refused(it.node, words)
        assert it.connections == 0


def test_tls_keeps_the_heap(authority, server):
    """The first wake of all, which asks for the time as well, and one with a full backlog, in 96 KiB."""
    with secure(authority, server, config=OFTEN) as it:
        it.node.network.troubles.append(Trouble(HOUR_US // 20, 2 * HOUR_US, "silent"))
        it.node.run_hours(2.1)
        assert max(len(report.history) for report in it.node.reports()) == 78, "a full message"
        assert not [wake.console for wake in it.node.wakes if "Error" in wake.console or "failed;" in wake.console]


@contextmanager
def tls_server(context: ssl.SSLContext, broker: ScriptedBroker):
    """A TLS server on loopback in a thread, with `broker` behind it; its address."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(20)

    def serve() -> None:
        try:
            plain, _ = listener.accept()
            with plain, context.wrap_socket(plain, server_side=True) as peer:
                stream = broker.connect()
                while data := peer.recv(4096):
                    stream.send(data, 0)
                    answer = stream.receive(4096, 0, FOR_EVER)
                    if answer:
                        peer.sendall(answer[0])
        except OSError:
            pass

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()
    finally:
        listener.close()
        thread.join(5)


def test_live_server_on_this_computer(authority, server):
    broker = ScriptedBroker()
    with tls_server(server.context, broker) as address, secure(authority, server) as it:
        network = it.node.network
        network.peers[network.names[HOST], TLS_PORT] = lambda: LiveStream(address, network.latency_us)
        it.node.run_hours(0.1)
        assert "sent" in it.said and broker.logins == [("bin", None)] and broker.goodbyes == 1
        assert [topic for _, topic, _, _ in broker.published[:2]] == ["binnode/bin/up/1", "binnode/bin/state"]


def test_dates_of_a_certificate(authority):
    """Against `cryptography`: UTCTime to 2049, GeneralizedTime from 2050 on (RFC 5280, 4.1.2.5)."""
    for first, last in (((1999, 12, 31, 23, 59, 59), (2049, 12, 31)), ((2026, 2, 3), (2051, 1, 2, 3, 4, 5))):
        dates = datetime(*first, tzinfo=UTC), datetime(*last, tzinfo=UTC)
        der = authority.server("h", dates).certificate
        assert validity(der) == tuple(calendar_s(date) for date in dates)
