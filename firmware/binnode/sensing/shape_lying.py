"""Fill of a cylinder that lies on its side: a tank, or a drum."""

from micropython import const

_ONE = const(1 << 14)
_ALL = const(1 << 16)


def fill(height, whole, config):
    """Permille of the volume below the full line. height, whole: of content and full line, in mm.

    "diameter_mm" of the inside: from whole to twice whole; 0: the full line is at the very top.
    """
    diameter = config["diameter_mm"] or whole
    full = part_q16((whole << 14) // diameter)
    return (part_q16((height << 14) // diameter) * 1000 + full // 2) // full


def part_q16(x):
    """The part of a circle's area below a height of x diameters (times 2^14), times 2^16.

    Exact: (acos(1 - 2x) - 2 (1 - 2x) sqrt(x - x^2)) / pi. Up to the middle that is x^1.5 times a slow function, here
    the cubic through its four Chebyshev points (error 10^-5); the rest is its mirror image. With the rounding of
    integers the error is at most 7 * 10^-5.
    """
    if x > _ONE // 2:
        return _ALL - part_q16(_ONE - x)
    slow = 27815 - (x * (8363 + (x * (1313 + (x * 1071 >> 14)) >> 14)) >> 14)
    return (x * _root(x << 14) >> 12) * slow >> 14


def _root(n):
    """Integer square root of n < 2^28, by Newton's method from above."""
    if not n:
        return 0
    root = _ONE
    while True:
        better = (root + n // root) >> 1
        if better >= root:
            return root
        root = better
