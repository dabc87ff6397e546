"""What happens to the node in its year: a schedule from a seed, week by week: a shorter soak is a longer one's start.

Of each seven days four are stormy (the supply is cut several times a day) and three calm (the network is away for up
to two days, so that readings wait, are copied to NVS, and something is at stake when power goes).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

HOUR_S, DAY_S, WEEK_S = 3600, 86400, 7 * 86400
STORMY = (0, 4, 5, 6)

OUTAGES = ("silent", "refused", "unreachable", "unresolved", "no access point")
CUT_AT_ACT, CUT_AT_BYTE, CUT_ASLEEP = "power cut at an act", "power cut at a byte", "power lost asleep"
BROWN_OUT, BATTERY = "short brown-out", "battery swapped"
HANG_MEASURING, HANG_REPORTING = "1-Wire bus hangs", "IP stack hangs"
MODULE = ("module dead", "module stuck")
THERMOMETER = ("thermometer dead", "thermometer noise")
RTC = ("RTC byte flipped", "RTC cut short", "RTC garbage")
CHECKPOINT = "checkpoint damaged"
KINDS = (
    *(f"network {kind}" for kind in OUTAGES),
    *(CUT_AT_ACT, CUT_AT_BYTE, CUT_ASLEEP, BROWN_OUT, BATTERY),
    *(HANG_MEASURING, HANG_REPORTING),
    *MODULE,
    *THERMOMETER,
    *RTC,
    CHECKPOINT,
)


@dataclass(frozen=True, order=True)
class Fault:
    """One fault. `end_s`: for those that last. `number`: what its kind needs, such as the byte at which power goes."""

    at_s: float
    kind: str
    end_s: float = 0.0
    number: int = 0


def schedule(seed: str, days: float) -> list[Fault]:
    """All faults that begin within these days, in order."""
    faults = [fault for week in range(int(-(-days // 7))) for fault in _week(seed, week)]
    # The first report and the last hours are left alone: what is lost can then be told.
    return sorted(fault for fault in faults if 2 * HOUR_S < fault.at_s < days * DAY_S - 6 * HOUR_S)


def _week(seed: str, week: int) -> Iterator[Fault]:
    random = Random(f"{seed} week {week}")
    start_s = week * WEEK_S

    def anywhen(first_h: float = 0, last_h: float = 168) -> float:
        return start_s + random.uniform(first_h, last_h) * HOUR_S

    def lasting(kind: str, shortest_h: float, longest_h: float, first_h: float = 0, last_h: float = 168) -> Fault:
        at_s = anywhen(first_h, last_h)
        return Fault(at_s, kind, at_s + random.uniform(shortest_h, longest_h) * HOUR_S)

    for day in STORMY:
        for _ in range(random.randint(4, 6)):
            yield Fault(anywhen(24 * day, 24 * day + 24), CUT_AT_ACT, number=int(random.uniform(0, 1) ** 2 * 400))
    # Days 1 to 3: an outage, a checkpoint in it, and then one of the things that may become of a checkpoint.
    yield lasting(f"network {random.choice(OUTAGES)}", 40, 48, 24, 30)
    yield Fault(start_s + 26 * HOUR_S, CUT_AT_BYTE, number=random.randint(0, 600))
    yield Fault(start_s + 73 * HOUR_S, CUT_AT_BYTE, number=random.randint(0, 8))
    fate = random.random()
    if fate < 0.3:
        yield Fault(anywhen(58, 66), CHECKPOINT, number=random.getrandbits(16))
    elif fate < 0.7:
        yield Fault(anywhen(58, 66), CUT_ASLEEP, number=random.randint(1, 7200))
    elif fate < 0.85:
        yield Fault(anywhen(58, 66), BATTERY, number=random.randint(20, 1800))
    for _ in range(3):
        yield lasting(f"network {random.choice(OUTAGES)}", 1, 8)
    for kind in RTC:
        yield Fault(anywhen(), kind, number=random.getrandbits(30))
    for _ in range(2):
        yield Fault(anywhen(), BROWN_OUT, number=int(random.uniform(0, 1) ** 2 * 400))
    yield lasting(HANG_MEASURING, 0.3, 3)
    yield lasting(HANG_REPORTING, 1, 6)
    yield lasting(random.choice(MODULE), 1, 8)
    yield lasting(random.choice(THERMOMETER), 1, 24)
