"""The picture of a run: what the chart shows, as a PNG by matplotlib, which is imported only when it draws."""

from pathlib import Path
from typing import Any

from binnode_tools.virtual_board.bin_levels import ATTRIBUTION, DAY_S
from binnode_tools.virtual_board.run_report import RunResult, alarm_spans

PNG_WIDTH_PX, PNG_HEIGHT_PX, _PNG_DPI = 1600, 700, 100
_TRUE, _REPORTED, _ALARM, _EMPTIED, _WRONG = "#2f6f9f", "#222222", "#d1491f", "#2e8b57", "#c00000"


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
    false, missed = map(len, result.false_and_missed)
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
    false, missed = result.false_and_missed
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
