"""Where every reading is: delivered, waiting, or lost at an event that has a name. Held against the node's own memory.

The node's backlog is read from RTC memory and NVS with the firmware's own binnode.storage.state, entry by entry.
"""

import sys
from collections import Counter
from dataclasses import dataclass, field

from binnode_tools import paths
from binnode_tools.codec import decode, decode_diagnostics
from binnode_tools.virtual_board.chip import Chip, WakeRecord

sys.path[:0] = [path for path in (str(paths.FIRMWARE), str(paths.SHIMS)) if path not in sys.path]

CAPACITY = 240
THINNED, POWER, WATCHDOG = "thinned", "power cut", "watchdog"
_KINDS = ("ok", "noisy", "no_echo", "too_near", "too_far", "lid_open", "fault")
_TELLS_POWER = {"first report", "power_on", "checkpoint_restored"}
_TELLS_RTC = {"rtc_garbage", "rtc_damaged", "rtc_migrated", "rtc_newer"}
_TELLS_HANG = {"watchdog", "crash"}

Level = tuple[int | None, str]  # permille, kind
Message = tuple[str, bytes]


def levels(image: bytes) -> list[Level] | None:
    """The readings in a state's image, oldest first; None when it is not whole."""
    from binnode.storage.state import StateError, unpack

    try:
        backlog = unpack(image).backlog
    except StateError:
        return None
    codes = [code for _, code in backlog.oldest(len(backlog), 0)]
    return [(code, "ok") if code <= 1000 else (None, _KINDS[code - 1008]) for code in codes]


@dataclass
class Loss:
    """An event that costs what RTC memory held, or the reading of a wake; `told` once a message has named it."""

    at_s: float
    event: str
    readings: int
    tells: set[str]
    told_s: float | None = None
    chances: int = 0  # wakes since then that have reported something


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
    _levels: dict[int, Level] = field(default_factory=dict)
    _unreceipted: dict[int, str] = field(default_factory=dict)
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

    def wake(self, wake: WakeRecord, messages: list[Message], chip: Chip, rtc_stays: bool) -> None:
        """Take in one wake. `rtc_stays`: what RTC memory holds now will be there at the next."""
        at_s = wake.started_us / 1e6
        before = list(self.at_stake)
        now = levels(chip.rtc) if chip.rtc else None
        candidates = self._candidates(wake, before, messages, now)
        self._told(messages, at_s)
        self._take_checkpoint(chip, candidates)
        self.rtc_whole = rtc_stays and now is not None
        if now is not None and rtc_stays:
            self.waiting = self._match(now, candidates, wake)
        event = wake.how if wake.how != "deep sleep" else THINNED
        if wake.how in (POWER, WATCHDOG, "brown-out"):
            self._note_unreceipted(messages, wake.how)
            self._lose([*before, *self._new], event, at_s, always=True)
        else:
            self._note_unreceipted(messages, "receipt lost")
            self._lose([*before, *self._new], event, at_s)

    # -----------------------------------------------------------------------------------------------------------------

    def _candidates(self, wake: WakeRecord, before: list[int], messages: list[Message], now: list[Level] | None):
        """What may be in the node's memory at the end of this wake: the backlog after each of its steps."""
        self._new: list[int] = []
        reports = [decode(payload) for topic, payload in messages if topic.endswith("/up/1")]
        grew = now is not None and len(now) == len(before) + 1 and not reports
        if wake.measured_us is not None or grew or reports:
            self.measured += 1
            self._new = [self.measured]
        full = [*before, *self._new]
        found = [before, full]
        if len(full) > CAPACITY:
            found += [full[:place] + full[place + 1 :] for place in range(1, CAPACITY)]
            if now is not None:
                full = next((one for one in found[2:] if self._fits(one, now)), full)
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
            self.twice[self._unreceipted.get(number, "UNEXPLAINED")] += 1
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
        if item is not None:
            held = levels(bytes(item.value)) if isinstance(item.value, bytes) else None
            if held is None:
                raise Mismatch("the node wrote a checkpoint that is not whole")
            numbers = next((one for one in reversed(candidates) if self._fits(one, held)), None)
            if numbers is None:
                raise Mismatch("the checkpoint holds other readings than those that wait")
            self.checkpoint = list(numbers)
            self._levels.update(zip(numbers, held, strict=True))

    def _note_unreceipted(self, messages: list[Message], why: str) -> None:
        if messages:
            self._unreceipted.update((number, why) for number in self.at_stake if number in self.delivered)

    def _lose(self, before: list[int], event: str, at_s: float, always: bool = False) -> None:
        kept = self.delivered | set(self.at_stake)
        gone = sum(number not in kept for number in before)
        if gone:
            self.lost[event] += gone
        if event == THINNED:
            return
        if gone or always or not self.rtc_whole:
            tells = _TELLS_HANG if event == WATCHDOG else _TELLS_RTC if event.startswith("RTC") else _TELLS_POWER
            if event != WATCHDOG and not self.rtc_whole:
                # What the node remembered of earlier losses went too: they are told as this one.
                for loss in self.losses:
                    if loss.told_s is None:
                        loss.tells |= tells
            if event in ("brown-out",) or (event == POWER and self.rtc_whole):
                tells = tells | {"brown_out"}
            self.losses.append(Loss(at_s, event, gone, set(tells)))

    def _told(self, messages: list[Message], at_s: float) -> None:
        said: set[str] = set()
        for topic, payload in messages:
            if topic.endswith("/up/1") and decode(payload).first_report:
                said.add("first report")
            if topic.endswith("/up/2"):
                told = decode_diagnostics(payload)
                said |= {told.reset_cause, *told.recoveries} | ({"crash"} if told.crash_step else set())
        reported = any(topic.endswith("/up/1") for topic, _ in messages)
        for loss in self.losses:
            if loss.told_s is None:
                loss.chances += reported
                if loss.tells & said:
                    loss.told_s = at_s
