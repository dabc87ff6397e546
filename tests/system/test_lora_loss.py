"""Lost frames, an outage of two days: all readings arrive in the end. `make soak` has more (tests/soak/lora.py)."""

from tests.soak import lora
from tests.system.lora_scenario import HOURLY, lora_scenario
from tests.system.scenario import HOUR_S, HOUR_US


def test_a_third_of_all_frames_lost_and_two_days_without_a_gateway():
    found = lora.lossy("EU868", "SX1262", lora.GOOD_DB, days=4, measure_s=1800)
    assert not found.problems
    assert found.readings > 150 and found.lost_frames > 60
    assert found.rates["SF12BW125"] > 40, "it has backed off"
    assert found.duty_worst < 1


def test_an_ack_that_is_lost_costs_a_repetition_and_no_reading():
    with lora_scenario(level=lora.sawtooth, config=HOURLY) as node:
        node.run_hours(2)
        node.lora.air.loss_down = 1.0
        node.run_hours(3)
        assert "failed: no answer" in node.wakes[-1].console
        waiting = len(node.judge.waiting)
        assert waiting == 1 and node.statuses[-1] == node.statuses[-2], "it came, eight times, and still waits"
        node.lora.air.loss_down = 0.0
        node.run_hours(6)
        assert not node.judge.waiting and len(node.judge.arrived) == len(node.wakes)


def test_the_rest_of_a_backlog_waits_for_no_heartbeat():
    """The second of two messages finds nobody: the next wakes send it."""

    def level(t_s: float) -> float:
        return 300 if t_s < 2 * HOUR_S else 380  # a report is due all the time

    config = {"lora_adr": "off", "heartbeat_s": 86_400}
    with lora_scenario(level=level, config=config) as node:
        node.gateways_off(1, 19)
        node.run_hours(18)
        waited = len(node.judge.waiting)
        assert waited > 60
        count = len(node.statuses)
        while len(node.statuses) == count:
            node.board.step(node.world.zygote, node.world.trace)
        node.lora.air.loss_up = 1.0  # the first of them has come
        node.run_hours(node.board.chip.now / HOUR_US)
        assert "failed: no answer" in node.wakes[-1].console and 20 < len(node.judge.waiting) < waited - 20
        node.lora.air.loss_up = 0.0
        node.run_hours(node.board.chip.now / HOUR_US + 0.6)
        assert len(node.judge.waiting) <= 2
