"""The whole node over LoRaWAN: it joins once, reports, is acknowledged, and goes on after sleep and loss of power."""

import pytest
from binnode_tools import boards
from binnode_tools.codec import decode
from binnode_tools.codec.diagnostics import decode_diagnostics
from binnode_tools.lora_network import commands
from binnode_tools.virtual_board import node_kit

from tests.bench import bytecode
from tests.system.lora_scenario import HOURLY, RADIOS, lora_scenario
from tests.system.scenario import HOUR_S, HOUR_US, wake_budget_us

AHEAD = 64  # uplink counters that are reserved in NVS at a time: firmware/binnode/lorawan/LORAWAN.md
BOTH = pytest.mark.parametrize("radio", RADIOS)


def daily(t_s: float) -> float:
    """A third of a bin in a day."""
    return 200 + 300 * t_s / (24 * HOUR_S)


def counters(node) -> list[int]:
    """FCntUp of all data frames, in the order in which they were sent."""
    return [count for _, count in node.witness.sent]


@BOTH
def test_it_joins_once_and_every_report_is_acknowledged(radio):
    with lora_scenario(level=daily, radio=radio) as node:
        node.run_hours(12)
        device = node.device
        assert (device.joins, device.join_requests, device.missed, device.repeats) == (1, 1, 0, 0)
        assert device.downlinks == device.uplinks == node.witness.frames
        reports = [decode(payload) for payload in node.statuses]
        assert len(reports) >= 3 and reports[0].reason == "first"
        assert {report.reason for report in reports[1:]} <= {"change", "heartbeat"}
        assert node.judge.delivered + len(node.judge.waiting) == len(node.wakes) and len(node.judge.waiting) < 24
        assert max(node.judge.errors_pct) <= 1.0
        assert all(wake.how == "deep sleep" for wake in node.wakes)
        assert max(wake.awake_us for wake in node.wakes) <= wake_budget_us(60_000)


@BOTH
def test_its_radio_sleeps_between_reports(radio):
    """Standby is 0.6 mA (SX1262) or 1.6 mA (SX1276): weeks instead of years."""
    with lora_scenario(radio=radio) as node:
        for hours in (0.1, 0.4, 7):
            node.run_hours(hours)
            assert node.board.chip.radio.mode == "sleep"


def test_diagnostics_come_on_fport_2():
    with lora_scenario() as node:
        node.run_hours(0.1)
        assert [fport for _, fport, _ in node.uplinks] == [1, 2]
        told = decode_diagnostics(node.uplinks[1][2], 2)
        assert told.reset_cause == "power_on" and not told.safe_mode and not told.recoveries


def test_through_deep_sleep_no_counter_is_left_out():
    with lora_scenario(config=HOURLY) as node:
        node.run_hours(12)
        assert counters(node) == list(range(13))  # 12 reports and the diagnostics


def test_nvs_is_written_for_downlinks_alone():
    """LORAWAN.md: the downlink's counter; a wake that only measures writes nothing."""
    with lora_scenario(level=daily, server={"use_adr": False}) as node:
        writes = [node.board.chip.nvs.writes]
        quiet = told = 0
        while len(node.wakes) < 80:
            node.run_hours((node.board.next_time + 1) / HOUR_US)
            writes.append(node.board.chip.nvs.writes)
            if len(node.wakes) > 1:
                sent = ": sent" in node.wakes[-1].console
                assert writes[-1] - writes[-2] == sent
                quiet, told = quiet + (not sent), told + sent
        assert quiet > 60 and told > 3
        assert not node.board.chip.flash.writes


def test_nvs_gets_the_session_when_the_network_has_changed_it():
    with lora_scenario(config=HOURLY, server={"use_adr": False}) as node:
        node.run_hours(3)
        writes, downlinks = node.board.chip.nvs.writes, node.device.downlinks
        node.lora.server.request(node.device, commands.rx_timing_setup(3))
        node.run_hours(9)
        assert node.device.session.rx1_delay_s == 3 and ": sent" in node.wakes[-1].console
        assert node.board.chip.nvs.writes - writes == node.device.downlinks - downlinks + 1


@BOTH
def test_after_a_loss_of_power_it_goes_on_without_a_join(radio):
    with lora_scenario(radio=radio, config=HOURLY) as node:
        for loss in range(1, 4):
            node.run_hours(6 * loss)
            before = counters(node)[-1]
            node.board.power_on(node.board.chip.now + 600_000_000)
            node.run_hours(6 * loss + 1.6)  # the first try may lack credits: who knows when it last sent
            assert ": sent" in node.wakes[-1].console, node.wakes[-1].console
            assert next(count for count in counters(node) if count > before) <= before + AHEAD + 1
        assert node.device.joins == node.device.join_requests == 1
        assert counters(node) == sorted(set(counters(node)))


def test_a_session_that_nvs_has_lost_is_joined_anew_with_a_new_nonce():
    with lora_scenario(config=HOURLY) as node:
        node.run_hours(3)
        node.board.chip.nvs.live.pop(("binnode", "lora_session"))
        node.board.power_on(node.board.chip.now + 600_000_000)
        node.lora.audit.powered_on("bin")
        node.run_hours(6)
        assert node.device.joins == 2 and len(node.witness.joins) == 2
        assert ": sent" in node.wakes[-1].console


def test_the_network_asks_for_the_battery_and_changes_the_windows():
    with lora_scenario(config=HOURLY) as node:
        node.run_hours(2)
        for request in (commands.dev_status(), commands.rx_timing_setup(2)):
            node.lora.server.request(node.device, request)
        node.run_hours(6)
        assert {answer.name for answer in node.device.answers} >= {"DevStatusAns", "RXTimingSetupAns"}
        assert 1 <= node.device.battery <= 254 and node.device.margin_db is not None
        assert all(": sent" in wake.console for wake in node.wakes)


def test_a_wake_that_only_measures_loads_nothing_of_lorawan():
    kit = {"board": "heltec_v3", "region": "EU868"}
    config = node_kit.node_config(node_kit.Kit(**kit, seed="lora"))
    files = {**node_kit.files_of(boards.load("heltec_v3"), config), "main.py": bytecode.TELLING_MAIN}
    with lora_scenario(files=files) as node:
        node.run_hours(0.9)
        first, *others = [set(wake.console.split("modules ")[1].split()) for wake in node.wakes]
        assert len(others) >= 2 and "binnode.lorawan.mac" in first and "binnode.lorawan.joining" in first
        for modules in others:
            assert "binnode.node" in modules
            assert not [name for name in modules if "lorawan" in name or "radio" in name or "wifi" in name]


@BOTH
def test_abp_reports_and_its_counters_go_on_after_a_loss_of_power(radio):
    keys = bytes(range(16)), bytes(range(16, 32))
    config = {**HOURLY, "lora_join": "abp", "lora_dev_addr": "26012345"}
    with lora_scenario(radio=radio, config=config) as node:
        for name, key in zip(("lora_nwk_s_key", "lora_app_s_key"), keys, strict=True):
            node.board.chip.nvs.provision("binnode", name, key.hex().encode())
        node.lora.server.devices.remove(node.device)
        node.lora.server.abp(node.device, 0x26012345, *keys)
        node.run_hours(4)
        node.board.power_on(node.board.chip.now + 600_000_000)
        node.run_hours(8)
        assert not node.witness.joins and node.device.uplinks == node.witness.frames > 7
        assert all(": sent" in wake.console for wake in node.wakes[-4:])
        assert counters(node) == sorted(set(counters(node)))
