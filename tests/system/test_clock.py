"""Ticks, the epoch, and the sleep clock that is 5 % off: what reports say of ages is true within its uncertainty."""

from dataclasses import replace

import pytest
from binnode_tools.virtual_board.scene import Unkind
from binnode_tools.virtual_board.simulation import Disagreement, Judge
from binnode_tools.virtual_board.wake import WakeRecord

from tests.system.scenario import scenario
from tests.system.small_program import wakes_of
from tests.system.test_outage import break_network, rising

STEADY = replace(Unkind(), sleep_clock_drift_permille_per_k=0, join_failures=0)
DAY_S = 86400


@pytest.mark.parametrize("error_permille", [50, -50])
def test_ages_after_a_two_day_outage_are_within_their_uncertainty(error_permille):
    """Each reading against the world's own time of its measurement; the judge of every scenario does it too."""
    with scenario(rising, unkind=STEADY) as node:
        node.board.chip.sleep_error_permille = error_permille
        break_network(node, "silent", (2, 50))
        node.run_hours(56)
        measured = [wake.measured_us / 1e6 for wake in node.wakes]
        delivered, worst = 0, 0.0
        for (at_us, *_), report in zip(
            [each for each in node.broker.published if each[1].endswith("/up/1")], node.reports(), strict=True
        ):
            for reading in report.history:
                true_s = at_us / 1e6 - measured[delivered]
                off_s = true_s - reading.age_s
                assert abs(off_s) <= reading.age_uncertainty_s, (true_s, reading)
                if reading.age_s > 1.5 * DAY_S:
                    worst = max(worst, off_s * error_permille / abs(error_permille) / reading.age_s)
                delivered += 1
            delivered += (
                report is not None and at_us / 1e6 - measured[delivered] < 30
            )  # the reading of this wake itself
        assert delivered > 190, "the outage's readings have arrived"
        assert 0.045 < worst < 0.055, "the clock was off by 5 %, and the age with it: the bound is needed"


def test_a_clock_beyond_its_limit_is_found_by_the_judge():
    with (
        scenario(rising, unkind=replace(STEADY, sleep_clock_permille=150)) as node,
        pytest.raises(Disagreement, match="give or take"),
    ):
        node.board.chip.sleep_error_permille = 120
        break_network(node, "silent", (1, 13))
        node.run_hours(20)


def test_drift_and_offset_together_stay_within_the_limit():
    with scenario(unkind=replace(Unkind(), sleep_clock_drift_permille_per_k=4)) as node:
        chip = node.board.chip
        for offset in (-50, 0, 50):
            chip.sleep_error_permille = offset
            assert 0.95e9 <= chip.true_sleep_us(1_000_000_000) <= 1.05e9
        chip.sleep_error_permille = 0
        chip.now = 15 * 3600 * 1_000_000
        warm = chip.true_sleep_us(1_000_000_000)
        chip.now = 5 * 3600 * 1_000_000
        assert chip.true_sleep_us(1_000_000_000) < warm, "it drifts with the temperature"


def test_the_judge_accepts_what_is_true():
    from binnode_tools.codec import Reading

    old = WakeRecord(0, 4, 0, awake_us=1_000_000, measured_us=500_000)
    new = WakeRecord(1, 4, 3600_000_000, awake_us=5_000_000, measured_us=3600_500_000)
    for age_s, sound in ((3600, True), (3420, True), (3780, True), (3300, False), (3960, False)):
        reading = Reading(age_s, 33 + age_s // 20, 300, "ok")
        if sound:
            Judge()._judge_age(new, old, reading)
        else:
            with pytest.raises(Disagreement):
                Judge()._judge_age(new, old, reading)


def test_ticks_wrap_within_the_first_second():
    code = """
start_ms, start_us = time.ticks_ms(), time.ticks_us()
time.sleep_ms(1000)
end_ms, end_us = time.ticks_ms(), time.ticks_us()
print(end_ms - start_ms < 0, end_us - start_us < 0, end_ms < 2**30)
print(time.ticks_diff(end_ms, start_ms), time.ticks_diff(end_us, start_us) // 1000)
print(time.ticks_diff(time.ticks_add(start_ms, 1000), end_ms))
"""
    (wake, *_) = wakes_of(code)
    naive, right, added = wake.console.splitlines()
    assert naive == "True True True", "the naive difference is wrong in every wake, so nobody overlooks it"
    assert all(1000 <= int(each) <= 1002 for each in right.split()) and -2 <= int(added) <= 0


def test_time_begins_in_2000():
    code = """
print(time.gmtime(0)[:6], time.gmtime()[:3], 0 <= time.time() < 60)
print(time.mktime((2026, 1, 1, 0, 0, 0, 0, 0)), time.time_ns() // 1000000000 == time.time())
"""
    (wake, *_) = wakes_of(code)
    assert wake.console == "(2000, 1, 1, 0, 0, 0) (2000, 1, 1) True\n820540800 True\n"
