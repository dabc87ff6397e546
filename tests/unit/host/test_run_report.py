"""What the user of a run sees: numbers, lines, chart and picture of a made-up run whose outcome is known."""

import io
import json
import re
from dataclasses import replace
from datetime import date

import pytest
from binnode_tools.virtual_board import run_chart, run_picture, run_report
from binnode_tools.virtual_board.run_report import (
    Progress,
    RadioFigures,
    Report,
    RunResult,
    alarm_spans,
    match_emptyings,
    summary,
)
from rich.console import Console

HOUR_S, DAY_S = 3_600, 86_400
KEYS = {"days", "measurements", "reports", "decoded", "max_abs_fill_error_pct", "emptyings_true", "emptyings_reported"}
KEYS |= {"false_emptyings", "interpreter_starts", "awake_ms_median", "awake_ms_max", "charge_mc_per_day"}
KEYS |= {"trace_sha256", "micropython_version", "board", "bin", "seed", "world", "findings", "transport"}
RADIO_KEYS = {"region", "joins", "uplinks", "downlinks", "lost_uplinks", "airtime_s_per_day", "data_rates"}
RADIO_KEYS |= {"duty_cycle_worst"}


def true_level(t_s):
    """Permille: rises evenly from 0 to full in 84 h; emptied then (day 4, 12:00), and empty from then on."""
    return 1000 * t_s // (84 * HOUR_S) if t_s < 84 * HOUR_S else 0


def made_up_run(**changes):
    """Four days: full at 67.2 h, emptied at 84 h and reported 15 minutes later."""
    points = [(t_s, true_level(t_s)) for t_s in range(0, 4 * DAY_S, 900)]
    reports = [(t_s, true_level(t_s) + 3, "heartbeat", "ok", [], 900, 23) for t_s in range(0, 67 * HOUR_S, 6 * HOUR_S)]
    reports += [
        (68 * HOUR_S, 812, "alarm", "ok", ["full"], 950, 3),
        (74 * HOUR_S, 884, "heartbeat", "ok", ["full"], 1, 23),
    ]
    reports += [(84 * HOUR_S + 900, 2, "emptied", "ok", ["released", "emptied"], 1, 23)]
    settings = {
        "board": "esp32_devkit",
        "bin_id": "1511199",
        "seed": 1,
        "days": 4,
        "start": date(2018, 6, 26),
        "micropython_version": "1.28.0",
        "world": {"noise_mm": 3, "lost_pings": [3, "%"]},
        "points": points,
        "reports": reports,
        "emptyings_true": [84 * HOUR_S],
        "emptyings_reported": [84 * HOUR_S + 900],
        "measurements": len(points),
        "reports_sent": len(reports),
        "decoded": len(reports),
        "max_abs_fill_error_pct": 0.45678,
        "interpreter_starts": 385,
        "awake_ms": [300, 310, 900],
        "charge_mc": [1000.0] * 8,
        "trace_sha256": "ab" * 32,
    }
    return RunResult(**{**settings, **changes})


def printed(function, *args, encoding="utf-8", width=80, **console):
    """What function(..., console) writes to a file of that encoding; fails where it can't be encoded."""
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding, errors="strict")
    function(*args, Console(file=file, width=width, **console))
    file.flush()
    return raw.getvalue().decode(encoding)


def chart(result, width=80, height=22, **console):
    def show(on):
        run_chart.print_chart(result, on, width, height)

    return printed(show, width=width, **console)


def test_a_run_over_lorawan_adds_its_radio():
    radio = RadioFigures(
        region="EU868",
        joins=1,
        uplinks=40,
        downlinks=39,
        lost_uplinks=2,
        airtime_s_per_day=1.23456,
        data_rates={"SF9BW125": 30, "SF7BW125": 12},
        duty_cycle_worst=0.012345,
    )
    run = made_up_run(radio=radio)
    numbers = summary(run)
    assert set(numbers) == KEYS | RADIO_KEYS and numbers["transport"] == "lorawan"
    assert (numbers["airtime_s_per_day"], numbers["duty_cycle_worst"]) == (1.235, 0.0123)
    text = printed(run_report.print_table, run)
    assert "EU868: 1 join, 40 uplinks (2 more lost), 39 downlinks" in text
    assert "1.23 s a day; SF9BW125: 30, SF7BW125: 12" in text and "worst hour 1.2%" in text


def test_summary_has_the_agreed_keys_and_numbers():
    numbers = summary(made_up_run())
    assert set(numbers) == KEYS and numbers["transport"] == "wifi"
    assert (numbers["days"], numbers["measurements"], numbers["bin"]) == (4, 384, "1511199")
    assert (numbers["emptyings_true"], numbers["emptyings_reported"], numbers["false_emptyings"]) == (1, 1, 0)
    assert (numbers["awake_ms_median"], numbers["awake_ms_max"]) == (310, 900)
    assert numbers["charge_mc_per_day"] == 2000
    assert numbers["max_abs_fill_error_pct"] == 0.457
    assert list(numbers["world"]) == ["lost_pings", "noise_mm"]


def test_summary_of_nothing_is_unknown_not_zero():
    numbers = summary(made_up_run(max_abs_fill_error_pct=None, awake_ms=[], reports=[], points=[]))
    assert numbers["max_abs_fill_error_pct"] is None
    assert numbers["awake_ms_median"] is None and numbers["awake_ms_max"] is None


def test_summary_file_is_whole_or_absent(tmp_path):
    path = tmp_path / "out" / "run.json"
    run_report.write_summary(made_up_run(), path)
    assert json.loads(path.read_text()) == summary(made_up_run())
    assert path.read_text().endswith("}\n")
    before = path.read_text()
    with pytest.raises(TypeError):
        run_report.write_summary(made_up_run(world={"noise": object()}), path)
    assert path.read_text() == before
    assert list(path.parent.iterdir()) == [path]


def test_emptyings_match_within_the_tolerance_and_once():
    assert match_emptyings([1000], [1000], 900) == ([], [])
    assert match_emptyings([1000], [1900], 900) == ([], [])
    assert match_emptyings([1000], [1901], 900) == ([1901], [1000])
    assert match_emptyings([1000], [999], 900) == ([999], [1000])
    assert match_emptyings([1000], [1300, 1600], 900) == ([1600], [])
    assert match_emptyings([1000, 1200], [1600, 1300], 900) == ([], [])
    late = made_up_run(emptyings_reported=[84 * HOUR_S + 2700, 84 * HOUR_S + 2701])
    assert summary(late)["false_emptyings"] == 1
    assert summary(replace(late, measure_s=899))["false_emptyings"] == 2


def test_alarm_lasts_from_the_first_full_report_to_the_first_that_is_not():
    assert alarm_spans(made_up_run().reports, 4 * DAY_S) == [(68 * HOUR_S, 84 * HOUR_S + 900)]
    assert alarm_spans(made_up_run().reports[:-1], 4 * DAY_S) == [(68 * HOUR_S, 4 * DAY_S)]
    assert alarm_spans([], DAY_S) == []


def test_report_line_says_when_why_and_how_full():
    def line(*report, **options):
        return run_report.report_line(Report(*report), **options).plain

    text = line(2 * DAY_S + 51_300, 735, "change", "ok", ["low_battery"], 184, 12)
    assert text == "day   3 14:15  ██████████████▊       73.5 %  change    ok       +12 earlier  low_battery"
    full = line(0, 1000, "alarm", "ok", ["full"], 1, 0)
    assert "█" * 20 + " 100.0 %  alarm     ok        full" in full
    unknown = line(0, None, "kind", "no_echo", [], 1, 0)
    assert "%" not in unknown and "----   kind      no_echo" in unknown
    for fill in (None, 0, 1, 437, 999, 1000):
        text = line(0, fill, "change", "ok", [], 1, 0, ascii_only=True)
        assert text.isascii() and text.index("change") == line(0, 437, "change", "ok", [], 1, 0).index("change")


def test_table_shows_outcome_and_world():
    text = printed(run_report.print_table, made_up_run())
    for words in ("15 sent, 15 decoded", "0.46 percentage points", "1 true, 1 reported, 0 false, 0 missed"):
        assert words in text
    for words in (
        "310 ms median, 900 ms at most",
        "2,000 mC a day (0.56 mAh)",
        "noise_mm: 3",
        "[3, '%']",
        "2018-06-26",
    ):
        assert words in text
    assert "0 true, 1 reported, 1 false" in printed(run_report.print_table, made_up_run(emptyings_true=[]))


@pytest.mark.parametrize("width", [80, 120])
def test_chart_marks_stand_in_their_columns(width):
    lines = chart(made_up_run(), width).splitlines()
    columns = width - 9
    assert all(len(line) <= width for line in lines)
    rows = {line[:8].strip(): line[8:] for line in lines if line[:8].strip()}
    emptied, alarm = int(84.25 / 96 * columns), int(68 / 96 * columns)
    assert rows["emptied"].rstrip() == " " * emptied + "▼"
    assert rows["alarm"].rstrip() == " " * alarm + "▲" + "━" * (emptied - alarm - 1) + "▽"
    plot = [line[8:] for line in lines[1:16]]
    assert [line[:7] for line in lines[1:17] if "%" in line] == [f"{n:>4} % "[:7] for n in (100, 80, 60, 40, 20, 0)]
    # At 68 h the node reported 81.2 %: the third of 15 rows from the top (80 % to 86.7 %).
    assert plot[2][alarm] == "●" and plot[3][alarm] == "█"
    # 42 h: half full. 90 h: empty, nothing drawn.
    assert plot[8][int(43 / 96 * columns)] in "█●" and plot[6][int(43 / 96 * columns)] == " "
    assert all(line[int(92 / 96 * columns)] in " ▔" for line in plot)
    days = rows["day"].split()
    assert days == ["1", "2", "3", "4"]
    assert abs(rows["day"].index("3") - 2.5 / 4 * columns) <= 1


def test_chart_tells_false_missed_and_unknown():
    run = made_up_run(emptyings_reported=[24 * HOUR_S], reports=[(48 * HOUR_S, None, "kind", "no_echo", [], 1, 0)])
    lines = chart(run).splitlines()
    emptied = next(line for line in lines if line.startswith("emptied"))[8:]
    assert (emptied.index("✗"), emptied.index("?")) == (int(24 / 96 * 71), int(84 / 96 * 71))
    assert lines[15][8 + int(48 / 96 * 71)] == "×"
    assert "✗ false emptying  ? emptying missed  × no level" in lines[-1]
    assert "missed" not in chart(made_up_run())


def test_chart_without_unicode_and_for_long_runs():
    text = chart(made_up_run(), encoding="ascii")  # strict: fails on anything else
    assert "o reported" in text and "A=" in text
    for days in (1, 14, 28, 90, 222, 1000):
        for width in (30, 80):
            lines = chart(made_up_run(days=days), width).splitlines()
            assert max(map(len, lines)) <= width
            numbers = next(line for line in lines if line.startswith("day")).split()[1:]
            assert numbers[0] == "1" and len(set(numbers)) == len(numbers)


@pytest.mark.parametrize("height", [5, 12, 22, 40])
def test_chart_fits_its_height(height):
    lines = chart(made_up_run(), 80, height).splitlines()
    assert len(lines) <= max(height, 11)


def test_no_colour_where_none_is_wanted(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b" not in chart(made_up_run())  # a file
    terminal = {"force_terminal": True, "color_system": "standard"}
    assert "\x1b[34m" in chart(made_up_run(), **terminal)
    monkeypatch.setenv("NO_COLOR", "1")
    text = chart(made_up_run(), **terminal) + printed(run_report.print_table, made_up_run(), **terminal)
    codes = {code for codes in re.findall(r"\x1b\[([\d;]*)m", text) for code in codes.split(";")}
    assert codes <= {"0", "1", "2"}  # bold and dim are no colours


def test_progress_is_silent_without_a_terminal_and_counts_on_one():
    def advance(console):
        with Progress(console, measurements=1344, days=14) as progress:
            progress.update(700, 7.2 * DAY_S)
            console.print("a report")

    assert printed(advance) == "a report\n"
    shown = printed(advance, force_terminal=True, width=100)
    assert "day 8 of 14" in shown and "700/1344" in shown and "a report" in shown


def test_picture_has_its_size_and_colours(tmp_path):
    from matplotlib.image import imread

    path = tmp_path / "out" / "run.png"
    run_picture.draw_png(made_up_run(), path)
    pixels = imread(path)
    assert pixels.shape[:2] == (700, 1600)
    # Ink in the plot's left half under the line (blue), and where the alarm is on (72 h of 96 h) a warmer paper.
    left, _, width = 0.055, 0, 0.895
    at = {hours: pixels[150, int(1600 * (left + width * hours / 96)), :3] for hours in (30, 75)}
    assert at[30] == pytest.approx([1, 1, 1])
    assert at[75][0] > at[75][2] + 0.05
    below = pixels[560, int(1600 * (left + width * 60 / 96)), :3]
    assert below[2] > below[0] + 0.05
    run_picture.draw_png(made_up_run(reports=[], emptyings_reported=[], max_abs_fill_error_pct=None), path)
