"""LoRaWAN for weeks: each region and radio, lost frames and outages, and the supply that goes at random."""

from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random

from binnode_tools.lora_network.regions import REGIONS
from binnode_tools.virtual_board.storage import Cutter

from tests.system.lora_scenario import HOURLY, RADIOS, LoraScenario, lora_scenario, twin_of
from tests.system.snapshots import next_wake

MONTH_REGIONS = ("EU868", "KR920", "US915")
MONTH_DAYS, WEEK_DAYS = 30, 7
LOST = 0.3
OUTAGE_H = (30, 78)
WAKES_AFTER = 3
_ENDLESS = 1 << 30
_HOUR_US = 3_600_000_000


def sawtooth(t_s: float) -> float:
    """Fills in four days, and is emptied."""
    return 100 + 750 * (t_s % 345_600) / 345_600


@dataclass
class Weeks:
    """What a node did. `problems` empty: it joined once, broke no law, used nothing twice, and all readings came."""

    region: str
    radio: str
    days: float
    wakes: int = 0
    joins: int = 0
    join_requests: int = 0
    uplinks: int = 0
    lost_frames: int = 0
    downlinks: int = 0
    readings: int = 0
    waiting: int = 0
    rates: dict[str, int] = field(default_factory=dict)
    airtime_s_per_day: float = 0.0
    duty_worst: float = 0.0
    settled_h: float = 0.0  # the last time that the network asked for another data rate
    adr_changes: int = 0
    nvs_writes: int = 0
    slowest_s: float = 0.0
    problems: list[str] = field(default_factory=list)


def weeks(region: str, radio: str, days: float, config: dict | None = None, **how) -> Weeks:
    """Whatever a good link should be for so long; `config` and the keywords as lora_scenario() takes them."""
    with lora_scenario(region, sawtooth, radio=radio, config=HOURLY if config is None else config, **how) as node:
        node.run_hours(24 * days)
        found = figures(node, region, radio, days)
        found.problems += ["it joined more than once"] * (node.device.join_requests != 1)
        found.problems += [f"a wake that did not report: {text}" for text in silent_wakes(node)[:3]]
        found.problems += ["readings wait"] * (found.waiting > 0 and config is None)
        if days >= 2:
            found.problems += unsettled(node, days)
        node.lora.findings.clear()
        return found


def figures(node: LoraScenario, region: str, radio: str, days: float) -> Weeks:
    """What can be counted, and what is wrong whatever the link is like."""
    device, account = node.device, node.lora.audit.accounts[node.kit.name]
    found = Weeks(region, radio, days, len(node.wakes), device.joins, device.join_requests, device.uplinks)
    found.lost_frames = account.frames - account.joins - device.uplinks - device.repeats
    found.downlinks, found.readings = device.downlinks, node.judge.delivered
    found.waiting = len(node.judge.waiting)
    found.rates = dict(sorted(account.rates.items()))
    found.airtime_s_per_day = round(account.airtime_us / 1e6 / days, 2)
    found.duty_worst = round(account.worst_duty, 4)
    changes = [answer for answer in device.answers if answer.name == "LinkADRAns"]
    found.adr_changes = len(changes)
    found.settled_h = round(max((answer.at_us for answer in changes), default=0) / _HOUR_US, 1)
    found.nvs_writes = node.board.chip.nvs.writes
    found.slowest_s = round(max(wake.awake_us for wake in node.wakes) / 1e6, 1)
    found.problems += node.problems()
    found.problems += [f"wake {wake.index} ended with {wake.how}" for wake in node.wakes if wake.how != "deep sleep"]
    if node.judge.delivered + len(node.judge.waiting) != len(node.wakes):
        found.problems.append(f"{found.wakes} readings, {found.readings} delivered, {found.waiting} wait")
    if node.judge.thinned:
        found.problems.append("readings were given up")
    if max(node.judge.errors_pct, default=0) > 1.5:
        found.problems.append(f"a level off by {max(node.judge.errors_pct):.1f} %")
    return found


def silent_wakes(node: LoraScenario) -> list[str]:
    return [wake.console for wake in node.wakes if ": sent" not in wake.console]


def unsettled(node: LoraScenario, days: float) -> list[str]:
    """ADR is there: the fastest rate of 125 kHz that the link carries, and in the second half power at most changes."""
    session, top = node.device.session, node.lora.server.region.adr_top
    if session is None or session.dr != top:
        return [f"data rate {session and session.dr}, not {top}"]
    slow = [at_us for at_us, dr in node.rates if dr != top and at_us > days * 12 * _HOUR_US]
    return [f"another data rate again at {slow[0] / _HOUR_US:.1f} h"] if slow else []


def all_weeks(say: Callable[[str], None]) -> list[Weeks]:
    """A month for the first three regions, a week for the others, each with both radios."""
    found = []
    for region in REGIONS:
        for radio in RADIOS:
            days = MONTH_DAYS if region in MONTH_REGIONS else WEEK_DAYS
            one = attempt(Weeks(region, radio, days), lambda: weeks(region, radio, days))  # noqa: B023
            say(f"{region} with an {radio}: {days} days, {len(one.problems)} problems")
            found.append(one)
    return found


def lossy(region: str, radio: str, loss_db: float, days: float = 7, seed: str = "lora") -> Weeks:
    """Three frames in ten are lost both ways, and the gateway is gone for two days: all readings come in the end."""
    with lora_scenario(region, sawtooth, radio=radio, loss_db=loss_db, seed=seed) as node:
        node.lora.air.loss_up = node.lora.air.loss_down = LOST
        node.gateways_off(*OUTAGE_H)
        node.run_hours(24 * days)
        found = figures(node, region, radio, days)
        newest = node.judge.waiting[0].started_us / _HOUR_US if node.judge.waiting else 24 * days
        if newest < 24 * days - 14:
            found.problems.append(f"a reading of hour {newest:.0f} still waits")
        found.problems += ["it joined more than once"] * (node.device.joins != 1)
        node.lora.findings.clear()
        return found


def attempt(found: Weeks, work: Callable[[], Weeks]) -> Weeks:
    """What `work` finds; an error in it is a problem."""
    try:
        return work()
    except Exception as error:
        found.problems.append(f"{type(error).__name__}: {error}")
        return found


# The supply goes.


@dataclass
class Cuts:
    """`cuts` of the supply, each followed by wakes until the node has reported. `problems` empty: it always did, and
    no counter and no nonce was used twice."""

    region: str
    radio: str
    wakes: int = 0
    acts: int = 0
    bytes_written: int = 0
    cuts: int = 0
    joins_at_most: int = 0
    problems: list[str] = field(default_factory=list)


@contextmanager
def cut_node(region: str, radio: str, seed: str, lost: float = 0.0):
    """Each wake of this one reports, and ADR has something to change."""
    with lora_scenario(region, sawtooth, radio=radio, seed=seed, config=HOURLY) as node:
        node.lora.air.loss_up = node.lora.air.loss_down = lost
        node.judge = Uncounted()
        yield node


class Uncounted:
    """In the place of the judge: after a cut what waited is gone, and that is not what these are about."""

    delivered = 0

    def wake(self, wake, messages):
        return []


def written(node: LoraScenario) -> tuple[int, int]:
    """(acts, bytes written) of the next wake."""
    trial = twin_of(node)
    counter = trial.board.chip.nvs.cutter = trial.board.chip.flash.cutter = Cutter(_ENDLESS)
    next_wake(trial)
    return trial.wakes[-1].acts, _ENDLESS - counter.left


def cut(node: LoraScenario, acts: int | None, size: int | None, keeps: bool = False, then: int | None = None) -> int:
    """Let the supply go in the next wake of a twin, and see it report again; the joins that it has had by then.

    keeps: RTC memory outlasts it. then: the supply goes once more, after so many acts of the wake that follows.
    """
    trial = twin_of(node)
    board, frames = trial.board, 0
    for after_acts, after_bytes in [(acts, size), *([(then, None)] if then is not None else [])]:
        board.cut_power(after_acts=after_acts, after_bytes=after_bytes, off_us=5_000_000)
        next_wake(trial)
        if trial.wakes[-1].how == "power cut":
            board.chip.keep_rtc = keeps
        board.acts_left = None
    for _ in range(WAKES_AFTER if then is None else WAKES_AFTER + 2):
        frames = len(trial.statuses)
        next_wake(trial)
        assert trial.wakes[-1].how == "deep sleep", trial.wakes[-1].console
        assert not trial.problems(), trial.problems()
        if len(trial.statuses) > frames and ": sent" in trial.wakes[-1].console:
            return trial.device.joins
    raise AssertionError(f"it reported no more: {trial.wakes[-1].console}")


def every_byte(region: str, radio: str, wakes: int, step: int = 1, seed: str = "lora") -> Cuts:
    """The supply goes at each `step`-th byte of every write to NVS and flash of the first `wakes`, and at the last."""
    found = Cuts(region, radio, wakes)
    with cut_node(region, radio, seed) as node:
        for _ in range(wakes):
            _, size = written(node)
            for place in sorted({*range(0, size, step), *range(max(0, size - 2), size)}):
                _try(found, node, f"byte {place} of {size}", None, place)
            found.bytes_written += size
            next_wake(node)
    return found


def at_random(region: str, radio: str, count: int, wakes: int, seed: str = "lora", lost: float = 0.0) -> Cuts:
    """The supply goes at `count` acts of the first `wakes`, the joins' among them; three in ten times it goes again."""
    found, random = Cuts(region, radio, wakes), Random(f"{seed} {region} {radio} cuts")
    # The first wake joins, and is the one that has most to lose.
    share = [3] + [1] * (wakes - 1)
    where = sorted(random.choices(range(wakes), share, k=count))
    with cut_node(region, radio, seed, lost) as node:
        for wake in range(wakes):
            acts, size = written(node)
            for _ in range(where.count(wake)):
                keeps, then = random.random() < 0.25, random.randrange(acts) if random.random() < 0.3 else None
                _try(found, node, f"wake {wake} of {acts} acts", random.randrange(acts), None, keeps, then)
            found.acts, found.bytes_written = found.acts + acts, found.bytes_written + size
            next_wake(node)
    return found


def _try(found: Cuts, node: LoraScenario, what: str, *how) -> None:
    found.cuts += 1
    try:
        found.joins_at_most = max(found.joins_at_most, cut(node, *how))
    except Exception as error:
        found.problems.append(f"{what}, {how}: {type(error).__name__}: {error}")
