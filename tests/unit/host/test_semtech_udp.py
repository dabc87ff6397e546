"""The packet forwarder against a peer on a real socket, written from PROTOCOL.TXT (Lora-net/packet_forwarder, v2)."""

import base64
import json
import socket
import struct

import pytest
from binnode_tools.lora_network.gateway import Gateway
from binnode_tools.lora_network.regions import region
from binnode_tools.lora_network.udp import UdpForwarder
from binnode_tools.virtual_board.radios.air import Air
from binnode_tools.virtual_board.radios.burst import Burst, Tuning
from binnode_tools.virtual_board.radios.city import City

from tests.unit.host.lora_txpk import a_txpk

S = 1_000_000
EUI = "0011223344556677"
PUSH_DATA, PUSH_ACK, PULL_DATA, PULL_RESP, PULL_ACK, TX_ACK = range(6)


class Peer:
    """A server's side of the protocol."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(10)
        self.port = self.socket.getsockname()[1]
        self.gateway = None

    def receive(self):
        """(kind, token, what follows the EUI, read as JSON)."""
        datagram, self.gateway = self.socket.recvfrom(65535)
        version, token, kind, eui = struct.unpack(">BHB8s", datagram[:12])
        assert (version, eui.hex()) == (2, EUI)
        return kind, token, json.loads(datagram[12:]) if datagram[12:] else None

    def send(self, kind, token, body=b"", version=2):
        self.socket.sendto(struct.pack(">BHB", version, token, kind) + body, self.gateway)

    def ask(self, txpk, token=0xBEEF):
        self.send(PULL_RESP, token, json.dumps({"txpk": txpk}).encode())


@pytest.fixture
def peer():
    peer = Peer()
    yield peer
    peer.socket.close()


@pytest.fixture
def site(peer):
    """A gateway whose forwarder has just introduced itself: its PULL_DATA and its first status have been taken."""
    air = Air("1", City(fade_db=0))
    gateway = Gateway(air, "gateway", region("EU868"), eui=EUI)
    for place in ("bin", "node"):
        air.set_loss_db(place, "gateway", 110)
    forwarder = UdpForwarder(gateway, "127.0.0.1", peer.port, unix_at_0_s=1_767_225_600)
    forwarder.poll(0)
    forwarder.first = [peer.receive(), peer.receive()]
    yield forwarder
    forwarder.close()


def test_it_opens_the_way_and_reports_itself(site):
    (pull, _, nothing), (push, _, status) = site.first
    assert (pull, nothing, push) == (PULL_DATA, None, PUSH_DATA)
    assert status["stat"] == {
        "time": "2026-01-01 00:00:00 GMT",
        "rxnb": 0,
        "rxok": 0,
        "rxfw": 0,
        "ackr": 0.0,
        "dwnb": 0,
        "txnb": 0,
    }


def test_it_keeps_the_way_open(site, peer):
    assert not site.is_answered
    peer.send(PULL_ACK, site.first[0][1])
    site.poll(9 * S)
    assert site.is_answered
    for n in range(3):
        assert site.is_answered
        site.poll((10 + 10 * n) * S)
        assert peer.receive()[0] == PULL_DATA
    assert not site.is_answered


def test_an_uplink_is_pushed_at_once(site, peer):
    air = site.gateway.air
    burst = Burst(868_300_000, 9, 125, b"\x40 an uplink", 14, 5 * S)
    air.transmit("bin", burst)
    site.poll(burst.end_us)
    kind, token, body = peer.receive()
    assert kind == PUSH_DATA
    (rxpk,) = body["rxpk"]
    assert base64.b64decode(rxpk.pop("data")) == b"\x40 an uplink"
    assert rxpk == {
        "time": "2026-01-01T00:00:05.144384Z",
        "tmst": site.gateway.tmst(burst.end_us),
        "chan": 1,
        "rfch": 0,
        "freq": 868.3,
        "stat": 1,
        "modu": "LORA",
        "datr": "SF9BW125",
        "codr": "4/5",
        "rssi": -96,
        "lsnr": 15,
        "size": 11,
    }
    peer.send(PUSH_ACK, token)
    peer.send(PUSH_ACK, token ^ 1)
    site.poll(6 * S)
    assert (site.pushed, site.acknowledged) == (2, 1)


def test_the_status_counts(site, peer):
    burst = Burst(868_300_000, 9, 125, b"\x40 an uplink", 14, 5 * S)
    site.gateway.air.transmit("bin", burst)
    site.poll(6 * S)
    peer.send(PUSH_ACK, peer.receive()[1])
    site.poll(7 * S)
    site.poll(30 * S)
    assert peer.receive()[0] == PULL_DATA
    stat = peer.receive()[2]["stat"]
    assert (stat["rxnb"], stat["rxok"], stat["rxfw"], stat["ackr"]) == (1, 1, 1, 50.0)


def test_a_downlink_is_sent_and_acknowledged(site, peer):
    peer.ask(a_txpk(site.gateway, 2 * S, b"a downlink"))
    site.poll(S)
    assert peer.receive() == (TX_ACK, 0xBEEF, None)
    got = site.gateway.air.find("node", Tuning(868_100_000, 7, 125, True), 2 * S - 2000, 2 * S + 8000)
    assert got and got.payload == b"a downlink"


@pytest.mark.parametrize(
    ("in_us", "how", "error"),
    [
        (20_000, {}, "TOO_LATE"),
        (600 * S, {}, "TOO_EARLY"),
        (S, {"freq": 923.3}, "TX_FREQ"),
        (S, {"powe": 40}, "TX_POWER"),
    ],
)
def test_the_error_of_a_downlink_is_reported(site, peer, in_us, how, error):
    peer.ask(a_txpk(site.gateway, S + in_us, b"a downlink", **how))
    site.poll(S)
    assert peer.receive() == (TX_ACK, 0xBEEF, {"txpk_ack": {"error": error}})


def test_a_downlink_on_top_of_another_is_refused(site, peer):
    for token in (1, 2):
        peer.ask(a_txpk(site.gateway, 3 * S, b"a downlink"), token)
    site.poll(S)
    assert peer.receive() == (TX_ACK, 1, None)
    assert peer.receive() == (TX_ACK, 2, {"txpk_ack": {"error": "COLLISION_PACKET"}})


@pytest.mark.parametrize(
    "datagram",
    [
        b"",
        b"\x02",
        b"\x03\x00\x00\x03{}",
        b"\x02\x00\x00\x09",
        b"\x02\x00\x00\x03",
        b"\x02\x00\x00\x03{",
        b"\x02\x00\x00\x03\xff\xff",
        b"\x02\x00\x00\x03{}",
        b"\x02\x00\x00\x03[]",
        b'\x02\x00\x00\x03{"txpk":7}',
        b'\x02\x00\x00\x03{"txpk":{"imme":true}}',
        b'\x02\x00\x00\x03{"txpk":null}',
    ],
)
def test_what_it_does_not_understand_is_dropped(site, peer, datagram):
    peer.socket.sendto(datagram, peer.gateway)
    peer.ask(a_txpk(site.gateway, 2 * S, b"a downlink"))
    site.poll(S)
    assert peer.receive() == (TX_ACK, 0xBEEF, None)


def test_a_server_that_is_away_is_no_error():
    probe = Peer()
    port = probe.port
    probe.socket.close()
    air = Air()
    forwarder = UdpForwarder(Gateway(air, "gateway", region("EU868"), eui=EUI), "127.0.0.1", port)
    for n in range(5):
        forwarder.poll(n * 10 * S)
    assert not forwarder.is_answered and "refused" in forwarder.last_error
    forwarder.close()


def test_a_name_that_does_not_resolve_is():
    with pytest.raises(OSError, match=r"."):
        UdpForwarder(Gateway(Air(), "gateway", region("EU868")), "no-such-host.invalid")


def test_a_whole_exchange_with_a_server_behind_it(site, peer):
    """A device's uplink goes to the server; its answer reaches the device in RX1."""
    air = site.gateway.air
    peer.send(PULL_ACK, site.first[0][1])
    burst = Burst(868_100_000, 7, 125, b"\x40 an uplink", 14, 5 * S)
    air.transmit("bin", burst)
    site.poll(burst.end_us)
    rxpk = peer.receive()[2]["rxpk"][0]
    peer.ask(
        a_txpk(site.gateway, 0, b"a downlink")
        | {"tmst": (rxpk["tmst"] + S) % 2**32, "freq": rxpk["freq"], "datr": rxpk["datr"]}
    )
    site.poll(burst.end_us + 300_000)
    assert peer.receive() == (TX_ACK, 0xBEEF, None)
    opens_us = burst.end_us + S
    got = air.find("bin", Tuning(868_100_000, 7, 125, True), opens_us - 2000, opens_us + 8000)
    assert got and got.payload == b"a downlink" and site.is_answered
