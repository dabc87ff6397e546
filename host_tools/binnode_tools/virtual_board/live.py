"""Nodes in real time at a real LoRaWAN server: virtual boards, the air, and a gateway that speaks Semtech UDP.

World time follows the computer's. A board's next act is read when its time has come, so a frame that the server sends
in time is on the air before the node listens. What the VM computes holds the world's clock up, never the other way:
delays are counted by the gateway's own counter, so a slow computer makes no window early or late.
"""

import base64
import select
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from types import TracebackType

from binnode_tools.lora_network import frames, setup
from binnode_tools.lora_network.devices import Device
from binnode_tools.lora_network.gateway import Gateway
from binnode_tools.lora_network.udp import UdpForwarder
from binnode_tools.virtual_board import node_kit
from binnode_tools.virtual_board.board import VirtualBoard
from binnode_tools.virtual_board.live_memory import Memory
from binnode_tools.virtual_board.real_time import Clock
from binnode_tools.virtual_board.scene import Scene
from binnode_tools.virtual_board.wake import WakeRecord
from binnode_tools.virtual_board.world import World

LOSS_DB = 105.0  # from each node to the gateway: near enough for every data rate
_STEP_PERMILLE = 70  # the bin fills by so much from one measurement to the next, so that each is worth a report
_APART_US = 8_000_000  # from one node's power-on to the next one's: a join takes that long
_LOOK_S = 0.2  # the longest time without looking at the forwarder
_PATIENCE_S = 4  # then a silent server is told of; one that refuses, after a quarter of it


@dataclass
class Site:
    """What runs where. `sub_band` 1..8 of a fixed plan."""

    host: str
    port: int
    region: str = "EU868"
    sub_band: int = 2
    nodes: int = 1
    board: str = "heltec_v3"
    measure_s: int = 60
    config: dict = field(default_factory=dict)
    rejoin: bool = False


class Live:
    """The nodes of `site`, switched on when the server answers first. Use it as a context manager, and call run().

    `say(who, text)` gets a line for everything that happens. OSError: the host's name does not resolve. BoardError,
    ImageError, VmError as of any node.
    """

    def __init__(self, site: Site, memory: Memory, say: Callable[[str, str], None]):
        self.site, self.memory, self.say = site, memory, say
        self.counts: Counter[str] = Counter()  # uplinks, downlinks, refused, reports
        self.network = setup.make(site.region, memory.secret, sub_band=site.sub_band)
        self.gateway: Gateway = self.network.gateways[0]
        self.gateway.eui = "02005efffe" + sha256(f"{memory.secret} gateway".encode()).hexdigest()[:6]
        # From here on the forwarder hears the gateway, and not the embedded server.
        self.forwarder = UdpForwarder(self.gateway, site.host, site.port)
        self._forward, self.gateway.on_uplink = self.gateway.on_uplink, self._uplink
        self.forwarder.on_downlink = self._downlink
        self.clock = Clock()
        self.world = World()
        self.boards: list[VirtualBoard] = []
        self.answered: bool | None = None  # by the server; None: not known yet
        try:
            for number in range(1, site.nodes + 1):
                self._add(number)
        except BaseException:
            self.close()
            raise

    @property
    def devices(self) -> list[Device]:
        return self.network.server.devices

    def _add(self, number: int) -> None:
        site, name = self.site, f"node-{number}"
        fixed = self.network.server.region.fixed is not None
        kit = node_kit.Kit(
            board=site.board,
            seed=f"{self.memory.secret} {name}",  # or all would choose the same channels
            name=name,
            region=site.region,
            sub_band=site.sub_band if fixed else 0,
            config={"measure_s": site.measure_s, "heartbeat_s": max(60, site.measure_s), **site.config},
        )

        def level_permille(t_s: float) -> float:
            return (100 * number + t_s / site.measure_s * _STEP_PERMILLE) % 1000

        scene = Scene(level_permille, kit.geometry, kit.unkind, kit.seed)
        board = node_kit.add_node(self.world, kit, scene, node_kit.network_of(kit), lora=self.network)
        self.network.air.set_loss_db(name, self.gateway.name, LOSS_DB)
        self.memory.restore(board.chip, name, not site.rejoin)
        board.wake_at = None
        board.on_wake_end = lambda wake: self._wake_ended(name, wake)
        self.boards.append(board)

    # the loop --------------------------------------------------------------------------------------------------------

    def run(self, ended: Callable[[], bool] = lambda: False) -> None:
        """Until `ended()`, which is asked at least five times a second, or KeyboardInterrupt."""
        self.clock.set(0, 1.0)
        begun_s = time.monotonic()
        while not ended():
            now = self.clock.now()
            self.forwarder.poll(now)
            self._watch_server(now, time.monotonic() - begun_s)
            due = [board for board in self.boards if board.next_time is not None and board.next_time <= now]
            if due:
                self._step(min(due, key=lambda board: board.next_time or 0))
            else:
                self._wait()

    def _step(self, board: VirtualBoard) -> None:
        board.step(self.world.zygote, self.world.trace)
        self.memory.keep(board.chip, f"node-{board.number + 1}")
        slowest = min((board.chip.now for board in self.boards if board.vm), default=self.clock.now())
        if slowest < self.clock.now():
            self.clock.set(slowest, 1.0)

    def _wait(self) -> None:
        then = [board.next_time for board in self.boards] + [self.network.air.next_us]
        waits = [self.clock.seconds_until(at) for at in then if at is not None]
        select.select([self.forwarder], [], [], min([*waits, _LOOK_S]))

    def _watch_server(self, now: int, waited_s: float) -> None:
        answered = self.forwarder.is_answered
        patience_s = _PATIENCE_S / 4 if self.forwarder.last_error else _PATIENCE_S
        if answered == self.answered or (self.answered is None and not answered and waited_s < patience_s):
            return
        first = answered and not any(board.starts for board in self.boards)
        self.answered = answered
        if answered:
            self.say("server", "answers PULL_DATA")
        else:
            why = f" ({self.forwarder.last_error})" if self.forwarder.last_error else ""
            self.say("server", f"does not answer PULL_DATA{why}")
        if first:
            for number, board in enumerate(self.boards):
                board.power_on(now + number * _APART_US)

    # what is told of -------------------------------------------------------------------------------------------------

    def _wake_ended(self, name: str, wake: WakeRecord) -> None:
        self.counts["reports"] += ": sent" in wake.console
        lines = [line.removeprefix("binnode: ") for line in wake.console.splitlines() if line.strip()]
        self.say(name, lines[-1] if lines else f"ended with {wake.how}")
        for finding in wake.findings:
            self.say(name, f"misuse of the chip: {finding}")

    def _uplink(self, gateway: Gateway, rxpk: dict, now_us: int) -> None:
        if self._forward:
            self._forward(gateway, rxpk, now_us)
        self.counts["uplinks"] += 1
        said = f"{_uplink_text(base64.b64decode(rxpk['data']))}, {rxpk['size']} bytes"
        self.say("uplink", f"{said}, {rxpk['datr']}, {rxpk['freq']:.3f} MHz, {rxpk['rssi']} dBm")

    def _downlink(self, txpk: dict, error: str, in_us: int) -> None:
        """`in_us`: from now to its transmission."""
        data = base64.b64decode(txpk["data"] + "===")
        said = f"{_downlink_text(data)}, {txpk['size']} bytes, {txpk['datr']}, {txpk['freq']:.3f} MHz"
        if error == "NONE":
            self.counts["downlinks"] += 1
            self.say("downlink", f"{said}, on the air in {in_us / 1000:.0f} ms")
            return
        self.counts["refused"] += 1
        late = f": {-in_us / 1000:.0f} ms after its moment" if error == "TOO_LATE" and in_us < 0 else ""
        self.say("downlink", f"{said}: refused, TX_ACK {error}{late}")

    def close(self) -> None:
        self.forwarder.close()
        self.world.close()

    def __enter__(self) -> "Live":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def _uplink_text(frame: bytes) -> str:
    try:
        parsed = frames.parse(frame)
    except frames.FrameError as error:
        return f"no LoRaWAN frame ({error})"
    if isinstance(parsed, frames.JoinRequest):
        return f"Join-Request of {parsed.dev_eui.hex().upper()}, DevNonce {parsed.dev_nonce}"
    kind = "confirmed" if parsed.confirmed else "unconfirmed"
    port = "no port" if parsed.fport is None else f"port {parsed.fport}"
    return f"{kind} data of {parsed.dev_addr:08X}, FCnt {parsed.fcnt16}, {port}"


def _downlink_text(frame: bytes) -> str:
    if frame and frame[0] >> 5 == 1:
        return "Join-Accept"
    if len(frame) < 12 or frame[0] >> 5 not in (3, 5):
        return "no LoRaWAN frame"
    address, count = int.from_bytes(frame[1:5], "little"), int.from_bytes(frame[6:8], "little")
    return f"data for {address:08X}, FCnt {count}{', ACK' if frame[5] & 0x20 else ''}"
