"""Where every reading is: delivered, waiting, or lost at an event that has a name. Held against the node's own memory.

The node's backlog is read from RTC memory and NVS with the firmware's own binnode.storage.state, entry by entry.
"""

import sys
from collections import Counter
from dataclasses import dataclass, field

from binnode_tools import paths
from binnode_tools.codec import decode, decode_diagnostics
from binnode_tools.virtual_board.chip import Chip
from binnode_tools.virtual_board.wake import WakeRecord

from tests.soak.faults import TELLS, THINNED

sys.path[:0] = [path for path in (str(paths.FIRMWARE), str(paths.SHIMS)) if path not in sys.path]

CAPACITY = 240
_KINDS = ("ok", "noisy", "no_echo", "too_near", "too_far", "lid_open", "fault")

Level = tuple[int | None, str]  # permille, kind
STATUS, DIAGNOSTICS = 1, 2
Message = tuple[int, bytes]  # FPort, payload: whatever the transport


def levels(image: bytes) -> list[Level] | None:
    """The readings in a state's image, oldest first; None when it is not whole."""
    from binnode.recover import DAMAGED_MARK
    from binnode.storage.state import MAGIC, StateError, unpack

    if image[:2] == DAMAGED_MARK:
        image = MAGIC + image[2:]  # a cold start has found a file damaged
    try:
        backlog = unpack(image).backlog
    except StateError:
        return None
    codes = [code for _, code in backlog.oldest(len(backlog), 0)]
    return [(code, "ok") if code <= 1000 else (None, _KINDS[code - 1008]) for code in codes]


@dataclass
class Loss:
    """An event that costs what RTC memory held, or the reading of a wake; told once a message holds one of `tells`."""

    at_s: float
    event: str
    readings: int
    tells: set[str]
    told_s: float | None = None
    chances: int = 0  # wakes since then that have reported something, unhindered


@dataclass(frozen=True)
class Met:
    """What a wake has met. `event`: what its losses are due to. `rtc_stays`: what RTC memory holds now will be there at
    the next. `again`: why a reading that it delivered may come again, None when nothing excuses that."""

    event: str
    rtc_stays: bool
    again: str | None


class Mismatch(Exception):
    """The node's memory holds something else than what was measured and not delivered."""


@dataclass
class Accounts:
    measured: int = 0
    waiting: list[int] = field(default_factory=list)  # as RTC memory holds them
    checkpoint: list[int] = field(default_factory=list)  # as NVS holds them
    rtc_whole: bool = False
    delivered: set[int] = field(default_factory=set)
    lost: Counter = field(default_factory=Counter)  # event: readings
    twice: Counter = field(default_factory=Counter)  # why: readings that came again
    losses: list[Loss] = field(default_factory=list)
    told: Counter = field(default_factory=Counter)  # what diagnostics messages have named: times
    _levels: dict[int, Level] = field(default_factory=dict)
    _again: dict[int, str] = field(default_factory=dict)
    _item: object = None

    @property
    def at_stake(self) -> list[int]:
        """What the node could still deliver, if it were to start now."""
        return self.waiting if self.rtc_whole else self.checkpoint

    @property
    def balance(self) -> int:
        """0: every reading is accounted for."""
        kept = len(self.delivered | set(self.at_stake))
        return self.measured - kept - sum(self.lost.values())

    def memory_lost(self, event: str, at_s: float) -> None:
        """RTC memory was lost or damaged while the node slept."""
        before, self.rtc_whole = self.at_stake, False
        self._lose(before, event, at_s)

    def checkpoint_lost(self, chip: Chip) -> None:
        """The checkpoint in NVS is damaged; it costs nothing unless RTC memory goes too."""
        self.checkpoint, self._item = [], chip.nvs.live.get(("binnode", "checkpoint"))

    def wake(self, wake: WakeRecord, messages: list[Message], chip: Chip, met: Met) -> None:
        """Take in one wake."""
        at_s = wake.started_us / 1e6
        before = list(self.at_stake)
        now = levels(chip.rtc) if chip.rtc else None
        candidates = self._candidates(wake, before, messages, now)
        self._told(messages, at_s, met.again is not None)
        self._take_checkpoint(chip, candidates)
        self.rtc_whole = met.rtc_stays and now is not None
        if now is not None and met.rtc_stays:
            self.waiting = self._match(now, candidates, wake)
        if messages and met.again:
            again = [number for number in {*self.at_stake, *self.checkpoint} if number in self.delivered]
            self._again.update((number, met.again) for number in again)
        self._lose([*before, *self._new], met.event, at_s, always=wake.how != "deep sleep")

    # -----------------------------------------------------------------------------------------------------------------

    def _candidates(self, wake: WakeRecord, before: list[int], messages: list[Message], now: list[Level] | None):
        """What may be in the node's memory at the end of this wake: the backlog after each of its steps."""
        self._new: list[int] = []
        reports = [decode(payload) for port, payload in messages if port == STATUS]
        grew = now is not None and len(now) >= len(before) and not self._fits(before, now)  # a step that was left out
        if wake.measured_us is not None or grew or reports:
            self.measured += 1
            self._new = [self.measured]
        full = [*before, *self._new]
        found = [before, full]
        if len(full) > CAPACITY:
            thinned = [full[:place] + full[place + 1 :] for place in range(1, CAPACITY)]
            found += thinned
            told = [(one.fill_permille, one.kind) for report in reports for one in report.history]
            held = told or now or []
            full = next((one for one in thinned if self._fits(one[: len(held)], held)), full)
        current = self._new[0] if self._new else None
        for report in reports:
            earlier = [number for number in full if number != current][: len(report.history)]
            for number, reading in zip(earlier, report.history, strict=True):
                self._deliver(number, (reading.fill_permille, reading.kind))
            if current is not None:
                self._deliver(current, (report.fill_permille, report.kind))
            full = [number for number in full if number not in earlier and number != current]
            current = None
            found.append(full)
        return found

    def _deliver(self, number: int, level: Level) -> None:
        if self._levels.setdefault(number, level) != level:
            raise Mismatch(f"reading {number} was {self._levels[number]} and is reported as {level}")
        if number in self.delivered:
            self.twice[self._again.get(number, "UNEXPLAINED")] += 1
        self.delivered.add(number)

    def _fits(self, numbers: list[int], now: list[Level]) -> bool:
        return len(numbers) == len(now) and all(
            self._levels.get(number, level) == level for number, level in zip(numbers, now, strict=True)
        )

    def _match(self, now: list[Level], candidates: list[list[int]], wake: WakeRecord) -> list[int]:
        for numbers in reversed(candidates):
            if self._fits(numbers, now):
                self._levels.update(zip(numbers, now, strict=True))
                return list(numbers)
        raise Mismatch(
            f"wake {wake.index} ({wake.how}): {len(now)} readings wait, expected one of "
            f"{sorted({len(one) for one in candidates})}\n{wake.console}"
        )

    def _take_checkpoint(self, chip: Chip, candidates: list[list[int]]) -> None:
        item = chip.nvs.live.get(("binnode", "checkpoint"))
        if item is self._item:
            return
        self._item, self.checkpoint = item, []
        if item is None and [] not in candidates:
            raise Mismatch("the checkpoint is gone while readings wait")
        if item is not None:
            held = levels(bytes(item.value)) if isinstance(item.value, bytes) else None
            if held is None:
                raise Mismatch("the node wrote a checkpoint that is not whole")
            numbers = next((one for one in reversed(candidates) if self._fits(one, held)), None)
            if numbers is None:
                raise Mismatch("the checkpoint holds other readings than those that wait")
            self.checkpoint = list(numbers)
            self._levels.update(zip(numbers, held, strict=True))

    def _lose(self, before: list[int], event: str, at_s: float, always: bool = False) -> None:
        kept = set(self.at_stake)
        gone = sum(number not in kept and number not in self.delivered for number in before)
        if gone:
            self.lost[event] += gone
        thinned = event == THINNED
        tells = set(TELLS.get(event, ()))
        if not self.rtc_whole and not thinned:
            # What the node remembered of earlier losses went too: they are told as this one.
            for loss in self.losses:
                if loss.told_s is None:
                    loss.tells |= tells
        if gone or ((always or not self.rtc_whole) and not thinned):
            self.losses.append(Loss(at_s, event, gone, tells))

    def _told(self, messages: list[Message], at_s: float, hindered: bool) -> None:
        said: set[str] = set()
        for port, payload in messages:
            if port == STATUS:
                report = decode(payload)
                said |= {"first report"} if report.first_report else set()
                said |= {"thinned"} if report.backlog_thinned else set()
            if port == DIAGNOSTICS:
                told = decode_diagnostics(payload)
                named = {told.reset_cause, *told.recoveries} | ({"crash"} if told.crash_step else set())
                self.told.update(named)
                said |= named
        reported = any(port == STATUS for port, _ in messages)
        for loss in self.losses:
            if loss.told_s is None:
                loss.chances += reported and not hindered
                if loss.tells & said:
                    loss.told_s = at_s
