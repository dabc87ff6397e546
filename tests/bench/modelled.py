"""What a wake costs on the modelled chip, and how fast this computer simulates a node."""

import time
from dataclasses import dataclass
from statistics import median

from binnode_tools.virtual_board import simulation
from binnode_tools.virtual_board.scene import Unkind
from binnode_tools.virtual_board.wake import WakeRecord

from tests.bench.node import MEASURE, REPORT, BenchError, Scenario, image_files, new_kit, one_wake, powered, up_and_down

WAKES = 64  # one in four reports
_LEAST = 10
DAYS = 2


@dataclass(frozen=True)
class Cost:
    """Medians over wakes of one scenario."""

    awake_ms: float
    charge_mc: float
    flash_kib: float  # read, mostly of directories
    wakes: int


def costs(board: str, wakes: int = WAKES) -> dict[str, Cost]:
    """Scenario name -> Cost, from timed wakes in the default, unkind world; the cold start has learnt the channel."""
    kit = new_kit(board, Unkind())
    with powered(kit, up_and_down, image_files(kit)) as (world, node):
        records = [one_wake(world, node) for _ in range(wakes)]
    return {scenario.name: _cost(scenario, records) for scenario in (MEASURE, REPORT)}


def _cost(scenario: Scenario, records: list[WakeRecord]) -> Cost:
    fitting = [record for record in records if scenario.is_it(record)]
    if len(fitting) < _LEAST:
        raise BenchError(f"{len(fitting)} of {len(records)} wakes are {scenario.name} wakes: too few for a median")
    return Cost(
        awake_ms=round(median(record.awake_us for record in fitting) / 1000, 1),
        charge_mc=round(median(record.charge_mc for record in fitting), 2),
        flash_kib=round(median(record.flash_bytes for record in fitting) / 1024, 1),
        wakes=len(fitting),
    )


def node_days_per_second(board: str, days: int = DAYS) -> float:
    """Simulated days of one node in a second of this computer, as `make run` does it: real broker, real bin."""
    ends: list[tuple[float, int]] = []
    simulation.run(
        simulation.Settings(days=days, board=board, transport="wifi"),
        lambda wake, fresh: ends.append((time.perf_counter(), wake.started_us)),
    )
    (first_s, first_us), (last_s, last_us) = ends[0], ends[-1]
    return round((last_us - first_us) / (simulation.DAY_US * (last_s - first_s)), 3)
