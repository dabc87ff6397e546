"""LoRaWAN with Wi-Fi as its fall-back, and the other way round: what is silent is left, and comes back into use."""

from tests.system.lora_scenario import LoraScenario, lora_scenario
from tests.system.scenario import HOUR_US
from tests.system.test_outage import break_network

CONFIG = {"measure_s": 900, "heartbeat_s": 1800, "fallback_s": 7200}


def sawtooth(t_s: float) -> float:
    return 200 + 300 * (t_s % 43_200) / 43_200


def by_wifi(node: LoraScenario) -> list[float]:
    """The hours in which statuses came over Wi-Fi."""
    return [at / HOUR_US for at, topic, *_ in node.broker.published if topic.endswith("/up/1")]


def by_lora(node: LoraScenario) -> list[float]:
    return [at / HOUR_US for at, fport, _ in node.uplinks if fport == 1]


def nothing_lost(node: LoraScenario) -> None:
    judge = node.judge
    assert judge.delivered + len(judge.waiting) == len(node.wakes) and not judge.thinned
    assert len(judge.waiting) <= 4 and max(judge.errors_pct) <= 1.0
    assert all(wake.how == "deep sleep" for wake in node.wakes)


def between(hours: list[float], start: float, end: float) -> int:
    return sum(start <= hour < end for hour in hours)


def test_wifi_takes_over_when_lorawan_is_silent_and_gives_it_back():
    with lora_scenario(level=sawtooth, config={**CONFIG, "fallback": "wifi"}) as node:
        node.gateways_off(4, 14)
        node.run_hours(24)
        wifi, lora = by_wifi(node), by_lora(node)
        assert not between(wifi, 0, 5.5) and between(lora, 0, 4) >= 6, "two hours without an answer, not less"
        assert between(wifi, 6.5, 14) >= 8 and not between(lora, 4, 14)
        tried = [wake for wake in node.wakes if 7 * HOUR_US < wake.started_us < 14 * HOUR_US]
        failed = sum("failed: no answer" in wake.console for wake in tried)
        assert 2 <= failed <= len(tried) // 3, "the main way is tried now and then"
        assert not between(wifi, 17, 24) and between(lora, 17, 24) >= 10
        assert node.device.joins == 1
        nothing_lost(node)


def test_lorawan_takes_over_when_wifi_is_silent_and_gives_it_back():
    with lora_scenario(level=sawtooth, config={**CONFIG, "transport": "wifi", "fallback": "lorawan"}) as node:
        break_network(node, "no access point", (4, 14))
        node.run_hours(24)
        wifi, lora = by_wifi(node), by_lora(node)
        assert not between(lora, 0, 5.5) and between(wifi, 0, 4) >= 6
        assert between(lora, 6.5, 14) >= 8 and not between(wifi, 4, 14)
        assert not between(lora, 17, 24) and between(wifi, 17, 24) >= 10
        assert node.device.joins == node.device.join_requests == 1, "joined when it was needed, and once"
        nothing_lost(node)


def test_both_silent_lose_nothing():
    with lora_scenario(level=sawtooth, config={**CONFIG, "fallback": "wifi"}) as node:
        node.gateways_off(4, 20)
        break_network(node, "silent", (4, 16))
        node.run_hours(28)
        assert not between(by_wifi(node), 4, 16) and between(by_wifi(node), 16, 20) >= 3
        assert between(by_lora(node), 22, 28) >= 8
        nothing_lost(node)


def test_without_a_fall_back_wifi_is_never_on():
    with lora_scenario(level=sawtooth, config={**CONFIG, "measure_s": 3600, "heartbeat_s": 3600}) as node:
        node.gateways_off(2, 9)
        node.run_hours(12)
        assert not node.broker.published and not node.network.dns.asked
        nothing_lost(node)
