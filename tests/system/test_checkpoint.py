"""Power fails: what the checkpoint saves, that nothing comes twice, and how often NVS is written."""

import json

from binnode_tools.codec import decode_diagnostics
from binnode_tools.virtual_board.network import Trouble

from tests.system.scenario import HOUR_US, scenario

KEY = ("binnode", "checkpoint")


def checkpoint_of(node):
    return node.board.chip.nvs.get(*KEY, bytes)


def power_cut(node, pause_s: float = 600) -> None:
    node.board.power_on(node.board.chip.now + round(pause_s * 1e6))


def silent(node, from_h: float, to_h: float) -> None:
    node.network.troubles.append(Trouble(round(from_h * HOUR_US), round(to_h * HOUR_US), "silent"))


def recoveries_of(node) -> list[list[str]]:
    return [
        list(decode_diagnostics(payload).recoveries)
        for _, topic, payload, _ in node.broker.published
        if topic.endswith("/up/2")
    ]


def test_power_cut_costs_no_more_than_the_readings_since_the_checkpoint():
    with scenario(lambda t_s: 200 + t_s / 1000) as node:
        node.board.on_wake_end = None  # the judge does not know that power may cost readings
        silent(node, 0.5, 40)
        node.run_hours(30)
        kept = checkpoint_of(node)
        assert kept, "a day has passed"
        at_checkpoint = [wake for wake in node.wakes if wake.started_us < 24.5 * HOUR_US]
        power_cut(node)
        node.run_hours(44)
        restored = [reading for report in node.reports() for reading in report.history]
        levels = {reading.fill_permille for reading in restored}
        # Readings rise by 3.6 permille an hour: which hours came back?
        for hour in (2, 8, 14, 20, 23):
            assert any(abs(level - 200 - 3.6 * hour) <= 12 for level in levels if level is not None), hour
        ended_h = node.wakes[-1].started_us / HOUR_US
        assert len(restored) >= len(at_checkpoint) - 6 + 4 * 9 and ended_h > 43
        oldest_h = max(reading.age_s for reading in restored) / 3600
        assert 30 < oldest_h < 42, "an age without the time that nobody could count: a lower bound"
        assert [names for names in recoveries_of(node) if names] == [["checkpoint_restored"]]
        text = [json.loads(payload) for _, topic, payload, _ in node.broker.published if topic.endswith("/diagnostics")]
        assert text[-1]["recoveries"] == ["checkpoint_restored"] and text[-1]["reset_cause"] == "power_on"
        assert checkpoint_of(node) is None, "delivered, so it is no longer true"


def test_nothing_comes_twice_when_it_was_delivered_after_the_checkpoint():
    with scenario(lambda t_s: 300) as node:
        node.run_hours(24.2)
        while checkpoint_of(node) is None:
            assert node.wakes[-1].started_us < 31 * HOUR_US
            node.run_hours(node.wakes[-1].started_us / HOUR_US + 0.3)
        while checkpoint_of(node) is not None:  # until the next report
            assert node.wakes[-1].started_us < 38 * HOUR_US
            node.run_hours(node.wakes[-1].started_us / HOUR_US + 0.3)
        assert not node.judge.waiting
        power_cut(node)
        node.run_hours(50)
        assert not [names for names in recoveries_of(node) if names]
        assert node.judge.delivered + len(node.judge.waiting) == len(node.wakes), "the judge finds no reading twice"


def test_power_cut_before_the_report_delivers_each_reading_once():
    with scenario(lambda t_s: 300) as node:
        node.run_hours(24.2)
        while checkpoint_of(node) is None:
            node.run_hours(node.wakes[-1].started_us / HOUR_US + 0.3)
        waited = len(node.judge.waiting)
        node.judge._judge_age = lambda *_: None  # a restored reading's age is a lower bound
        power_cut(node)
        node.run_hours(node.wakes[-1].started_us / HOUR_US + 0.5)
        power_cut(node)  # and again: there is nothing left to come back
        node.run_hours(node.wakes[-1].started_us / HOUR_US + 1)
        assert waited > 0 and [names for names in recoveries_of(node) if names] == [["checkpoint_restored"]]
        assert node.judge.delivered + len(node.judge.waiting) == len(node.wakes)


def test_a_month_with_outages_writes_nvs_some_dozen_times():
    with scenario(lambda t_s: 300 + 200 * (int(t_s // 20000) % 2), config={"measure_s": 1800}) as node:
        for day in range(2, 30, 5):
            silent(node, 24 * day, 24 * day + 30)
        before = node.board.chip.nvs.writes
        node.run_hours(30 * 24)
        writes = node.board.chip.nvs.writes - before
        assert 20 <= writes <= 2 * 30 and writes * 365 / 30 < 10_000
        assert node.board.chip.flash.writes == 0
        assert node.judge.delivered + len(node.judge.waiting) == len(node.wakes)


def test_damaged_checkpoint_costs_its_readings_and_is_told():
    with scenario(lambda t_s: 300) as node:
        node.run_hours(1)
        node.board.chip.nvs.provision(*KEY, b"bN\x02 and then nothing that makes sense")
        node.board.on_wake_end = None
        power_cut(node)
        node.run_hours(3)
        assert [names for names in recoveries_of(node) if names] == [["checkpoint_damaged"]]
        assert node.reports()[-1].first_report and not node.reports()[-1].history


def test_damaged_checkpoint_is_erased_by_the_next_delivery_and_told_once():
    with scenario(lambda t_s: 300) as node:
        node.run_hours(1)
        node.board.chip.nvs.provision(*KEY, b"bN\x02 and then nothing that makes sense")
        node.board.on_wake_end = None
        power_cut(node)
        node.run_hours(3)
        assert checkpoint_of(node) is None
        power_cut(node)
        node.run_hours(5)
        assert [names for names in recoveries_of(node) if names] == [["checkpoint_damaged"]]
