"""What the scenarios share: a node over a level that the test dictates, in virtual time, with a scripted broker."""

from collections.abc import Callable
from contextlib import contextmanager
from typing import Self

from binnode_tools.codec import decode
from binnode_tools.virtual_board import node_kit
from binnode_tools.virtual_board.board import VirtualBoard
from binnode_tools.virtual_board.network import Network
from binnode_tools.virtual_board.peers import ScriptedBroker
from binnode_tools.virtual_board.scene import Scene
from binnode_tools.virtual_board.simulation import Judge
from binnode_tools.virtual_board.wake import WakeRecord
from binnode_tools.virtual_board.world import World

HOUR_S = 3600
HOUR_US = 3_600_000_000
# The budget of one wake: boot and cold start, a measurement at its worst, and the radio's own deadline.
COLD_START_US, MEASURE_US = 8_000_000, 12_000_000


def wake_budget_us(wifi_budget_ms: int = 15000) -> int:
    return COLD_START_US + MEASURE_US + wifi_budget_ms * 1000


class Scenario:
    """One node in a world. `judge` holds every report against what was measured."""

    def __init__(self, world: World, kit: node_kit.Kit, level: Callable[[float], float], files=None, lora=None):
        self.world, self.kit = world, kit
        self.scene = Scene(level, kit.geometry, kit.unkind, kit.seed)
        self.network: Network = node_kit.network_of(kit)
        self.broker = ScriptedBroker(self.network.latency_us)
        self.network.add(node_kit.BROKER_HOST, node_kit.BROKER_PORT, self.broker.connect)
        self.board: VirtualBoard = node_kit.add_node(world, kit, self.scene, self.network, files, lora)
        self.judge = Judge()
        self.board.on_wake_end = self._ended
        self.taken = 0
        self.expected_findings: set[str] = set()

    def arrivals(self) -> list[tuple[str, bytes]]:
        """(topic, payload) of what was published since the last call."""
        fresh = [(topic, payload) for _, topic, payload, _ in self.broker.published[self.taken :]]
        self.taken = len(self.broker.published)
        return fresh

    def _ended(self, wake: WakeRecord) -> None:
        self.judge.wake(wake, self.arrivals())

    @property
    def wakes(self) -> list[WakeRecord]:
        return self.board.wakes

    def run_hours(self, hours: float) -> Self:
        """Until this many hours of world time."""
        self.world.run_until(round(hours * HOUR_US))
        return self

    def findings(self) -> list[str]:
        """What the chip accepted and what bites later, in all wakes so far, each once."""
        return list(dict.fromkeys(text for wake in self.wakes for text in wake.findings))

    def reports(self) -> list:
        """Every status published so far, decoded."""
        return [decode(payload) for _, topic, payload, _ in self.broker.published if topic.endswith("/up/1")]


@contextmanager
def scenario(level: Callable[[float], float] = lambda t_s: 300, files=None, **kit):
    """A Scenario in a world of its own; keywords are those of node_kit.Kit.

    It ends without a finding (misuse.py), unless the test has put it into `expected_findings`.
    """
    with World() as world:
        node = Scenario(world, node_kit.Kit(**kit), level, files)
        yield node
        assert not set(node.findings()) - node.expected_findings
