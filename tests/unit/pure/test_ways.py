"""Which way a report takes."""

from binnode.reporting.ways import chosen
from binnode.storage.state import State

CONFIG = {"transport": "lorawan", "fallback": "wifi", "fallback_s": 86400}


def test_without_a_fall_back_there_is_one_way():
    assert chosen({"transport": "wifi", "fallback": "none", "fallback_s": 3600}, State(), 10**6) == "wifi"


def test_the_transport_while_it_delivers():
    state = State()
    state.answered_at_s = 100000
    assert chosen(CONFIG, state, 100000 + 86399) == "lorawan"
    assert chosen(CONFIG, state, 99000) == "lorawan"  # the clock was set back


def test_a_fourth_of_the_time_is_the_transports_whether_the_fall_back_works_or_not():
    for every_s in (600, 900, 3600, 7200, 10800, 21600, 28800, 43200, 86400):
        state = State()
        state.failures = 255
        ways = [chosen(CONFIG, state, 86400 + number * every_s) for number in range(400)]
        longest, run = 0, 0
        for way in ways:
            run = 0 if way == "lorawan" else run + 1
            longest = max(longest, run)
        assert 60 <= ways.count("lorawan") <= 140 and longest * every_s <= max(14400, 4 * every_s), every_s
