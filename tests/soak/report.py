"""What a soak survived: report.json, a table, and a picture."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.soak.faults import KINDS
from tests.soak.year import Outcome


def as_dict(outcome: Outcome) -> dict[str, Any]:
    accounts = outcome.accounts
    return {
        "seed": outcome.seed,
        "days": outcome.days,
        "wakes": outcome.wakes,
        "wakes_by_end": dict(sorted(outcome.ends.items())),
        "reports": outcome.reports,
        "faults": {kind: count for kind in KINDS if (count := by_kind(outcome)[kind])},
        "readings_measured": accounts.measured,
        "readings_delivered": len(accounts.delivered),
        "readings_waiting": len(set(accounts.at_stake) - accounts.delivered),
        "readings_lost": dict(sorted(accounts.lost.items())),
        "readings_unaccounted": accounts.balance,
        "readings_twice": dict(sorted(accounts.twice.items())),
        "loss_events": len(accounts.losses),
        "loss_events_told": sum(loss.told_s is not None for loss in accounts.losses),
        "most_readings_lost_at_once": max((count for _, _, count in outcome.losses), default=0),
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


def by_kind(outcome: Outcome) -> Counter[str]:
    return Counter(fault.kind for fault in outcome.injected)


def write(outcome: Outcome, folder: Path) -> None:
    """report.json and soak.png."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.json").write_text(json.dumps(as_dict(outcome), indent=2) + "\n", encoding="utf-8")
    draw(outcome, folder / "soak.png")


def show(outcome: Outcome, console: Console) -> None:
    facts = as_dict(outcome)
    console.print(f"[bold]{outcome.days:g} days of a node, seed {outcome.seed}[/bold] ({outcome.seconds:.0f} s)\n")
    table = Table(box=None, pad_edge=False)
    table.add_column("fault", no_wrap=True)
    table.add_column("times", justify="right")
    for kind, count in facts["faults"].items():
        table.add_row(kind, f"{count:,}")
    table.add_row("[bold]all[/bold]", f"[bold]{len(outcome.injected):,}[/bold]")
    console.print(table)
    console.print()
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    rows = [
        ("readings measured", facts["readings_measured"]),
        ("= delivered", facts["readings_delivered"]),
        ("+ waiting", facts["readings_waiting"]),
        *((f"+ lost: {event}", count) for event, count in facts["readings_lost"].items()),
        ("unaccounted for", facts["readings_unaccounted"]),
        *((f"came twice: {why}", count) for why, count in facts["readings_twice"].items()),
        ("events that cost memory or a reading", facts["loss_events"]),
        ("of these told by a message", facts["loss_events_told"]),
        ("most readings lost at once", facts["most_readings_lost_at_once"]),
        *((f"wakes that ended by {how}", count) for how, count in facts["wakes_by_end"].items()),
        ("longest wake, s", facts["longest_wake_s"]),
        ("longest wake that the watchdog ended, s", facts["longest_hung_wake_s"]),
        ("writes to NVS", facts["nvs_writes"]),
        ("writes to the file system", facts["file_system_writes"]),
    ]
    if outcome.decisions:
        rows.append(("wakes decided again on CPython", outcome.decisions["wakes"]))
        rows.append(("of these decided differently", outcome.decisions.get("different_wakes", "?")))
    for name, value in rows:
        table.add_row(name, f"{value:,}" if isinstance(value, int | float) else value)
    console.print(table)
    for problem in outcome.problems:
        console.print(f"[bold red]{problem}[/bold red]", markup=True, highlight=False)


def draw(outcome: Outcome, path: Path) -> None:
    """Faults by kind over the days, the backlog, and what was lost: 1600 pixels wide."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(16, 10), dpi=100)
    FigureCanvasAgg(figure)
    upper, middle, lower = figure.subplots(3, 1, sharex=True, height_ratios=[5, 2, 2])
    counts = by_kind(outcome)
    kinds = [kind for kind in KINDS if counts[kind]]
    for row, kind in enumerate(kinds):
        for fault in (one for one in outcome.injected if one.kind == kind):
            day = fault.at_s / 86400
            if fault.end_s:
                upper.plot([day, fault.end_s / 86400], [row, row], lw=5, color="#2f6f9f", solid_capstyle="butt")
            else:
                upper.plot([day], [row], "|", ms=9, color="#d1491f")
    upper.set_yticks(range(len(kinds)), [f"{kind} ({counts[kind]})" for kind in kinds])
    upper.invert_yaxis()
    middle.fill_between(*zip(*outcome.backlog, strict=True), step="post", color="#2f6f9f", alpha=0.5, lw=0)
    middle.set_ylabel("readings that wait")
    lower.set_ylabel("readings lost")
    if outcome.losses:
        days, _, lost = zip(*outcome.losses, strict=True)
        lower.vlines(days, 0, lost, color="#c00000", lw=1)
    for axes in (middle, lower):
        axes.set_ylim(bottom=0)
        axes.grid(axis="y", color="#dddddd", lw=0.7)
    lower.set(xlim=(0, outcome.days), xlabel="day")
    for axes in (upper, middle, lower):
        axes.spines[["top", "right"]].set_visible(False)
    accounts = outcome.accounts
    figure.suptitle(
        f"{len(outcome.injected):,} faults in {outcome.days:g} days: {accounts.measured:,} readings measured, "
        f"{len(accounts.delivered):,} delivered, {sum(accounts.lost.values()):,} lost at named events, "
        f"{accounts.balance} unaccounted for",
        size=14,
    )
    figure.tight_layout()
    figure.savefig(path, metadata={"Software": None})
