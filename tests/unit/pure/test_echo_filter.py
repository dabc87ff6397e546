"""Bursts of pings, and the loop that drives a ranger, with scripted pings and with simulated noise."""

from binnode.sensing import kinds
from binnode.sensing.echo_filter import EchoBurst, measure
from binnode.sensing.kinds import PING_NO_ECHO, PING_SILENT, PING_STUCK

ONE_TO_ONE = 1 << 16  # a speed at which an echo of n us means n mm
GATE = (20, 1030, 4000)


def burst_of(pings, gate=GATE):
    """The reading of a burst that may take all of `pings`, and how many it took."""
    burst = EchoBurst(*gate)
    used = 0
    while used < len(pings) and burst.wants_more():
        burst.add(pings[used], ONE_TO_ONE)
        used += 1
    return burst.reading(), used


def seen(pings, gate=GATE):
    reading, used = burst_of(pings, gate)
    assert reading.pings == used
    return kinds.NAMES[reading.kind], reading.distance_mm, reading.valid, used


class Ranger:
    def __init__(self, pings):
        self.pings = list(pings)
        self.log = ""

    def ping(self):
        self.log += "p"
        return self.pings.pop(0)

    def gap(self):
        self.log += "g"


def measured(pings, last_mm=None, change_mm=30):
    ranger = Ranger(pings)
    reading = measure(ranger, ONE_TO_ONE, GATE, last_mm, change_mm)
    assert ranger.log == "g".join("p" * reading.pings)  # a gap between any two pings
    assert reading.kind != kinds.NOISY or reading.distance_mm is None
    return kinds.NAMES[reading.kind], reading.distance_mm, reading.valid, reading.pings


# One burst


def test_names_fit_the_numbers():
    assert kinds.NAMES[kinds.OK] == "ok"
    assert kinds.NAMES[kinds.NOISY] == "noisy"
    assert kinds.NAMES[kinds.NO_ECHO] == "no_echo"
    assert kinds.NAMES[kinds.TOO_NEAR] == "too_near"
    assert kinds.NAMES[kinds.TOO_FAR] == "too_far"
    assert kinds.NAMES[kinds.LID_OPEN] == "lid_open"
    assert kinds.NAMES[kinds.FAULT] == "fault"
    assert len(kinds.NAMES) == 7


def test_five_that_agree_are_enough_and_give_their_mean():
    assert seen([800, 801, 803, 800, 801, 1, 1]) == ("ok", 801, 5, 5)
    assert burst_of([800, 801, 803, 800, 801])[0].spread_mm == 3


def test_the_mean_is_rounded_to_nearest():
    assert seen([500, 500, 500, 501, 501])[1] == 500  # 500.4
    assert seen([500, 500, 501, 501, 501])[1] == 501  # 500.6


def test_a_lost_ping_and_a_spike_cost_one_ping_each():
    assert seen([800, PING_NO_ECHO, 801, 800, 799, 800]) == ("ok", 800, 5, 6)
    assert seen([800, 310, 801, PING_NO_ECHO, 800, 799, 800]) == ("ok", 800, 5, 7)


def test_scatter_is_answered_with_more_pings():
    # Standard error of five: spread 24 mm is far from precise; the rest of the pings calm it down.
    rough = [790, 812, 788, 811, 801, 800, 801, 799, 800, 801, 799, 800, 800, 801, 799]
    reading, used = burst_of(rough)
    assert used > 9
    assert (reading.kind, reading.distance_mm) == (kinds.OK, 800)


def test_a_spike_next_to_the_truth_is_diluted():
    # 830 is within the window of 800: the mean of five would be 6 mm off.
    reading, used = burst_of([800, 830] + [800] * 13)
    assert used > 5
    assert abs(reading.distance_mm - 800) <= 5


def test_pings_that_agree_on_nothing_are_noise():
    scattered = [100, 200, 300, 400, 500, 600, 700, 800, 900, 150, 250, 350, 450, 550, 650, 750]
    assert seen(scattered) == ("noisy", None, 0, 15)


def test_two_surfaces_are_noise():
    assert seen([400, 800] * 8) == ("noisy", None, 0, 15)


def test_a_cluster_needs_three_of_five():
    # 9 of 15 do, 8 of 15 don't.
    false = [100, 200, 300, 400, 500, 600, 700]
    nine = [900, 930, 905, 925, 910, 920, 900, 930, 915]
    assert seen(false[:6] + nine)[0] == "ok"
    assert seen(false + nine[:8])[0] == "noisy"


def test_no_echo_is_never_a_distance():
    assert seen([PING_NO_ECHO] * 6) == ("no_echo", None, 0, 5)
    assert seen([PING_NO_ECHO, PING_NO_ECHO, 640, PING_NO_ECHO, PING_NO_ECHO, 1]) == ("no_echo", None, 0, 5)
    # Three lost of five may be chance, so it asks again.
    lost = PING_NO_ECHO
    assert seen([lost, 800, lost, 800, lost, 800, 800, 800, 801, 800, 800]) == ("ok", 800, 5, 8)
    # Some modules give no pulse at all for a missing echo.
    assert seen([PING_NO_ECHO, PING_SILENT, PING_SILENT, PING_SILENT, PING_SILENT])[0] == "no_echo"


def test_inside_the_blind_zone_is_too_near():
    assert seen([12, 12, 13, 12, 12]) == ("too_near", 12, 5, 5)
    jsn = (250, 1030, 6000)
    assert seen([230, 231, 230, 230, 230], jsn) == ("too_near", 230, 5, 5)
    assert seen([250, 251, 250, 250, 250], jsn)[0] == "ok"
    assert seen([249, 251, 250, 252, 250], jsn)[0] == "too_near"  # on the edge: the cautious answer
    # Echoes of nothing but ringing, all over the blind zone.
    assert seen([30, 90, 140, 190, 240], jsn) == ("too_near", None, 0, 5)


def test_beyond_the_bottom_is_an_open_lid():
    assert seen([1030] * 5)[0] == "ok"
    assert seen([1031] * 5) == ("lid_open", 1031, 5, 5)
    assert seen([1500, 2100, 1800, 2500, 3900]) == ("lid_open", None, 0, 5)


def test_beyond_the_range_is_too_far():
    assert seen([4000] * 5)[0] == "lid_open"
    assert seen([4001] * 5) == ("too_far", 4001, 5, 5)


def test_silence_and_a_stuck_line_are_faults():
    assert seen([PING_SILENT] * 6) == ("fault", None, 0, 5)
    assert seen([PING_STUCK] * 6) == ("fault", None, 0, 5)
    assert seen([PING_STUCK, PING_STUCK, PING_STUCK, 800, PING_STUCK]) == ("fault", None, 0, 5)
    assert seen([PING_STUCK, PING_SILENT, PING_SILENT, PING_STUCK, PING_SILENT])[0] == "fault"


def test_nothing_came_yet():
    reading, used = burst_of([])
    assert (reading.kind, reading.distance_mm, reading.pings, used) == (kinds.NOISY, None, 0, 0)


def test_a_burst_ends_after_fifteen_pings_whatever_comes():
    for kind in (PING_NO_ECHO, PING_SILENT, PING_STUCK, 0, 1, 25, 800, 1500, 80000):
        for other in (PING_NO_ECHO, PING_SILENT, PING_STUCK, 0, 1, 25, 800, 1500, 80000):
            _, used = burst_of([kind, other] * 10)
            assert 5 <= used <= 15


# The loop


def test_without_a_last_distance_one_burst_will_do():
    assert measured([800] * 5) == ("ok", 800, 5, 5)


def test_an_unchanged_level_takes_one_burst():
    assert measured([800] * 5, 790) == ("ok", 800, 5, 5)
    assert measured([800] * 5, 830) == ("ok", 800, 5, 5)


def test_a_change_is_confirmed():
    assert measured([800] * 5 + [802] * 5, 831) == ("ok", 801, 10, 10)


def test_a_passing_hand_is_not_a_change():
    assert measured([300] * 5 + [800] * 5, 800) == ("ok", 800, 5, 10)


def test_a_change_that_is_not_confirmed_is_noise():
    assert measured([300] * 5 + [500] * 5, 800) == ("noisy", None, 0, 10)
    assert measured([300] * 5 + [PING_NO_ECHO] * 5, 800) == ("noisy", None, 0, 10)
    assert measured([300] * 5 + [316] * 5, 800)[0] == "noisy"
    assert measured([300] * 5 + [315] * 5, 800)[0] == "ok"


def test_every_unwelcome_kind_is_confirmed():
    for pings, name in (([12] * 5, "too_near"), ([1500] * 5, "lid_open"), ([4200] * 5, "too_far")):
        assert measured(pings + pings, 800) == (name, pings[0], 5, 10)
        assert measured(pings + pings) == (name, pings[0], 5, 10)
        assert measured(pings + [800] * 5, 800) == ("ok", 800, 5, 10)
        assert measured(pings + [600] * 5, 800) == ("noisy", None, 0, 10)
        assert measured(pings + [800] * 5) == ("noisy", None, 0, 10)
    assert measured([PING_NO_ECHO] * 10, 800) == ("no_echo", None, 0, 10)
    assert measured([PING_NO_ECHO] * 5 + [800] * 5, 800) == ("ok", 800, 5, 10)


def test_noise_is_tried_twice():
    noise = [100, 200, 300, 400, 500, 600, 700, 800, 900, 150, 250, 350, 450, 550, 650]
    assert measured(noise + noise, 800) == ("noisy", None, 0, 30)
    assert measured(noise + [805] * 5, 800) == ("ok", 805, 5, 20)


def test_a_fault_needs_no_second_opinion():
    assert measured([PING_SILENT] * 5, 800) == ("fault", None, 0, 5)
    assert measured([PING_STUCK] * 5) == ("fault", None, 0, 5)


def test_an_overfull_bin_never_comes_out_as_a_level():
    # No echo, the blind zone, and now and then a false echo from anywhere in the bin.
    noise = Noise(7)
    for _ in range(150):
        pings = []
        for _ in range(30):
            luck = noise.below(100)
            pings.append(20 + noise.below(1000) if luck < 15 else PING_NO_ECHO if luck < 70 else noise.below(19))
        name = measured(pings, 300)[0]
        assert name in ("no_echo", "too_near", "noisy"), pings


# Noise


class Noise:
    """The same numbers on every interpreter: a 31-bit linear congruence."""

    def __init__(self, seed):
        self.state = seed

    def below(self, limit):
        self.state = (self.state * 1103515245 + 12345) & 0x7FFFFFFF
        return (self.state >> 8) % limit

    def normal(self, sigma_mm):
        """Sum of twelve: standard deviation sigma_mm."""
        return (sum(self.below(1001) for _ in range(12)) - 6000) * sigma_mm // 1000

    def ping(self, truth_mm):
        """Sigma 3 mm, 3 % lost, 2 % false and mostly shorter."""
        luck = self.below(100)
        if luck < 3:
            return PING_NO_ECHO
        if luck < 5:
            return 20 + self.below(truth_mm if self.below(5) else 4000)
        return truth_mm + self.normal(3)


def test_the_distance_is_within_5_mm_in_an_unkind_world():
    noise = Noise(1)
    pings = worst = 0
    for index in range(300):
        truth_mm = 150 + 80 * (index % 10)
        reading, used = burst_of([noise.ping(truth_mm) for _ in range(15)])
        assert reading.kind == kinds.OK
        worst = max(worst, abs(reading.distance_mm - truth_mm))
        pings += used
    assert worst <= 5, worst
    assert pings <= 300 * 7, pings
