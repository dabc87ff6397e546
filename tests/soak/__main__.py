"""`make soak`: a node's year of faults, every cut and every stall. Exit code 1: a promise was broken."""

import argparse
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from binnode_tools import paths
from rich.console import Console

from tests.soak import decisions, lora, lora_cuts, report, sweeps, update_cuts, year

FOLDER = paths.BUILD / "soak"
RANDOM_CUTS = 1000
CALIBRATION_STEP = 8  # bytes


class Soak:
    """The stages. Each returns what is wrong, and leaves what it found for the report."""

    def __init__(self, days: float, seed: str):
        self.days, self.seed = days, seed
        self.outcome: year.Outcome | None = None
        self.found: dict[str, Any] = {}
        self.console = Console()

    def year(self) -> list[str]:
        """a year of faults; the sampled days' decisions again on CPython"""
        outcome = self.outcome = year.run(self.seed, self.days, FOLDER, now_and_then())
        say("the sampled days' decisions, again on CPython")
        outcome.decide(FOLDER / "recorded.pickle", decisions.compare)
        report.show(outcome, self.console)
        return outcome.problems

    def cuts(self) -> list[str]:
        """the supply cut at every byte of every write of a day, and of three days"""
        from tests.system.test_cuts import cut_through

        writes, cuts = cut_through(900, 25, 1)
        sweep = self.found["cuts"] = sweeps.every_byte(self.seed, now_and_then())
        report.show_rows([("of a day: writes", writes), ("cuts", cuts)], self.console)
        self.found["cuts_of_a_day"] = {"writes": writes, "cuts": cuts}
        report.show_sweep("the supply cut at every byte of every write of three days", sweep, self.console)
        return sweep.problems

    def random(self) -> list[str]:
        """the supply cut at 1,000 random acts and bytes"""
        sweep = self.found["random"] = sweeps.at_random(self.seed, RANDOM_CUTS, now_and_then())
        report.show_sweep("the supply cut at random", sweep, self.console)
        return sweep.problems

    def stalls(self) -> list[str]:
        """a broker that stalls after every byte of the TLS handshake and the visit behind it"""
        from tests.system.test_stalls import exhaustive

        places = exhaustive()
        self.found["stalls"] = {"places": places}
        self.console.print(f"\n[bold]A broker that stalls[/bold] after each of {places:,} bytes: nothing lost")
        return []

    def lora(self) -> list[str]:
        """a month over LoRaWAN in three regions with each radio, a week in the others; lost frames, outages"""
        found = lora.all_weeks(say) + lora.all_losses(say)
        self.found["lora"] = [asdict(one) for one in found]
        lora.show("LoRaWAN for weeks", found, self.console)
        return lora.problems_of(found)

    def loracuts(self) -> list[str]:
        """the supply cut at every byte that LoRaWAN writes, and at 1,000 random acts of joins and uplinks"""
        found = lora_cuts.all_cuts(self.seed, say)
        self.found["loracuts"] = [asdict(one) for one in found]
        rows = [(f"{one.region} {one.radio}: cuts, {one.what}", one.cuts) for one in found]
        self.console.print("\n[bold]the supply cut in joins and uplinks[/bold]\n")
        report.show_rows(rows, self.console)
        return [f"{one.region} {one.radio}: {problem}" for one in found for problem in one.problems]

    def update(self) -> list[str]:
        """an update of the application, broken off at every write and at every order"""
        found = update_cuts.all_cuts(self.seed, now_and_then())
        self.found["update"] = [asdict(one) for one in found]
        self.console.print("\n[bold]an update broken off[/bold]: cuts, of these the old application, the new one\n")
        report.show_rows([(one.what, f"{one.cuts}, {one.old}, {one.new}") for one in found], self.console)
        return [f"{one.what}: {problem}" for one in found for problem in one.problems]

    def calibration(self) -> list[str]:
        """a calibration broken off: the supply while it is saved, the cable all over the session"""
        from tests.system.test_calibrate import cut_while_saving
        from tests.unit.host.test_calibrate_cuts import exhaustive

        with tempfile.TemporaryDirectory() as folder:
            supply, cable = cut_while_saving(CALIBRATION_STEP)[0], exhaustive(Path(folder), CALIBRATION_STEP)
        self.found["calibration"] = {"supply": supply, "cable": cable}
        self.console.print("\n[bold]A calibration broken off[/bold]: the old one or the new one each time\n")
        report.show_rows([("cuts of the supply", supply), ("of the cable", cable)], self.console)
        return []


STAGES = ("year", "cuts", "random", "stalls", "lora", "loracuts", "update", "calibration")


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def now_and_then(interval_s: float = 5) -> Callable[[str], None]:
    """say(), but no more often than that."""
    said_s = [0.0]

    def maybe(text: str) -> None:
        if time.monotonic() - said_s[0] >= interval_s:
            said_s[0] = time.monotonic()
            say(text)

    return maybe


def stage(name: str, work: Callable[[], list[str]]) -> list[str]:
    """Carry it out; an error in it is one of its problems."""
    say(f"{name}: {work.__doc__}")
    began = time.monotonic()
    try:
        problems = work()
    except Exception:
        problems = [traceback.format_exc()]
    say(f"{name}: {time.monotonic() - began:.0f} s")
    return [f"{name}: {problem}" for problem in problems]


def main() -> int:
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--days", type=float, default=365, help="of the year")
    parser.add_argument("--seed", default="1")
    parser.add_argument("--only", nargs="+", choices=STAGES, default=STAGES, help="some of the stages")
    options = parser.parse_args()
    if options.days < 1:
        parser.error("a soak takes at least one day")
    soak = Soak(options.days, options.seed)
    problems = [problem for name in options.only for problem in stage(name, getattr(soak, name))]
    report.write(FOLDER, soak.outcome, {**soak.found, "problems": problems})
    for problem in problems:
        soak.console.print(problem, style="bold red", markup=False, highlight=False)
    say(f"{FOLDER / 'report.json'}{f', {FOLDER}/soak.png' if soak.outcome else ''}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
