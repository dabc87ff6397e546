"""A gateway's packet forwarder: Semtech's UDP protocol, version 2, towards any LoRaWAN server, in real time.

Datagrams (PROTOCOL.TXT of Lora-net/packet_forwarder): version, token (2 bytes), kind, the gateway's EUI (8), JSON.
"""

import json
import random
import socket
import time
from collections.abc import Callable

from binnode_tools.lora_network.gateway import Gateway

VERSION = 2
PUSH_DATA, PUSH_ACK, PULL_DATA, PULL_RESP, PULL_ACK, TX_ACK = range(6)
KEEPALIVE_US = 10_000_000
STAT_US = 30_000_000
_SILENT_AFTER = 3  # PULL_DATAs without an answer


class UdpForwarder:
    """Forwards what `gateway` receives, and has it send what the server asks for.

    Call poll(now_us) every few milliseconds, with the world's time going on as the computer's. Nothing here raises when
    the server is away: see `is_answered` and `last_error`. OSError from the start: the host's name does not resolve.
    `on_downlink(txpk, error, in_us)`: what the server asks for, the answer as in TX_ACK, how far ahead it lies.
    """

    def __init__(self, gateway: Gateway, host: str, port: int = 1700, unix_at_0_s: float | None = None):
        self.gateway = gateway
        found = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
        # IPv4 first: many servers take nothing else, and "localhost" is both.
        family, _, _, _, address = min(found, key=lambda info: info[0] != socket.AF_INET)
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.socket.connect(address)
        self.last_error = ""
        self.on_downlink: Callable[[dict, str, int], None] | None = None
        self.pushed = self.acknowledged = 0  # datagrams upstream
        self._unix_at_0_s = unix_at_0_s
        self._tokens = random.Random(gateway.eui)
        self._unanswered: set[bytes] = set()
        self._pulls_unanswered = _SILENT_AFTER
        self._pull_at_us = self._stat_at_us = 0
        gateway.on_uplink = self._uplink

    @property
    def is_answered(self) -> bool:
        """The server has answered lately."""
        return self._pulls_unanswered < _SILENT_AFTER

    def fileno(self) -> int:
        return self.socket.fileno()

    def close(self) -> None:
        self.gateway.on_uplink = None
        self.socket.close()

    def poll(self, now_us: int) -> None:
        """Take what has come, and keep the way back open."""
        if self._unix_at_0_s is None:
            self._unix_at_0_s = time.time() - now_us / 1e6
        self.gateway.air.run_to(now_us)
        if now_us >= self._pull_at_us:
            self._pull_at_us = now_us + KEEPALIVE_US
            self._pulls_unanswered += 1
            self._send(PULL_DATA, self._token())
        if now_us >= self._stat_at_us:
            self._stat_at_us = now_us + STAT_US
            self._push({"stat": self._stat(now_us)})
        while True:
            try:
                datagram = self.socket.recv(65535)
            except BlockingIOError:
                return
            except OSError as error:  # ICMP: nobody listens there
                self.last_error = str(error)
                return
            self._take(datagram, now_us)

    def _take(self, datagram: bytes, now_us: int) -> None:
        if len(datagram) < 4 or datagram[0] not in (1, VERSION):
            return
        token, kind = datagram[1:3], datagram[3]
        if kind == PUSH_ACK and token in self._unanswered:
            self._unanswered.discard(token)
            self.acknowledged += 1
        elif kind == PULL_ACK:
            self._pulls_unanswered = 0
            self.last_error = ""
        elif kind == PULL_RESP:
            try:
                txpk = json.loads(datagram[4:])["txpk"]
                error = self.gateway.send(txpk, now_us)
            except (ValueError, KeyError, TypeError) as problem:
                self.last_error = f"a PULL_RESP that says nothing: {problem}"  # the real one drops it too
                return
            body = b"" if error == "NONE" else json.dumps({"txpk_ack": {"error": error}}).encode()
            self._send(TX_ACK, token, body)
            if self.on_downlink:
                ahead_us = 0 if txpk.get("imme") else self.gateway.world_us(int(txpk["tmst"]), now_us) - now_us
                self.on_downlink(txpk, error, ahead_us)

    def _uplink(self, gateway: Gateway, rxpk: dict, now_us: int) -> None:
        seconds, rest_us = divmod(round((self._unix_at_0_s or 0) * 1_000_000) + now_us, 1_000_000)
        whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
        self._push({"rxpk": [{"time": f"{whole}.{rest_us:06d}Z", **rxpk}]})

    def _push(self, body: dict) -> None:
        token = self._token()
        self._unanswered.add(token)
        self.pushed += 1
        self._send(PUSH_DATA, token, json.dumps(body, separators=(",", ":")).encode())

    def _stat(self, now_us: int) -> dict:
        stats = self.gateway.stats
        share = 100 * self.acknowledged / self.pushed if self.pushed else 0.0
        return {
            "time": time.strftime("%Y-%m-%d %H:%M:%S GMT", time.gmtime((self._unix_at_0_s or 0) + now_us / 1e6)),
            "rxnb": stats.received,
            "rxok": stats.received - stats.bad_crc,
            "rxfw": stats.forwarded,
            "ackr": round(share, 1),
            "dwnb": stats.asked,
            "txnb": stats.sent,
        }

    def _send(self, kind: int, token: bytes, body: bytes = b"") -> None:
        try:
            self.socket.send(bytes([VERSION]) + token + bytes([kind]) + bytes.fromhex(self.gateway.eui) + body)
        except OSError as error:  # nobody listens there, or no route; the protocol has no retries
            self.last_error = str(error)

    def _token(self) -> bytes:
        return self._tokens.randbytes(2)
