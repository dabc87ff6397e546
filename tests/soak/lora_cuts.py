"""The supply goes in a join and in uplinks: no nonce and no counter is used twice, and the node reports again."""

from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random

from binnode_tools.virtual_board.run_report import Report
from binnode_tools.virtual_board.simulation import Judge
from binnode_tools.virtual_board.storage import Cutter
from binnode_tools.virtual_board.wake import WakeRecord

from tests.soak.lora import sawtooth
from tests.system.lora_scenario import HOURLY, RADIOS, LoraScenario, lora_scenario, twin_of
from tests.system.snapshots import next_wake

RANDOM_CUTS = 1000
RANDOM_REGIONS = ("EU868", "KR920", "US915", "AS923-1", "EU868")
WAKES_AFTER, WAKES_AFTER_LOSSY = 5, 16  # until it reports: two of one that has no credits, more of joins that get lost
_ENDLESS = 1 << 30


@dataclass
class Cuts:
    """`cuts` of the supply, each followed by wakes until the node has reported. `problems` empty: it always did, and
    no counter and no nonce was used twice."""

    region: str
    radio: str
    what: str
    wakes: int = 0
    acts: int = 0
    bytes_written: int = 0
    cuts: int = 0
    joins_at_most: int = 0
    problems: list[str] = field(default_factory=list)


@contextmanager
def cut_node(region: str, radio: str, seed: str, lost: float = 0.0):
    """Each wake of this one reports, and ADR has something to change."""
    sub_band = 2 if region in ("US915", "AU915") else 0  # or a join of its own may take half a day
    with lora_scenario(region, sawtooth, radio=radio, seed=seed, sub_band=sub_band, config=HOURLY) as node:
        node.lora.air.loss_up = node.lora.air.loss_down = lost
        node.judge = Uncounted()
        yield node


class Uncounted(Judge):
    """After a cut what waited is gone, and that is not what these are about."""

    def wake(self, wake: WakeRecord, messages: list[tuple[str, bytes]]) -> list[Report]:
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
    for _ in range(WAKES_AFTER_LOSSY if trial.lora.air.loss_up else WAKES_AFTER):
        frames = len(trial.statuses)
        next_wake(trial)
        assert trial.wakes[-1].how == "deep sleep", trial.wakes[-1].console
        assert not trial.problems(), trial.problems()
        if len(trial.statuses) > frames and ": sent" in trial.wakes[-1].console:
            return trial.device.joins
    raise AssertionError(f"it reported no more: {trial.wakes[-1].console}")


def every_byte(region: str, radio: str, wakes: int, step: int = 1, seed: str = "lora") -> Cuts:
    """The supply goes at each `step`-th byte of every write to NVS and flash of the first `wakes`, and at the last."""
    found = Cuts(region, radio, "at every byte written", wakes)
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
    found, random = Cuts(region, radio, "at random acts", wakes), Random(f"{seed} {region} {radio} cuts")
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


def all_cuts(seed: str, say: Callable[[str], None]) -> list[Cuts]:
    """Every byte of the writes of a join and the uplinks after it, with each radio; RANDOM_CUTS acts."""
    found = []
    for radio in RADIOS:
        found.append(every_byte("EU868", radio, 4, seed=seed))
        say(f"every byte with an {radio}: {found[-1].cuts} cuts, {len(found[-1].problems)} problems")
    for number, region in enumerate(RANDOM_REGIONS):
        radio, lost = list(RADIOS)[number % 2], 0.3 if number % 4 > 1 else 0.0
        found.append(at_random(region, radio, RANDOM_CUTS // len(RANDOM_REGIONS), 24, seed, lost))
        say(f"{region} at random: {found[-1].cuts} cuts, {len(found[-1].problems)} problems")
    return found
