"""What a run of the virtual board looks like to its user: a line per report, a table, a chart, a picture, JSON.

Everything for the terminal goes through a rich Console, which leaves colour out for NO_COLOR and for files; text that
is not ASCII is used only where the console's encoding can show it. Times are seconds since local midnight of the start.
"""

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import chain
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as RichProgress
from rich.table import Table
from rich.text import Text

from binnode_tools.virtual_board.bin_levels import ATTRIBUTION, DAY_S

EMPTYING_INTERVALS = 3  # an emptying counts as found when it is reported within so many measurement intervals
PNG_WIDTH_PX, PNG_HEIGHT_PX, _PNG_DPI = 1600, 700, 100
_TRUE, _REPORTED, _ALARM, _EMPTIED, _WRONG = "#2f6f9f", "#222222", "#d1491f", "#2e8b57", "#c00000"
_MARGIN = 8  # columns left of the chart
_MIN_COLUMNS = 20
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

    def __post_init__(self) -> None:
        self.reports = [Report(*report) for report in self.reports]

    @property
    def duration_s(self) -> int:
        return self.days * DAY_S


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


def _false_and_missed(result: RunResult) -> tuple[list[float], list[float]]:
    within_s = EMPTYING_INTERVALS * result.measure_s
    return match_emptyings(result.emptyings_true, result.emptyings_reported, within_s)


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
        "false_emptyings": len(_false_and_missed(result)[0]),
        "interpreter_starts": result.interpreter_starts,
        "awake_ms_median": round(median(result.awake_ms), 1) if result.awake_ms else None,
        "awake_ms_max": round(max(result.awake_ms), 1) if result.awake_ms else None,
        "charge_mc_per_day": round(sum(result.charge_mc) / result.days, 1),
        "trace_sha256": result.trace_sha256,
        "world": dict(sorted(result.world.items())),
    }


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
    glyphs = _ASCII if ascii_only else _UNICODE
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
    error, false, missed = numbers["max_abs_fill_error_pct"], *map(len, _false_and_missed(result))
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
    charge_mc = numbers["charge_mc_per_day"]
    rows["charge"] = f"{charge_mc:,.0f} mC a day ({charge_mc / 3600:.2f} mAh)"
    rows["trace"] = f"sha256 {result.trace_sha256}"
    for name, value in rows.items():
        table.add_row(name, Text(value, "bold red" if name == "emptyings" and (false or missed) else ""))
    for number, (name, value) in enumerate(sorted(result.world.items())):
        table.add_row("" if number else "world", Text(f"{name}: {value}"))
    console.print(table)


def print_chart(result: RunResult, console: Console, width: int = 80, height: int = 22) -> None:
    """True level (area) and reported level (points) over the days, emptyings and alarm below; `width` x `height`."""
    glyphs = _ASCII if console.options.ascii_only else _UNICODE
    columns = max(_MIN_COLUMNS, width - _MARGIN - 1)
    rows = max(5, (height - 6) // 5 * 5)  # so that every 20 % is the upper edge of a row

    def column(t_s: float) -> int:
        return max(0, min(columns - 1, int(t_s * columns / result.duration_s)))

    console.print(Text(f"{'':{_MARGIN}}Fill of bin {result.bin_id}: true and as reported", "bold"), no_wrap=True)
    for number, line in enumerate(_plot(result, glyphs, columns, rows, column)):
        percent = 100 * (rows - number) // rows
        label = f"{percent:>4} % {glyphs['tick']}" if (rows - number) % (rows // 5) == 0 else f"{'':7}{glyphs['side']}"
        console.print(Text.assemble((label, "dim"), line), no_wrap=True, overflow="crop")
    axis, numbers = [glyphs["axis"]] * columns, [" "] * columns
    step = next(n for n in (1, 2, 5, 7, 14, 28, 91, 365) if columns / result.days * n >= 4 or n >= 365)
    for day in range(0, result.days, step):
        axis[column(day * DAY_S)] = glyphs["day"]
        middle = column((day + 0.5) * DAY_S) - len(str(day + 1)) // 2
        numbers[middle : middle + len(str(day + 1))] = str(day + 1)
    console.print(Text(f"{0:>4} % {glyphs['corner']}{''.join(axis)}", "dim"), no_wrap=True, overflow="crop")
    console.print(Text(f"{'day':<{_MARGIN}}{''.join(numbers[:columns])}", "dim"), no_wrap=True, overflow="crop")
    for line in _event_rows(result, glyphs, columns, column):
        console.print(line, no_wrap=True, overflow="crop")
    for legend in _legend(result, glyphs):
        console.print(Text(f"{'':{_MARGIN}}{legend}", "dim"), no_wrap=True, overflow="crop")


def _legend(result: RunResult, glyphs: dict[str, str]) -> list[str]:
    """What the marks mean; those of what went wrong only where something did."""
    usual = f"{glyphs['bar'][8]} true  {glyphs['report']} reported  {glyphs['emptied']} emptying reported  "
    usual += f"{glyphs['alarm']} alarm on, released  {glyphs['full']} full"
    false, missed = _false_and_missed(result)
    unknown = any(report.fill_permille is None for report in result.reports)
    wrong = {
        "false": ("false emptying", false),
        "missed": ("emptying missed", missed),
        "no level": ("no level", unknown),
    }
    troubles = [f"{glyphs[mark]} {name}" for mark, (name, happened) in wrong.items() if happened]
    return [usual, "  ".join(troubles)] if troubles else [usual]


def _plot(
    result: RunResult, glyphs: dict[str, str], columns: int, rows: int, column: Callable[[float], int]
) -> list[Text]:
    """The rows between the labels, top first."""
    peaks = [0.0] * columns
    for t_s, permille in result.points:
        peaks[column(t_s)] = max(peaks[column(t_s)], permille)
    reported = {
        (column(report.t_s), 0 if level is None else max(0, min(rows - 1, -(-level * rows // 1000) - 1))): level
        for report in result.reports
        for level in (report.fill_permille,)
    }
    lines: list[Text] = []
    for row in reversed(range(rows)):
        line = Text()
        for at, peak in enumerate(peaks):
            eighths = max(0, min(8, round(8 * (peak * rows / 1000 - row))))
            if (at, row) in reported:
                mark = "no level" if reported[at, row] is None else "report"
                line.append(glyphs[mark], "bold yellow on blue" if eighths == 8 else "bold yellow")
            elif eighths == 0 and row == -(-result.full_permille * rows // 1000) - 1:
                line.append(glyphs["full"], "red")
            else:
                line.append(glyphs["bar"][eighths], "blue")
        lines.append(line)
    return lines


def _event_rows(result: RunResult, glyphs: dict[str, str], columns: int, column: Callable[[float], int]) -> list[Text]:
    emptied, alarm = [" "] * columns, [" "] * columns
    false, missed = _false_and_missed(result)
    marks = [(result.emptyings_reported, "emptied"), (missed, "missed"), (false, "false")]
    for t_s, mark in chain.from_iterable([(t_s, mark) for t_s in times_s] for times_s, mark in marks):
        emptied[column(t_s)] = glyphs[mark]
    on, stays, off = glyphs["alarm"]
    for start_s, end_s in alarm_spans(result.reports, result.duration_s):
        first, last = column(start_s), column(end_s)
        alarm[first : last + 1] = [on, *stays * (last - first)]
        if end_s < result.duration_s and last > first:
            alarm[last] = off
    rows = [("emptied", "green", emptied), ("alarm", "red", alarm)]
    return [Text.assemble((f"{name:<{_MARGIN}}", "dim"), ("".join(marks), style)) for name, style, marks in rows]


def draw_png(result: RunResult, path: Path) -> None:
    """The same picture as the chart, 1600 x 700 pixels."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(PNG_WIDTH_PX / _PNG_DPI, PNG_HEIGHT_PX / _PNG_DPI), dpi=_PNG_DPI)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0.055, 0.145, 0.895, 0.68))
    _draw_limits(axes, result)
    _draw_levels(axes, result)
    _draw_events(axes, result)
    _dress_axes(axes, result)
    false, missed = map(len, _false_and_missed(result))
    error, true = result.max_abs_fill_error_pct, len(result.emptyings_true)
    facts = [
        f"{result.board} (virtual board, seed {result.seed})",
        f"{result.measurements:,} measurements",
        f"{result.reports_sent:,} reports",
        "no level reported" if error is None else f"largest error {error:.1f} percentage points",
        f"{true - missed} of {true} emptyings found, {false} false",
    ]
    title = f"Bin {result.bin_id}: true level, and what the node reported in {result.days} days"
    figure.text(0.055, 0.945, title, size=16, weight="bold")
    figure.text(0.055, 0.9, "  |  ".join(facts), size=10.5, color="#555555")
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1.0), ncols=7, frameon=False, fontsize=10)
    figure.text(0.055, 0.02, ATTRIBUTION, size=8.5, color="#777777")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=_PNG_DPI, metadata={"Software": None})


def _draw_limits(axes: Any, result: RunResult) -> None:
    for number, (start_s, end_s) in enumerate(alarm_spans(result.reports, result.duration_s)):
        label = "" if number else "alarm on"
        axes.axvspan(start_s / DAY_S, end_s / DAY_S, color=_ALARM, alpha=0.16, lw=0, label=label)
    for permille, name in ((result.full_permille, "full"), (result.release_permille, "release")):
        axes.axhline(permille / 10, color=_ALARM, lw=0.9, ls=(0, (4, 4)), alpha=0.7, zorder=1)
        beside = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points", "va": "center"}
        axes.annotate(name, (1, permille / 10), (5, 0), color=_ALARM, **beside)


def _draw_levels(axes: Any, result: RunResult) -> None:
    true_days, true_percent = [t_s / DAY_S for t_s, _ in result.points], [level / 10 for _, level in result.points]
    axes.fill_between(true_days, true_percent, color=_TRUE, alpha=0.15, lw=0)
    axes.plot(true_days, true_percent, color=_TRUE, lw=1.6, label="true level")
    days = [report.t_s / DAY_S for report in result.reports]
    percent = [float("nan") if report.fill_permille is None else report.fill_permille / 10 for report in result.reports]
    if days:  # the last report holds until the end
        held = [*days, float(result.days)], [*percent, percent[-1]]
        axes.step(*held, where="post", color=_REPORTED, lw=0.9, alpha=0.75, zorder=3)
    axes.plot(days, percent, "o", ms=4.5, color=_REPORTED, zorder=4, clip_on=False, label="reported level")


def _draw_events(axes: Any, result: RunResult) -> None:
    false, missed = _false_and_missed(result)
    found = [t_s for t_s in result.emptyings_reported if t_s not in false]
    unknown = [report.t_s for report in result.reports if report.fill_permille is None]
    events = [
        (found, 106, "v", _EMPTIED, "emptying reported"),
        (false, 106, "X", _WRONG, "false emptying"),
        (missed, 106, "$?$", _WRONG, "emptying missed"),
        (unknown, 1.5, "x", "#888888", "no level"),
    ]
    for times_s, percent, marker, color, label in events:
        if times_s:
            days = [t_s / DAY_S for t_s in times_s]
            axes.plot(days, [percent] * len(days), marker=marker, ms=9, color=color, ls="", zorder=5, label=label)
    for t_s in result.emptyings_true:
        axes.axvline(t_s / DAY_S, color=_EMPTIED, lw=0.9, ls=":", zorder=1)


def _dress_axes(axes: Any, result: RunResult) -> None:
    """Days between ticks at midnight, percent, and as little else as possible."""
    from matplotlib.ticker import FixedLocator, PercentFormatter

    step = max(1, -(-result.days // 40))
    axes.set(xlim=(0, result.days), ylim=(0, 112), ylabel="fill level")
    axes.set_xlabel(f"day of the run (day 1 is {result.start.isoformat()}; ticks at local midnight)")
    axes.xaxis.set_major_locator(FixedLocator([*range(0, result.days + 1, step)]))
    axes.xaxis.set_minor_locator(FixedLocator([day + 0.5 for day in range(0, result.days, step)]))
    axes.xaxis.set_major_formatter(lambda *_: "")
    axes.xaxis.set_minor_formatter(lambda day, _: f"{int(day) + 1}")
    axes.tick_params(axis="x", which="minor", length=0, pad=8)
    axes.yaxis.set_major_locator(FixedLocator([*range(0, 101, 20)]))
    axes.yaxis.set_major_formatter(PercentFormatter(decimals=0, symbol=" %"))
    axes.grid(axis="y", color="#dddddd", lw=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


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
