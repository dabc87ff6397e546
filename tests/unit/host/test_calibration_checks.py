"""The checks of a calibration: each at both sides of its threshold, edges against bins that chance makes."""

from dataclasses import replace
from random import Random

import pytest
from binnode_tools.calibration_checks import (
    CLUSTER_MM,
    EDGE_PERCENT,
    EDGE_PINGS,
    Bin,
    all_checks,
    battery,
    beam,
    beam_width_mm,
    blind_zone,
    edges,
    edges_heard,
    noise,
    reach,
    rim_only,
    tape,
    thermometer,
    wall_met_mm,
)
from binnode_tools.modules import modules
from binnode_tools.node_service import Reading
from hypothesis import given, settings
from hypothesis import strategies as st

HC, JSN, US100 = (modules()[name] for name in ("hcsr04p", "jsn_sr04t", "us100"))


def reading(*heard, kind="ok", valid=None, spread_mm=3, c10=200, mv=3900):
    heard = list(heard) or [1000] * 5
    return Reading(kind, heard[0], len(heard) if valid is None else valid, len(heard), spread_mm, heard, None, c10, mv)


def bin_(**changes):
    sound = Bin(HC, 1000, 200, [reading()] * 5, [reading(*[200] * 5)] * 5, full_heard_mm=200, low_battery_mv=3300)
    return replace(sound, **changes)


def test_a_sound_bin_passes_each_check_and_says_what_it_found():
    checks = all_checks(bin_(width_mm=600))
    assert {check.level for check in checks} == {"ok"} and not any(check.remedy for check in checks)
    assert [check.code for check in checks] == [
        "rim_only", "blind_zone", "range", "beam", "noise", "edges", "thermometer", "battery"
    ]  # fmt: skip
    assert all(check.text for check in checks)


def test_nothing_measured_nothing_wrong():
    checks = all_checks(Bin(JSN, 1400, 400))
    assert {check.level for check in checks} == {"ok"}


@pytest.mark.parametrize("full_mm, level", [(250, "error"), (251, "warning"), (289, "warning"), (290, "ok")])
def test_blind_zone(full_mm, level):
    check = blind_zone(bin_(module=JSN, full_mm=full_mm))
    assert check.level == level and bool(check.remedy) == (level != "ok") and "250 mm" in check.text


@pytest.mark.parametrize("empty_mm, level", [(3600, "ok"), (3601, "warning"), (4000, "warning"), (4001, "error")])
def test_range(empty_mm, level):
    assert reach(bin_(empty_mm=empty_mm)).level == level


def test_the_beam_is_as_wide_as_its_angle_makes_it():
    """15 degrees: 263 mm at a metre (2 tan 7.5); 75: 1535 mm."""
    assert (beam_width_mm(HC, 1000), beam_width_mm(JSN, 1000)) == (263, 1535)
    for module in modules().values():
        met = wall_met_mm(module, 600, None)
        assert met and abs(beam_width_mm(module, met) - 600) <= 2


@pytest.mark.parametrize(
    ("width_mm", "to_wall_mm", "level"),
    [(264, None, "ok"), (262, None, "warning"), (None, 132, "ok"), (None, 130, "warning"), (600, 100, "warning")],
)
def test_beam(width_mm, to_wall_mm, level):
    check = beam(bin_(width_mm=width_mm, to_wall_mm=to_wall_mm))
    assert check.level == level and "263 mm at the bottom" in check.text
    assert ("meets the wall from " in check.text) == (level == "warning")
    assert "nobody said" in beam(bin_()).text


@pytest.mark.parametrize(
    ("valid", "spread_mm", "level"), [(8, 31, "ok"), (7, 31, "warning"), (8, 32, "warning"), (10, 0, "ok")]
)
def test_noise(valid, spread_mm, level):
    one = reading(*[1000] * 10, valid=valid, spread_mm=spread_mm)
    assert noise(bin_(empty=[one], full=[])).level == level


RIM = [
    ({"empty_mm": 150, "full_heard_mm": 149, "full_mm": 149}, "the same empty (150 mm) and with the board (149 mm)"),
    ({"empty_mm": 249, "full_heard_mm": 200, "full_mm": 200}, "the same empty"),
    ({"empty_mm": 150, "full_heard_mm": 400, "full_mm": 400}, "the same empty"),  # nearer than the board
    ({"empty_mm": 150, "full_heard_mm": 60, "full_mm": 160}, "no farther than the full line (160 mm)"),  # over the rim
    ({"empty_mm": 150, "full_heard_mm": None, "full_mm": 200}, "no farther than the full line (200 mm)"),
    ({"empty_mm": 214, "full_heard_mm": None, "full_mm": 200}, "no farther than the full line (200 mm)"),
    ({"depth_mm": 1072}, "by tape it is 1072 mm deep"),
]


@pytest.mark.parametrize(("changes", "text"), RIM)
def test_rim_only(changes, text):
    check = rim_only(bin_(**changes))
    assert (
        (check.code, check.level) == ("rim_only", "error")
        and text in check.text
        and "straight down" in check.remedy.lower()
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"empty_mm": 250},
        {"empty_mm": 215, "full_heard_mm": None},
        {"depth_mm": 1051},
        {"depth_mm": 900},
        {"empty_mm": 150, "empty": ()},  # typed: what the module hears of it nobody knows
    ],
)
def test_the_bottom_is_heard(changes):
    assert rim_only(bin_(**changes)).level == "ok"


@pytest.mark.parametrize("depth_mm, level", [(952, "ok"), (950, "warning"), (1051, "ok"), (1060, "warning")])
def test_tape(depth_mm, level):
    assert tape(bin_(depth_mm=depth_mm)).level == level
    assert any(check.code == "tape" for check in all_checks(bin_(depth_mm=depth_mm)))


@pytest.mark.parametrize(
    ("module", "by", "c10", "level"),
    [
        (HC, "chip", [340, 340], "ok"),
        (HC, "chip", [350, 350], "warning"),
        (HC, "chip", [200, 219], "ok"),
        (HC, "chip", [200, 220], "warning"),
        (HC, "chip", [None, None], "ok"),
        (HC, "ds18b20", [400, 440], "ok"),
        (US100, "chip", [400, 440], "ok"),
        (JSN, "chip", [470, 480], "warning"),
    ],
)
def test_thermometer(module, by, c10, level):
    found = bin_(module=module, thermometer=by, empty=[reading(c10=c10[0])], full=[], now=[reading(c10=c10[1])])
    assert thermometer(found).level == level


@pytest.mark.parametrize("mv, level", [(3299, "warning"), (3300, "ok"), (None, "ok")])
def test_battery(mv, level):
    assert battery(bin_(empty=[], full=[], now=[reading(mv=mv)])).level == level


# edges


def test_an_edge_is_told_with_its_distance_and_share():
    pings = [1000, 998, 402, 1001, 999, 400, 1002, 1000, None, 398]
    check = edges(bin_(empty=[reading(*pings[:5]), reading(*pings[5:])]))
    assert check.level == "warning" and "sticks out at 400 mm (30 % of the pings)" in check.text and check.remedy


def test_two_edges_the_louder_one_first():
    heard = edges_heard([1000] * 20 + [300] * 3 + [600] * 5 + [310], 1000)
    assert [(edge.distance_mm, edge.pings) for edge in heard] == [(600, 5), (302, 4)]


distances = st.one_of(st.none(), st.integers(20, 4000))


@given(st.lists(distances, min_size=1, max_size=60), st.integers(100, 4000), st.randoms())
def test_what_is_an_edge(heard, bottom_mm, random):
    """Nearer than the bottom, agreed on by enough pings; in whatever order they came."""
    found = edges_heard(heard, bottom_mm)
    for edge in found:
        around = [mm for mm in heard if mm is not None and abs(mm - edge.distance_mm) <= CLUSTER_MM]
        assert edge.distance_mm < bottom_mm - CLUSTER_MM and EDGE_PINGS <= edge.pings <= len(around)
        assert edge.percent == 100 * edge.pings / len(heard) >= EDGE_PERCENT
    assert [edge.pings for edge in found] == sorted((edge.pings for edge in found), reverse=True)
    random.shuffle(heard)
    assert edges_heard(heard, bottom_mm) == found


@given(st.integers(60, 900), st.integers(2, 10), st.lists(st.integers(-15, 15), min_size=40, max_size=40))
@settings(max_examples=50)
def test_a_rib_is_found_where_it_is(at_mm, count, noise_mm):
    heard = [at_mm + mm for mm in noise_mm[:count]] + [1000 + mm for mm in noise_mm[count:]]
    found = edges_heard(heard, 1000)
    assert len(found) == 1 and abs(found[0].distance_mm - at_mm) <= 15 and found[0].pings == count


def test_chance_makes_no_ribs_and_hides_few():
    """The unkind world: 3 % of the echoes lost, 2 % false, anywhere; 34 pings, as five readings have."""
    random = Random(1)

    def bin_with(share):
        def ping():
            chance = random.random()
            if chance < 0.05:
                return None if chance < 0.03 else round(random.uniform(20, 1000))
            return round(random.gauss(400 if random.random() < share else 1000, 3))

        return edges_heard([ping() for _ in range(34)], 1000)

    alarms = sum(bool(bin_with(0)) for _ in range(2000))
    found = sum(any(abs(edge.distance_mm - 400) < 20 for edge in bin_with(0.2)) for _ in range(500))
    assert alarms <= 60 and found >= 480
