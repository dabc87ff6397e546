"""Battery voltage behind a divider."""

from micropython import const

_HYSTERESIS_MV = const(100)


def battery_mv(samples_uv, divider_permille):
    """Median of ADC.read_uv() samples times the divider (battery / pin voltage * 1000); None without samples.

    The median, since a sample during a radio burst or a light sleep edge may be far off. Up to 10 V at the battery.
    """
    if not samples_uv:
        return None
    middle_uv = sorted(samples_uv)[len(samples_uv) // 2]
    return ((middle_uv + 50) // 100 * divider_permille + 5000) // 10000


def is_low(mv, low_mv, was_low):
    """Low below low_mv, and until 100 mV above it; an unknown voltage (None) changes nothing."""
    if mv is None:
        return was_low
    return mv < (low_mv + _HYSTERESIS_MV if was_low else low_mv)
