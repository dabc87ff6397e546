"""Fill level of upright and tapered bins; the exact volumes are in the property tests."""

from binnode.sensing.shape import SHAPES, fill_permille, height_mm
from check import raises

UPRIGHT = {"shape": "upright", "empty_mm": 1000, "full_mm": 200, "bottom_permille": 800}
TAPERED = {"shape": "tapered", "empty_mm": 1000, "full_mm": 200, "bottom_permille": 800}


def test_height_is_measured_from_the_bottom():
    assert height_mm(UPRIGHT, 1000) == 0
    assert height_mm(UPRIGHT, 640) == 360
    assert height_mm(UPRIGHT, 100) == 900
    assert height_mm(UPRIGHT, 1030) == 0


def test_upright_is_linear():
    for distance, fill in ((1000, 0), (800, 250), (600, 500), (200, 1000), (999, 1), (201, 999)):
        assert fill_permille(UPRIGHT, distance) == fill, distance


def test_fill_is_clamped():
    for config in (UPRIGHT, TAPERED):
        assert fill_permille(config, 1001) == 0
        assert fill_permille(config, 8000) == 0
        assert fill_permille(config, 199) == 1000
        assert fill_permille(config, 0) == 1000


def test_tapered_by_hand():
    # Bottom 0.8 wide, half height 0.9 wide: (0.9^3 - 0.8^3) / (1 - 0.8^3) = 0.217 / 0.488 = 0.4447
    assert fill_permille(TAPERED, 600) == 445
    # A quarter: 0.85 wide: (0.614125 - 0.512) / 0.488 = 0.2093
    assert fill_permille(TAPERED, 800) == 209
    # A point at the bottom is a pyramid: half the height holds an eighth.
    pyramid = dict(TAPERED)
    pyramid["bottom_permille"] = 0
    assert fill_permille(pyramid, 600) == 125
    assert fill_permille(pyramid, 200) == 1000


def test_tapered_with_equal_widths_is_upright():
    config = dict(TAPERED)
    config["bottom_permille"] = 1000
    for distance in range(190, 1010, 3):
        assert abs(fill_permille(config, distance) - fill_permille(UPRIGHT, distance)) <= 1, distance
    assert fill_permille(config, 600) == 500


def test_wider_at_the_bottom():
    # r = 1.2, half height 1.1 wide: (1.1^3 - 1.2^3) / (1 - 1.2^3) = 0.397 / 0.728 = 0.5453
    config = dict(TAPERED)
    config["bottom_permille"] = 1200
    assert fill_permille(config, 600) == 545


def test_fill_never_falls_while_the_waste_rises():
    for config in (UPRIGHT, TAPERED):
        fills = [fill_permille(config, distance) for distance in range(1100, 100, -1)]
        assert fills == sorted(fills)
        assert fills[0] == 0 and fills[-1] == 1000


def test_every_shape_is_a_row_of_the_table():
    assert sorted(SHAPES) == ["tapered", "upright"]
    assert (
        raises(KeyError, fill_permille, {"shape": "sphere", "empty_mm": 1000, "full_mm": 200}, 500).args[0] == "sphere"
    )
    for function in SHAPES.values():
        assert function(0, TAPERED) == 0
        assert function(1 << 14, TAPERED) == 1000
