"""What regions and networks differ in, seen from the whole node: sub-bands, windows, dwell time, taken channels."""

import pytest
from binnode_tools.virtual_board.radios.city import Interferer

from tests.system.lora_scenario import HOURLY, RADIOS, lora_scenario
from tests.system.snapshots import next_wake


def all_sent(node, wakes: int) -> None:
    next_wake(node, wakes)
    for wake in node.wakes:
        assert ": sent" in wake.console, wake.console


@pytest.mark.parametrize("region", ["US915", "AU915"])
@pytest.mark.parametrize("network_on", [2, 7])
def test_a_node_that_knows_no_sub_band_finds_the_networks(region, network_on):
    with lora_scenario(region, server={"sub_band": network_on}, config=HOURLY) as node:
        next_wake(node, 2 if network_on == 2 else 15)
        assert node.device.joins == 1 and ": sent" in node.wakes[-1].console
        # Two tries in each sub-band, from the second on; the second of them is the network's wide channel.
        assert len(node.witness.joins) in ((1, 2) if network_on == 2 else (11, 12))
        channels = {node.lora.server.region.uplink_channel(hz) for _, hz in node.witness.carriers}
        assert {channel // 8 for channel in channels if channel < 64} == {network_on - 1}


@pytest.mark.parametrize("radio", RADIOS)
def test_a_configured_sub_band_is_kept_to(radio):
    with lora_scenario("US915", radio=radio, server={"sub_band": 5}, sub_band=5, config=HOURLY) as node:
        all_sent(node, 3)
        assert len(node.witness.joins) == 1


@pytest.mark.parametrize("radio", RADIOS)
@pytest.mark.parametrize(("region", "rx2_dr"), [("EU868", 0), ("EU868", 5), ("US915", 8), ("AS923-1", 2), ("IN865", 2)])
@pytest.mark.parametrize("window", [1, 2])
def test_a_network_that_answers_in_one_window_alone(radio, region, rx2_dr, window):
    with lora_scenario(region, radio=radio, server={"rx2_dr": rx2_dr, "rx1_delay_s": 3}, config=HOURLY) as node:
        node.lora.server.transmitter.only = window
        all_sent(node, 2)
        assert node.device.joins == node.device.join_requests == 1 and node.device.repeats == 0


@pytest.mark.parametrize("radio", RADIOS)
@pytest.mark.parametrize(("region", "loss_db"), [("EU868", 151), ("KR920", 148), ("IN865", 159)])
def test_a_link_that_needs_the_lowest_data_rates(radio, region, loss_db):
    """-135 dBm at the gateway: SF12 gets through, SF10 hardly ever."""
    with lora_scenario(region, radio=radio, loss_db=loss_db, config=HOURLY) as node:
        next_wake(node, 8)
        assert node.device.joins == 1
        assert sum(": sent" in wake.console for wake in node.wakes) >= 2
        assert set(node.lora.audit.accounts["bin"].rates) & {"SF11BW125", "SF12BW125"}


def test_as923_reports_within_its_dwell_time_until_the_network_lifts_it():
    from binnode_tools.lora_network import commands

    with lora_scenario("AS923-1", config={**HOURLY, "lora_adr": "off"}) as node:
        all_sent(node, 2)
        node.lora.server.request(node.device, commands.tx_param_setup(False, False, 5))
        all_sent(node, 3)
        assert [answer.name for answer in node.device.answers] == ["TXParamSetupAns"]
        assert not node.device.session.up_dwell


@pytest.mark.parametrize("radio", RADIOS)
def test_kr920_keeps_quiet_where_somebody_talks(radio):
    with lora_scenario("KR920", radio=radio, config=HOURLY) as node:
        all_sent(node, 1)
        taken = set(node.lora.server.region.default_hz[:2])
        for hz in taken:
            node.lora.air.interferers.append(Interferer(hz, 125, -75.0))
        before = len(node.witness.carriers)
        all_sent(node, 4)
        carriers = {hz for _, hz in node.witness.carriers[before:]}
        assert carriers and not {hz for hz in carriers if min(abs(hz - one) for one in taken) < 60_000}


def test_eu868_waits_for_its_duty_cycle_and_loses_nothing():
    """A message every ten minutes, most of them in vain, eight tries each, down to SF12: more than 1 % of the time."""
    config = {"measure_s": 600, "heartbeat_s": 600}
    with lora_scenario("EU868", lambda t_s: 200 + t_s / 500, loss_db=148, config=config) as node:
        node.run_hours(1)
        node.lora.air.loss_up = 0.95
        node.run_hours(6)
        assert sum("failed: duty cycle: on in" in wake.console for wake in node.wakes) >= 4
        assert 0.5 < node.lora.audit.accounts["bin"].worst_duty <= 1
        node.lora.air.loss_up = 0.0
        node.run_hours(9)
        judge = node.judge
        assert judge.delivered + len(judge.waiting) == len(node.wakes) and not judge.thinned
        assert len(judge.waiting) <= 2
