"""What happens to the node in its year: a schedule from a seed, round by round: a shorter soak is a longer one's start.

BOARD and WIFI list all there is. Another transport brings a list of its own, and injector.py says what its rows do.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

HOUR_S, DAY_S = 3600, 86400
ROUND_DAYS = 42

OUTAGES = ("silent", "refused", "unreachable", "unresolved", "no access point")
LONG_OUTAGE, KEY_REFUSED, STALLS = "network away for days", "network refuses the key", "broker stalls or hangs up"
CUT_AT_ACT, CUT_AT_BYTE, CUT_ASLEEP = "power cut at an act", "power cut at a byte", "power lost asleep"
BROWN_OUT, BATTERY, WEAK_CELL, RESET = "short brown-out", "battery swapped", "weak cell", "reset"
HANG_MEASURING, HANG_REPORTING = "1-Wire bus hangs", "IP stack hangs"
RTC_FLIPPED, RTC_SHORT, RTC_GARBAGE = RTC = ("RTC byte flipped", "RTC cut short", "RTC garbage")
CHECKPOINT, NVS_FULL = "checkpoint damaged", "NVS takes no write"
CRASH_RECORD, KEY_LOST = "crash record damaged", "NVS loses the network's key"
FLASH = "file of the firmware damaged"
THINNED = "backlog thinned"  # no fault: what a backlog that is full loses

# What a report or diagnostics message says of a loss: one of these.
_POWER = frozenset({"first report", "power_on", "checkpoint_restored"})
_BROWN_OUT = _POWER | {"brown_out"}
_RTC = frozenset({"rtc_garbage", "rtc_damaged", "rtc_migrated", "rtc_newer"})
_HANG = frozenset({"watchdog", "crash"})


@dataclass(frozen=True)
class Kind:
    """`times` in a round; `lasts_h`: from and to, for those that last; `tells`: how the node tells what it has cost."""

    name: str
    times: int
    lasts_h: tuple[float, float] = (0, 0)
    tells: frozenset[str] = frozenset()


WIFI = (
    *(Kind(f"network {kind}", 2, (1, 8)) for kind in OUTAGES),
    Kind(LONG_OUTAGE, 1, (40, 80)),
    Kind(KEY_REFUSED, 1, (1, 8)),
    Kind(KEY_LOST, 1, (1, 8)),
    Kind(STALLS, 2, (2, 12)),
    Kind(HANG_REPORTING, 1, (1, 6), _HANG),
)
BOARD = (
    Kind(HANG_MEASURING, 1, (0.3, 3), _HANG),
    Kind(CUT_AT_ACT, 2, tells=_POWER),
    Kind(CUT_AT_BYTE, 2, tells=_POWER),
    Kind(CUT_ASLEEP, 1, tells=_POWER),
    Kind(BROWN_OUT, 2, tells=_BROWN_OUT),
    Kind(BATTERY, 1, tells=_POWER),
    Kind(WEAK_CELL, 1, (2, 8), _BROWN_OUT),
    Kind(RESET, 2),
    *(Kind(name, 1, tells=_RTC) for name in RTC),
    Kind(CHECKPOINT, 1, tells=_POWER),
    Kind(CRASH_RECORD, 1),
    Kind(NVS_FULL, 1, (24, 36)),
    Kind(FLASH, 1, (3, 15)),
    Kind("module dead", 2, (1, 8)),
    Kind("module stuck", 2, (1, 8)),
    Kind("thermometer dead", 1, (1, 24)),
    Kind("thermometer noise", 1, (1, 24)),
)
KINDS = (*WIFI, *BOARD)
NAMES = tuple(kind.name for kind in KINDS)
TELLS = {kind.name: kind.tells for kind in KINDS} | {THINNED: frozenset({"thinned"})}


@dataclass(frozen=True, order=True)
class Fault:
    """One fault. `end_s`: for those that last. `number`: 32 bits of chance for what its kind needs."""

    at_s: float
    kind: str
    end_s: float = 0.0
    number: int = 0


def schedule(seed: str, days: float, round_days: float = ROUND_DAYS, kinds: tuple[Kind, ...] = KINDS) -> list[Fault]:
    """All faults that begin within these days, in order. `round_days`: a shorter round has as many, each as long."""
    rounds = range(int(-(-days // round_days)))
    faults = [fault for number in rounds for fault in _round(seed, number, round_days * DAY_S, kinds)]
    # The first report and the last hours are left alone: what is lost can then be told.
    return sorted(fault for fault in faults if 2 * HOUR_S < fault.at_s < days * DAY_S - 6 * HOUR_S)


def _round(seed: str, number: int, round_s: float, kinds: tuple[Kind, ...]) -> Iterator[Fault]:
    for kind in kinds:
        random = Random(f"{seed} round {number} {kind.name}")
        for _ in range(kind.times):
            at_s = (number + random.random()) * round_s
            lasts_s = random.uniform(*kind.lasts_h) * HOUR_S
            yield Fault(at_s, kind.name, at_s + lasts_s if lasts_s else 0.0, random.getrandbits(32))
