"""A LoRaWAN server at a real UDP socket, for one gateway: the embedded network server in real time, behind its side of
Semtech's protocol, which is written here from PROTOCOL.TXT (Lora-net/packet_forwarder) and shares nothing with udp.py.
"""

import json
import socket
import struct
import threading
import time
from collections import Counter

from binnode_tools.lora_network.devices import Device
from binnode_tools.lora_network.regions import region
from binnode_tools.lora_network.server import NetworkServer
from binnode_tools.virtual_board.radios.air import Air

PUSH_DATA, PUSH_ACK, PULL_DATA, PULL_RESP, PULL_ACK, TX_ACK = range(6)


class FarGateway:
    """What the network server needs of a gateway: its counter is the world's clock, and what it sends goes to UDP."""

    name = "far"

    def __init__(self, server: "UdpServer"):
        self.server = server

    def send(self, txpk: dict, now_us: int) -> str:
        self.server.ask(txpk)
        return "NONE"


class UdpServer(threading.Thread):
    """Listens on `port` from the start. `seen` counts datagrams by kind; `tx_acks` are the errors that came back."""

    def __init__(self, region_name: str = "EU868"):
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(0.005)
        self.port = self.socket.getsockname()[1]
        self.air = Air()
        self.network = NetworkServer(region(region_name), self.air)
        self.network.on_uplink = lambda device, fport, payload, *_: self.payloads.append((device.name, fport, payload))
        self.payloads: list[tuple[str, int | None, bytes]] = []
        self.seen: Counter[int] = Counter()
        self.tx_acks: list[str] = []
        self.gateway_eui = b""
        self.problem: BaseException | None = None
        self._gateway = FarGateway(self)
        self._peer = None
        self._world_us = 0
        self._offset_us: int | None = None  # from this computer's clock to the gateway's counter
        self._over = threading.Event()

    def register(self, name: str, dev_eui: str, join_eui: str, app_key: str) -> Device:
        keys = (bytes.fromhex(text) for text in (dev_eui, join_eui, app_key))
        return self.network.add(Device(name, *keys))

    def run(self) -> None:
        try:
            while not self._over.is_set():
                try:
                    datagram, peer = self.socket.recvfrom(65535)
                except TimeoutError:
                    pass
                else:
                    self._take(datagram, peer)
                if self._offset_us is not None:
                    self.air.run_to(time.monotonic_ns() // 1000 + self._offset_us)
        except BaseException as error:
            self.problem = error

    def _take(self, datagram: bytes, peer: tuple[str, int]) -> None:
        version, token, kind, eui = struct.unpack_from(">B2sB8s", datagram)
        assert version == 2
        body = json.loads(datagram[12:]) if datagram[12:] else {}
        self.seen[kind] += 1
        self.gateway_eui = eui
        if kind == PULL_DATA:
            self._peer = peer
            self.socket.sendto(struct.pack(">B2sB", 2, token, PULL_ACK), peer)
        elif kind == PUSH_DATA:
            self.socket.sendto(struct.pack(">B2sB", 2, token, PUSH_ACK), peer)
            for rxpk in body.get("rxpk", []):
                self._world_us += (rxpk["tmst"] - self._world_us) % (1 << 32)  # the counter wraps
                self._offset_us = self._world_us - time.monotonic_ns() // 1000
                self.network.uplink(self._gateway, rxpk, self._world_us)  # pyright: ignore[reportArgumentType]
        elif kind == TX_ACK:
            self.tx_acks.append(body.get("txpk_ack", {}).get("error", "NONE"))

    def ask(self, txpk: dict) -> None:
        assert self._peer, "no PULL_DATA has opened the way"
        self.socket.sendto(struct.pack(">BHB", 2, 0xB1DE, PULL_RESP) + json.dumps({"txpk": txpk}).encode(), self._peer)

    def close(self) -> None:
        """Raises what went wrong in it."""
        self._over.set()
        if self.is_alive():
            self.join()
        self.socket.close()
        if self.problem:
            raise self.problem
