"""What a soak survived: report.json, tables, and a picture (picture.py)."""

import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.soak import picture
from tests.soak.faults import NAMES, THINNED
from tests.soak.sweeps import Sweep
from tests.soak.year import Outcome


def as_dict(outcome: Outcome) -> dict[str, Any]:
    """The year in numbers."""
    accounts = outcome.accounts
    counts = Counter(fault.kind for fault in outcome.injected)
    return {
        "seed": outcome.seed,
        "days": outcome.days,
        "wakes": outcome.wakes,
        "wakes_by_end": dict(sorted(outcome.ends.items())),
        "reports": outcome.reports,
        "faults": {kind: counts[kind] for kind in NAMES},
        "readings_measured": accounts.measured,
        "readings_delivered": len(accounts.delivered),
        "readings_waiting": len(set(accounts.at_stake) - accounts.delivered),
        "readings_lost": dict(sorted(accounts.lost.items())),
        "readings_unaccounted": accounts.balance,
        "readings_twice": dict(sorted(accounts.twice.items())),
        "loss_events": len(accounts.losses),
        "loss_events_told": sum(loss.told_s is not None for loss in accounts.losses),
        "loss_events_untold": outcome.untold,
        "most_readings_lost_at_once": outcome.most_at_once,
        "told_in_diagnostics": dict(sorted(accounts.told.items())),
        "nvs_writes": outcome.nvs_writes,
        "file_system_writes": outcome.flash_writes,
        "longest_wake_s": round(outcome.longest_wake_us / 1e6, 2),
        "longest_hung_wake_s": round(outcome.longest_hung_us / 1e6, 2),
        "longest_silence_s": round(outcome.longest_silence_s),
        "charge_mah": round(outcome.charge_mah, 1),
        "decisions": outcome.decisions,
        "problems": outcome.problems,
        "trace_sha256": outcome.trace_sha256,
    }


def write(folder: Path, year: Outcome | None = None, others: dict[str, Any] | None = None) -> None:
    """report.json, and soak.png of the year. `others`: stages by their names."""
    folder.mkdir(parents=True, exist_ok=True)
    stages: dict[str, Any] = {"year": as_dict(year)} if year else {}
    for name, found in (others or {}).items():
        stages[name] = asdict(found) if isinstance(found, Sweep) else found
    (folder / "report.json").write_text(json.dumps(stages, indent=2) + "\n", encoding="utf-8")
    if year:
        picture.draw(year, folder / "soak.png")


def show(outcome: Outcome, console: Console) -> None:
    """The year as two tables."""
    facts, accounts = as_dict(outcome), outcome.accounts
    console.print(f"\n[bold]{outcome.days:g} days of a node, seed {outcome.seed}[/bold] ({outcome.seconds:.0f} s)\n")
    most = Counter()
    for loss in accounts.losses:
        most[loss.event] = max(most[loss.event], loss.readings)
    table = Table(box=None, pad_edge=False)
    table.add_column("fault", no_wrap=True)
    for name in ("times", "readings lost", "most at once"):
        table.add_column(name, justify="right")
    names = [*NAMES, *sorted(set(accounts.lost) - set(NAMES))]
    for kind in names:
        times = f"{facts['faults'][kind]:,}" if kind in facts["faults"] else ""
        table.add_row(kind, times, *(f"{number:,}" if number else "-" for number in (accounts.lost[kind], most[kind])))
    lost = sum(accounts.lost.values())
    table.add_row("[bold]all[/bold]", *(f"[bold]{number:,}[/bold]" for number in (len(outcome.injected), lost)))
    console.print(table)
    console.print()
    events = [loss.readings for loss in accounts.losses if loss.readings and loss.event != THINNED]
    rows = [
        ("readings measured", facts["readings_measured"]),
        ("= delivered", facts["readings_delivered"]),
        ("+ waiting", facts["readings_waiting"]),
        ("+ lost at named events", lost),
        ("  of what was measured", f"{100 * lost / max(1, accounts.measured):.1f} %"),
        ("  by an event that lost any, on average", f"{sum(events) / max(1, len(events)):.0f}"),
        ("unaccounted for", facts["readings_unaccounted"]),
        *((f"came twice: {why}", count) for why, count in facts["readings_twice"].items()),
        ("events that cost memory or a reading", facts["loss_events"]),
        ("of these told by a message", facts["loss_events_told"]),
        ("most lost at once, NVS being well", facts["most_readings_lost_at_once"]),
        ("reports", facts["reports"]),
        *((f"wakes that ended by {how}", count) for how, count in facts["wakes_by_end"].items()),
        ("longest wake, s", facts["longest_wake_s"]),
        ("longest wake that the watchdog ended, s", facts["longest_hung_wake_s"]),
        ("longest time without a start, s", facts["longest_silence_s"]),
        ("writes to NVS", facts["nvs_writes"]),
        ("writes to the file system", facts["file_system_writes"]),
    ]
    if outcome.decisions:
        rows.append(("wakes decided again on CPython", outcome.decisions["wakes"]))
        rows.append(("of these decided differently", outcome.decisions.get("different_wakes", "?")))
    show_rows(rows, console)


def show_sweep(name: str, sweep: Sweep, console: Console) -> None:
    console.print(f"\n[bold]{name}[/bold]\n")
    rows = [
        ("wakes", sweep.wakes),
        ("acts in them", sweep.acts),
        ("of them, wakes that write", sweep.writes),
        ("bytes written", sweep.bytes_written),
        ("times the supply was cut", sweep.cuts),
        ("times the node did not come back, or lost too much", len(sweep.problems)),
        ("readings lost at a cut, at most", sweep.lost_at_most),
    ]
    show_rows(rows, console)


def show_rows(rows: list[tuple[str, Any]], console: Console) -> None:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    for name, value in rows:
        table.add_row(name, f"{value:,}" if isinstance(value, int | float) else str(value))
    console.print(table)
