"""A node that reports over TLS: what test_tls and test_stalls share."""

from collections.abc import Callable
from contextlib import contextmanager
from datetime import UTC, datetime

from binnode_tools import boards, image
from binnode_tools.virtual_board import node_kit
from binnode_tools.virtual_board.network import Stream
from binnode_tools.virtual_board.services import NTP_PORT, Cut, NtpServer
from binnode_tools.virtual_board.tls_peer import TlsStream

from tests.system.pki import DAY, EPOCH, Authority, Server
from tests.system.scenario import Scenario, scenario

TLS_PORT = 8883
# Every wake tries again, also after failures: the wait for the next try is shorter than the interval.
OFTEN = {"measure_s": 60, "heartbeat_s": 60}


def calendar_s(date: datetime) -> int:
    """Seconds since 2000, as the chip counts."""
    return round((date - EPOCH).total_seconds())


def today() -> datetime:
    """When the world begins: now, as mbedTLS in the VM sees it, but never before the firmware was built."""
    return max(datetime.now(UTC), EPOCH + image.commit_s() * (DAY / 86400) + DAY)


class Secure:
    """A Scenario whose broker speaks TLS. `fault` may wrap each connection's stream."""

    def __init__(self, node: Scenario, server: Server, starts: datetime):
        self.node, self.server = node, server
        self.fault: Callable[[Stream], Stream] | None = None
        self.connections = 0
        self.ntp = NtpServer(calendar_s(starts))
        self.time = Cut(self.ntp)
        node.network.add_service("pool.ntp.org", NTP_PORT, self.time)
        node.network.add(node_kit.BROKER_HOST, TLS_PORT, self._connect)

    def _connect(self) -> Stream:
        self.connections += 1
        latency_us = self.node.network.latency_us
        stream = TlsStream(self.server.context, self.node.broker.connect(), latency_us)
        return self.fault(stream) if self.fault else stream

    @property
    def said(self) -> str:
        return self.node.wakes[-1].console


@contextmanager
def secure(
    authority: Authority,
    server: Server,
    level: Callable[[float], float] = lambda t_s: 300,
    starts: datetime | None = None,
    ca: bytes | None = None,
    config: dict | None = None,
    main: bytes | None = None,
    **kit,
):
    """Node and broker with TLS. `ca`: what the node has for a CA, None: the authority's, b"": none. `main`: main.py."""
    settings = {"mqtt_tls": "on", "mqtt_port": TLS_PORT, **(config or {})}
    trusted = authority.der if ca is None else ca
    files = node_kit.files_of(boards.load("esp32_devkit"), node_kit.node_config(node_kit.Kit(config=settings)))
    if trusted:
        files["ca.der"] = trusted
    if main:
        files["main.py"] = main
    with scenario(level, files, config=settings, **kit) as node:
        yield Secure(node, server, starts or today())
