"""LoRaWAN for weeks: each region and radio, lost frames, outages, a network that forgets."""

from collections.abc import Callable
from dataclasses import dataclass, field

from binnode_tools.lora_network.regions import REGIONS
from rich.console import Console
from rich.table import Table

from tests.system.lora_scenario import HOURLY, RADIOS, LoraScenario, lora_scenario

MONTH_REGIONS = ("EU868", "KR920", "US915")
MONTH_DAYS, WEEK_DAYS = 30, 7
LOST = 0.3
GOOD_DB = 125  # to the gateway
POOR_DB = {"EU868": 150, "KR920": 147, "US915": 152}  # the lowest data rates get through, mostly
JOIN_H = 60  # so long at most: then 240 readings wait
OUTAGE_H = (6, 54)  # after the hour in which it has joined
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
            found.problems += unsettled(node, 12 * days)
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
    # One whose receipt was lost has arrived, and waits still.
    if node.judge.arrived | {wake.index for wake in node.judge.waiting} != set(range(len(node.wakes))):
        found.problems.append(f"{found.wakes} readings, {found.readings} delivered, {found.waiting} wait")
    if node.judge.thinned:
        found.problems.append("readings were given up")
    if max(node.judge.errors_pct, default=0) > 1.5:
        found.problems.append(f"a level off by {max(node.judge.errors_pct):.1f} %")
    return found


def silent_wakes(node: LoraScenario) -> list[str]:
    return [wake.console for wake in node.wakes if ": sent" not in wake.console]


def unsettled(node: LoraScenario, since_h: float) -> list[str]:
    """ADR is there: the fastest rate of 125 kHz, and from then on power at most changes."""
    session, top = node.device.session, node.lora.server.region.adr_top
    if session is None or session.dr != top:
        return [f"data rate {session and session.dr}, not {top}"]
    slow = [at_us for at_us, dr in node.rates if dr != top and at_us > since_h * _HOUR_US]
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


def lossy(region: str, radio: str, loss_db: float, days: float = 7, **config) -> Weeks:
    """Three frames in ten are lost both ways, and after the join the gateway is gone for two days: all readings come
    in the end. How long a join takes is chance, and the law of join requests' air time (TR007)."""
    # On US915 a poor node that may join anywhere needs days for it: TR007, and one try in sixteen that can be heard.
    sub_band = 2 if region == "US915" and loss_db > GOOD_DB else 0
    with lora_scenario(region, sawtooth, radio=radio, loss_db=loss_db, sub_band=sub_band, config=config) as node:
        node.lora.air.loss_up = node.lora.air.loss_down = LOST
        hour = next((hour for hour in range(1, JOIN_H) if node.run_hours(hour).device.joins), JOIN_H)
        node.gateways_off(*(hour + after for after in OUTAGE_H))
        end = max(24 * days, hour + 24 * (days - 2))
        node.run_hours(end)
        found = figures(node, region, radio, end / 24)
        newest = node.judge.waiting[0].started_us / _HOUR_US if node.judge.waiting else end
        if newest < end - 14:
            found.problems.append(f"a reading of hour {newest:.0f} still waits")
        found.problems += ["it joined more than once"] * (node.device.joins != 1)
        return found


def silent(region: str, radio: str, forgets: bool) -> Weeks:
    """The gateway is gone for two days, or the network has forgotten the node: it backs off and comes back."""
    config = {"measure_s": 3600, "heartbeat_s": 7200}
    with lora_scenario(region, sawtooth, radio=radio, config=config) as node:
        node.run_hours(46)
        if forgets:
            node.lora.server.forget(node.device)
        else:
            node.gateways_off(46, 94)
        node.run_hours(96 if forgets else 94)
        slowest = 2 if region.startswith("AS923") else 0
        early = [] if node.device.join_requests == 1 else ["it joined before its 54 hours were over"]
        node.run_hours(230)
        found = figures(node, region, radio, 230 / 24)
        found.problems += early
        found.problems += ["it never backed off"] * (min(dr for _, dr in node.rates) > slowest and not forgets)
        found.problems += [f"it joined {found.joins} times"] * (found.joins != 1 + forgets)
        found.problems += ["readings wait"] * (found.waiting > 2) + unsettled(node, 200)
        return found


def all_losses(say: Callable[[str], None]) -> list[Weeks]:
    """Each of the first three regions on a good link and on one that needs the lowest data rates."""
    found = []
    for number, region in enumerate(MONTH_REGIONS):
        radio = list(RADIOS)[number % 2]
        works = [lambda loss_db=loss_db: lossy(region, radio, loss_db) for loss_db in (GOOD_DB, POOR_DB[region])]  # noqa: B023
        works += [lambda forgets=forgets: silent(region, radio, forgets) for forgets in (False, True)]  # noqa: B023
        for work in works:
            one = attempt(Weeks(region, radio, 0), work)
            say(f"{region} with losses and silence: {len(one.problems)} problems")
            found.append(one)
    return found


def attempt(found: Weeks, work: Callable[[], Weeks]) -> Weeks:
    """What `work` finds; an error in it is a problem."""
    try:
        return work()
    except Exception as error:
        found.problems.append(f"{type(error).__name__}: {error}")
        return found


COLUMNS = ("region", "radio", "days", "joins", "uplinks", "lost_frames", "readings", "waiting", "airtime_s_per_day")
COLUMNS += ("duty_worst", "settled_h", "adr_changes", "nvs_writes", "slowest_s")


def show(name: str, found: list[Weeks], console: Console) -> None:
    console.print(f"\n[bold]{name}[/bold]\n")
    table = Table(box=None, pad_edge=False)
    for column in (*COLUMNS, "rates", "problems"):
        table.add_column(column.replace("_", " "), justify="left" if column in ("region", "radio") else "right")
    for one in found:
        rates = " ".join(f"{rate.removesuffix('BW125')}:{count}" for rate, count in one.rates.items())
        cells = [getattr(one, column) for column in COLUMNS]
        table.add_row(
            *(f"{cell:,.4g}" if isinstance(cell, float) else str(cell) for cell in cells), rates, str(len(one.problems))
        )
    console.print(table)


def problems_of(found: list[Weeks]) -> list[str]:
    return [f"{one.region} {one.radio}: {problem}" for one in found for problem in one.problems]
