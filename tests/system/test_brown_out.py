"""A weak cell: it feeds measuring, and not the radio. Its dips reset the chip, and RTC memory may outlast them."""

from itertools import pairwise

import pytest
from binnode_tools.codec import decode
from binnode_tools.virtual_board.node_kit import BROKER_HOST, BROKER_PORT

from tests.system.scenario import HOUR_US, scenario
from tests.system.snapshots import copied, next_wake
from tests.system.test_cuts import CALM, ForgivingJudge, bytes_written
from tests.system.test_outage import break_network
from tests.system.test_recovery import recoveries_of

WEAK_MOHM = 8000  # old and frozen: 240 mA of the transmitter pull it 1.9 V down, 80 mA of the chip 0.6 V


def weak_after(node, hours, keeps=None):
    """The cell weakens then. `keeps`: whether RTC memory outlasts each dip; None: as chance has it."""
    node.judge = ForgivingJudge()
    node.run_hours(hours)
    node.board.chip.battery.resistance_mohm = WEAK_MOHM
    if keeps is not None:
        node.board.chip.random.random = lambda: 0.0 if keeps else 0.9


def test_a_dip_is_a_power_on_and_the_node_goes_on_measuring_with_rare_tries():
    with scenario(lambda t_s: 300 + t_s / 200) as node:
        weak_after(node, 2, keeps=True)
        node.run_hours(14)
        weak = [wake for wake in node.wakes if wake.started_us > 2 * HOUR_US]
        dips = [wake for wake in weak if wake.how == "brown-out"]
        after = [node.wakes[wake.index + 1] for wake in dips]
        assert 3 <= len(dips) <= 20 and {wake.cause for wake in after} == {1}
        measured = [wake for wake in weak if wake.pings]
        assert len(measured) >= 12 * 4 - 2
        assert all(wake.how in ("brown-out", "deep sleep") for wake in weak)
        gaps = [(b.started_us - a.started_us) / 1e6 for a, b in pairwise(dips[4:])]
        assert min(gaps) > 5000, "tries have grown rare"


def test_a_fresh_cell_brings_everything_since_the_checkpoint():
    """The readings of the weak cell waited in RTC memory, and the checkpoint outlives the swap."""
    with scenario(lambda t_s: 300 + t_s / 200, config={"measure_s": 3600}) as node:
        weak_after(node, 2, keeps=True)
        node.run_hours(60)
        before = len(node.reports())
        node.board.swap_battery(round(60.2 * HOUR_US))
        node.run_hours(63)
        reports = node.reports()[before:]
        assert reports and reports[0].reason == "first"
        assert sum(len(report.history) for report in reports) >= 24


def test_without_luck_half_of_the_dips_cost_rtc_memory_and_the_node_still_measures():
    with scenario(lambda t_s: 300 + t_s / 200) as node:
        weak_after(node, 2)
        node.run_hours(14)
        weak = [wake for wake in node.wakes if wake.started_us > 2 * HOUR_US]
        dips = sum(wake.how == "brown-out" for wake in weak)
        assert 3 <= dips <= 12 * 6
        assert sum(wake.how == "deep sleep" for wake in weak) >= 12 * 3.5
        node.board.swap_battery(round(14.2 * HOUR_US))
        node.run_hours(15)
        assert node.wakes[-1].how == "deep sleep" and node.reports()[-1].kind == "ok"


def test_it_may_come_in_the_middle_of_a_message():
    with scenario() as node:
        node.judge = ForgivingJudge()

        def connected():
            node.board.chip.battery.resistance_mohm = WEAK_MOHM
            return node.broker.connect()

        node.network.add(BROKER_HOST, BROKER_PORT, connected)
        node.board.chip.random.random = lambda: 0.0
        node.run_hours(0.1)
        assert [wake.how for wake in node.wakes[:2]] == ["brown-out", "deep sleep"]
        assert "recovered: brown_out" in node.wakes[1].console and not node.broker.published


def dips_of(node) -> list:
    return [wake for wake in node.wakes if wake.how == "brown-out"]


def first_tries(node) -> int:
    """First tries that broke off, as NVS counts them."""
    item = node.board.chip.nvs.live.get(("binnode", "first_try"))
    return item.value[0] if item else 0


@pytest.mark.parametrize("fill_permille", [300, 950])
def test_dips_that_always_cost_rtc_memory_do_not_follow_each_other_for_ever(fill_permille):
    """Nor when the bin is full, which is news to a node that knows nothing."""
    with scenario(lambda t_s: fill_permille) as node:
        weak_after(node, 0, keeps=False)
        writes = node.board.chip.nvs.writes
        node.run_hours(0.05)
        assert len(dips_of(node)) == 2
        node.run_hours(30)
        starts_s = [wake.started_us / 1e6 for wake in dips_of(node)]
        waits_s = [after - before for before, after in pairwise(starts_s)]
        assert len(waits_s) >= 12 and waits_s[0] < 60
        for wait_s, minutes in zip(waits_s[1:], [15, 30, 60] + [120] * 99, strict=False):
            assert 0.9 * 60 * minutes < wait_s < 1.1 * 60 * minutes + 60
        assert sum(wake.pings > 0 for wake in node.wakes) >= 29 * 4, "it measures all the same"
        assert node.board.chip.nvs.writes - writes <= 6, "five counts and a checkpoint: a loop does not wear NVS"


def test_a_fresh_cell_after_the_loop_reports_when_the_wait_is_over_and_tells_of_it():
    with scenario() as node:
        weak_after(node, 0, keeps=False)
        node.run_hours(9)
        assert first_tries(node) == 5
        back_h = node.wakes[-1].started_us / HOUR_US + 0.1
        node.board.swap_battery(round(back_h * HOUR_US))
        node.run_hours(back_h + 2.2)
        reports = [at / HOUR_US for at, topic, _, _ in node.broker.published if topic.endswith("/up/1")]
        assert len(reports) == 1 and 1.7 < reports[0] - back_h < 2.1
        assert len(node.reports()[0].history) == 8, "what was measured meanwhile comes too"
        assert recoveries_of(node) == [["brown_out"]]
        assert first_tries(node) == 0
        node.board.power_on(round((back_h + 2.2) * HOUR_US))
        node.run_hours(back_h + 2.4)
        assert node.wakes[-1].cause == 1 and node.reports()[-1].reason == "first", "and from now on at once"


def pulling_the_cell(node, times: int) -> None:
    """Somebody takes the cell out in the middle of the next `times` reports, and puts it back after five seconds."""
    left = [times]

    def connected():
        if left[0]:
            left[0] -= 1
            node.board.cut_power(after_acts=0, off_us=5_000_000)
        return node.broker.connect()

    node.network.add(BROKER_HOST, BROKER_PORT, connected)


def test_one_power_cycle_in_a_report_makes_nobody_wait():
    with scenario() as node:
        pulling_the_cell(node, 1)
        node.run_hours(0.1)
        assert [wake.how for wake in node.wakes] == ["power cut", "deep sleep"]
        assert ": sent" in node.wakes[1].console and recoveries_of(node) == [[]]
        assert first_tries(node) == 0


def test_two_power_cycles_in_a_row_are_taken_for_a_weak_cell():
    with scenario() as node:
        pulling_the_cell(node, 2)
        node.run_hours(0.1)
        assert [wake.how for wake in node.wakes] == ["power cut", "power cut", "deep sleep"]
        assert "recovered: brown_out" in node.wakes[2].console and ": waits" in node.wakes[2].console
        node.run_hours(0.4)
        assert ": sent" in node.wakes[3].console and recoveries_of(node) == [["brown_out"]]
        assert first_tries(node) == 0


@pytest.mark.parametrize("trouble", ["refused", "no access point"])
def test_a_first_try_that_fails_by_itself_is_none_that_broke_off(trouble):
    with scenario() as node:
        break_network(node, trouble, (0, 30))
        node.run_hours(0.1)
        writes = node.board.chip.nvs.writes
        assert "failed: " in node.wakes[0].console and first_tries(node) == 0
        node.run_hours(20)
        assert sum("failed: " in wake.console for wake in node.wakes) >= 10
        assert node.board.chip.nvs.writes == writes, "only the first of them is counted"


@pytest.mark.parametrize("before", [0, 1, 2, 5])
def test_a_cut_at_any_byte_of_the_count_leaves_the_old_or_the_new_one(before):
    """And the next start does what it says; at five it stays, so that only the erasing is a write."""
    with scenario(unkind=CALM) as node:
        node.judge = ForgivingJudge()
        if before:
            node.board.chip.nvs.provision("binnode", "first_try", bytes([before]))
        while before >= 2 and (not node.wakes or "waits" in copied_next(node).wakes[-1].console):
            next_wake(node)
        size = bytes_written(node)
        assert size == (96 if before < 5 else 0) + 4
        seen = set()
        for after in range(size):
            trial = copied(node)
            trial.board.cut_power(after_bytes=after, off_us=5_000_000)
            next_wake(trial)
            assert trial.wakes[-1].how == "power cut"
            count = first_tries(trial)
            seen.add(count)
            next_wake(trial)
            assert (": waits" if count >= 2 else ": sent") in trial.wakes[-1].console
        assert seen == {before, min(before + 1, 5)}


def copied_next(node):
    trial = copied(node)
    next_wake(trial)
    return trial


def test_ages_after_dips_that_kept_rtc_memory_lack_the_time_that_nobody_counted():
    """The clock goes on from the last time known: the newest reading. What came before keeps its distance to it."""
    with scenario(lambda t_s: 300 + t_s / 200, config={"measure_s": 1800}, unkind=CALM) as node:
        node.judge = ForgivingJudge()
        node.run_hours(1.2)  # it has reported
        node.board.chip.battery.resistance_mohm = WEAK_MOHM
        node.board.chip.random.random = lambda: 0.0
        node.run_hours(12)
        dips = dips_of(node)
        assert len(dips) >= 4
        node.board.chip.battery.resistance_mohm = 120
        node.run_hours(15)
        (at, report), *_ = [
            (at, decode(payload))
            for at, topic, payload, _ in node.broker.published
            if topic.endswith("/up/1") and at > 12 * HOUR_US
        ]
        pinged = [wake for wake in node.wakes if wake.pings and wake.started_us < at]
        waited = pinged[-1 - len(report.history) : -1]
        assert waited[0].started_us < dips[0].started_us
        for wake, reading in zip(waited, report.history, strict=True):
            age_s = (at - (wake.measured_us or 0)) / 1e6
            # A dip's wake had its reading, so what is not counted is the rest of that wake.
            missed_s = sum(dip.awake_us for dip in dips if dip.started_us >= wake.started_us) / 1e6
            assert age_s - missed_s - 60 <= reading.age_s <= age_s + 60, (reading, age_s, missed_s)


@pytest.mark.parametrize("keeps", [True, False])
def test_safe_mode_makes_no_loop_either(keeps):
    with scenario(lambda t_s: 950) as node:
        weak_after(node, 0.6, keeps)
        from binnode.storage.state import unpack

        state = unpack(node.board.chip.rtc)
        state.safe, state.safe_try_at_s, state.retry_at_s = True, 80000, 0
        node.board.chip.rtc = bytes(state.pack())
        node.run_hours(21)
        dips = dips_of(node)
        gaps_s = [(after.started_us - before.started_us) / 1e6 for before, after in pairwise(dips)]
        assert ("safe mode" in node.wakes[-1].console) == keeps
        if keeps:
            assert len(dips) >= 3 and min(gaps_s) > 0.9 * 6 * 3600
        else:
            assert [round(gap_s / 900) for gap_s in gaps_s[:5]] == [0, 0, 1, 2, 4] and min(gaps_s[5:]) > 6000
