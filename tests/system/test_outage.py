"""The network fails for two days; nothing measured is lost, nothing is late, no battery is emptied."""

import pytest
from binnode_tools.virtual_board.network import Trouble
from binnode_tools.virtual_board.peers import CONNECT, PUBLISH

from tests.system.scenario import HOUR_US, scenario, wake_budget_us

OUTAGE = (6.1, 54.1)  # hours: two days


def rising(t_s: float) -> float:
    """From empty to 60 % in three days: a change worth a report every few hours."""
    return 100 + 500 * t_s / (72 * 3600)


def assert_nothing_lost(node, hours: float) -> None:
    delivered, waiting = node.judge.delivered, len(node.judge.waiting)
    assert delivered + waiting == len(node.wakes), "readings measured = delivered + waiting"
    assert not node.judge.thinned
    assert waiting <= 24, "the backlog goes out once the network is back"
    assert max(node.judge.errors_pct) <= 1.0
    assert all(wake.how == "deep sleep" for wake in node.wakes)
    slowest = max(node.wakes, key=lambda wake: wake.awake_us)
    assert slowest.awake_us <= wake_budget_us(), slowest
    # The node slept on time: intervals of 15 min, off by its clock's 5 % and the time awake.
    for wake, following in zip(node.wakes, node.wakes[1:], strict=False):
        assert 0.93 * 900e6 < following.started_us - wake.started_us < 1.07 * 900e6 + wake_budget_us()


def break_network(node, kind: str, hours: tuple[float, float] = OUTAGE) -> None:
    start, end = (round(hour * HOUR_US) for hour in hours)
    if kind == "no access point":
        node.network.access_points[0].away.append((start, end))
    else:
        node.network.troubles.append(Trouble(start, end, kind))


@pytest.mark.parametrize("kind", ["silent", "refused", "unreachable", "no access point"])
def test_two_days_without_a_broker_lose_nothing(kind):
    with scenario(rising) as node:
        break_network(node, kind)
        node.run_hours(62)
        before = [at for at, *_ in node.broker.published if at < OUTAGE[0] * HOUR_US]
        during = [at for at, *_ in node.broker.published if OUTAGE[0] * HOUR_US <= at < OUTAGE[1] * HOUR_US]
        assert before and not during
        assert_nothing_lost(node, 62)
        # Ages: the oldest reading of the outage is about two days old when it arrives, and ages fall from there.
        history = max((report.history for report in node.reports()), key=len)
        ages = [reading.age_s for reading in history]
        assert ages == sorted(ages, reverse=True)
        oldest = max(reading.age_s for report in node.reports() for reading in report.history)
        assert 47 * 3600 < oldest < 60 * 3600
        tries = sum("failed" in wake.console for wake in node.wakes)
        assert 10 <= tries <= 40, "tries grow rare: an absent broker must not empty the battery"


def test_a_name_that_does_not_resolve_costs_six_seconds():
    with scenario(rising, unkind=node_unkind(join_failures=0)) as node:
        break_network(node, "unresolved", (0.5, 12))
        node.run_hours(16)
        delivered, waiting = node.judge.delivered, len(node.judge.waiting)
        assert delivered + waiting == len(node.wakes)
        unresolved = [wake for wake in node.wakes if "no answer from the DNS server" in wake.console]
        assert len(unresolved) > 3 and max(wake.awake_us for wake in unresolved) <= 12_000_000


@pytest.mark.parametrize("loss", [0.2, 0.5])
def test_lost_datagrams_are_sent_again(loss):
    with scenario(rising, unkind=node_unkind(join_failures=0), config={"measure_s": 600, "heartbeat_s": 600}) as node:
        node.network.datagram_loss = loss
        node.run_hours(20)
        asked = len(node.network.dns.asked)
        failed = sum("no answer from the DNS" in wake.console for wake in node.wakes)
        reported = sum(": sent" in wake.console for wake in node.wakes)
        assert reported > 60 and asked == reported, "the loss is on the way to the server"
        # Three tries: lost at once with probability loss ** 3.
        assert failed <= 3 * loss**3 * (reported + failed) + 1


@pytest.mark.parametrize("mute", [CONNECT, PUBLISH])
def test_a_broker_that_takes_but_never_answers_is_left_in_time(mute):
    with scenario(rising) as node:
        node.broker.mute.add(mute)
        node.run_hours(6)
        assert node.judge.delivered == 0 and len(node.judge.waiting) == len(node.wakes)
        assert max(wake.awake_us for wake in node.wakes) <= wake_budget_us()
        node.broker.mute.clear()
        node.run_hours(16)
        assert_nothing_lost(node, 16)


def test_a_month_without_network_thins_the_backlog_and_says_so():
    with scenario(rising, config={"measure_s": 7200, "heartbeat_s": 86400}) as node:
        break_network(node, "silent", (1, 30 * 24))
        node.run_hours(31 * 24)
        flagged = [report for report in node.reports() if report.backlog_thinned]
        assert flagged, "a thinned backlog is told"
        ages_h = [reading.age_s / 3600 for report in flagged for reading in report.history]
        assert len(ages_h) >= 230
        assert max(ages_h) > 28 * 24 and min(ages_h) < 48
        # Evenly: no third of the month has less than a quarter of the readings.
        for third in range(3):
            share = sum(third * 240 <= age < (third + 1) * 240 for age in ages_h) / len(ages_h)
            assert share > 0.25


def node_unkind(**changes):
    from dataclasses import replace

    from binnode_tools.virtual_board.scene import Unkind

    return replace(Unkind(), **changes)
