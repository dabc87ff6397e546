"""Each shape of a bin on the whole node: it reports the volume that the world has from formulas of its own."""

import pytest
from binnode_tools.virtual_board.chip import Wiring
from binnode_tools.virtual_board.scene import Geometry

from tests.system.scenario import HOUR_S, scenario

IGLOO = ((0, 0), (200, 320), (600, 1250), (1000, 2050), (1300, 2450), (1500, 2600))  # litres: it narrows upwards
SHAPES = {
    "upright": Geometry(empty_mm=1200, full_mm=150),
    "tapered": Geometry(shape="tapered", empty_mm=1100, full_mm=150, taper=0.7),
    "lying, to its top": Geometry(shape="lying", empty_mm=1300, full_mm=300),
    "lying, to below its top": Geometry(shape="lying", empty_mm=1700, full_mm=400, diameter_mm=1600),
    "strapping": Geometry(shape="strapping", empty_mm=1800, full_mm=400, strapping=IGLOO),
}


def rising(t_s: float) -> float:
    """From empty to full and over it in 21 hours."""
    return 50 * t_s / HOUR_S


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("seed", ["1", "2"])
def test_each_shape_reports_the_volume_within_a_point(name, seed):
    with scenario(rising, geometry=SHAPES[name], seed=seed, config={"hysteresis_permille": 20}) as node:
        node.run_hours(19.5)
        assert len(node.judge.errors_pct) > 60
        assert max(node.judge.errors_pct) <= 1.0
        assert not any("using" in wake.console for wake in node.wakes), "the config is in order"


@pytest.mark.parametrize("name", ["lying, to below its top", "strapping"])
def test_a_wrong_shape_would_show(name):
    """The worlds of these tests differ by more than the point that is allowed."""
    with scenario(rising, geometry=SHAPES[name], config={"shape": "upright"}) as node:
        node.run_hours(19.5)
        assert max(node.judge.errors_pct) > 3.0


def test_a_waterproof_module_over_a_lying_tank():
    """Its blind zone of 250 mm ends above the full line: the alarm comes, and stays while the waste is in it."""
    geometry = Geometry(shape="lying", empty_mm=1880, full_mm=280, diameter_mm=1600)
    with scenario(lambda t_s: 700 + 20 * t_s / HOUR_S, geometry=geometry, wiring=Wiring(module="jsn_sr04t")) as node:
        node.run_hours(16)
        assert max(node.judge.errors_pct) <= 1.0
        assert node.reports()[-1].container_full


def test_a_table_that_ends_below_the_full_line_is_named_on_the_console():
    geometry = Geometry(shape="strapping", empty_mm=1800, full_mm=400, strapping=IGLOO)
    with scenario(geometry=geometry, config={"strapping": "0:0,600:1250,1300:2450"}) as node:
        node.run_hours(0.1)
        assert "must reach the full line, 1400 mm" in node.wakes[0].console
