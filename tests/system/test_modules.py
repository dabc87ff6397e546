"""Each distance module on the whole node, and what may go wrong with it. That its level is right: test_chain.py."""

from dataclasses import replace

import pytest
from binnode_tools import boards
from binnode_tools.virtual_board import serial_modules
from binnode_tools.virtual_board.chip import Wiring
from binnode_tools.virtual_board.scene import Geometry, Unkind

from tests.bench import bytecode, node
from tests.system.scenario import HOUR_S, scenario, wake_budget_us

GEOMETRY = Geometry(empty_mm=1350, full_mm=600)


@pytest.mark.parametrize("kind", ["a02yyuw", "jsn_sr04t_uart", "us100", "mb7360", "rcwl9600"])
@pytest.mark.parametrize("fault", ["dead", "garbage"])
def test_a_broken_module_never_has_a_level(kind, fault):
    with scenario(geometry=GEOMETRY, wiring=Wiring(module=kind)) as running:
        running.run_hours(0.3)
        running.board.chip.module.fault = fault
        running.run_hours(2)
        running.board.chip.module.fault = None
        broken = running.reports()[-1]
        assert broken.kind in ({"fault"} if fault == "dead" else {"fault", "noisy", "no_echo"})
        assert broken.fill_permille is None
        assert max(wake.awake_us for wake in running.wakes) <= wake_budget_us()
        running.run_hours(4)
        assert running.reports()[-1].kind == "ok" and abs(running.reports()[-1].fill_permille - 300) <= 10


@pytest.mark.parametrize("kind", [kind for kind in serial_modules.TYPES if kind != "us100"])  # 20 mm is no such place
def test_an_overfull_bin_is_never_reported_empty(kind):
    """Waste in the blind zone: what the module says then, its lowest value or anything, is no level."""
    blind_mm = serial_modules.TYPES[kind].blind_mm
    geometry = Geometry(empty_mm=blind_mm + 900, full_mm=blind_mm + 60)

    def level(t_s: float) -> float:
        overfull = 1000 * (geometry.empty_mm - blind_mm * 0.6) / (geometry.empty_mm - geometry.full_mm)
        return 900 if t_s < HOUR_S else overfull

    with scenario(level, geometry=geometry, wiring=Wiring(module=kind)) as running:
        running.run_hours(3)
        report = running.reports()[-1]
        assert report.container_full and report.fill_permille in (None, 1000)
        assert report.kind in ("too_near", "ok")
        assert not any(one.emptied or one.released for one in running.reports())


@pytest.mark.parametrize("kind", ["a02yyuw", "mb7380", "jsn_sr04t_uart"])
def test_an_echo_from_the_rim_alone_is_never_an_emptier_bin(kind):
    with scenario(lambda t_s: 500, geometry=GEOMETRY, wiring=Wiring(module=kind)) as running:
        running.run_hours(1)
        running.board.chip.module.rim_mm = 150
        running.run_hours(3)
        report = running.reports()[-1]
        assert (report.kind, report.fill_permille) == (("ok", 1000) if kind == "a02yyuw" else ("too_near", None))


def test_nothing_to_hear_is_no_empty_bin():
    for kind in ("a02yyuw", "dyp_115200", "mb7363", "us100", "rcwl9600"):
        unkind = replace(Unkind(), lost_echoes=1.0)
        with scenario(lambda t_s: 500, geometry=GEOMETRY, unkind=unkind, wiring=Wiring(module=kind)) as running:
            running.run_hours(0.3)
            (report, *_) = running.reports()
            assert (report.kind, report.fill_permille) == ("no_echo", None), kind


def test_a_us100_is_the_thermometer_where_there_is_no_other():
    wiring = Wiring(module="us100", ds18b20=False)
    with scenario(geometry=GEOMETRY, wiring=wiring) as running:
        running.run_hours(0.1)
        (report,) = running.reports()
        assert abs(report.temperature_c10 - 10 * running.scene.temperature_c(0)) <= 15


def test_a_module_on_i2c_says_so_on_a_board_without_a_pin_for_it():
    with scenario(geometry=GEOMETRY, wiring=Wiring(module="rcwl9600"), board="lilygo_lora32_v21") as running:
        running.run_hours(0.3)
        assert running.reports()[0].sensor_fault
        running.expected_findings.update(running.findings())
        assert any("input only" in text for text in running.findings())


@pytest.mark.parametrize("board", [name for name in boards.names() if name != "esp32_devkit"])
def test_a_uart_module_on_every_board(board):
    with scenario(geometry=GEOMETRY, wiring=Wiring(module="a02yyuw"), board=board) as running:
        running.run_hours(0.6)
        assert running.judge.errors_pct and max(running.judge.errors_pct) <= 1.0
        assert running.board.chip.module.powered_at is None


@pytest.mark.parametrize("kind", ["us100", "rcwl9600"])
def test_a_wake_with_such_a_module_keeps_its_budget_of_bytecode(kind):
    kit = replace(node.new_kit("esp32_devkit"), wiring=Wiring(module=kind))
    files = node.image_files(kit, bytecode.TELLING_MAIN)
    loaded = bytecode.told(node.expect(node.REPORT, node.second_wake(kit, node.REPORT, files)), files)
    assert "binnode/board_serial.mpy" in loaded and "binnode/sensing/pulse_ranger.mpy" not in loaded
    assert sum(loaded.values()) <= 32 * 1024
    others = {f"binnode/sensing/{name}.mpy" for name in ("us100", "rcwl9600", "maxbotix", "frame_ff")}
    assert others & set(loaded) == {f"binnode/sensing/{kind}.mpy"}
