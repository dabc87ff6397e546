"""What LoRaWAN costs: heap, bytes and instructions of a join and a report, and the charge at both ends of the rates."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from binnode_tools.lora_network import commands
from binnode_tools.lora_network.setup import Network
from binnode_tools.virtual_board.board import VirtualBoard
from binnode_tools.virtual_board.node_kit import Kit
from binnode_tools.virtual_board.wake import WakeRecord
from binnode_tools.virtual_board.world import World

from tests.bench import bytecode, heap, instructions
from tests.bench.figures import Figure, figure
from tests.bench.node import (
    BenchError,
    Scenario,
    expect,
    image_files,
    new_kit,
    one_jump,
    one_wake,
    over_lorawan,
    up_and_down,
)

BOARD = "heltec_v3"
REPORT = Scenario("report over LoRaWAN", one_jump, "sent")
_DATA_RATES = {"sf7": (5, "SF7BW125"), "sf12": (0, "SF12BW125")}  # of EU868
_WAKES = 60
_Say = Callable[[str], None]


def kit_of(region: str = "EU868") -> Kit:
    return replace(new_kit(BOARD), region=region)


def joins(files: dict[str, bytes], heap_kib: int, region: str = "EU868") -> bool:
    """True when the first wake joins and reports in a heap of that size."""
    with over_lorawan(replace(kit_of(region), heap_kib=heap_kib), one_jump, files) as (world, board, _):
        return ": sent" in one_wake(world, board).console


def reports(files: dict[str, bytes], heap_kib: int) -> bool:
    """True when the second wake reports in a heap of that size; the join before it has all it wants."""
    with over_lorawan(replace(kit_of(), heap_kib=heap.MOST_KIB), one_jump, files) as (world, board, _):
        one_wake(world, board)
        board.heap = f"{heap_kib}K"
        return REPORT.is_it(one_wake(world, board))


def loaded(scenario: Scenario = REPORT) -> dict[str, int]:
    """Bytes of each .mpy of a timed wake after the one that joined."""
    kit = kit_of()
    files = image_files(kit, bytecode.TELLING_MAIN)
    with over_lorawan(kit, scenario.level, files) as (world, board, _):
        one_wake(world, board)
        return bytecode.told(expect(scenario, one_wake(world, board)), files)


def executed() -> tuple[int | None, int | None]:
    """Instructions of the first wake, which joins, and of a report, each without those of a VM that sleeps at once."""
    if not instructions.available():
        return None, None
    kit = kit_of()
    empty = instructions.executed(BOARD, None)
    files = image_files(kit)
    with over_lorawan(kit, one_jump, files) as (world, board, _):
        joined = _counted(world, board)
        reported = _counted(world, board)
        expect(REPORT, board.wakes[-1])
    return joined - empty, reported - empty


def _counted(world: World, board: VirtualBoard) -> int:
    output = Path(board.chip.flash.path).with_name("callgrind.out")
    try:
        return instructions.counted_wake(world, board, output)
    finally:
        output.unlink(missing_ok=True)


@dataclass(frozen=True)
class RateCost:
    """Of reports at one data rate: charge of the wake, and the time that the receiver is on when nobody answers."""

    charge_mc: float
    window_ms: float


def cost(dr: int, name: str) -> RateCost:
    """Medians at the data rate `dr`; the network sets it after the join."""
    kit = kit_of()
    with over_lorawan(kit, up_and_down, image_files(kit)) as (world, board, lora):
        lora.server.use_adr = False
        one_wake(world, board)
        device = lora.server.devices[0]
        lora.server.request(device, commands.link_adr(dr, 0, 0b111))
        wakes = [one_wake(world, board) for _ in range(_WAKES)]
        fitting = [wake for wake in wakes[10:] if ": sent" in wake.console]
        if len(fitting) < 5 or lora.audit.accounts[kit.name].rates[name] < len(fitting):
            raise BenchError(f"the node does not report at DR{dr}:\n{wakes[-1].console}")
        return RateCost(round(median(wake.charge_mc for wake in fitting), 2), _silent_window_ms(world, board, lora))


def _silent_window_ms(world: World, board: VirtualBoard, lora: Network) -> float:
    """How long one receive window is open when nobody answers: the first of a try."""
    radio = board.chip.radio
    assert radio is not None
    opened: list[tuple[int, str]] = []
    enter = radio.enter

    def noted(mode: str) -> None:
        opened.append((radio.now, mode))
        enter(mode)

    radio.enter = noted
    for gateway in lora.gateways:
        gateway.outages.append((0, 1 << 62))
    for _ in range(8):
        wake: WakeRecord = one_wake(world, board)
        if "failed" in wake.console:
            break
    del radio.enter
    starts = [index for index, (_, mode) in enumerate(opened) if mode == "rx"]
    if not starts:
        raise BenchError("no window was opened")
    first = starts[0]
    return round((opened[first + 1][0] - opened[first][0]) / 1000, 2)


def figures(say: _Say) -> list[Figure]:
    """All figures of LoRaWAN."""
    say(f"LoRaWAN on {BOARD}, EU868: what a wake loads, and the heap it needs")
    files = image_files(kit_of())
    stand_ins_kib = heap.needed_kib(BOARD, heap.STAND_INS, say)
    found = [
        figure("wake_mpy_kib_report_lorawan", round(sum(loaded().values()) / 1024, 2)),
        figure("heap_kib_join", heap.smallest(lambda kib: joins(files, kib)) - stand_ins_kib),
        figure("heap_kib_report_lorawan", heap.smallest(lambda kib: reports(files, kib)) - stand_ins_kib),
    ]
    say("LoRaWAN: instructions")
    joined, reported = executed()
    found += [figure("instructions_join", joined), figure("instructions_report_lorawan", reported)]
    say("LoRaWAN: charge of a report, and of the windows")
    costs = {name: cost(*rate) for name, rate in _DATA_RATES.items()}
    found += [figure(f"charge_mc_report_{name}", each.charge_mc) for name, each in costs.items()]
    found += [figure(f"rx_window_ms_{name}", each.window_ms) for name, each in costs.items()]
    return found
