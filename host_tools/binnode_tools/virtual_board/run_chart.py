"""The chart of a run for the terminal: true level, reports, emptyings and alarm over the days."""

from collections.abc import Callable
from itertools import chain

from rich.console import Console
from rich.text import Text

from binnode_tools.virtual_board.bin_levels import DAY_S
from binnode_tools.virtual_board.run_report import RunResult, alarm_spans, marks

_MARGIN = 8  # columns left of the chart
_MIN_COLUMNS = 20


def print_chart(result: RunResult, console: Console, width: int = 80, height: int = 22) -> None:
    """True level (area) and reported level (points) over the days, emptyings and alarm below; `width` x `height`."""
    glyphs = marks(console.options.ascii_only)
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
    false, missed = result.false_and_missed
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
    false, missed = result.false_and_missed
    events = [(result.emptyings_reported, "emptied"), (missed, "missed"), (false, "false")]
    for t_s, mark in chain.from_iterable([(t_s, mark) for t_s in times_s] for times_s, mark in events):
        emptied[column(t_s)] = glyphs[mark]
    on, stays, off = glyphs["alarm"]
    for start_s, end_s in alarm_spans(result.reports, result.duration_s):
        first, last = column(start_s), column(end_s)
        alarm[first : last + 1] = [on, *stays * (last - first)]
        if end_s < result.duration_s and last > first:
            alarm[last] = off
    rows = [("emptied", "green", emptied), ("alarm", "red", alarm)]
    return [Text.assemble((f"{name:<{_MARGIN}}", "dim"), ("".join(cells), style)) for name, style, cells in rows]
