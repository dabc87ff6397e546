"""Traces: readings at hours go in, the reports that were delivered come out."""

from binnode.reporting import payload, policy
from binnode.reporting.reasons import ALARM, BACKLOG, CHANGE, EMPTIED, FIRST, HEARTBEAT, KIND, RELEASED
from binnode.sensing.kinds import FAULT, LID_OPEN, NO_ECHO, NOISY, OK, TOO_FAR, TOO_NEAR
from binnode.storage.state import State, unpack

CONFIG = {
    "measure_s": 900,
    "heartbeat_s": 21600,
    "hysteresis_permille": 50,
    "full_permille": 800,
    "release_permille": 600,
    "emptied_permille": 150,
}
FULL, WAS_RELEASED, WAS_EMPTIED, AT_FIRST = 0x01, 0x02, 0x04, 0x20
WI_FI_ROOM = 78


class Node:
    """Wakes as the docstring of policy says; its link takes `link(hour)` messages in a row and refuses the next."""

    def __init__(self, link=lambda hour: 99, room=WI_FI_ROOM):
        self.state = State()
        self.link = link
        self.room = room
        self.tries = []  # hours
        self.messages = []  # (now_s, reason, flags, [(age_s, code)])

    def wake(self, now_s, reading):
        """One wake; `reading` is a fill in permille or a negative kind. The reasons of the messages that arrived."""
        kind, fill = (OK, reading) if reading >= 0 else (-reading, None)
        hour = now_s / 3600
        state = self.state = unpack(self.state.pack())  # deep sleep
        policy.observe(state, kind, fill, 500, CONFIG, now_s)
        why = policy.reason(state, kind, fill, CONFIG, now_s, 0)
        if why and not policy.may_try(state, now_s):
            why = None
        arrived = []
        takes = self.link(hour)
        while why:
            earlier = policy.earlier(state, self.room, now_s)
            flags = payload.flags(state, kind)
            policy.trying(state, CONFIG, now_s)
            self.tries.append(hour)
            if len(arrived) == takes:
                break
            arrived.append(why)
            self.messages.append((now_s, why, flags, earlier))
            why = policy.delivered(state, kind, fill, len(earlier), now_s)
        return arrived

    def trace(self, readings):
        """[(hour, reason)] of what `readings` [(hour, fill or -kind)] made the node report."""
        return [(hour, reason) for hour, reading in readings for reason in self.wake(int(hour * 3600), reading)]

    def flags_of(self, reason):
        """The flags of the last message with this reason."""
        return [flags for _, why, flags, _ in self.messages if why == reason][-1]


def life(wakes):
    """For the properties: [(now_s, reading, messages that arrive, room)] -> the messages and the last state image."""
    node = Node()
    for now_s, reading, arriving, node.room in wakes:
        node.link = lambda hour, arriving=arriving: arriving
        node.wake(now_s, reading)
    return node.messages, node.state.pack()


def quarters(first_hour, last_hour, fill):
    """A reading every 15 minutes, both ends included."""
    return [(first_hour + n / 4, fill) for n in range(int((last_hour - first_hour) * 4) + 1)]


def down_until(hour_up):
    return lambda hour: 0 if hour < hour_up else 99


def test_morning_rise_is_reported_in_steps_of_the_hysteresis():
    rise = [(7, 100), (7.25, 120), (7.5, 149), (7.75, 150), (8, 199), (8.25, 260), (8.5, 215), (8.75, 210)]
    assert Node().trace(rise) == [(7, FIRST), (7.75, CHANGE), (8.25, CHANGE), (8.75, CHANGE)]


def test_flat_night_has_heartbeats_only():
    assert Node().trace(quarters(20, 33, 430)) == [(20, FIRST), (26, HEARTBEAT), (32, HEARTBEAT)]


def test_readings_between_reports_travel_with_the_next():
    node = Node()
    node.trace(quarters(0, 6, 430))
    _, reason, _, earlier = node.messages[-1]
    assert reason == HEARTBEAT
    assert earlier == [(900 * n, 430) for n in range(23, 0, -1)]  # neither the first report's reading nor its own
    assert len(node.state.backlog) == 0


def test_alarm_does_not_chatter_at_its_threshold():
    node = Node()
    chatter = [(0, 780), (1, 800), (2, 799), (3, 801), (4, 798), (5, 802)]
    assert node.trace(chatter) == [(0, FIRST), (1, ALARM)]
    assert node.flags_of(ALARM) == FULL
    assert node.trace([(5.25, 770), (5.5, 650), (5.75, 601)]) == [(5.5, CHANGE)]
    assert node.flags_of(CHANGE) == FULL


def test_alarm_goes_off_at_the_release_level():
    node = Node()
    assert node.trace([(0, 850), (1, 705), (2, 600), (3, 610)]) == [(0, FIRST), (1, CHANGE), (2, RELEASED)]
    assert node.flags_of(FIRST) == FULL | AT_FIRST
    assert node.flags_of(RELEASED) == WAS_RELEASED
    assert not node.state.alarm and not node.state.released


def test_waste_that_touches_the_module_is_an_alarm():
    node = Node()
    assert node.trace([(0, 500), (1, -TOO_NEAR), (1.25, -TOO_NEAR), (2, 700)]) == [(0, FIRST), (1, ALARM), (2, KIND)]
    assert node.flags_of(KIND) == FULL  # 700 does not release it


def test_emptied_is_a_fall_between_two_good_readings():
    node = Node()
    trace = [(0, 500), (1, 351), (2, 201), (3, 51), (4, 40)]  # 149, then 150 and 150
    assert node.trace(trace) == [(0, FIRST), (1, CHANGE), (2, EMPTIED), (3, EMPTIED)]
    assert node.flags_of(EMPTIED) == WAS_EMPTIED
    # readings without a level in between do not hide it
    assert node.trace([(5, 500), (5.25, -NO_ECHO), (5.5, 100)]) == [(5, CHANGE), (5.25, KIND), (5.5, EMPTIED)]


def test_full_bin_emptied_is_released_and_emptied_at_once():
    node = Node()
    assert node.trace([(0, 900), (1, 20)]) == [(0, FIRST), (1, RELEASED)]
    assert node.flags_of(RELEASED) == WAS_RELEASED | WAS_EMPTIED


def test_kind_is_reported_when_it_changes():
    node = Node()
    kinds = [(0, 500), (0.25, -NO_ECHO), (0.5, -NO_ECHO), (0.75, -FAULT), (1, -LID_OPEN), (1.25, 510)]
    assert node.trace(kinds) == [(0, FIRST), (0.25, KIND), (0.75, KIND), (1, KIND), (1.25, KIND)]
    assert [message[2] for message in node.messages] == [AT_FIRST, 0, 0x08, 0x40, 0]
    assert node.state.last_fill_permille == 510 and node.state.last_distance_mm == 500


def test_reading_without_a_level_never_touches_the_fill():
    node = Node()
    node.trace([(0, 700), (0.25, -NOISY), (0.5, -TOO_FAR), (0.75, -LID_OPEN)])
    assert node.state.last_fill_permille == 700 and not node.state.emptied and not node.state.alarm
    assert node.state.last_kind == node.state.reported_kind == LID_OPEN and node.state.reported_fill_permille is None


def test_two_days_without_a_link_lose_nothing():
    node = Node(down_until(99))
    assert node.trace(quarters(0, 59.75, 400)) == []
    assert len(node.state.backlog) == 240 and not node.state.backlog.thinned
    assert node.trace(quarters(60, 60, 400)) == []
    assert len(node.state.backlog) == 240 and node.state.backlog.thinned
    node = Node(lambda hour: 0 if 2 <= hour < 50 else 99)
    assert node.trace(quarters(0, 1.75, 400)) == [(0, FIRST)]
    node.messages.clear()
    ever = node.trace([(2 + n / 4, 400 + n % 20) for n in range(205)])
    assert {reason for _, reason in ever[1:]} == {BACKLOG} and ever[0][1] == HEARTBEAT
    when = ever[0][0]
    assert 50 <= when <= 52  # 2 h after the last try at most
    history = [entry for message in node.messages for entry in message[3]]
    # all that was measured since the first report, once each, oldest first
    assert [age_s for age_s, _ in history] == list(range(int(when * 3600) - 900, 0, -900))
    assert [len(message[3]) for message in node.messages] == [78, 78, len(history) - 156]
    assert not any(message[2] & 0x80 for message in node.messages)
    assert node.state.failures == 0


def test_tries_of_an_outage_grow_rare():
    node = Node(lambda hour: 0)
    node.trace(quarters(0, 24, 400))
    assert node.tries == [0, 0.25, 0.75, 1.75, 3.75, 5.75, 7.75, 9.75, 11.75, 13.75, 15.75, 17.75, 19.75, 21.75, 23.75]
    assert node.state.failures == 15


def test_outage_in_a_quiet_night_is_told_as_backlog():
    node = Node(lambda hour: 0 if hour == 6 else 99)
    assert node.trace(quarters(0, 6.25, 400)) == [(0, FIRST), (6.25, HEARTBEAT)]
    node = Node(lambda hour: 0 if hour == 1 else 99)
    # the change went back before it was delivered: its reading still goes out at the next try
    assert node.trace([(0, 400), (1, 460), (1.25, 400), (1.5, 400)]) == [(0, FIRST), (1.25, BACKLOG)]
    assert node.messages[-1][3] == [(900, 460)]


def test_event_in_an_outage_gets_one_try_at_once():
    node = Node(lambda hour: 0 if 0 < hour < 30 else 99)
    node.trace(quarters(0, 12, 400))
    before = len(node.tries)
    node.trace([(12.25, 850), (12.5, 860), (12.75, 870)])
    assert node.tries[before:] == [12.25]
    # the alarm came and went and came, and still waits
    node.trace([(13, 100), (13.25, 100), (13.5, 900), (13.75, 100), (14, 900), (14.25, 100)])
    assert [hour for hour in node.tries if 13 <= hour <= 14.25] == [13]  # released and emptied share a try
    assert node.trace(quarters(29, 32, 100))[0][1] == RELEASED
    assert node.flags_of(RELEASED) & (FULL | WAS_RELEASED | WAS_EMPTIED) == WAS_RELEASED | WAS_EMPTIED


def test_alarm_that_came_and_went_between_deliveries_is_seen():
    node = Node(lambda hour: 0 if hour == 1 else 99)
    assert node.trace([(0, 500), (1, 850), (1.25, 500)]) == [(0, FIRST), (1.25, RELEASED)]
    assert node.flags_of(RELEASED) == WAS_RELEASED | WAS_EMPTIED
    assert node.messages[-1][3] == [(900, 850)]


def test_alarm_that_went_and_came_again_is_on_and_was_off():
    node = Node(lambda hour: 0 if hour == 1 else 99)
    assert node.trace([(0, 850), (1, 500), (1.25, 900)]) == [(0, FIRST), (1.25, ALARM)]
    assert node.flags_of(ALARM) == FULL | WAS_RELEASED | WAS_EMPTIED


def test_events_are_told_once():
    node = Node()
    node.trace([(0, 900), (1, 100), (7, 100)])
    assert node.messages[-1][1:3] == (HEARTBEAT, 0)


def test_second_of_three_messages_fails():
    node = Node(lambda hour: 1 if hour == 47.5 else 99 if hour in (0, 47.75) else 0)
    node.trace(quarters(0, 47.25, 400))
    node.state.retry_at_s = 0
    assert node.trace([(47.5, 555)]) == [(47.5, CHANGE)]
    taken = node.messages[-1][3]
    assert len(taken) == 78 and len(node.state.backlog) == 189 - 78
    assert policy.earlier(node.state, 1, 47 * 3600)[0][0] < taken[-1][0]
    assert node.state.reports == 2 and node.state.reported_fill_permille == 555 and node.state.failures == 1
    assert node.trace([(47.75, 555)]) == [(47.75, BACKLOG), (47.75, BACKLOG)]
    rest = [entry for message in node.messages[2:] for entry in message[3]]
    assert rest == [(900 * n, 400) for n in range(112, 1, -1)]  # without the 555, which went in its status
    assert len(node.state.backlog) == 0


def test_message_without_room_ends_the_wake():
    node = Node(room=0)
    assert node.trace([(0, 100), (0.25, 120), (0.5, 160)]) == [(0, FIRST), (0.5, CHANGE)]
    assert node.messages[-1][3] == [] and len(node.state.backlog) == 1


def test_basic_report_of_lorawan_takes_the_oldest():
    node = Node(room=1)
    node.trace([(0, 100), (0.25, 110), (0.5, 120)])
    why = policy.reason(node.state, OK, 120, CONFIG, 8000, 0)
    assert why is None and policy.earlier(node.state, 1, 1800) == [(900, 110)]


def test_crash_while_sending_counts_as_a_failure():
    state = State()
    policy.observe(state, OK, 400, 500, CONFIG, 60)
    assert policy.may_try(state, 60)
    policy.trying(state, CONFIG, 60)
    state = unpack(state.pack())  # the watchdog bit
    assert state.failures == 1 and not policy.may_try(state, 70)
    assert policy.reason(state, OK, 400, CONFIG, 70, 0) == FIRST
    assert policy.earlier(state, 9, 70) == [(10, 400)]


def test_reboot_without_memory_reports_at_once():
    node = Node()
    node.trace([(0, 850), (1, 860)])
    node.state = State()
    assert node.trace([(0, 860), (0.25, 860)]) == [(0, FIRST)]
    assert node.flags_of(FIRST) == FULL | AT_FIRST  # the alarm is on, though nobody saw it go on


def test_first_report_that_fails_is_still_the_first():
    node = Node(down_until(1))
    assert node.trace(quarters(0, 2, 300)) == [(1.75, FIRST)]
    assert node.tries == [0, 0.25, 0.75, 1.75]
    assert node.messages[0][2] == AT_FIRST and len(node.messages[0][3]) == 7


def test_clock_that_was_set_back_does_not_stop_the_reports():
    node = Node()
    node.trace([(500, 400)])
    assert node.trace(quarters(1, 7, 400)) == [(1, HEARTBEAT), (7, HEARTBEAT)]
    node = Node(down_until(99))
    node.trace([(90, 400), (90.25, 400)])
    node.link = lambda hour: 99
    assert node.trace([(1, 400)]) == [(1, FIRST)]
    assert node.messages[-1][3] == [(900, 400), (0, 400)]


def test_clock_that_was_set_forward_costs_one_heartbeat():
    node = Node()
    node.trace([(0, 400), (0.25, 400)])
    assert node.trace([(230000, 400), (230000.25, 400)]) == [(230000, HEARTBEAT)]


def test_retry_comes_with_the_wake_that_is_a_little_early():
    state = State()
    policy.trying(state, CONFIG, 0)
    assert not policy.may_try(state, 600)
    assert policy.may_try(state, 855)  # 15 minutes on a clock that runs 5 % fast


def test_wait_is_bounded_by_half_the_heartbeat_and_never_negative():
    for changes, waits in (
        ({"heartbeat_s": 7200}, [675, 1575, 3375, 3375]),
        ({"measure_s": 86400}, [0, 0]),
        ({"measure_s": 60, "heartbeat_s": 90000}, [45, 105, 225, 465, 945, 1905, 3825, 7185, 7185]),
    ):
        config = dict(CONFIG)
        config.update(changes)
        state = State()
        for wait_s in waits:
            policy.trying(state, config, 1000)
            assert state.retry_at_s == 1000 + wait_s
    for _ in range(300):
        policy.trying(state, config, 1000)
    assert state.failures == 255


def test_heartbeat_comes_earlier_by_the_jitter():
    state = State()
    policy.observe(state, OK, 400, 500, CONFIG, 0)
    policy.delivered(state, OK, 400, 0, 0)
    assert policy.reason(state, OK, 400, CONFIG, 20599, 1000) is None
    assert policy.reason(state, OK, 400, CONFIG, 20600, 1000) == HEARTBEAT


def test_jitter_spreads_a_fleet_that_was_powered_together():
    fleet = [b"\x24\x0a\xc4\x10\x00" + bytes([number]) for number in range(200)]
    for reports in (0, 1, 256):
        drawn = [policy.jitter_s(device, reports, 21600) for device in fleet]
        assert min(drawn) >= 0 and max(drawn) <= 2700
        eighths = [sum(1 for jitter in drawn if jitter * 8 // 2701 == eighth) for eighth in range(8)]
        assert min(eighths) >= 10, eighths  # 25 each on average
    assert len({policy.jitter_s(fleet[0], reports, 21600) for reports in range(50)}) > 40
    assert policy.jitter_s(fleet[0], 3, 5) == 0


def test_reports_count_wraps_at_16_bits():
    state = State()
    state.reports = 65535
    policy.delivered(state, OK, 400, 0, 0)
    assert state.reports == 0


def test_flags_show_battery_and_thinned_backlog():
    state = State()
    state.first = False
    assert payload.flags(state, OK) == 0
    state.low_battery = True
    assert payload.flags(state, OK) == 0x10
    state.backlog.thinned = True
    assert payload.flags(state, FAULT) == 0x10 | 0x80 | 0x08


def test_backlog_keeps_what_the_payload_calls_a_level():
    state = State()
    readings = [(OK, 0), (OK, 1000)] + [(kind, None) for kind in range(1, 7)]
    for kind, fill in readings:
        policy.observe(state, kind, fill, 500, CONFIG, 0)
    state.current = False
    assert [code for _, code in policy.earlier(state, 9, 0)] == [
        payload.level_code(fill, kind) for kind, fill in readings
    ]
