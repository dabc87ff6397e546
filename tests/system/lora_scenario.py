"""A node over LoRaWAN in virtual time: the air, its audit, gateways, an embedded server, a witness of each frame."""

from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from binnode_tools.lora_network import setup
from binnode_tools.lora_network.devices import Device
from binnode_tools.virtual_board import node_kit
from binnode_tools.virtual_board.radios.burst import Burst
from binnode_tools.virtual_board.wake import WakeRecord
from binnode_tools.virtual_board.world import World

from tests.system.scenario import HOUR_US, Scenario
from tests.system.snapshots import copied

RADIOS = {"SX1262": "heltec_v3", "SX1276": "lilygo_lora32_v21"}
# Each wake reports.
HOURLY = {"measure_s": 3600, "heartbeat_s": 3600}
# To a gateway: SF7 and some decibels of power to give away.
LOSS_DB = 128.0


@dataclass
class Witness:
    """Reads the headers of all that a node sends, heard by a gateway or not. `broken`: what it may never do."""

    name: str
    broken: list[str] = field(default_factory=list)
    joins: list[int] = field(default_factory=list)  # DevNonces
    sent: list[tuple[int, int]] = field(default_factory=list)  # DevAddr and FCnt of data frames, repeats included
    carriers: list[tuple[int, int]] = field(default_factory=list)  # world us, Hz of each of them
    last: dict[int, tuple[int, bytes]] = field(default_factory=dict)  # DevAddr -> FCnt and frame

    @property
    def frames(self) -> int:
        return len(self.sent)

    def burst_began(self, place: str, burst: Burst) -> None:
        if place != self.name:
            return
        frame = burst.payload
        kind = frame[0] >> 5
        if kind == 0:
            nonce = int.from_bytes(frame[17:19], "little")
            if self.joins and nonce <= self.joins[-1]:
                self.broken.append(f"DevNonce {nonce} after {self.joins[-1]}")
            self.joins.append(nonce)
        elif kind in (2, 4):
            address, count = int.from_bytes(frame[1:5], "little"), int.from_bytes(frame[6:8], "little")
            self.sent.append((address, count))
            self.carriers.append((burst.start_us, burst.hz))
            before, old = self.last.get(address, (-1, b""))
            if count < before or (count == before and frame != old):
                self.broken.append(f"FCntUp {count} after {before} of {address:08x}")
            self.last[address] = count, frame
        else:
            self.broken.append(f"a frame of type {kind}")

    def burst_ended(self, place: str, burst: Burst) -> None:
        pass


class LoraScenario(Scenario):
    """A Scenario whose reports come over LoRaWAN; those over Wi-Fi count too, if there are any."""

    def __init__(
        self, world: World, kit: node_kit.Kit, level: Callable[[float], float], lora: setup.Network, files=None
    ):
        super().__init__(world, kit, level, files, lora)
        self.lora = lora
        self.device: Device = next(device for device in lora.server.devices if device.name == kit.name)
        self.witness = Witness(kit.name)
        self.uplinks: list[tuple[int, int | None, bytes]] = []  # world us, FPort, payload, each counter value once
        self.rates: list[tuple[int, int]] = []  # world us, data rate of each of them
        self._judged = 0
        lora.server.on_uplink = self._uplink
        lora.air.listeners.append(self.witness)

    def _uplink(self, device: Device, fport: int | None, payload: bytes, fcnt: int, end_us: int, rxpk: dict) -> None:
        self.uplinks.append((end_us, fport, payload))
        self.rates.append((end_us, self.lora.server.region.uplink_dr(rxpk["datr"]) or 0))

    def arrivals(self) -> list[tuple[str, bytes]]:
        """(topic, payload) of what came since the last call, over both ways."""
        fresh = [(f"{self.kit.name}/up/{fport}", payload) for _, fport, payload in self.uplinks[self._judged :]]
        self._judged = len(self.uplinks)
        return fresh + super().arrivals()

    def _ended(self, wake: WakeRecord) -> None:
        ended_us = wake.started_us + wake.awake_us
        # What left the antenna is heard to its end; a server's answer finds nobody.
        self.lora.air.run_to(min(ended_us + 10_000_000, self.board.wake_at or ended_us))
        if wake.how in ("power cut", "brown-out"):
            self.lora.audit.powered_on(self.kit.name)
        super()._ended(wake)

    @property
    def statuses(self) -> list[bytes]:
        return [payload for _, fport, payload in self.uplinks if fport == 1]

    def problems(self) -> list[str]:
        """Breaches of the law and of the protocol, counters and nonces that were used twice, misuse of the chip."""
        chip = [text for text in self.findings() if text not in self.expected_findings]
        return [str(finding) for finding in self.lora.findings] + self.witness.broken + chip

    def gateways_off(self, from_h: float, until_h: float) -> None:
        for gateway in self.lora.gateways:
            gateway.outages.append((round(from_h * HOUR_US), round(until_h * HOUR_US)))


def twin_of(node: LoraScenario) -> LoraScenario:
    """The same moment, between two wakes, to be run on its own: snapshots.copied()."""
    assert node.lora.air.next_us is None, "something is on the air"
    twin = copied(node)
    assert isinstance(twin, LoraScenario)
    return twin


@contextmanager
def lora_scenario(
    region: str = "EU868",
    level: Callable[[float], float] = lambda t_s: 300,
    *,
    radio: str = "SX1262",
    gateways: Sequence[tuple[float, float]] = ((0.0, 0.0),),
    loss_db: float | None = LOSS_DB,
    server: dict | None = None,
    files=None,
    **kit,
):
    """A LoraScenario in a world of its own. `loss_db`: of the way to each gateway, None: as the city has it; `server`:
    keyword arguments of NetworkServer; all others are those of node_kit.Kit.

    It ends without a problem, unless the test has put it into `expected_findings`.
    """
    settings = node_kit.Kit(**{"board": RADIOS[radio], "region": region, "seed": "lora", **kit})
    network = setup.make(region, settings.seed, tuple(gateways), **server or {})
    for gateway in network.gateways if loss_db is not None else ():
        network.air.set_loss_db(gateway.name, settings.name, loss_db)
    with World() as world:
        node = LoraScenario(world, settings, level, network, files)
        yield node
        assert not node.problems(), node.problems()
