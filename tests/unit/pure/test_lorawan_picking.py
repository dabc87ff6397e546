"""How a channel is picked: by turns, by the duty cycle, and for a join."""

from plan_kit import AS923, DYNAMIC, FIXED, Entropy, enabled, new


def test_every_channel_once_before_any_again():
    entropy = Entropy()
    for name in DYNAMIC + FIXED:
        plan, session = new(name)
        rounds = set()
        for _ in range(10):
            count = len([channel for channel in enabled(session.mask) if plan.hz(session, channel, session.dr)])
            session.credits = [10**6] * len(session.credits)
            if not rounds:
                one = [plan.pick(session, session.dr, 1, 0, entropy)]
            # Every round begins with the last channel of the one before.
            one = one[-1:] + [plan.pick(session, session.dr, 1, 0, entropy) for _ in range(count - 1)]
            assert len(set(one)) == count, name
            assert all(plan.hz(session, channel, session.dr) == hz for channel, hz in one)
            rounds.add(tuple(channel for channel, _ in one))
        assert len(rounds) > 1  # the order is by chance


def test_no_channel_twice_in_a_row():
    """FCC 15.247: over 8 channels each has 0.4 s in 3.2 s, and a repeat comes some 2 s after its first."""
    for name in DYNAMIC + FIXED:
        plan, session = new(name, 2 if name in FIXED else 0)
        entropy, last, times = Entropy(7), None, {}
        for _ in range(400):
            session.credits = [10**6] * len(session.credits)
            channel, _ = plan.pick(session, session.dr, 1, 0, entropy)
            assert channel != last, name
            last = channel
            times[channel] = times.get(channel, 0) + 1
        assert max(times.values()) < 1.5 * min(times.values()), name  # in turns, on average


def test_the_only_channel_is_taken_again():
    plan, session = new("EU868")
    session.mask = bytearray((2,)) + bytearray(8)
    assert {plan.pick(session, 0, 1, 0, Entropy()) for _ in range(3)} == {(1, 868300000)}


def test_a_blocked_band_is_passed_over():
    plan, session = new("EU868")
    plan.new_channel(session, 3, 867100000, 0x50)
    plan.pick(session, 0, 10, 1000, Entropy())
    session.credits[2] = 5  # of 868.0 to 868.6 MHz
    for _ in range(8):
        assert plan.pick(session, 0, 10, 1000, Entropy()) == (3, 867100000)
    session.credits[1] = 4
    assert plan.pick(session, 0, 95, 1000, Entropy()) == 20  # the first of both that allows it: 90 ms every 20 s
    assert plan.pick(session, 0, 95, 1013, Entropy()) == 7
    assert plan.pick(session, 0, 95, 1020, Entropy())[0] < 3
    assert plan.pick(session, 0, 95, 1019 + 20, Entropy())[0] < 3


def test_waiting_as_long_as_told_is_enough():
    plan, session = new("EU868")
    now_s = 10**6
    for airtime_ms in (57, 1483, 2794, 1, 89, 91, 1799, 15000):
        plan.pick(session, 0, 1, now_s, Entropy())
        session.credits[2] = 0
        wait_s = plan.pick(session, 0, airtime_ms, now_s, Entropy())
        assert plan.pick(session, 0, airtime_ms, now_s + wait_s - 1, Entropy()) == 1
        assert plan.pick(session, 0, airtime_ms, now_s + wait_s, Entropy())[1]
        now_s += wait_s + 3


def test_credits_fill_up_to_half_an_hours_share_and_no_further():
    plan, session = new("EU868")
    plan.spend(session, 868100000, 18000, 5000)
    assert session.credits == [2800, 18000, 0, 2800, 180000, 18000]
    plan.spend(session, 868100000, 0, 5000 + 1800)
    assert session.credits[2] == 8100  # 0.45 of what half an hour allows
    plan.spend(session, 868100000, 0, 5000 + 100000)
    assert session.credits[2] == 18000
    plan.spend(session, 869525000, 1000, 5000 + 100000)
    assert session.credits[4] == 179000
    plan.spend(session, 868100000, 99999, 5000 + 100000)
    assert session.credits[2] == 0  # never negative


def test_the_longest_frame_goes_out_where_the_share_is_a_thousandth():
    """51 bytes at SF12 take 2794 ms, of 3600 in an hour: a band that can't save so much would keep it for ever."""
    plan, session = new("EU868")
    session.channels = [[868900000, 0, 5, 0]]
    session.mask = bytearray((1,)) + bytearray(8)
    now_s = 10**6
    assert plan.pick(session, 0, 2794, now_s, Entropy()) == (0, 868900000)
    for _ in range(2):
        plan.spend(session, 868900000, 2794, now_s)
        waits = []
        while (got := plan.pick(session, 0, 2794, now_s, Entropy())).__class__ is int:
            waits.append(got)
            now_s += got
        assert got == (0, 868900000)
        assert waits[:3] == [3600] * 3 and 13900 < sum(waits) < 14100  # 2794 ms less the 6 that are left, at 0.2 ms/s


def test_a_clock_set_back_earns_nothing():
    plan, session = new("EU868")
    plan.spend(session, 868100000, 18000, 10**6)
    for now_s in (10, 0, 15, 5):
        plan.spend(session, 868100000, 0, now_s)
        assert session.credits[2] == 0
    plan.spend(session, 868100000, 0, 25)
    assert session.credits[2] == 90


def test_emptied_credits_earn_nothing_before_their_first_use():
    plan, session = new("EU868")
    session.credits = [0] * 6
    assert plan.pick(session, 5, 50, 800_000_000, Entropy()) == 20
    assert plan.pick(session, 5, 50, 800_000_020, Entropy())[1]


def test_credits_of_before_survive_a_reset():
    plan, session = new("EU868")
    plan.spend(session, 868100000, 17000, 10**6)
    credits = list(session.credits)
    plan.reset(session, 0)
    assert session.credits == credits and session.credits_at_s == 10**6
    session.credits = [1, 2]  # of another region
    plan.reset(session, 0)
    assert session.credits == [2800, 18000, 18000, 2800, 180000, 18000]


def test_what_nothing_carries_waits():
    plan, session = new("US915")
    session.mask = bytearray(8) + b"\x01"
    assert plan.pick(session, 0, 10, 0, Entropy()) == 3600
    assert plan.pick(session, 4, 10, 0, Entropy()) == (64, 903000000)


# --- joining


def joins(name, count, sub_band=0):
    plan, session = new(name, sub_band)
    session.credits = [10**6] * len(session.credits)
    entropy = Entropy(7)
    return [plan.join_pick(session, attempt, 1000, entropy) for attempt in range(count)]


def test_fixed_plans_hop_over_the_sub_bands():
    for name, narrow_dr, wide_dr, first, wide in (
        ("US915", 0, 4, 902300000, 903000000),
        ("AU915", 2, 6, 915200000, 915900000),
    ):
        made = joins(name, 64)
        assert [dr for _, _, dr in made] == [narrow_dr, wide_dr] * 32
        for start in range(0, 64, 16):
            some = made[start : start + 16]
            assert sorted(channel // 8 for channel, _, _ in some[::2]) == list(range(8))
            assert sorted(channel for channel, _, _ in some[1::2]) == list(range(64, 72))
        assert made[0][0] // 8 == 1  # the sub-band that most networks use comes first
        assert len({channel for channel, _, _ in made[::2]}) > 16
        for channel, hz, _ in made:
            assert hz == (first + 200000 * channel if channel < 64 else wide + 1600000 * (channel - 64))


def test_fixed_plans_stay_in_a_configured_sub_band():
    for sub_band in range(1, 9):
        made = joins("US915", 40, sub_band)
        assert {channel // 8 for channel, _, _ in made[::2]} == {sub_band - 1}
        assert {channel for channel, _, _ in made[1::2]} == {63 + sub_band}
        session = new("US915", sub_band)[1]
        assert enabled(session.mask) == list(range(8 * sub_band - 8, 8 * sub_band)) + [63 + sub_band]


def test_dynamic_plans_join_at_falling_data_rates():
    for name in DYNAMIC:
        made = joins(name, 8)
        expected = [3, 2] * 4 if name in AS923 else [3, 2, 1, 0] * 2
        assert [dr for _, _, dr in made] == expected, name
        assert {hz for _, hz, _ in made} == set(new(name)[0].DEFAULT_HZ)


def test_joins_wait_for_the_duty_cycle():
    plan, session = new("EU868")
    plan.spend(session, 868100000, 18000, 1000)
    session.credits[2] = 206
    assert plan.join_pick(session, 0, 1000, Entropy())[2] == 3  # 205.8 ms at SF9
    assert plan.join_pick(session, 3, 1000, Entropy()) == 300  # 1483 ms at SF12: 15 times 90 ms are missing
    assert plan.join_pick(session, 3, 1300, Entropy())[2] == 0
