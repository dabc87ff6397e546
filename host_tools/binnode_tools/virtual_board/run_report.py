"""What a run of the virtual board looks like to its user: a line per report, a table, JSON.

The chart is in run_chart, the picture in run_picture.

Everything for the terminal goes through a rich Console, which leaves colour out for NO_COLOR and for files; text that
is not ASCII is used only where the console's encoding can show it. Times are seconds since local midnight of the start.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as RichProgress
from rich.table import Table
from rich.text import Text

from binnode_tools.virtual_board.bin_levels import DAY_S

EMPTYING_INTERVALS = 3  # an emptying counts as found when it is reported within so many measurement intervals
_MARKS = ("report", "no level", "full", "tick", "side", "corner", "axis", "day", "emptied", "false", "missed", "blank")
_UNICODE = dict(zip(_MARKS, "●×▔┤│└─┬▼✗?·", strict=True), alarm="▲━▽", bar=" ▁▂▃▄▅▆▇█", part=" ▏▎▍▌▋▊▉")
_ASCII = dict(zip(_MARKS, "ox-||+-+EX?.", strict=True), alarm="A=r", bar=" ...::::#", part="    ::::")


class Report(NamedTuple):
    """One decoded report. Reason, kind and flags are the firmware's names in lower case ("alarm", "ok", "full")."""

    t_s: float
    fill_permille: int | None
    reason: str
    kind: str
    flags: Sequence[str]
    latency_ms: float
    earlier: int  # earlier readings it carried


@dataclass(kw_only=True)
class RadioFigures:
    """A run over LoRaWAN. Uplinks and downlinks: frames that arrived; data_rates: how many were sent at each."""

    region: str
    joins: int
    uplinks: int
    downlinks: int
    lost_uplinks: int  # frames that no gateway took
    airtime_s_per_day: float
    data_rates: dict[str, int]
    duty_cycle_worst: float  # of what the law allows in any hour, 1 = all of it


@dataclass(kw_only=True)
class RunResult:
    """Settings and outcome of a run. `reports` may be given as plain tuples in the order of Report."""

    board: str
    bin_id: str
    seed: int
    days: int
    start: date
    micropython_version: str
    world: dict[str, Any]
    points: list[tuple[float, float]]  # (t_s, true permille) of each measurement
    reports: list[Report]
    emptyings_true: list[float]  # t_s
    emptyings_reported: list[float]  # t_s
    measurements: int
    reports_sent: int
    decoded: int
    max_abs_fill_error_pct: float | None  # percentage points; None when no level was reported
    interpreter_starts: int
    awake_ms: list[float]  # per wake
    charge_mc: list[float]  # per wake, with the sleep after it
    trace_sha256: str
    measure_s: int = 900
    full_permille: int = 800
    release_permille: int = 600
    radio: RadioFigures | None = None  # None: Wi-Fi
    findings: list[str] = field(default_factory=list)  # what the chip accepts and what bites later, each once

    def __post_init__(self) -> None:
        self.reports = [Report(*report) for report in self.reports]

    @property
    def duration_s(self) -> int:
        return self.days * DAY_S

    @property
    def false_and_missed(self) -> tuple[list[float], list[float]]:
        """What match_emptyings says of this run."""
        within_s = EMPTYING_INTERVALS * self.measure_s
        return match_emptyings(self.emptyings_true, self.emptyings_reported, within_s)


def match_emptyings(true_s: list[float], reported_s: list[float], within_s: float) -> tuple[list[float], list[float]]:
    """(false, missed): reports without an emptying in the `within_s` before them, and emptyings without a report.

    Each emptying answers for one report only, the first that fits.
    """
    missed = sorted(true_s)
    false: list[float] = []
    for reported in sorted(reported_s):
        fitting = [true for true in missed if 0 <= reported - true <= within_s]
        if fitting:
            missed.remove(fitting[0])
        else:
            false.append(reported)
    return false, missed


def alarm_spans(reports: list[Report], end_s: float) -> list[tuple[float, float]]:
    """(from, to) of the times at which the last report said "full"."""
    spans: list[tuple[float, float]] = []
    since: float | None = None
    for report in reports:
        full = "full" in report.flags
        if full and since is None:
            since = report.t_s
        elif not full and since is not None:
            spans.append((since, report.t_s))
            since = None
    return spans if since is None else [*spans, (since, end_s)]


def marks(ascii_only: bool) -> dict[str, str]:
    """Name -> the character that stands for it, in lines and in the chart."""
    return _ASCII if ascii_only else _UNICODE


def summary(result: RunResult) -> dict[str, Any]:
    """The run in numbers, as written by write_summary; None where there is nothing to take a number from."""
    error = result.max_abs_fill_error_pct
    return {
        "board": result.board,
        "bin": result.bin_id,
        "days": result.days,
        "seed": result.seed,
        "micropython_version": result.micropython_version,
        "measurements": result.measurements,
        "reports": result.reports_sent,
        "decoded": result.decoded,
        "max_abs_fill_error_pct": None if error is None else round(error, 3),
        "emptyings_true": len(result.emptyings_true),
        "emptyings_reported": len(result.emptyings_reported),
        "false_emptyings": len(result.false_and_missed[0]),
        "interpreter_starts": result.interpreter_starts,
        "awake_ms_median": round(median(result.awake_ms), 1) if result.awake_ms else None,
        "awake_ms_max": round(max(result.awake_ms), 1) if result.awake_ms else None,
        "charge_mc_per_day": round(sum(result.charge_mc) / result.days, 1),
        "trace_sha256": result.trace_sha256,
        "transport": "lorawan" if result.radio else "wifi",
        **_radio_summary(result.radio),
        "findings": result.findings,
        "world": dict(sorted(result.world.items())),
    }


def _radio_summary(radio: RadioFigures | None) -> dict[str, Any]:
    if radio is None:
        return {}
    numbers = asdict(radio)
    numbers["airtime_s_per_day"] = round(radio.airtime_s_per_day, 3)
    numbers["duty_cycle_worst"] = round(radio.duty_cycle_worst, 4)
    return numbers


def write_summary(result: RunResult, path: Path) -> None:
    """Write summary(result) as JSON: the whole file or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.write_text(json.dumps(summary(result), indent=2) + "\n", encoding="utf-8")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _moment(t_s: float) -> str:
    """Day (the first is 1) and time of day."""
    return f"day {int(t_s // DAY_S) + 1:3d} {int(t_s % DAY_S // 3600):02d}:{int(t_s % 3600 // 60):02d}"


def report_line(report: Report, ascii_only: bool = False, bar_columns: int = 20) -> Text:
    """One line for one report: when, the level, why, what kind, flags, and how many earlier readings came along."""
    glyphs = marks(ascii_only)
    line = Text(f"{_moment(report.t_s)}  ", no_wrap=True, overflow="ellipsis")
    if report.fill_permille is None:
        line.append(glyphs["blank"] * bar_columns, "dim").append("   ----  ")
    else:
        whole, eighths = divmod(round(8 * bar_columns * report.fill_permille / 1000), 8)
        bar = glyphs["bar"][8] * whole + glyphs["part"][eighths]
        line.append(f"{bar.rstrip():<{bar_columns}}", "red" if "full" in report.flags else "cyan")
        line.append(f" {report.fill_permille / 10:5.1f} % ")
    line.append(f" {report.reason:<9}", "bold").append(f" {report.kind:<8}", "" if report.kind == "ok" else "yellow")
    line.append(f" +{report.earlier} earlier" if report.earlier else "", "dim")
    extra = [flag for flag in report.flags if flag != report.reason]
    line.append(f"  {', '.join(extra)}" if extra else "", "yellow").rstrip()
    return line


def print_table(result: RunResult, console: Console) -> None:
    """The outcome and the settings of the run."""
    numbers = summary(result)
    table = Table.grid(padding=(0, 3))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    error, false, missed = numbers["max_abs_fill_error_pct"], *map(len, result.false_and_missed)
    rows: dict[str, str] = {
        "board": f"{result.board}, MicroPython {result.micropython_version} (virtual)",
        "bin": f"{result.bin_id}, {result.days} days from {result.start.isoformat()}, seed {result.seed}",
        "measurements": f"{result.measurements:,}",
        "reports": f"{result.reports_sent:,} sent, {result.decoded:,} decoded",
        "largest error": "no level reported" if error is None else f"{error:.2f} percentage points of fill",
        "emptyings": f"{len(result.emptyings_true)} true, {len(result.emptyings_reported)} reported, "
        f"{false} false, {missed} missed",
        "wakes": f"{result.interpreter_starts:,} interpreter starts",
    }
    if result.awake_ms:
        rows["awake"] = f"{numbers['awake_ms_median']:,.0f} ms median, {numbers['awake_ms_max']:,.0f} ms at most"
    if result.radio:
        radio, rates = result.radio, result.radio.data_rates
        rows["LoRaWAN"] = (
            f"{radio.region}: {radio.joins} join{'s' * (radio.joins != 1)}, {radio.uplinks:,} uplinks "
            f"({radio.lost_uplinks:,} more lost), {radio.downlinks:,} downlinks"
        )
        rows["air"] = (
            f"{radio.airtime_s_per_day:.2f} s a day; {', '.join(f'{rate}: {rates[rate]:,}' for rate in rates)}; "
            f"worst hour {radio.duty_cycle_worst:.1%} of the duty cycle allowed"
        )
    charge_mc = numbers["charge_mc_per_day"]
    rows["charge"] = f"{charge_mc:,.0f} mC a day ({charge_mc / 3600:.2f} mAh)"
    rows["trace"] = f"sha256 {result.trace_sha256}"
    for name, value in rows.items():
        table.add_row(name, Text(value, "bold red" if name == "emptyings" and (false or missed) else ""))
    for number, (name, value) in enumerate(sorted(result.world.items())):
        table.add_row("" if number else "world", Text(f"{name}: {value}"))
    console.print(table)


class Progress:
    """A bar with the measurements and days done; silent where the console is no terminal. Print reports above it."""

    def __init__(self, console: Console, measurements: int, days: int) -> None:
        bar = BarColumn(bar_width=None)
        columns = (TextColumn("{task.description}"), bar, MofNCompleteColumn(), TextColumn("measurements"))
        self._bar = RichProgress(*columns, TimeElapsedColumn(), console=console, disable=not console.is_terminal)
        self._days = days
        self._task = self._bar.add_task(f"day 0 of {days}", total=measurements)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.stop()

    def update(self, measurements: int, t_s: float) -> None:
        """So many measurements are done, and the run is at `t_s`."""
        day = min(self._days, int(t_s // DAY_S) + 1)
        self._bar.update(self._task, completed=measurements, description=f"day {day} of {self._days}")
