"""The level of a real bin, second by second: recorded daily readings and what plausibly happened between them.

The readings are data/wyndham_bins.csv (Wyndham City Council, CC BY 4.0; data/README.md). A reading is taken as the
level at 06:00 local time. Local time here has no summer time: a day has 86,400 s.
"""

import csv
import random
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from itertools import accumulate, pairwise
from pathlib import Path
from typing import NamedTuple

DATA = Path(__file__).parent / "data" / "wyndham_bins.csv"
ATTRIBUTION = 'Bin data: "Smart Bin Fill Level (historical)", Wyndham City Council, CC BY 4.0; interpolated.'

DAY_S = 86_400
HOUR_S = 3_600
READING_S = 6 * HOUR_S
CREW_START_S, CREW_END_S = 5 * HOUR_S, 15 * HOUR_S
FULL_RANGE_PERCENT = 80

_DEPOSIT_PERMILLE = 12  # mean
_RISE_BEFORE_CREW_PERMILLE_PER_HOUR = 8  # at most: a day's worth is one step of the data
# How busy each hour of the day is, 00:00 first: quiet nights, most at noon and in the afternoon.
_BUSY = (1, 1, 1, 1, 1, 2, 4, 6, 8, 8, 9, 11, 13, 12, 10, 10, 11, 10, 9, 8, 6, 4, 2, 2)


class BinDataError(ValueError):
    """What was asked of the bin data is not in it; the message says what is."""


@dataclass(frozen=True)
class BinHistory:
    """The recorded readings of one bin: date -> percent (0..100 in steps of 20), days without a reading absent."""

    bin_id: str
    percent: dict[date, int]


class Emptying(NamedTuple):
    """The crew came at `t_s` and the level fell from before to after."""

    t_s: int
    before_permille: int
    after_permille: int


@cache
def _table() -> tuple[list[str], list[list[str]]]:
    with DATA.open(newline="", encoding="utf-8") as file:
        header, *lines = csv.reader(file)
    return header[1:], lines


def bins() -> list[str]:
    """The bins that have data, as serial numbers."""
    return list(_table()[0])


def load(bin_id: str | int) -> BinHistory:
    """The history of one bin; BinDataError when there is no such bin."""
    bin_ids, lines = _table()
    if str(bin_id) not in bin_ids:
        raise BinDataError(f"There is no bin {bin_id}. The bins are: {', '.join(bin_ids)}.")
    column = 1 + bin_ids.index(str(bin_id))
    return BinHistory(str(bin_id), {date.fromisoformat(line[0]): int(line[column]) for line in lines if line[column]})


def choose_window(history: BinHistory, days: int, min_emptyings: int = 2) -> date:
    """First day of a window that a run of `days` days can use; always the same one for the same arguments.

    Every day of it and the day after the last has a reading, and it holds at least `min_emptyings` emptyings. The
    earliest such window that reaches 80 %, or, where none does, the earliest. BinDataError when there is none.
    """
    if days < 1:
        raise BinDataError(f"A run takes at least 1 day, not {days}.")
    possible = None
    for run in _gapless_runs(history):
        levels = [history.percent[day] for day in run]
        # The falls before each day. The last reading is left out: its emptying may come after the window's end.
        falls = list(accumulate((after < before for before, after in pairwise(levels)), initial=0))
        for first in range(len(run) - days):
            if falls[first + days - 1] - falls[first] < min_emptyings:
                continue
            if max(levels[first : first + days]) >= FULL_RANGE_PERCENT:
                return run[first]
            possible = possible or run[first]
    if possible is None:
        raise BinDataError(_what_would_work(history, days, min_emptyings))
    return possible


def _gapless_runs(history: BinHistory) -> Iterator[list[date]]:
    run: list[date] = []
    for day in sorted(history.percent):
        if run and day - run[-1] > timedelta(days=1):
            yield run
            run = []
        run.append(day)
    if run:
        yield run


def _what_would_work(history: BinHistory, days: int, min_emptyings: int) -> str:
    lengths = set()
    for run in _gapless_runs(history):
        levels = [history.percent[day] for day in run[:-1]]
        lows = [at for at in range(1, len(levels)) if levels[at] < levels[at - 1]]
        # From the reading before the first of these falls to the one after the last.
        needed = [last - first + 2 for first, last in zip(lows, lows[max(0, min_emptyings - 1) :], strict=False)]
        if needed or min_emptyings < 1:
            lengths.update(range(min(needed) if min_emptyings > 0 else 1, len(run)))
    wanted = f"{days} days without a gap and with at least {min_emptyings} emptyings"
    if not lengths:
        return (
            f"Bin {history.bin_id} has no {wanted}, whatever the number of days: its {len(history.percent)} readings "
            f"go up to {max(history.percent.values(), default=0)} %. Choose another bin."
        )
    nearest = min(lengths, key=lambda length: (abs(length - days), length))
    return f"Bin {history.bin_id} has no {wanted}. The nearest number of days that would work is {nearest}."


class LevelSeries:
    """The true level of one bin over `days` days from local midnight of `start`; a staircase of small deposits.

    It is 0..1000 permille (1000: the full line), equals the recorded reading at 06:00 of each day, rises by deposits,
    most of them by day, and falls only when the crew comes, by at least 200 permille. Same arguments, same series;
    another seed, another course between the same readings. Needs a reading for every day and for the day after.
    """

    def __init__(self, history: BinHistory, start: date, days: int, seed: int) -> None:
        self.start, self.days, self.seed = start, days, seed
        dates = [start + timedelta(days=number) for number in range(days + 1)]
        missing = [day.isoformat() for day in dates if day not in history.percent]
        if missing:
            raise BinDataError(f"Bin {history.bin_id} has no reading on {', '.join(missing)}.")
        self.readings = [
            (number * DAY_S + READING_S, 10 * history.percent[day]) for number, day in enumerate(dates)
        ]  # (t_s, permille); the last one lies six hours past the end
        self.emptyings: list[Emptying] = []  # within the window, in order
        self._times_s = [0]
        self._levels = [self.readings[0][1]]
        for (begin_s, last), (end_s, following) in pairwise(self.readings):
            # Its own generator for each day: a day does not depend on where the window begins.
            day = start + timedelta(days=begin_s // DAY_S)
            self._add_day(random.Random(f"{seed}/{history.bin_id}/{day}"), begin_s, last, end_s, following)

    def level_permille(self, t_s: float) -> int:
        """The level `t_s` seconds after the start; before and after the data it stands still."""
        return self._levels[max(0, bisect_right(self._times_s, t_s) - 1)]

    def _add_day(self, rng: random.Random, begin_s: int, last: int, end_s: int, following: int) -> None:
        """From one reading to the next."""
        if following >= last:
            self._deposit(rng, begin_s, end_s, last, following)
            return
        # Crew hours of 05:00 to 06:00 are those of the next morning.
        crew_s = begin_s - READING_S + CREW_START_S + _up_to(rng, CREW_END_S - CREW_START_S - 1)
        if crew_s <= begin_s:
            crew_s = min(crew_s + DAY_S, end_s - 1)
        most = (crew_s - begin_s) * _RISE_BEFORE_CREW_PERMILLE_PER_HOUR // HOUR_S
        before = last + _up_to(rng, min(most, 1000 - last))
        after = min(_up_to(rng, following), _up_to(rng, following))  # crews seldom leave much
        self._deposit(rng, begin_s, crew_s - 1, last, before)
        self._step(crew_s, after)
        if crew_s < self.days * DAY_S:
            self.emptyings.append(Emptying(crew_s, before, after))
        self._deposit(rng, crew_s, end_s, after, following)

    def _deposit(self, rng: random.Random, begin_s: int, end_s: int, low: int, high: int) -> None:
        """Rise from low to high by deposits after begin_s, the last not after end_s."""
        count = min(-(-(high - low) // _DEPOSIT_PERMILLE), end_s - begin_s)
        if count <= 0:
            return
        # Each level is moved by up to half a deposit, so that no deposit is more than two of them.
        levels = [low + int((high - low) * (number + 0.5 + rng.random()) / count) for number in range(count - 1)]
        times_s = sorted(_busy_moment(rng, begin_s, end_s) for _ in range(count))
        for t_s, level in zip(times_s, [*levels, high], strict=True):
            self._step(t_s, level)

    def _step(self, t_s: int, level: int) -> None:
        self._times_s.append(t_s)
        self._levels.append(level)


def _up_to(rng: random.Random, most: int) -> int:
    """0..most, all alike. Only random() is promised to be the same in every Python version."""
    return int(rng.random() * (most + 1))


def _busy_moment(rng: random.Random, begin_s: int, end_s: int) -> int:
    """A moment after begin_s and not after end_s, in a busy hour sooner than in a quiet one."""
    while True:
        t_s = begin_s + 1 + _up_to(rng, end_s - begin_s - 1)
        if rng.random() * max(_BUSY) < _BUSY[t_s % DAY_S // HOUR_S]:
            return t_s
