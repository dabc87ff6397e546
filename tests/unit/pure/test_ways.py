"""Which way a report takes."""

from binnode.reporting.ways import chosen
from binnode.storage.state import State

CONFIG = {"transport": "lorawan", "fallback": "wifi", "fallback_s": 86400}


def silent(reports, failures, now_s=86400):
    state = State()
    state.reports, state.failures = reports, failures
    return chosen(CONFIG, state, now_s)


def test_without_a_fall_back_there_is_one_way():
    state = State()
    assert chosen({"transport": "wifi", "fallback": "none", "fallback_s": 3600}, state, 10**6) == "wifi"


def test_the_transport_while_it_delivers():
    state = State()
    state.failures, state.answered_at_s = 6, 100000
    assert chosen(CONFIG, state, 100000 + 86399) == "lorawan"
    assert chosen(CONFIG, state, 99000) == "lorawan"  # the clock was set back
    assert chosen(CONFIG, state, 100000 + 86400) == "wifi"


def test_each_fourth_try_is_the_transports_whether_the_fall_back_works_or_not():
    assert [silent(reports, 1) for reports in range(8)].count("lorawan") == 2
    assert [silent(7, failures) for failures in range(1, 9)].count("lorawan") == 2
