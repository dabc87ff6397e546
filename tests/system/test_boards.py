"""Every board of the folder: a day of its node with a report, and what its chip has and has not."""

import pytest
from binnode_tools import boards
from binnode_tools.chips import CHIPS
from binnode_tools.virtual_board.chip import Wiring
from binnode_tools.virtual_board.handlers import HANDLERS
from binnode_tools.virtual_board.wake import DEEP_SLEEP, POWER_ON

from tests.system.scenario import HOUR_S, scenario, wake_budget_us

BOARDS = boards.names()


@pytest.fixture(params=BOARDS)
def name(request):
    return request.param


def test_a_day_on_each_board(name):
    with scenario(lambda t_s: 200 + 20 * t_s / HOUR_S, board=name) as node:
        node.run_hours(24)
        reports = node.reports()
        assert reports[0].reason == "first" and len(reports) >= 5
        assert all(report.kind == "ok" for report in reports)
        assert max(node.judge.errors_pct) <= 1.5
        assert all(3300 < report.battery_mv < 4200 for report in reports)
        assert all(-30 < report.temperature_c10 < 400 for report in reports)
        causes = [wake.cause for wake in node.wakes]
        assert causes[0] == POWER_ON and set(causes[1:]) == {DEEP_SLEEP} and len(causes) > 85
        assert all(wake.how == "deep sleep" and wake.awake_us <= wake_budget_us() for wake in node.wakes)
        assert all("failed" not in wake.console for wake in node.wakes)


def test_asleep_a_board_draws_what_its_file_says(name):
    """Module off, chip in deep sleep, and the radio too."""
    board = boards.load(name)
    with scenario(board=name) as node:
        node.run_hours(0.5)
        chip, now = node.board.chip, board.currents_ua
        asleep = now.always_on + now.deep_sleep + now.thermometer_standby
        radio = board.radio
        asleep += 0 if radio is None else radio.cold_sleep_ua if radio.chip == "sx1262" else radio.sleep_ua
        assert chip.ledger.current_ua == asleep
        assert chip.module.powered_at is None


def test_the_charge_of_a_wake_differs_by_board():
    def charge(name):
        with scenario(board=name) as node:
            node.run_hours(1)
            return round(node.wakes[-1].charge_mc, 1)

    charges = {name: charge(name) for name in BOARDS}
    assert len(set(charges.values())) >= 4
    assert charges["esp32c3"] < min(mc for name, mc in charges.items() if name != "esp32c3"), charges


def test_the_chips_own_thermometer_serves_each_board(name):
    """An ESP32 has raw_temperature in Fahrenheit, the others mcu_temperature: each lacks the other's."""
    with scenario(board=name, wiring=Wiring(ds18b20=False)) as node:
        node.run_hours(0.3)
        (report,) = node.reports()
        true_c10 = 10 * node.scene.temperature_c(0)
        assert abs(report.temperature_c10 - true_c10) <= 10 * (node.kit.unkind.chip_thermometer_k + 1.5)


@pytest.mark.parametrize("level", [0, 1])
def test_the_divider_behind_a_pin_is_measured_whichever_way_it_is_switched(level):
    """Heltec's V3 and V3.1 connect it by low, V3.2 by high; the pin's resistor tells the node which."""
    with scenario(board="heltec_v3", wiring=Wiring(battery_enable_active_level=level)) as node:
        node.run_hours(0.5)
        (report,) = node.reports()
        chip = node.board.chip
        true_mv = chip.battery.voltage_mv(chip.ledger.charge_mc, 40_000, node.scene.temperature_c(0))
        assert abs(report.battery_mv - true_mv) <= 50  # 25 mV steps, and 4 mV of noise behind a divider by 4.9
        assert chip.divider.on_at is None, "off again"


def test_a_divider_needs_its_pin_and_its_time():
    """What a node would read that forgets the pin, or does not wait."""
    board = boards.load("heltec_v3")
    with scenario(board="heltec_v3") as node:
        node.run_hours(0.1)
        chip = node.board.chip
        assert chip.divider.part(chip.now) == 0
        chip.divider.output(chip.divider.pin, 0, chip.now)
        assert chip.divider.part(chip.now) == 0
        assert 0.35 < chip.divider.part(chip.now + 1000) < 0.45
        assert chip.divider.part(chip.now + 1000 * board.battery.settle_ms) > 0.99
        chip.divider.output(chip.divider.pin, None, chip.now)
        assert chip.divider.part(chip.now) == 0


def test_the_adc_ends_where_its_attenuation_does():
    from binnode_tools.virtual_board import acts

    with scenario(board="heltec_v3") as node:
        node.run_hours(0.1)
        chip = node.board.chip
        chip.divider.output(chip.divider.pin, 0, chip.now - 1_000_000)
        seen = []
        for attenuation in range(4):
            HANDLERS[acts.ADC_INIT](chip, 1, attenuation, b"")
            seen.append(HANDLERS[acts.ADC_READ](chip, 1, 0, b"") / 1000)
        assert max(seen) <= 850, "a battery of 4.05 V is 826 mV here"
        chip.battery.used_mc = -0.2 * chip.battery.capacity_mc
        HANDLERS[acts.ADC_INIT](chip, 1, 0, b"")
        assert HANDLERS[acts.ADC_READ](chip, 1, 0, b"") / 1000 <= CHIPS["esp32s3"].adc_ranges_mv[0]


def test_the_button_of_each_board_can_wake_it(name):
    board = boards.load(name)
    assert board.pins.button is not None and board.pins.button in CHIPS[board.chip].wake
