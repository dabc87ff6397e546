"""One node through its year, wake by wake, with what happens to it, and the accounts after each."""

import pickle
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from binnode_tools.virtual_board.bin_levels import LevelSeries, choose_window, load
from binnode_tools.virtual_board.wake import WakeRecord

from tests.soak import faults
from tests.soak.accounts import DIAGNOSTICS, STATUS, Accounts, Message, Met, Mismatch
from tests.soak.decisions import Recorder
from tests.soak.faults import DAY_S, HOUR_S, Fault
from tests.soak.injector import Injector
from tests.system.scenario import COLD_START_US, Scenario, scenario, wake_budget_us
from tests.system.snapshots import next_wake

BIN, BIN_DAYS = "1511199", 28
WATCHDOG_US = 40_000_000  # of firmware/RECOVERY.md: 25 s and the radio's 15
NVS_WRITES_A_YEAR = 10_000
MOST_AT_ONCE = 104  # a day of readings by a clock that is 5 % fast, and those of the wakes at both ends
CHANCES = 3  # reports after a loss, at least one of which must not be cut before it has told of the loss
PORTS = {"/up/1": STATUS, "/up/2": DIAGNOSTICS}


@dataclass
class Outcome:
    """What a soak has found. `problems` empty: all that it promises held."""

    seed: str
    days: float
    injected: list[Fault] = field(default_factory=list)
    wakes: int = 0
    ends: Counter = field(default_factory=Counter)
    reports: int = 0
    accounts: Accounts = field(default_factory=Accounts)
    backlog: list[tuple[float, int]] = field(default_factory=list)  # (day, readings that wait), hourly
    untold: int = 0
    nvs_writes: int = 0
    flash_writes: int = 0
    longest_wake_us: int = 0
    longest_hung_us: int = 0
    longest_silence_s: float = 0.0  # between two starts of the node, its supply being there
    charge_mah: float = 0.0
    seconds: float = 0.0
    trace_sha256: str = ""
    decisions: dict = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def decide(self, recording: Path, compare: Callable[[Path], dict]) -> None:
        """The sampled days' decisions, taken again."""
        self.decisions = compare(recording)
        self.problems += self.decisions["differences"]

    @property
    def most_at_once(self) -> int:
        """Readings lost at one event, while there was a checkpoint or NVS would have taken one."""
        full = [(one.at_s, one.end_s + DAY_S) for one in self.injected if one.kind == faults.NVS_FULL]
        return max(
            (
                loss.readings
                for loss in self.accounts.losses
                if loss.event != faults.CHECKPOINT and not any(start <= loss.at_s < end for start, end in full)
            ),
            default=0,
        )


class Year:
    def __init__(self, node: Scenario, seed: str, days: float, todo: list[Fault], recorder: Recorder | None = None):
        self.node, self.board, self.chip = node, node.board, node.board.chip
        self.outcome = Outcome(seed, days)
        self.accounts = self.outcome.accounts
        self.recorder = recorder
        self.taken = 0
        self.injector = Injector(node, self.accounts, todo)
        self.outcome.injected = self.injector.injected
        self.board.on_wake_end = self.ended

    def fresh_messages(self) -> list[Message]:
        """What has arrived since the last call, by FPort."""
        published = self.node.broker.published
        fresh, self.taken = published[self.taken :], len(published)
        return [(PORTS[topic[-5:]], payload) for _, topic, payload, _ in fresh if topic[-5:] in PORTS]

    def ended(self, wake: WakeRecord) -> None:
        """A wake is over: take it in."""
        outcome, messages = self.outcome, self.fresh_messages()
        event = self.injector.met(wake)
        if event is None:
            outcome.problems.append(f"wake {wake.index} ended by {wake.how}, and nothing explains it")
        stopped = self.injector.lasts(faults.FLASH)  # by design: six hours, then it looks again
        if self.recorder:
            self.recorder.ended(wake, [payload for _, payload in messages], not stopped)
        rtc_stays = wake.how not in ("power cut", "brown-out") or self.chip.keep_rtc
        again = self.injector.unreceipted(wake) if wake.how == "deep sleep" else event
        self.accounts.wake(wake, messages, self.chip, Met(event or wake.how, rtc_stays, again))
        outcome.wakes += 1
        outcome.ends[wake.how] += 1
        outcome.reports += sum(port == STATUS for port, _ in messages)
        if wake.how == "watchdog":
            outcome.longest_hung_us = max(outcome.longest_hung_us, wake.awake_us)
        elif not stopped:
            outcome.longest_wake_us = max(outcome.longest_wake_us, wake.awake_us)
        if self.board.wake_at is None:
            outcome.problems.append(f"wake {wake.index} ended for good: {wake.how}: {wake.console[-200:]}")
        if "Traceback" in wake.console or "failed; the next" in wake.console:
            outcome.problems.append(f"wake {wake.index}: {wake.console[-300:]}")
        day = wake.started_us / 1e6 / DAY_S
        if not outcome.backlog or day - outcome.backlog[-1][0] >= 1 / 24:
            outcome.backlog.append((day, len(self.accounts.at_stake)))
        wake.console = wake.console[-400:]

    def run(self, say: Callable[[str], None]) -> Outcome:
        """Until the last of the days is over, or the accounts can't be kept any more."""
        outcome, board = self.outcome, self.board
        began, end_us = time.monotonic(), int(outcome.days * DAY_S * 1e6)
        before_us = 0
        try:
            while board.wake_at is not None and board.wake_at < end_us:
                stopped = self.injector.lasts(faults.FLASH)
                self.injector.strike()
                if not stopped:
                    outcome.longest_silence_s = max(outcome.longest_silence_s, (board.wake_at - before_us) / 1e6)
                before_us = board.wake_at
                next_wake(self.node)
                say(
                    f"day {self.chip.now / 1e6 / DAY_S:.1f} of {outcome.days:g}: {outcome.wakes} wakes, "
                    f"{len(outcome.injected)} faults, {sum(self.accounts.lost.values())} readings lost"
                )
        except Mismatch as error:
            outcome.problems.append(f"day {self.chip.now / 1e6 / DAY_S:.2f}: {error}")
        outcome.seconds = time.monotonic() - began
        self.judge()
        return outcome

    def judge(self) -> None:
        """What was promised, and what came of it."""
        outcome, accounts, chip = self.outcome, self.accounts, self.chip
        outcome.injected.sort()
        outcome.nvs_writes, outcome.flash_writes = chip.nvs.writes - 1, chip.flash.writes  # less the provisioned key
        outcome.charge_mah = chip.ledger.charge_mc / 3600
        outcome.trace_sha256 = self.node.world.trace.sha256
        outcome.untold = sum(loss.told_s is None and loss.chances > CHANCES for loss in accounts.losses)
        broken = {
            f"{accounts.balance} readings are neither delivered nor waiting nor lost": accounts.balance,
            f"{outcome.untold} losses were never told": outcome.untold,
            f"{accounts.twice['UNEXPLAINED']} readings came twice without a reason": accounts.twice["UNEXPLAINED"],
            f"{outcome.most_at_once} readings lost at once": outcome.most_at_once > MOST_AT_ONCE,
            f"{outcome.nvs_writes} writes to NVS": outcome.nvs_writes > NVS_WRITES_A_YEAR * max(outcome.days, 30) / 365,
            f"{outcome.flash_writes} writes to the file system": outcome.flash_writes,
            f"a wake of {outcome.longest_wake_us / 1e6:.1f} s": outcome.longest_wake_us > wake_budget_us(),
            f"a hung wake of {outcome.longest_hung_us / 1e6:.1f} s": outcome.longest_hung_us
            > WATCHDOG_US + COLD_START_US,
            f"{outcome.longest_silence_s / HOUR_S:.1f} h without a start": outcome.longest_silence_s > 3.5 * HOUR_S,
            f"findings: {self.node.findings()}": self.node.findings(),
        }
        outcome.problems += [text for text, wrong in broken.items() if wrong]


@contextmanager
def street_node(seed: str, days: float, **config: int) -> Iterator[Scenario]:
    """A node above a real bin, whose recorded month repeats itself. `config`: fields that differ from the defaults."""
    series = LevelSeries(load(BIN), choose_window(load(BIN), BIN_DAYS), BIN_DAYS, 1)
    period_s = BIN_DAYS * DAY_S
    with scenario(lambda t_s: series.level_permille(t_s % period_s), seed=seed, config=config) as node:
        node.scene.emptyings_s = tuple(
            float(emptying.t_s + again * period_s)
            for again in range((int(days) + 1) // BIN_DAYS + 1)
            for emptying in series.emptyings
        )
        yield node


def run(
    seed: str,
    days: float,
    folder: Path | None = None,
    say: Callable[[str], None] = print,
    round_days: float = faults.ROUND_DAYS,
) -> Outcome:
    """A whole soak, the sampled days' decisions not yet compared; what was recorded of them goes to `folder`."""
    with street_node(seed, days) as node:
        recorder = Recorder(node.board, seed, days) if folder else None
        outcome = Year(node, seed, days, faults.schedule(seed, days, round_days), recorder).run(say)
        if recorder and folder:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "recorded.pickle").write_bytes(pickle.dumps(recorder.recorded(node.kit)))
        return outcome
