"""The node that is measured: its image, its bin, a broker that always answers the same, and wakes one at a time."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from binnode_tools import boards
from binnode_tools.lora_network import setup
from binnode_tools.lora_network.setup import Network as LoraNetwork
from binnode_tools.virtual_board import node_kit
from binnode_tools.virtual_board.board import VirtualBoard
from binnode_tools.virtual_board.network import Network
from binnode_tools.virtual_board.peers import ScriptedBroker
from binnode_tools.virtual_board.scene import KIND, Scene, Unkind
from binnode_tools.virtual_board.wake import DEEP_SLEEP, WakeRecord
from binnode_tools.virtual_board.world import World

LEVEL_PERMILLE = 250
JUMP_PERMILLE = (
    100  # more than the hysteresis: worth a report; less than an emptying: the echo filter asks no questions
)
_JUMP_AFTER_S = 450  # half of the time between two wakes
SLEEP_AT_ONCE = b"import machine\n\nmachine.deepsleep(900000)\n"
_SOUND_LINE = re.compile(
    r"^binnode: wake \d+, \d+\.\d %, ok, \d+ mm, \w+: (nothing to report|sent), \d+ waiting; sleeps \d+ s$"
)


class BenchError(Exception):
    """The node did not do what is to be measured; the text has its console."""


def steady(t_s: float) -> float:
    """A bin into which nobody throws anything: the second wake has nothing to report."""
    return LEVEL_PERMILLE


def one_jump(t_s: float) -> float:
    """A bin that gets fuller between the first wake and the second: the second reports."""
    return LEVEL_PERMILLE + (JUMP_PERMILLE if t_s > _JUMP_AFTER_S else 0)


def up_and_down(t_s: float) -> float:
    """A bin that changes every hour: one wake in four reports."""
    return LEVEL_PERMILLE + JUMP_PERMILLE * (int(t_s // 3600) % 2)


@dataclass(frozen=True)
class Scenario:
    """A timed wake of a kind: above which bin it happens, and what its console line says then."""

    name: str
    level: Callable[[float], float]
    outcome: str

    def is_it(self, wake: WakeRecord) -> bool:
        return wake.cause == DEEP_SLEEP and sound(wake) == self.outcome


MEASURE = Scenario("measure", steady, "nothing to report")
REPORT = Scenario("report over Wi-Fi", one_jump, "sent")


def sound(wake: WakeRecord) -> str | None:
    """What a wake without any trouble came to: "sent" or "nothing to report". None for every other wake.

    The console's only line (a cold start has one before it) has a level, and no error, lost memory or broken file.
    """
    lines = [line for line in wake.console.splitlines() if not line.startswith(("binnode: starts in", "modules "))]
    found = _SOUND_LINE.match(lines[0]) if len(lines) == 1 else None
    return found[1] if found and wake.how == "deep sleep" else None


def new_kit(board: str, unkind: Unkind = KIND) -> node_kit.Kit:
    """In a kind world no chance decides how often the node pings: what the VM needs is the same each time."""
    return node_kit.Kit(board=board, seed="bench", name="bench", unkind=unkind)


def image_files(kit: node_kit.Kit, main: bytes | None = None) -> dict[str, bytes]:
    """What is on the node's flash, with another main.py if `main` is given."""
    files = node_kit.files_of(boards.load(kit.board), node_kit.node_config(kit))
    return files if main is None else {**files, "main.py": main}


@contextmanager
def powered(
    kit: node_kit.Kit, level: Callable[[float], float], files: dict[str, bytes]
) -> Iterator[tuple[World, VirtualBoard]]:
    """A node whose first wake, the cold start, is behind it."""
    with World() as world:
        network: Network = node_kit.network_of(kit)
        network.add(node_kit.BROKER_HOST, node_kit.BROKER_PORT, ScriptedBroker(network.latency_us).connect)
        scene = Scene(level, kit.geometry, kit.unkind, kit.seed)
        board = node_kit.add_node(world, kit, scene, network, files)
        one_wake(world, board)
        yield world, board


@contextmanager
def over_lorawan(
    kit: node_kit.Kit, level: Callable[[float], float], files: dict[str, bytes]
) -> Iterator[tuple[World, VirtualBoard, LoraNetwork]]:
    """A node that was never powered, at the foot of a gateway."""
    with World() as world:
        lora = setup.make(kit.region, kit.seed)
        lora.air.put(kit.name, 100.0, 0.0)
        scene = Scene(level, kit.geometry, kit.unkind, kit.seed)
        yield world, node_kit.add_node(world, kit, scene, node_kit.network_of(kit), files, lora), lora


def one_wake(world: World, board: VirtualBoard) -> WakeRecord:
    """The board's next wake, from its start to its end. Raises BenchError when nothing will wake it."""
    if board.next_time is None:
        raise BenchError(f"the node will not wake again: {board.wakes[-1].how}\n{board.wakes[-1].console}")
    board.step(world.zygote, world.trace)
    while board.vm:
        board.step(world.zygote, world.trace)
    return board.wakes[-1]


def second_wake(
    kit: node_kit.Kit, scenario: Scenario, files: dict[str, bytes], heap_kib: int | None = None
) -> WakeRecord:
    """A timed wake of `scenario`, in a heap of `heap_kib`; how it went is for the caller to judge."""
    with powered(kit, scenario.level, files) as (world, board):
        if heap_kib is not None:
            board.heap = f"{heap_kib}K"
        return one_wake(world, board)


def expect(scenario: Scenario, wake: WakeRecord) -> WakeRecord:
    """`wake`, which is of that scenario, or BenchError."""
    if not scenario.is_it(wake):
        raise BenchError(f"no {scenario.name} wake, but it ended with {wake.how!r} and said:\n{wake.console}")
    return wake
