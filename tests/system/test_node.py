"""The whole node on the virtual board: what it measures, says and does, in the street's usual trouble."""

from dataclasses import replace

import pytest
from binnode_tools.virtual_board.network import AccessPoint
from binnode_tools.virtual_board.scene import KIND, Geometry, Unkind

from tests.system.scenario import HOUR_S, scenario, wake_budget_us


def step(before: float, after: float, at_h: float):
    return lambda t_s: before if t_s < at_h * HOUR_S else after


def test_first_wake_reports_and_the_next_ones_keep_quiet():
    with scenario() as node:
        node.run_hours(1.5)
        (report,) = node.reports()
        assert (report.reason, report.first_report, report.kind) == ("first", True, "ok")
        assert abs(report.fill_permille - 300) <= 10 and abs(report.distance_mm - 760) <= 8
        assert report.battery_mv is not None and 3300 < report.battery_mv < 4200
        assert report.temperature_c10 is not None
        assert node.broker.logins == [("bin", None)] and node.broker.goodbyes == 1
        assert all(wake.how == "deep sleep" for wake in node.wakes)


def test_console_says_one_line_per_wake_and_no_secret():
    with scenario() as node:
        node.run_hours(1)
        for wake in node.wakes:
            lines = [line for line in wake.console.splitlines() if "wake" in line]
            assert len(lines) == 1 and "ok" in lines[0] and "sleeps 900 s" in lines[0]
            assert AccessPoint().key not in wake.console


def test_json_state_is_retained_and_speaks_lwm2m_3435():
    import json

    with scenario() as node:
        node.run_hours(0.1)
        (state,) = [
            (payload, kept) for _, topic, payload, kept in node.broker.published if topic == "binnode/bin/state"
        ]
        fields = json.loads(state[0])
        assert state[1] is True
        assert abs(fields["actual_filling_percentage"] - 30) <= 1 and fields["container_full"] is False
        assert fields["id"] == "bin" and fields["kind"] == "ok"


def test_alarm_goes_out_at_once_and_is_released_by_the_emptying():
    def level(t_s):
        hour = t_s / HOUR_S
        return 700 if hour < 2 else 850 if hour < 5 else 50

    with scenario(level) as node:
        node.run_hours(7)
        events = [(report.reason, report.container_full, report.released, report.emptied) for report in node.reports()]
        assert events[0] == ("first", False, False, False)
        assert events[1] == ("alarm", True, False, False)
        assert events[2] == ("released", False, True, True)
        assert len(events) == 3


@pytest.mark.parametrize("seed", ["1", "2", "3"])
def test_one_bird_is_no_emptying(seed):
    """A world with ten times the false echoes still invents no emptying and stays within three points."""
    with scenario(lambda t_s: 600, seed=seed, unkind=replace(Unkind(), false_echoes=0.2, lost_echoes=0.1)) as node:
        node.run_hours(24)
        assert not any(report.emptied for report in node.reports())
        assert max(node.judge.errors_pct) <= 3.0


def test_overfull_bin_is_full_and_never_empty():
    """Waste rises into the blind zone: the alarm stays on, and no level is invented."""
    geometry = Geometry(empty_mm=600, full_mm=60)

    def level(t_s):
        return 900 if t_s < 2 * HOUR_S else 1085  # 14 mm below the module: inside its blind zone

    with scenario(level, geometry=geometry) as node:
        node.run_hours(8)
        assert node.reports()[-1].container_full
        later = [report for report in node.reports() if report.reason != "first"][-1]
        assert later.kind == "too_near" and later.fill_permille is None
        assert not any(report.emptied or report.released for report in node.reports())


def test_open_lid_is_not_an_empty_bin():
    with scenario(lambda t_s: 500, unkind=replace(Unkind(), lid_open_s=4000)) as node:
        node.scene.emptyings_s = (3 * HOUR_S,)  # the lid is up, and nobody empties
        node.run_hours(6)
        kinds = {report.kind for report in node.reports()}
        assert kinds - {"ok"}, "an open lid shows"
        assert not any(report.emptied for report in node.reports())
        assert all(
            abs(report.fill_permille - 500) < 20 for report in node.reports() if report.fill_permille is not None
        )


@pytest.mark.parametrize(("fault", "kinds"), [("dead", {"fault"}), ("stuck", {"fault"})])
def test_broken_module_is_a_fault_and_within_budget(fault, kinds):
    with scenario() as node:
        node.run_hours(1)
        node.board.chip.module.fault = fault
        node.run_hours(3)
        report = node.reports()[-1]
        assert report.kind in kinds and report.sensor_fault and report.fill_permille is None
        assert max(wake.awake_us for wake in node.wakes) <= wake_budget_us()
        node.board.chip.module.fault = None
        node.run_hours(5)
        assert node.reports()[-1].kind == "ok"


@pytest.mark.parametrize("fault", ["dead", "noise"])
def test_thermometer_that_fails_is_replaced_by_the_chips(fault):
    with scenario(unkind=replace(Unkind(), chip_thermometer_k=0)) as node:
        node.board.chip.thermometer.fault = fault
        node.run_hours(0.1)
        (report,) = node.reports()
        true_c10 = 10 * node.scene.temperature_c(0)
        assert report.temperature_c10 is not None and abs(report.temperature_c10 - true_c10) <= 15
        assert report.kind == "ok" and abs(report.fill_permille - 300) < 15


def test_tapered_bin_reports_volume_and_not_height():
    geometry = Geometry(shape="tapered", empty_mm=1100, full_mm=250, taper=0.6)
    with scenario(lambda t_s: 100 + t_s / HOUR_S * 20, geometry=geometry) as node:
        node.run_hours(36)
        assert len(node.judge.errors_pct) > 100 and max(node.judge.errors_pct) <= 1.2


def test_reports_without_any_trouble_are_as_exact_as_the_payload():
    with scenario(lambda t_s: 100 + t_s / HOUR_S * 20, unkind=KIND) as node:
        node.run_hours(24)
        assert max(node.judge.errors_pct) <= 0.3


def test_wrong_password_gives_up_early_and_names_the_remedy():
    with scenario() as node:
        node.network.access_points[0].key = "changed"
        node.run_hours(0.2)
        assert "wrong password: set wifi_key anew" in node.wakes[0].console
        assert node.wakes[0].awake_us < 12_000_000


def test_known_channel_makes_the_second_join_quicker():
    with scenario(step(300, 380, 0.5), unkind=replace(Unkind(), join_failures=0)) as node:
        node.run_hours(1)
        first, change = (wake for wake in node.wakes if ": sent" in wake.console)
        assert change.awake_us < first.awake_us - 3_000_000 - 1_000_000  # the listening seconds, and the scan


def test_access_point_that_moved_to_another_channel_is_found_again():
    with scenario(step(300, 500, 0.5), unkind=replace(Unkind(), join_failures=0)) as node:
        node.run_hours(0.4)
        node.network.access_points[0].channel = 11
        node.run_hours(1)
        assert len(node.reports()) == 2


def test_power_cycle_is_a_first_report_again():
    with scenario() as node:
        node.run_hours(1)
        node.board.power_on(node.board.chip.now + 10_000_000)
        node.run_hours(2)
        assert [report.reason for report in node.reports()] == ["first", "first"]


def test_config_that_is_damaged_runs_on_defaults_and_says_so():
    from binnode_tools import boards
    from binnode_tools.virtual_board import node_kit

    files = node_kit.files_of(boards.load("esp32_devkit"), None)
    files["config.json"] = b'{"version": 1, "empty_mm": 5, '
    with scenario(files=files) as node:
        node.run_hours(0.5)
        assert all(wake.how == "deep sleep" for wake in node.wakes)
        assert "config.json" in node.wakes[0].console, node.wakes[0].console


def test_same_seed_same_trace_and_another_seed_another():
    def trace(seed):
        with scenario(lambda t_s: 300 + t_s / 200, seed=seed) as node:
            node.run_hours(8)
            return node.world.trace.sha256

    assert trace("7") == trace("7") != trace("8")


def test_no_state_but_rtc_memory_survives_a_wake():
    """Nothing of the duty cycle goes to a file, and NVS is written by the first report alone: its count, and off."""
    with scenario(lambda t_s: 300 + t_s / 100) as node:
        writes = node.board.chip.nvs.writes + 2
        node.run_hours(0.1)
        assert node.board.chip.nvs.writes == writes
        node.run_hours(12)
        assert node.board.chip.flash.writes == 0 and not node.board.chip.flash.erases
        assert node.board.chip.nvs.writes == writes
        assert len(node.board.chip.rtc) >= 40
