"""One node through its year, wake by wake, with what happens to it, and the accounts after each."""

import pickle
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from binnode_tools.virtual_board.bin_levels import LevelSeries, choose_window, load
from binnode_tools.virtual_board.chip import WakeRecord
from binnode_tools.virtual_board.network import Stream, Trouble
from binnode_tools.virtual_board.node_kit import BROKER_HOST, BROKER_PORT
from binnode_tools.virtual_board.storage import Item

from tests.soak import faults
from tests.soak.accounts import Accounts
from tests.soak.decisions import Recorder
from tests.soak.faults import DAY_S, HOUR_S, Fault
from tests.system.scenario import COLD_START_US, Scenario, scenario, wake_budget_us

BIN, BIN_DAYS = "1511199", 28
WATCHDOG_US = 40_000_000  # of firmware/RECOVERY.md: 25 s and the radio's 15
NVS_WRITES_A_YEAR = 10_000
MOST_AT_ONCE = 104  # a day of readings by a clock that is 5 % fast, and those of the wakes at both ends
CHANCES = 3  # reports after a loss, at least one of which must not be cut before it has told of the loss


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
    losses: list[tuple[float, str, int]] = field(default_factory=list)
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


class Hanging(Stream):
    """A call into the network stack that does not come back, whatever its timeout says."""

    def send(self, data: bytes, now: int) -> int:
        return len(data)

    def receive(self, size: int, now: int, deadline: int) -> tuple[bytes, int]:
        return b"", now + 10**10


class Year:
    def __init__(self, node: Scenario, seed: str, days: float, recorder: Recorder | None):
        self.node, self.board, self.chip = node, node.board, node.board.chip
        self.outcome = Outcome(seed, days)
        self.accounts = self.outcome.accounts
        self.recorder = recorder
        self.taken = 0
        self.armed: Fault | None = None  # a cut at a byte waits for somebody to write
        self.cut: Fault | None = None  # a cut at an act, for the next wake
        self.lasting: list[tuple[int, Callable[[], None]]] = []
        self.hanging_until = 0
        self.todo = faults.schedule(seed, days)
        self.board.on_wake_end = self.ended
        node.network.peers[node.network.names[BROKER_HOST], BROKER_PORT] = self.connect
        for fault in self.todo:
            if fault.kind.startswith("network "):
                self.outage(fault)

    def connect(self) -> Stream:
        return Hanging() if self.chip.now < self.hanging_until else self.node.broker.connect()

    def outage(self, fault: Fault) -> None:
        start, end, kind = int(fault.at_s * 1e6), int(fault.end_s * 1e6), fault.kind.removeprefix("network ")
        if kind == "no access point":
            self.node.network.access_points[0].away.append((start, end))
        else:
            self.node.network.troubles.append(Trouble(start, end, kind))

    # faults --------------------------------------------------------------------------------------------------------

    def strike(self) -> None:
        """The node sleeps, and wakes next at board.wake_at: what has happened until then?"""
        due_us = self.board.wake_at or 0
        for end_us, undo in [one for one in self.lasting if one[0] <= due_us]:
            undo()
            self.lasting.remove((end_us, undo))
        later = []
        for place, fault in enumerate(self.todo):
            if fault.at_s * 1e6 > due_us:
                later += self.todo[place:]
                break
            if fault.kind in (faults.CUT_AT_ACT, faults.BROWN_OUT):
                if self.cut:
                    later.append(fault)
                self.cut = self.cut or fault
            elif fault.kind == faults.CUT_AT_BYTE:
                self.armed = fault
            elif self.apply(fault):
                self.outcome.injected.append(fault)
            elif fault.kind == faults.CHECKPOINT or fault.kind in faults.RTC:
                later.append(fault)  # there is nothing yet that could be damaged
        self.todo = later
        if self.armed:
            self.board.cut_power(after_bytes=self.armed.number, off_us=5_000_000)
        if self.cut:
            self.board.cut_power(after_acts=self.cut.number, off_us=1_000_000 * (1 + self.cut.number % 600))
            self.chip.keep_rtc = self.cut.kind == faults.BROWN_OUT

    def apply(self, fault: Fault) -> bool:
        """Do it; False when there is nothing to do it to."""
        kind, chip, at_s = fault.kind, self.chip, (self.board.wake_at or 0) / 1e6
        if kind in (faults.CUT_ASLEEP, faults.BATTERY):
            self.lose_power(fault)
        elif kind in faults.RTC:
            if not chip.rtc or not self.accounts.rtc_whole:
                return False
            chip.rtc = damaged(kind, chip.rtc, fault.number)
            self.accounts.memory_lost(kind, at_s)
        elif kind == faults.CHECKPOINT:
            item = chip.nvs.live.get(("binnode", "checkpoint"))
            if item is None or not isinstance(item.value, bytes):
                return False
            value = bytearray(item.value)
            value[fault.number % len(value)] ^= 0x20
            chip.nvs.live["binnode", "checkpoint"] = Item(item.namespace, item.key, bytes(value), item.entries)
            self.accounts.checkpoint_lost(chip)
            self.lose_power(fault)
        else:
            self.last(fault)
        return True

    def lose_power(self, fault: Fault) -> None:
        back_us = (self.board.wake_at or 0) + (1 + fault.number % 7200) * 1_000_000
        if fault.kind == faults.BATTERY:
            self.board.swap_battery(back_us)
        else:
            self.board.power_on(back_us)
        self.accounts.memory_lost(fault.kind, back_us / 1e6)

    def last(self, fault: Fault) -> None:
        chip, end_us = self.chip, int(fault.end_s * 1e6)
        thermometer = chip.thermometer
        assert thermometer
        word = fault.kind.rpartition(" ")[2]
        if fault.kind in faults.MODULE:
            chip.module.fault = word
            self.lasting.append((end_us, lambda: setattr(chip.module, "fault", None)))
        elif fault.kind in faults.THERMOMETER:
            thermometer.fault = word
            self.lasting.append((end_us, lambda: setattr(thermometer, "fault", None)))
        elif fault.kind == faults.HANG_MEASURING:
            vars(thermometer)["read"] = lambda now: chip.advance(10**10)
            self.lasting.append((end_us, lambda: vars(thermometer).pop("read", None)))
        elif fault.kind == faults.HANG_REPORTING:
            self.hanging_until = end_us

    # what came of it -----------------------------------------------------------------------------------------------

    def ended(self, wake: WakeRecord) -> None:
        outcome = self.outcome
        fresh = [(topic, payload) for _, topic, payload, _ in self.node.broker.published[self.taken :]]
        self.taken = len(self.node.broker.published)
        rtc_stays = wake.how not in ("power cut", "brown-out") or self.chip.keep_rtc
        if wake.how == "power cut":
            if self.armed and self.board.acts_left is not None:
                self.bitten("armed")
            elif self.cut:
                self.bitten("cut")
            else:
                self.bitten("armed")
        self.accounts.wake(wake, fresh, self.chip, rtc_stays)
        if self.recorder:
            self.recorder.ended(wake, fresh)
        outcome.wakes += 1
        outcome.ends[wake.how] += 1
        outcome.reports += sum(topic.endswith("/up/1") for topic, _ in fresh)
        if wake.how == "watchdog":
            outcome.longest_hung_us = max(outcome.longest_hung_us, wake.awake_us)
        else:
            outcome.longest_wake_us = max(outcome.longest_wake_us, wake.awake_us)
        if self.board.wake_at is None:
            outcome.problems.append(f"wake {wake.index} ended for good: {wake.how}: {wake.console[-200:]}")
        if "Traceback" in wake.console or "failed; the next" in wake.console:
            outcome.problems.append(f"wake {wake.index}: {wake.console[-300:]}")
        day = wake.started_us / 1e6 / DAY_S
        if not outcome.backlog or day - outcome.backlog[-1][0] >= 1 / 24:
            outcome.backlog.append((day, len(self.accounts.at_stake)))
        wake.console = wake.console[-400:]

    def bitten(self, which: str) -> None:
        """The cut that was set has happened."""
        fault: Fault | None = getattr(self, which)
        if fault:
            self.outcome.injected.append(fault)
            setattr(self, which, None)
        self.board.acts_left = None

    def run(self, say: Callable[[str], None]) -> Outcome:
        outcome, board, world = self.outcome, self.board, self.node.world
        began, end_us, next_say = time.monotonic(), int(outcome.days * DAY_S * 1e6), 0.0
        before_us: int | None = None
        while board.wake_at is not None and board.wake_at < end_us:
            self.strike()
            outcome.longest_silence_s = max(outcome.longest_silence_s, (board.wake_at - (before_us or 0)) / 1e6)
            before_us = board.wake_at
            board.step(world.zygote, world.trace)
            while board.vm:
                board.step(world.zygote, world.trace)
            if time.monotonic() > next_say:
                next_say = time.monotonic() + 5
                say(
                    f"day {self.chip.now / 1e6 / DAY_S:.1f} of {outcome.days:g}: {outcome.wakes} wakes, "
                    f"{len(outcome.injected)} faults, {sum(self.accounts.lost.values())} readings lost"
                )
        outcome.seconds = time.monotonic() - began
        self.judge()
        return outcome

    def judge(self) -> None:
        outcome, accounts, chip = self.outcome, self.accounts, self.chip
        outcome.injected.sort()
        outcome.nvs_writes, outcome.flash_writes = chip.nvs.writes - 1, chip.flash.writes  # less the provisioned key
        outcome.charge_mah = chip.ledger.charge_mc / 3600
        outcome.trace_sha256 = self.node.world.trace.sha256
        outcome.losses = [(loss.at_s / DAY_S, loss.event, loss.readings) for loss in accounts.losses if loss.readings]
        outcome.untold = sum(loss.told_s is None and loss.chances > CHANCES for loss in accounts.losses)
        most = max((loss.readings for loss in accounts.losses if loss.event != faults.CHECKPOINT), default=0)
        broken = {
            f"{accounts.balance} readings are neither delivered nor waiting nor lost": accounts.balance,
            f"{outcome.untold} losses were never told": outcome.untold,
            f"{accounts.twice['UNEXPLAINED']} readings came twice without a reason": accounts.twice["UNEXPLAINED"],
            f"{most} readings lost at once": most > MOST_AT_ONCE,
            f"{outcome.nvs_writes} writes to NVS": outcome.nvs_writes > NVS_WRITES_A_YEAR * max(outcome.days, 30) / 365,
            f"{outcome.flash_writes} writes to the file system": outcome.flash_writes,
            f"a wake of {outcome.longest_wake_us / 1e6:.1f} s": outcome.longest_wake_us > wake_budget_us(),
            f"a hung wake of {outcome.longest_hung_us / 1e6:.1f} s": outcome.longest_hung_us
            > WATCHDOG_US + COLD_START_US,
            f"{outcome.longest_silence_s / HOUR_S:.1f} h without a start": outcome.longest_silence_s > 3.5 * HOUR_S,
            f"findings: {self.node.findings()}": self.node.findings(),
        }
        outcome.problems += [text for text, wrong in broken.items() if wrong]


def damaged(kind: str, image: bytes, number: int) -> bytes:
    place = number % len(image)
    if kind == "RTC byte flipped":
        return image[:place] + bytes([image[place] ^ (1 << number % 8)]) + image[place + 1 :]
    if kind == "RTC cut short":
        return image[: max(1, place)]
    return Random(number).randbytes(len(image))


def run(seed: str, days: float, folder: Path | None = None, say: Callable[[str], None] | None = None) -> Outcome:
    """A whole soak, the sampled days' decisions not yet compared; what was recorded of them goes to `folder`."""
    whole = int(days) + 1
    series = LevelSeries(load(BIN), choose_window(load(BIN), BIN_DAYS), BIN_DAYS, 1)
    period_s = BIN_DAYS * DAY_S
    with scenario(lambda t_s: series.level_permille(t_s % period_s), seed=seed) as node:
        node.scene.emptyings_s = tuple(
            float(emptying.t_s + again * period_s)
            for again in range(whole // BIN_DAYS + 1)
            for emptying in series.emptyings
        )
        recorder = Recorder(node.board, seed, days) if folder else None
        year = Year(node, seed, days, recorder)
        outcome = year.run(say or (lambda text: print(text, file=sys.stderr)))
        if recorder and folder:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "recorded.pickle").write_bytes(pickle.dumps(recorder.recorded(node.kit)))
        return outcome
