"""Shorter and denser than a year: the supply goes at every byte of every write, and 1,000 times at random."""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from types import MethodType

from binnode_tools.virtual_board.storage import Cutter

from tests.soak import faults
from tests.soak.faults import HOUR_S, Fault
from tests.soak.year import Year, street_node
from tests.system.scenario import Scenario
from tests.system.snapshots import copied, next_wake

HOURS = 72
OUTAGE_H, STALLS_H = (4, 52), (52, 56)  # two checkpoints, one more for each delivery that breaks off, and its erasing
WAKES_AFTER, MEASURE_S = 3, 900
_ENDLESS = 1 << 30


@dataclass
class Sweep:
    """`cuts` of the supply, each followed by WAKES_AFTER wakes. `problems` empty: the node came back each time."""

    wakes: int = 0
    writes: int = 0
    bytes_written: int = 0
    acts: int = 0
    cuts: int = 0
    lost_at_most: int = 0
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True, order=True)
class Cut:
    """The supply goes in that wake, after so many acts or bytes; `keeps`: RTC memory outlasts it."""

    wake: int
    acts: int | None
    bytes: int | None
    keeps: bool = False


def every_byte(seed: str, say: Callable[[str], None], step: int = 1, measure_s: int = MEASURE_S) -> Sweep:
    """Each byte, or each `step`-th, of each write to flash and NVS, of three days."""
    sizes, sweep = _measured(seed, HOURS, measure_s)
    cuts = [Cut(wake, None, byte) for wake, (_, size) in enumerate(sizes) for byte in range(0, size, step)]
    return _cut(seed, cuts, sweep, say, measure_s)


def at_random(seed: str, count: int, say: Callable[[str], None], hours: float = HOURS) -> Sweep:
    """At `count` acts, or in one of four cases bytes of a write, drawn from all those of the first `hours`."""
    sizes, sweep = _measured(seed, hours, MEASURE_S)
    random = Random(f"{seed} cuts")
    acts = [(wake, act) for wake, (acts, _) in enumerate(sizes) for act in range(acts)]
    written = [(wake, byte) for wake, (_, size) in enumerate(sizes) for byte in range(size)]
    cuts = [
        Cut(wake, None, place, keeps) if byte else Cut(wake, place, None, keeps)
        for _ in range(count)
        for byte, keeps in [(random.random() < 0.25, random.random() < 0.25)]
        for wake, place in [random.choice(written if byte else acts)]
    ]
    return _cut(seed, cuts, sweep, say, MEASURE_S)


def _days(node: Scenario) -> Year:
    """Three days, before the first wake: an outage, then a broker that hangs up here and there."""
    away, stalls = ([hour * HOUR_S for hour in hours] for hours in (OUTAGE_H, STALLS_H))
    return Year(
        node,
        "sweep",
        HOURS / 24,
        [Fault(away[0], "network unreachable", away[1]), Fault(stalls[0], faults.STALLS, stalls[1])],
    )


def _measured(seed: str, hours: float, measure_s: int) -> tuple[list[tuple[int, int]], Sweep]:
    """(acts, bytes written) of each wake of the first `hours`."""
    sizes, sweep = [], Sweep()
    with street_node(seed, HOURS / 24, measure_s=measure_s) as node:
        year = _days(node)
        while node.board.next_time is not None and node.board.next_time < hours * HOUR_S * 1e6:
            year.injector.strike()
            counter = node.board.chip.nvs.cutter = node.board.chip.flash.cutter = Cutter(_ENDLESS)
            next_wake(node)
            sizes.append((node.wakes[-1].acts, _ENDLESS - counter.left))
    sweep.wakes, sweep.acts = len(sizes), sum(acts for acts, _ in sizes)
    sweep.writes, sweep.bytes_written = sum(size > 0 for _, size in sizes), sum(size for _, size in sizes)
    return sizes, sweep


def _cut(seed: str, cuts: list[Cut], sweep: Sweep, say: Callable[[str], None], measure_s: int) -> Sweep:
    todo = sorted(cuts, key=lambda cut: (cut.wake, cut.acts or 0, cut.bytes or 0))
    with street_node(seed, HOURS / 24, measure_s=measure_s) as node:
        year = _days(node)
        for wake in range(sweep.wakes):
            year.injector.strike()
            here = [cut for cut in todo if cut.wake == wake]
            for cut in here:
                sweep.cuts += 1
                try:
                    lost = _one(year, cut)
                    sweep.lost_at_most = max(sweep.lost_at_most, lost)
                except Exception as error:
                    sweep.problems.append(f"{cut}: {type(error).__name__}: {error}")
            if here:
                say(f"wake {wake} of {sweep.wakes}: {sweep.cuts} of {len(cuts)} cuts")
                del node.wakes[:-2]  # or each copy would copy them all
            next_wake(node)
    return sweep


def _one(year: Year, cut: Cut) -> int:
    """Cut, and see the node come back; readings lost."""
    ended = copied(year.node).board.on_wake_end
    trial = ended.__self__ if isinstance(ended, MethodType) else None
    assert isinstance(trial, Year)
    node, accounts, board = trial.node, trial.accounts, trial.board
    kind = faults.BROWN_OUT if cut.keeps else faults.CUT_AT_ACT if cut.bytes is None else faults.CUT_AT_BYTE
    fault = Fault(0, kind)
    board.cut_power(after_acts=cut.acts, after_bytes=cut.bytes, off_us=5_000_000)
    if cut.bytes is None:
        trial.injector.at_act = fault
    else:
        trial.injector.at_byte, trial.injector.cutter = fault, board.chip.nvs.cutter
    before = sum(accounts.lost.values())
    next_wake(node)
    assert node.wakes[-1].how == "power cut", f"ended by {node.wakes[-1].how}"
    next_wake(node, WAKES_AFTER)
    assert [wake.how for wake in node.wakes[-WAKES_AFTER:]] == ["deep sleep"] * WAKES_AFTER, "no wake ended in sleep"
    assert node.wakes[-WAKES_AFTER].cause == 1
    assert not trial.outcome.problems, trial.outcome.problems
    assert not accounts.balance and not accounts.twice["UNEXPLAINED"]
    assert not node.board.chip.flash.writes
    return sum(accounts.lost.values()) - before
