"""Sensing against exact arithmetic, and the same results on MicroPython."""

import math
import random
from fractions import Fraction

from binnode.sensing import kinds
from binnode.sensing.battery import battery_mv
from binnode.sensing.ds18b20 import crc8, tenths
from binnode.sensing.echo_filter import EchoBurst, _is_precise, _largest_cluster, measure
from binnode.sensing.shape import fill_permille
from binnode.sensing.sound import distance_mm, half_speed_q16
from hypothesis import given, settings
from hypothesis import strategies as st

LOST = (kinds.PING_NO_ECHO, kinds.PING_SILENT, kinds.PING_STUCK)
ONE_TO_ONE = 1 << 16

pings = st.lists(st.sampled_from(LOST) | st.integers(0, 5000) | st.integers(795, 805), min_size=15, max_size=15)
sorted_mm = st.lists(st.integers(0, 5000) | st.integers(780, 860), max_size=15).map(sorted)


def test_sound(replay_on_vm):
    speeds, distances = [], []

    @given(st.integers(-400, 850), st.integers(0, 86000))
    def check(temperature_c10, echo_us):
        half_speed = half_speed_q16(temperature_c10)
        exact = 331.3 * math.sqrt(1 + temperature_c10 / 2731.5) / 2000
        assert abs(half_speed / 65536 / exact - 1) < 0.0002
        distance = distance_mm(echo_us, half_speed)
        assert abs(distance - Fraction(echo_us * half_speed, 65536)) <= Fraction(1, 2)
        assert abs(distance - echo_us * exact) <= 0.5 + 0.0002 * distance
        speeds.append(((temperature_c10,), half_speed))
        distances.append(((echo_us, half_speed), distance))

    check()
    replay_on_vm("binnode.sensing.sound", "half_speed_q16", speeds)
    replay_on_vm("binnode.sensing.sound", "distance_mm", distances)


def test_fill_is_the_exact_volume_to_a_permille(replay_on_vm):
    cases = []

    @settings(max_examples=300)
    @given(
        st.sampled_from(["upright", "tapered"]),
        st.integers(0, 3000),
        st.integers(50, 5000),
        st.integers(0, 1500),
        st.fractions(-1, 2),
    )
    def check(shape, full_mm, depth_mm, bottom_permille, part):
        config = {
            "shape": shape,
            "empty_mm": full_mm + depth_mm,
            "full_mm": full_mm,
            "bottom_permille": bottom_permille,
        }
        distance = max(0, full_mm + int(part * depth_mm))
        s = min(max(Fraction(config["empty_mm"] - distance, depth_mm), Fraction(0)), Fraction(1))
        r = Fraction(bottom_permille, 1000) if shape == "tapered" else Fraction(1)
        d = 1 - r
        exact = (r * r * s + r * d * s**2 + d * d * s**3 / 3) / (r * r + r * d + d * d / 3) * 1000
        fill = fill_permille(config, distance)
        assert 0 <= fill <= 1000
        assert abs(fill - exact) <= 1, float(exact)
        assert fill_permille(config, distance + 1) <= fill
        cases.append(((config, distance), fill))

    check()
    replay_on_vm("binnode.sensing.shape", "fill_permille", cases)


def test_the_cluster_is_the_largest_and_the_closest(replay_on_vm):
    clusters, precisions = [], []

    @settings(max_examples=300)
    @given(sorted_mm)
    def check(distances):
        cluster = _largest_cluster(distances)
        every = [
            distances[i:j]
            for i in range(len(distances))
            for j in range(i + 1, len(distances) + 1)
            if distances[j - 1] - distances[i] <= 40
        ]
        size = max(map(len, every), default=0)
        assert len(cluster) == size
        clusters.append(((distances,), cluster))
        if size:
            assert cluster[-1] - cluster[0] == min(group[-1] - group[0] for group in every if len(group) == size)
        if size > 1:
            mean = Fraction(sum(cluster), size)
            variance = sum((distance - mean) ** 2 for distance in cluster) / (size * (size - 1))
            assert _is_precise(cluster) == (variance <= 2)
            precisions.append(((cluster,), _is_precise(cluster)))

    check()
    replay_on_vm("binnode.sensing.echo_filter", "_largest_cluster", clusters)
    replay_on_vm("binnode.sensing.echo_filter", "_is_precise", precisions)


@settings(max_examples=300)
@given(pings, st.integers(0, 900), st.integers(0, 2000), st.integers(0, 2000))
def test_ok_is_inside_the_bin_and_seen_by_three_of_five(all_pings, near_mm, depth_mm, beyond_mm):
    bottom_mm = near_mm + depth_mm
    burst = EchoBurst(near_mm, bottom_mm, bottom_mm + beyond_mm)
    used = 0
    while burst.wants_more():
        burst.add(all_pings[used], ONE_TO_ONE)
        used += 1
    reading = burst.reading()
    assert 5 <= used == reading.pings <= 15
    if reading.kind in (kinds.NOISY, kinds.NO_ECHO, kinds.FAULT):
        assert (reading.distance_mm, reading.valid, reading.spread_mm) == (None, 0, None)
    if reading.kind == kinds.OK:
        assert near_mm <= reading.distance_mm <= bottom_mm + 1
        assert reading.spread_mm <= 40
        agreeing = [ping for ping in all_pings[:used] if ping > 0 and abs(ping - reading.distance_mm) <= 41]
        assert 3 * used <= 5 * reading.valid <= 5 * len(agreeing)
    if reading.kind == kinds.FAULT:
        assert 3 * used <= 5 * sum(ping in LOST[1:] for ping in all_pings[:used])


class Script:
    def __init__(self, all_pings):
        self.pings = list(all_pings)

    def ping(self):
        return self.pings.pop(0)

    def gap(self):
        pass


@settings(max_examples=300)
@given(pings, pings, st.none() | st.integers(20, 1000), st.integers(5, 60))
def test_a_measurement_is_bounded_and_believes_a_change_only_twice(first, second, last_mm, change_mm):
    script = Script(first + second)
    reading = measure(script, ONE_TO_ONE, (20, 1030, 4000), last_mm, change_mm)
    assert reading.pings == 30 - len(script.pings)
    if reading.kind == kinds.OK and last_mm is not None and abs(reading.distance_mm - last_mm) > change_mm:
        assert reading.pings >= 10
    if reading.kind not in (kinds.OK, kinds.FAULT):
        assert reading.pings >= 10


def test_bursts_in_an_unkind_world_keep_to_5_mm():
    world = random.Random(5)
    errors, used = [], 0
    for _ in range(3000):
        truth_mm = world.randint(150, 950)
        burst = EchoBurst(20, 1030, 4000)
        while burst.wants_more():
            luck = world.random()
            if luck < 0.03:
                burst.add(kinds.PING_NO_ECHO, ONE_TO_ONE)
            elif luck < 0.05:
                burst.add(world.randint(20, truth_mm) if luck < 0.046 else world.randint(20, 4000), ONE_TO_ONE)
            else:
                burst.add(round(world.gauss(truth_mm, 3)), ONE_TO_ONE)
        reading = burst.reading()
        assert reading.kind == kinds.OK
        errors.append(abs(reading.distance_mm - truth_mm))
        used += reading.pings
    errors.sort()
    assert errors[-1] <= 6
    assert errors[len(errors) * 999 // 1000] <= 5
    assert errors[len(errors) // 2] <= 1
    assert used / len(errors) < 6.5


def test_tenths_and_crc(replay_on_vm):
    temperatures = []
    for raw in range(0x10000):
        exact = Fraction(raw - (raw >> 15 << 16), 16) * 10
        rounded = int(abs(exact) + Fraction(1, 2)) * (1 if exact >= 0 else -1)
        assert tenths(raw) == rounded
        if raw % 97 == 0:
            temperatures.append(((raw,), rounded))
    replay_on_vm("binnode.sensing.ds18b20", "tenths", temperatures)
    sums = []

    @given(st.binary(max_size=9), st.integers(0, 71))
    def check(data, flipped):
        framed = data + bytes([crc8(data)])
        assert crc8(framed) == 0
        broken = bytearray(framed)
        broken[flipped // 8 % len(broken)] ^= 1 << flipped % 8
        assert crc8(broken) != 0
        sums.append(((data,), crc8(data)))

    check()
    replay_on_vm("binnode.sensing.ds18b20", "crc8", sums)


def test_battery(replay_on_vm):
    cases = []

    @given(st.lists(st.integers(0, 3_300_000), max_size=9), st.integers(1000, 6000))
    def check(samples_uv, divider_permille):
        mv = battery_mv(samples_uv, divider_permille)
        cases.append(((samples_uv, divider_permille), mv))
        if not samples_uv:
            assert mv is None
            return
        middle = sorted(samples_uv)[len(samples_uv) // 2]
        assert abs(mv - Fraction(middle * divider_permille, 1_000_000)) <= Fraction(1, 2) + Fraction(6, 20)

    check()
    replay_on_vm("binnode.sensing.battery", "battery_mv", cases)
