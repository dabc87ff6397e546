"""A weak cell: it feeds measuring, and not the radio. Its dips reset the chip, and RTC memory may outlast them."""

import pytest
from binnode_tools.virtual_board.node_kit import BROKER_HOST, BROKER_PORT

from tests.system.scenario import HOUR_US, scenario
from tests.system.test_cuts import ForgivingJudge

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
        gaps = [(b.started_us - a.started_us) / 1e6 for a, b in zip(dips[4:], dips[6:], strict=False)]
        # In pairs: the clock begins anew at a dip, and a wait that lies too far ahead of it is not believed.
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


@pytest.mark.xfail(
    strict=True, reason="nothing outlasts the dip that counts the failures: a first report is tried at once"
)
def test_dips_that_always_cost_rtc_memory_do_not_follow_each_other_for_ever():
    with scenario() as node:
        weak_after(node, 0, keeps=False)
        node.run_hours(0.05)
        assert sum(wake.how == "brown-out" for wake in node.wakes) <= 4
