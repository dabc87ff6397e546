"""The page about shapes has the numbers that the world's formulas give, and those are right where a hand can tell."""

from pathlib import Path

import pytest
from binnode.sensing.shape import SHAPES
from binnode_tools.virtual_board import shape_errors
from binnode_tools.virtual_board.scene import Geometry

PAGE = Path(__file__).parents[3] / "host_tools/docs/shapes.md"


def test_the_page_has_the_tables():
    text = PAGE.read_text()
    for table in shape_errors.tables().split("\n\n"):
        assert table in text, "python -m binnode_tools.virtual_board.shape_errors"
    assert all(f"| `{shape}` |" in text for shape in SHAPES)


def test_millimetres_by_hand():
    assert shape_errors.permille_per_mm(Geometry(empty_mm=800, full_mm=0), 0.5) == pytest.approx(1.25)
    # In the middle of a lying cylinder the surface is a diameter wide: 4 / pi of the mean width.
    tank = Geometry(shape="lying", empty_mm=1000, full_mm=0)
    assert shape_errors.permille_per_mm(tank, 0.5) == pytest.approx(1.2732, abs=0.001)
    # At the rim of a pyramid upside down the surface is three times the mean.
    pyramid = Geometry(shape="tapered", empty_mm=1000, full_mm=0, taper=0)
    assert shape_errors.permille_per_mm(pyramid, 1.0) == pytest.approx(3.0, abs=0.01)


def test_what_is_hidden_by_hand():
    assert shape_errors.hidden_percent(Geometry(empty_mm=800, full_mm=0), 250) == pytest.approx(31.25)
    # A quarter of the diameter of a lying cylinder holds 0.1955 of it.
    assert shape_errors.hidden_percent(Geometry(shape="lying", empty_mm=1000, full_mm=0), 250) == pytest.approx(
        19.55, abs=0.01
    )


def test_more_pairs_err_less():
    errors = [shape_errors.table_error_permille(pairs) for pairs in (3, 5, 9, 16, 101)]
    assert errors == sorted(errors, reverse=True) and errors[-1] < 1


@pytest.mark.parametrize("shape", ["upright", "tapered", "lying", "strapping"])
def test_the_worlds_height_and_volume_are_inverse(shape):
    table = ((0.0, 0.0), (300.0, 100.0), (800.0, 1000.0))
    bin_ = Geometry(shape, 1000, 200, taper=0.6, diameter_mm=900 if shape == "lying" else 0, strapping=table)
    whole = bin_.volume_below(800)
    for fill in (0.02, 0.1, 0.37, 0.5, 0.9, 1.0):
        assert bin_.volume_below(800 * bin_.height_fraction(fill)) / whole == pytest.approx(fill, abs=1e-6)
