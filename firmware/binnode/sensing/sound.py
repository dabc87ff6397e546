"""Echo time to distance, in integers.

The speed of sound in air is 331.3 * sqrt(1 + T / 273.15) m/s, T in degrees C (ideal gas).
"""

from micropython import const

# Half that speed, mm/us * 2^16, as a polynomial in x = tenths of a degree: Chebyshev fit over -400..850, each
# coefficient scaled so that every product below stays under 2^30. Off by less than 0.007 %, rounding included.
_C0 = const(10856)
_C1 = const(521139)  # / 2^18
_C2 = const(-49049)  # / 2^28
_C3 = const(7697)  # / 2^38


def half_speed_q16(temperature_c10):
    """Half the speed of sound in mm/us * 2^16 at `temperature_c10` tenths of a degree C (-400..850)."""
    slope = ((((_C3 * temperature_c10) >> 10) + _C2) * temperature_c10 >> 10) + _C1
    return _C0 + ((slope * temperature_c10 + (1 << 17)) >> 18)


def distance_mm(echo_us, half_speed):
    """Distance of what echoed after `echo_us` (0..86000), to the nearest mm; half_speed from half_speed_q16()."""
    return (echo_us * half_speed + (1 << 15)) >> 16
