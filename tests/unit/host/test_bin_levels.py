"""The bin's true level against the recorded readings: every rule as a property of all 33 bins."""

import csv
import re
from datetime import date, timedelta
from itertools import pairwise

import pytest
from binnode_tools.virtual_board import bin_levels
from binnode_tools.virtual_board.bin_levels import BinDataError, BinHistory, LevelSeries, choose_window, load
from binnode_tools.virtual_board.make_extract import make_extract

DAYS = 14
DEAD = "1511202"  # reads 0 with an alert on all its 181 days
LIVING = [load(bin_id) for bin_id in bin_levels.bins() if bin_id != DEAD]
SERIES = [LevelSeries(history, choose_window(history, DAYS), DAYS, seed) for history in LIVING for seed in (1, 2)]
ONE = load("1511199")


def history_of(*levels, first=date(2020, 2, 27)):
    """A made-up bin with these daily readings; None for a day without."""
    percent = {first + timedelta(days=n): level for n, level in enumerate(levels) if level is not None}
    return BinHistory("made up", percent)


def course(series):
    """(t_s, level) at every change of the level, and a second before each."""
    times_s = sorted({t for change in series._times_s for t in (max(0, change - 1), change)})
    return [(t, series.level_permille(t)) for t in times_s]


def test_extract_is_the_published_data():
    # Counted in the published file: 33 bins, 31,427 rows, 160 repeated pairs of bin and date, 30,659 pairs left.
    histories = [load(bin_id) for bin_id in bin_levels.bins()]
    assert len(histories) == 33
    assert sum(len(history.percent) for history in histories) == 30_659
    days = {day for history in histories for day in history.percent}
    assert (min(days), max(days)) == (date(2018, 6, 26), date(2021, 5, 3))
    assert {level for history in histories for level in history.percent.values()} == {0, 20, 40, 60, 80, 100}
    steps = [
        after - before
        for history in histories
        for (day, before), (next_day, after) in pairwise(sorted(history.percent.items()))
        if next_day - day == timedelta(days=1)
    ]
    # data/README.md of the project: 30,178 pairs of consecutive days, 53 % unchanged, 31 % up, 15.7 % down: 4,736.
    assert len(steps) == pytest.approx(30_178, abs=30)
    assert sum(step < 0 for step in steps) == pytest.approx(4_736, abs=5)
    assert sum(step == 0 for step in steps) / len(steps) == pytest.approx(0.53, abs=0.01)


def test_data_is_small_and_attributed():
    assert bin_levels.DATA.stat().st_size < 100_000
    readme = (bin_levels.DATA.parent / "README.md").read_text()
    for words in ("Wyndham City Council", "CC BY 4.0", "Smart Bin Fill Level (historical)"):
        assert words in readme
    assert "Wyndham City Council, CC BY 4.0" in bin_levels.ATTRIBUTION


def test_make_extract_takes_the_fullest_of_a_day(tmp_path):
    source, target = tmp_path / "source.csv", tmp_path / "target.csv"
    rows = ["7,4,6,02-01-2020,NOT_READY", "7,8,6,02-01-2020,FULLNESS", "7,0,6,02-01-2020,ALERT", "5,10,8,01-02-2020,X"]
    source.write_text("\n".join(["Bin ID,Fullness,fullnessThreshold,timestamp,reason", *rows]) + "\n")
    make_extract(source, target)
    with target.open(newline="") as file:
        assert list(csv.reader(file)) == [["date", "5", "7"], ["2020-01-02", "", "80"], ["2020-02-01", "100", ""]]
    source.write_text("Bin ID,Fullness,fullnessThreshold,timestamp,reason\n7,12,6,02-01-2020,X\n")
    with pytest.raises(ValueError, match="Fullness of bin 7 on 2020-01-02 is 12"):
        make_extract(source, target)


def test_unknown_bin_lists_the_bins():
    with pytest.raises(BinDataError) as caught:
        load("42")
    assert "There is no bin 42." in str(caught.value)
    assert all(bin_id in str(caught.value) for bin_id in bin_levels.bins())
    assert load(1511199) == ONE


def test_dead_bin_runs_only_without_emptyings():
    with pytest.raises(BinDataError, match=r"Bin 1511202 has no 14 days .* its 181 readings go up to 0 %"):
        choose_window(load(DEAD), DAYS)
    series = LevelSeries(load(DEAD), choose_window(load(DEAD), DAYS, min_emptyings=0), DAYS, 1)
    assert series.emptyings == [] and {level for _, level in course(series)} == {0}


def test_every_living_bin_has_two_weeks_with_emptyings_and_a_full_bin():
    for series in SERIES:
        assert len(series.emptyings) >= 2
        assert max(level for _, level in series.readings[:-1]) >= 800


def test_window_has_no_gap_and_a_reading_on_the_day_after():
    # Days 0..2 are followed by a gap; the first window of three days with the day after starts behind it.
    history = history_of(80, 0, 80, None, 80, 0, 80, 0, 20)
    first = min(history.percent)
    assert choose_window(history, 4) == first + timedelta(days=4)


def test_window_prefers_a_full_bin_to_an_early_one():
    history = history_of(40, 0, 40, 0, 60, 0, 80, 0, 0)
    first = min(history.percent)
    assert choose_window(history, 4) == first + timedelta(days=4)  # 0 60 0 80 holds one fall only
    assert choose_window(history_of(40, 0, 40, 0, 60, 0), 4) == first


def test_no_window_says_what_would_work():
    history = history_of(80, 0, 0, 80, 0, 0, None, 40, 0)
    for days in (1, 4, 6, 30):
        with pytest.raises(BinDataError) as caught:
            choose_window(history, days)
        assert str(caught.value).endswith("The nearest number of days that would work is 5.")
    assert choose_window(history, 5) == min(history.percent)
    with pytest.raises(BinDataError, match="Choose another bin"):
        choose_window(history_of(0, 20, 40, 0, 20), 3)
    with pytest.raises(BinDataError, match="at least 1 day"):
        choose_window(history, 0)


def test_what_the_message_offers_works_for_every_bin():
    for history in LIVING:
        for days in (1, 400):
            with pytest.raises(BinDataError) as caught:
                choose_window(history, days)
            offered = int(re.search(r"(\d+)\.$", str(caught.value))[1])
            choose_window(history, offered)
            with pytest.raises(BinDataError):
                choose_window(history, offered + (1 if days > offered else -1))


def test_missing_day_is_named():
    with pytest.raises(BinDataError, match="has no reading on 2020-02-29"):
        LevelSeries(history_of(0, 20, None, 60), date(2020, 2, 27), 3, 1)


def test_level_is_the_reading_at_six_o_clock():
    for series in SERIES:
        assert len(series.readings) == DAYS + 1
        for t_s, level in series.readings:
            assert series.level_permille(t_s) == level
    series = LevelSeries(ONE, date(2018, 6, 29), 3, 1)
    assert series.readings == [(21_600, 800), (108_000, 0), (194_400, 600), (280_800, 1000)]


def test_level_falls_only_when_the_crew_comes():
    for series in SERIES:
        falls = [(t, before, after) for (_, before), (t, after) in pairwise(course(series)) if after < before]
        assert [fall for fall in falls if fall[0] < DAYS * 86_400] == list(series.emptyings)
        assert all(0 <= level <= 1000 for _, level in course(series))


def test_crew_comes_in_crew_hours_and_takes_at_least_200_permille():
    for series in SERIES:
        for t_s, before, after in series.emptyings:
            last = max(level for level in series.readings if level[0] < t_s)[1]
            following = min(level for level in series.readings if level[0] > t_s)[1]
            assert 5 * 3600 <= t_s % 86_400 <= 15 * 3600
            assert last <= before <= min(1000, last + 200) and 0 <= after <= following
            assert before - after >= 200
            # Whenever in its quarter of an hour a node measures, it sees the 150 permille it looks for.
            for offset_s in (0, 450, 899):
                assert series.level_permille(t_s + offset_s - 900) - series.level_permille(t_s + offset_s) >= 150


def test_one_emptying_for_each_lower_reading():
    for series in SERIES:
        expected = sum(after < before for (_, before), (_, after) in pairwise(series.readings[:-1]))
        last_fell = series.readings[-1][1] < series.readings[-2][1]
        assert expected <= len(series.emptyings) <= expected + last_fell


def test_deposits_are_small_and_made_by_day():
    day = night = 0
    for series in SERIES:
        emptied_s = {emptying.t_s for emptying in series.emptyings}
        for (_, before), (t_s, after) in pairwise(course(series)):
            if t_s in emptied_s or after <= before:
                continue
            assert after - before <= 25
            if 8 * 3600 <= t_s % 86_400 < 20 * 3600:
                day += after - before
            else:
                night += after - before
    assert day > 3 * night > 0


def test_same_seed_same_series_and_another_seed_another():
    start = choose_window(ONE, DAYS)
    first, second, other = (LevelSeries(load("1511199"), start, DAYS, seed) for seed in (5, 5, 6))
    assert course(first) == course(second)
    assert first.emptyings == second.emptyings
    assert course(first) != course(other)
    # Pinned: a series must not depend on the Python version or the process.
    assert first.emptyings[:2] == [(299531, 819, 0), (553141, 1000, 0)]


def test_a_day_does_not_depend_on_the_window():
    start = choose_window(ONE, DAYS)
    long, short = LevelSeries(ONE, start, DAYS, 3), LevelSeries(ONE, start + timedelta(days=2), 5, 3)
    for t_s in range(6 * 3600, 5 * 86_400, 977):
        assert short.level_permille(t_s) == long.level_permille(t_s + 2 * 86_400)


def test_level_stands_still_outside_the_data():
    series = SERIES[0]
    assert series.level_permille(-5) == series.level_permille(0) == series.readings[0][1]
    assert series.level_permille(99 * 86_400) == series.readings[-1][1]
    assert series.level_permille(0.5) == series.level_permille(0)
