"""Battery voltage and the low-battery mark."""

from binnode.sensing.battery import battery_mv, is_low


def test_divider_by_two():
    assert battery_mv([1850000], 2000) == 3700
    assert battery_mv([1849800], 2000) == 3700  # 3699.6
    assert battery_mv([1849700], 2000) == 3699  # 3699.4


def test_odd_divider():
    # 390 k over 100 k: 4.9 times; 0.8571 V at the pin are 4.19979 V
    assert battery_mv([857100], 4900) == 4200


def test_no_divider():
    assert battery_mv([3000000], 1000) == 3000


def test_median_ignores_a_dip():
    assert battery_mv([1850000, 1851000, 900000, 1849000, 1850000], 2000) == 3700
    assert battery_mv((1850000, 3100000, 1852000), 2000) == 3704


def test_samples_are_left_as_they_were():
    samples = [3, 1, 2]
    battery_mv(samples, 1000)
    assert samples == [3, 1, 2]


def test_without_samples_the_voltage_is_unknown():
    assert battery_mv([], 2000) is None


def test_low_has_a_hysteresis_of_100_mv():
    seen = []
    low = False
    for mv in (3400, 3300, 3299, 3350, 3399, 3400, 3350, 3300, 3200):
        low = is_low(mv, 3300, low)
        seen.append(low)
    assert seen == [False, False, True, True, True, False, False, False, True]


def test_an_unknown_voltage_changes_nothing():
    assert is_low(None, 3300, True) is True
    assert is_low(None, 3300, False) is False
