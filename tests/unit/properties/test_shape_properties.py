"""Lying cylinders and strapping tables against the exact volumes, on CPython and on MicroPython."""

import math
from fractions import Fraction
from itertools import pairwise

from binnode import config as configuration
from binnode.sensing.shape import fill_permille
from hypothesis import given, settings
from hypothesis import strategies as st


def segment(height: float, diameter: float) -> float:
    """The part of a circle's area below a height, by the textbook's formula."""
    x = 1 - 2 * height / diameter
    return (math.acos(x) - x * math.sqrt(max(0.0, 1 - x * x))) / math.pi


def test_lying_cylinder_is_exact_to_a_permille(replay_on_vm):
    cases = []

    @settings(max_examples=300, deadline=None)
    @given(st.integers(0, 500), st.integers(50, 6000), st.fractions(1, 2), st.booleans(), st.fractions(-1, 2))
    def check(full_mm, whole_mm, wider, to_the_top, part):
        diameter = 0 if to_the_top else int(whole_mm * wider)
        config = {"shape": "lying", "empty_mm": full_mm + whole_mm, "full_mm": full_mm, "diameter_mm": diameter}
        distance = max(0, full_mm + int(part * whole_mm))
        height = min(max(config["empty_mm"] - distance, 0), whole_mm)
        exact = 1000 * segment(height, diameter or whole_mm) / segment(whole_mm, diameter or whole_mm)
        fill = fill_permille(config, distance)
        assert 0 <= fill <= 1000
        assert abs(fill - exact) <= 1, exact
        assert fill_permille(config, distance + 1) <= fill
        cases.append(((config, distance), fill))

    check()
    replay_on_vm("binnode.sensing.shape", "fill_permille", cases)


def rising(most: int):
    return st.sets(st.integers(1, most), min_size=1, max_size=15).map(sorted)


def volume(table, height) -> Fraction:
    for (low, before), (high, after) in pairwise(table):
        if height <= high:
            return before + Fraction((after - before) * (height - low), high - low)
    raise AssertionError("above the table")


def test_strapping_table_is_exact_to_a_permille(replay_on_vm):
    cases = []

    @settings(max_examples=300, deadline=None)
    @given(rising(6000), rising(10000), st.integers(0, 500), st.fractions(0, 1), st.fractions(-1, 2))
    def check(heights, volumes, full_mm, whole_part, part):
        table = [(0, 0), *zip(heights, volumes, strict=False)]
        whole_mm = max(1, int(table[-1][0] * whole_part))
        full = volume(table, whole_mm)
        if full * 20 < next(after for high, after in table if high >= whole_mm):
            return  # a bin that nobody has: see shape_strapping.fill
        text = ",".join(f"{height}:{litres}" for height, litres in table)
        assert configuration.fits("strapping", text)
        config = {"shape": "strapping", "empty_mm": full_mm + whole_mm, "full_mm": full_mm, "strapping": text}
        distance = max(0, full_mm + int(part * whole_mm))
        height = min(max(config["empty_mm"] - distance, 0), whole_mm)
        fill = fill_permille(config, distance)
        assert 0 <= fill <= 1000
        assert abs(fill - 1000 * volume(table, height) / full) <= 1
        assert fill_permille(config, distance + 1) <= fill
        cases.append(((config, distance), fill))

    check()
    assert len(cases) > 100
    replay_on_vm("binnode.sensing.shape", "fill_permille", cases)
