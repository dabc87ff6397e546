"""Bin shape: how full a bin is whose content reaches up to a measured distance below the module.

100 % is the full line (full_mm below the module). A permille of height can be two or three permille of volume, so
results are rounded once, at the end: errors stay below 1 permille (half of it is that rounding). A wake loads only the
file of its own shape.
"""

from micropython import const

_Q = const(14)
_ONE = const(1 << 14)


def height_mm(config, distance_mm):
    """Height of the content above the bottom, 0 when the echo came from the bottom or beyond."""
    return max(0, config["empty_mm"] - distance_mm)


def fill_permille(config, distance_mm):
    """Filled part of the volume below the full line, 0..1000.

    config: "shape" (a key of SHAPES), "empty_mm" > "full_mm" (module to bottom, module to full line; up to 32 m), and
    what the shape needs beside. KeyError for a shape that is not in SHAPES.
    """
    whole_mm = config["empty_mm"] - config["full_mm"]
    return SHAPES[config["shape"]](min(height_mm(config, distance_mm), whole_mm), whole_mm, config)


def _upright(height, whole, config):
    """Walls straight up: volume as height."""
    return (height * 1000 + whole // 2) // whole


def _tapered(height, whole, config):
    """Both widths grow linearly from r at the bottom to 1 at the full line (r = bottom_permille / 1000, 0..1500).

    The area at height s is (r + d s)^2 with d = 1 - r, so the volume below s, as a part of the whole, is
    s (3 r^2 + 3 r d s + d^2 s^2) / (3 r^2 + 3 r d + d^2). s is times 2^14, widths are in units of 10^-4, so that
    squares fit 2^30.
    """
    height_q14 = (height << _Q) // whole
    r = config["bottom_permille"] * 10
    d = 10000 - r
    ds = (d * height_q14 + _ONE // 2) >> _Q
    volume = 3 * r * (r + d) + d * d
    part_q14 = (3 * r * (r + ds) + ds * ds) // (volume >> _Q)
    return ((height_q14 * part_q14 >> 10) * 1000 + (1 << 17)) >> 18


def _lying(height, whole, config):
    from binnode.sensing.shape_lying import fill

    return fill(height, whole, config)


def _strapping(height, whole, config):
    from binnode.sensing.shape_strapping import fill

    return fill(height, whole, config)


# One row per shape: name -> function(height, whole, config) -> fill in permille. height of the content and of the full
# line in mm: 0 <= height <= whole.
SHAPES = {"upright": _upright, "tapered": _tapered, "lying": _lying, "strapping": _strapping}
