from binnode.reporting.backlog import CAPACITY, Backlog


def filled(times):
    backlog = Backlog()
    for number, at_s in enumerate(times):
        backlog.add(at_s, number % 1001)
    return backlog


def left_of(times):
    """For the properties: what a backlog that was filled at `times` holds."""
    backlog = filled(times)
    return backlog.oldest(999, times[-1]), bytes(backlog.data), backlog.thinned


def ages(backlog, now_s):
    return [age_s for age_s, _ in backlog.oldest(999, now_s)]


def test_empty_backlog_has_nothing():
    backlog = Backlog()
    assert len(backlog) == 0
    assert backlog.oldest(5, 100) == []
    backlog.drop(0)
    backlog.drop_newest()
    assert len(backlog) == 0


def test_entry_is_30_bits_of_time_and_10_of_level():
    backlog = Backlog()
    backlog.add(0x2AAAAAAA, 0x155)
    backlog.add(0x2AAAAAAB, 1023)
    # by hand: 10 1010 ... 1010 then 01 0101 0101
    assert bytes(backlog.data) == bytes.fromhex("aaaaaaa955aaaaaaafff")


def test_oldest_come_first_with_their_age():
    backlog = filled([900, 1800, 2700])
    assert backlog.oldest(2, 3000) == [(2100, 0), (1200, 1)]
    assert backlog.oldest(9, 2700) == [(1800, 0), (900, 1), (0, 2)]
    assert len(backlog) == 3


def test_drop_takes_the_oldest_and_drop_newest_the_newest():
    backlog = filled([900, 1800, 2700, 3600])
    backlog.drop(1)
    backlog.drop_newest()
    assert backlog.oldest(9, 3600) == [(1800, 1), (900, 2)]


def test_data_makes_the_same_backlog_again():
    backlog = filled([5, 6, 70000])
    assert Backlog(backlog.data).oldest(9, 70001) == backlog.oldest(9, 70001)


def test_until_240_nothing_is_given_up():
    backlog = filled(range(0, 240 * 900, 900))
    assert len(backlog) == CAPACITY == 240 and not backlog.thinned
    assert len(backlog.data) == 1200
    backlog.add(240 * 900, 7)
    assert len(backlog) == 240 and backlog.thinned
    # equal gaps: the oldest that has two neighbours goes
    assert [code for _, code in backlog.oldest(3, 0)] == [0, 2, 3]


def test_thinning_takes_the_entry_in_the_smallest_gap():
    times = [100 * number for number in range(240)]
    times[50] = 4950  # 4900, 4950, 5100: still 200 between its neighbours, but 4900 now lies in a gap of 150
    backlog = filled(times)
    backlog.add(24000, 7)
    assert [code for _, code in backlog.oldest(52, 0)][48:] == [48, 50, 51, 52]


def test_newest_of_a_full_backlog_may_go_but_not_the_one_that_comes():
    last_s = (CAPACITY - 2) * 900
    backlog = filled(range(0, last_s + 1, 900))
    backlog.add(last_s + 1, 400)
    backlog.add(last_s + 2, 500)
    newest = backlog.oldest(CAPACITY, last_s + 2)[-3:]
    assert newest == [(902, CAPACITY - 3), (2, CAPACITY - 2), (0, 500)]


def test_month_leaves_240_readings_spread_over_the_month():
    month = range(0, 30 * 86400, 900)
    backlog = filled(month)
    left = ages(backlog, month[-1])
    assert len(left) == 240
    assert left[0] == month[-1] and left[-1] == 0
    gaps = [left[place] - left[place + 1] for place in range(CAPACITY - 1)]
    assert max(gaps) <= 2 * month[-1] // (CAPACITY - 1) + 1
    # each third of the month has about a third of the readings
    for third in range(3):
        assert 60 <= sum(third * 864000 <= age_s < (third + 1) * 864000 for age_s in left) <= 100


def test_thinned_is_told_until_the_backlog_was_empty():
    backlog = filled(range(0, 250 * 900, 900))
    backlog.drop(CAPACITY - 1)
    assert backlog.thinned
    backlog.drop(1)
    assert not backlog.thinned
    backlog = filled(range(0, 250 * 900, 900))
    backlog.drop(CAPACITY - 1)
    backlog.drop_newest()
    assert not backlog.thinned


def test_clock_that_jumped_back_gives_age_zero():
    assert filled([5000, 6000]).oldest(9, 5500) == [(500, 0), (0, 1)]
    assert filled([5000]).oldest(9, 0) == [(0, 0)]


def test_reading_after_a_jump_back_takes_the_earlier_ones_with_it():
    backlog = filled([5000, 6000, 100])
    assert backlog.oldest(9, 400) == [(1300, 0), (300, 1), (300, 2)]
    backlog.add(1000, 9)
    assert ages(backlog, 1000) == [1900, 900, 900, 0]


def test_clock_set_from_boot_time_to_the_calendar_keeps_the_distances():
    backlog = filled([900, 1800, 845000000])  # 2000-01-01 00:30 to October 2026
    assert ages(backlog, 845000060) == [960, 60, 60]


def test_time_wraps_after_34_years():
    backlog = filled([(1 << 30) - 10, (1 << 30) + 10])
    assert ages(backlog, (1 << 30) + 20) == [30, 10]
