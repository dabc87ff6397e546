"""Fill level of bins of every shape, by hand and by published tables; the exact volumes are in the property tests."""

from binnode.sensing.shape import SHAPES, fill_permille, height_mm
from binnode.sensing.shape_lying import part_q16
from binnode.sensing.shape_strapping import PAIRS, pairs
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


LYING = {"shape": "lying", "empty_mm": 1200, "full_mm": 200, "diameter_mm": 0}
STRAPPING = {"shape": "strapping", "empty_mm": 1000, "full_mm": 200, "strapping": "0:0,300:250,800:1000"}


def lying_table():
    """Depth over diameter and volume over whole, of horizontal cylindrical tanks (Perry's Chemical Engineers' Handbook,
    "Volume of Partially Filled Horizontal Cylinders"), in ten thousandths."""
    return ((500, 187), (1000, 520), (1500, 941), (2000, 1424), (2500, 1955), (3000, 2523), (4000, 3735), (5000, 5000))


def test_lying_cylinder_by_the_handbook():
    for depth, volume in lying_table():
        fill = fill_permille(LYING, 1200 - depth // 10)
        assert abs(fill * 10 - volume) <= 8, (depth, fill)
        above = fill_permille(LYING, 200 + depth // 10)
        assert abs(above * 10 - (10000 - volume)) <= 8, (depth, above)
    assert fill_permille(LYING, 700) == 500


def test_lying_cylinder_with_room_above_the_full_line():
    # The full line at three quarters of the diameter: below it are 0.8045 of the volume, below the middle 0.5.
    config = dict(LYING, empty_mm=950, diameter_mm=1000)
    assert fill_permille(config, 200) == 1000
    assert fill_permille(config, 950 - 500) in (621, 622)  # 0.5 / 0.80450
    # The full line at the middle: 0.1955 / 0.5
    assert fill_permille(dict(config, empty_mm=700), 700 - 250) == 391


def test_segments_rise_with_the_height():
    parts = [part_q16(x) for x in range(0, (1 << 14) + 1, 16)]
    assert parts == sorted(parts) and parts[0] == 0 and parts[-1] == 1 << 16
    assert part_q16((1 << 13) - 1) <= part_q16(1 << 13) <= part_q16((1 << 13) + 1)
    assert part_q16(1 << 13) in range((1 << 15) - 4, (1 << 15) + 5)


def test_strapping_table_by_hand():
    for height, fill in ((0, 0), (150, 125), (300, 250), (301, 252), (550, 625), (800, 1000)):
        assert fill_permille(STRAPPING, 1000 - height) == fill, height
    # 100 % is the full line, wherever the table ends: 700 mm are 250 + 400 * 1.5 = 850 litres.
    assert fill_permille(dict(STRAPPING, full_mm=300), 300) == 1000
    assert fill_permille(dict(STRAPPING, full_mm=300), 1000 - 300) == 294  # 250 / 850


def test_what_is_above_the_full_line_in_the_table_does_not_matter():
    shorter = dict(STRAPPING, strapping="0:0,300:250,760:940")  # its last piece goes on as the other's does
    assert all(fill_permille(shorter, mm) == fill_permille(STRAPPING, mm) for mm in range(200, 1000, 7))
    longer = dict(STRAPPING, strapping="0:0,300:250,800:1000,900:1001,6000:10000")
    for height in range(0, 801, 10):
        assert fill_permille(longer, 1000 - height) == fill_permille(STRAPPING, 1000 - height)


def test_any_unit_will_do():
    for table in ("0:0,300:1,800:4", "0:0,300:2500,800:10000", "0:0,300:25,800:100"):
        for height in range(0, 801, 50):
            config = dict(STRAPPING, strapping=table)
            assert abs(fill_permille(config, 1000 - height) - fill_permille(STRAPPING, 1000 - height)) <= 1


def test_tables_that_are_none():
    assert pairs("0:0,300:250,800:1000") == [(0, 0), (300, 250), (800, 1000)]
    assert len(pairs(",".join([f"{i}:{i}" for i in range(PAIRS)]))) == PAIRS
    for bad in (
        "",
        "0:0",
        "0:0,",
        "0:1,5:5",
        "1:0,5:5",
        "0:0,300:250,300:260",
        "0:0,300:250,400:250",
        "0:0,300:250,200:300",
        "0:0,6001:5",
        "0:0,6000:10001",
        "0:0,5",
        "0:0,5:6:7",
        "0:0,5:-6",
        "0:0,5: 6",
        "0:0,5:6.0",
        "0:0,5:x",
        "0:0,000005:6",
        ",".join([f"{i}:{i}" for i in range(PAIRS + 1)]),
    ):
        raises(ValueError, pairs, bad)


def test_every_shape_is_a_row_of_the_table():
    assert sorted(SHAPES) == ["lying", "strapping", "tapered", "upright"]
    assert (
        raises(KeyError, fill_permille, {"shape": "sphere", "empty_mm": 1000, "full_mm": 200}, 500).args[0] == "sphere"
    )
    for config in (UPRIGHT, TAPERED, LYING, STRAPPING):
        whole = config["empty_mm"] - config["full_mm"]
        function = SHAPES[config["shape"]]
        assert function(0, whole, config) == 0
        assert function(whole, whole, config) == 1000
        fills = [function(height, whole, config) for height in range(whole + 1)]
        assert fills == sorted(fills)
