"""A radio that is broken, stuck, deaf or not wanted, through the whole node: named, bounded, over with the fault."""

import pytest
from binnode_tools.lora_network import commands

from tests.system.lora_scenario import HOURLY, RADIOS, LoraScenario, lora_scenario
from tests.system.scenario import scenario

HEAP_KIB = 180
RADIO = pytest.mark.parametrize("radio", RADIOS)
# The longest wake without an answer: the budget of the radio, and measuring.
MEASURED_US, BUDGET_US = 5_000_000, 75_000_000


def joined(radio: str, **settings):
    settings = {"server": {"use_adr": False}, "config": HOURLY, "heap_kib": HEAP_KIB, **settings}
    return lora_scenario(radio=radio, **settings)


def last(node: LoraScenario) -> str:
    return node.wakes[-1].console.strip().splitlines()[-1]


def resets(node: LoraScenario) -> list[int]:
    """When the radio's reset line rose, from now on."""
    times: list[int] = []
    radio = node.board.chip.radio
    power_on = radio.power_on

    def watched(now):
        times.append(now)
        power_on(now)

    radio.power_on = watched
    return times


@RADIO
@pytest.mark.parametrize(
    ("fault", "texts"),
    [
        ("absent", {"SX1262": "no radio", "SX1276": "no radio"}),
        ("dead busy", {"SX1262": "radio busy", "SX1276": "no radio"}),
        ("calibration", {"SX1262": "radio calibration 001f", "SX1276": "radio calibration"}),
    ],
)
def test_a_radio_that_does_not_work_is_named_and_costs_no_reading(radio, fault, texts):
    with joined(radio) as node:
        chip = node.board.chip.radio
        chip.faults.add(fault)
        node.run_hours(2.5)
        assert all(f"failed: {texts[radio]}," in wake.console.splitlines()[-1] for wake in node.wakes), last(node)
        assert all(wake.how == "deep sleep" and wake.awake_us < MEASURED_US for wake in node.wakes[1:])
        chip.faults.clear()
        node.run_hours(6.5)
        assert "sent, 0 waiting" in last(node)
        assert node.device.joins == 1


@RADIO
def test_a_radio_that_is_stuck_is_reset(radio):
    with joined(radio) as node:
        node.run_hours(1.5)
        times = resets(node)
        node.board.chip.radio.faults.add("busy")
        node.run_hours(2.5)
        assert "sent, 0 waiting" in last(node) and len(times) == 1


@RADIO
def test_settings_lost_in_deep_sleep_cost_nothing_but_a_cold_start(radio):
    with joined(radio) as node:
        node.run_hours(1.5)
        times = resets(node)
        node.run_hours(2.5)
        assert not times, "it goes on from its sleep"
        node.board.chip.radio.lose_configuration()
        times.clear()
        node.run_hours(3.5)
        assert "sent, 0 waiting" in last(node) and len(times) == 1
        assert node.device.repeats == node.device.missed == 0


@RADIO
@pytest.mark.parametrize("dr", [5, 0])
def test_without_its_line_the_windows_are_met_all_the_same(radio, dr):
    with joined(radio) as node:
        node.board.chip.radio.faults.add("dio")
        node.run_hours(1.5)
        node.lora.server.request(node.device, commands.link_adr(dr, 0, 0xFF))
        node.run_hours(5.5)
        device = node.device
        assert (device.joins, device.join_requests, device.repeats) == (1, 1, 0) and device.session.rates[-1] == dr


@RADIO
def test_noise_taken_for_a_preamble_ends_with_the_header_that_does_not_come(radio):
    with joined(radio) as node:
        node.run_hours(1.5)
        node.board.chip.radio.faults.add("false lock")
        node.run_hours(2.5)
        assert "failed: no answer" in last(node)
        assert node.wakes[-1].awake_us < BUDGET_US
        node.board.chip.radio.faults.clear()
        node.run_hours(5.5)
        assert "sent, 0 waiting" in last(node) and node.device.joins == 1


@RADIO
def test_a_radio_that_heard_no_answer_is_started_anew(radio):
    """It may be deaf, and would be so for as long as it goes on from its sleep."""
    with joined(radio) as node:
        node.run_hours(1.5)
        times = resets(node)
        node.gateways_off(1.5, 2.5)
        node.run_hours(2.5)
        assert "failed: no answer" in last(node) and not times
        node.run_hours(4.5)
        assert "sent, 0 waiting" in last(node) and len(times) == 1


def asleep_ua(node) -> int:
    """What a board should draw in deep sleep with its radio put to sleep at a cold start."""
    board = node.board.chip.board
    currents, wiring = board.currents_ua, board.radio
    radio_ua = wiring.cold_sleep_ua if wiring.chip == "sx1262" else wiring.sleep_ua
    return currents.always_on + currents.deep_sleep + currents.thermometer_standby + radio_ua


@pytest.mark.parametrize("board", ["heltec_v3", "lilygo_t3s3", "lilygo_lora32_v21"])
def test_a_node_whose_reports_go_over_wifi_has_it_asleep(board):
    """Else it would stand by from its power-on, at 0.6 to 2.4 mA. A reset of the host alone changes nothing."""
    with scenario(board=board) as node:
        chip = node.board.chip
        node.run_hours(0.4)
        assert chip.radio.mode == "sleep" and chip.ledger.current_ua == asleep_ua(node)
        node.run_hours(1.1)
        assert chip.radio.mode == "sleep" and chip.ledger.current_ua == asleep_ua(node)
        node.board.reset()
        node.run_hours(2.2)
        assert chip.radio.mode == "sleep" and chip.ledger.current_ua == asleep_ua(node)
        assert not any("radio" in wake.console for wake in node.wakes) and node.reports()


@pytest.mark.parametrize("board", ["heltec_v3", "lilygo_lora32_v21"])
def test_a_broken_radio_does_not_disturb_a_node_on_wifi(board):
    with scenario(board=board) as node:
        node.board.chip.radio.faults.add("dead busy")
        node.run_hours(1.1)
        assert node.reports() and all(wake.how == "deep sleep" for wake in node.wakes)
