"""What holds for any sequence of readings, deliveries and failures; replayed on MicroPython."""

from itertools import accumulate, pairwise

import pytest
from binnode.reporting import policy
from binnode.reporting.backlog import CAPACITY, Backlog
from binnode.storage.state import FLAGS, State, StateError, unpack
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.pure.test_backlog import left_of
from tests.unit.pure.test_policy import life

QUIET = settings(max_examples=60, deadline=None, derandomize=True, database=None)

# seconds since the last wake, reading (a fill or a negative kind), messages that arrive, readings that fit into one
WAKE = st.tuples(st.integers(600, 8000), st.integers(-6, 1000), st.integers(0, 3), st.integers(0, 5))


@st.composite
def lives(draw):
    wakes, now_s = [], 100
    for pause_s, reading, arriving, room in draw(st.lists(WAKE, min_size=30, max_size=120)):
        now_s += pause_s
        wakes.append((now_s, reading, arriving, room))
    return wakes


def test_every_reading_is_delivered_once_or_waits(replay_on_vm):
    cases, sent = [], [0]

    @QUIET
    @given(lives())
    def delivered_or_waiting(wakes):
        measured = {now_s: reading if reading >= 0 else 1008 - reading for now_s, reading, _, _ in wakes}
        messages, image = life(wakes)
        end_s = wakes[-1][0]
        found = [(end_s - age_s, code) for age_s, code in unpack(image).backlog.oldest(999, end_s)]
        statuses = sorted({now_s for now_s, *_ in messages})  # further messages of a wake repeat the status
        found += [(now_s, measured[now_s]) for now_s in statuses]
        for now_s, _, _, earlier in messages:
            assert earlier == sorted(earlier, reverse=True, key=lambda entry: entry[0])
            found += [(now_s - age_s, code) for age_s, code in earlier]
        assert sorted(found) == sorted(measured.items())  # at most 120 readings: nothing is thinned
        sent[0] += len(messages)
        cases.append(((wakes,), (messages, image)))

    delivered_or_waiting()
    assert sent[0] > 500, "the examples hardly deliver anything"
    replay_on_vm("test_policy", "life", cases)


def test_thinned_backlog_has_no_hole_that_even_spacing_would_not_explain(replay_on_vm):
    cases = []

    @settings(QUIET, max_examples=25)
    @given(st.lists(st.integers(1, 40000), min_size=CAPACITY, max_size=600))
    def spread(pauses):
        measured = list(accumulate(pauses))
        entries, image, thinned = left_of(measured)
        left = [measured[-1] - age_s for age_s, _ in entries]
        assert len(left) == CAPACITY and left[0] == measured[0] and left[-1] == measured[-1]
        assert left == sorted(left) and set(left) <= set(measured)
        assert thinned == (len(measured) > CAPACITY)
        widest = max(later - sooner for sooner, later in pairwise(left))
        assert widest <= max(*pauses[1:], -(-2 * (left[-1] - left[0]) // 191))
        cases.append(((measured,), (entries, image, thinned)))

    spread()
    replay_on_vm("test_backlog", "left_of", cases)


@QUIET
@given(st.lists(st.tuples(st.integers(0, 2**30 - 1), st.integers(0, 1023)), max_size=40), st.integers(0, 2**30 - 1))
def test_ages_never_grow_from_older_to_newer_whatever_the_clock_did(entries, now_s):
    backlog = Backlog()
    for at_s, code in entries:
        backlog.add(at_s, code)
    assert [code for _, code in backlog.oldest(99, now_s)] == [code for _, code in entries]
    if entries:
        at_s = entries[-1][0]
        ages = [age_s for age_s, _ in backlog.oldest(99, at_s)]
        assert ages[-1] == 0 and all(0 <= age_s < 2**29 for age_s in ages)


def optional(values):
    return st.none() | values


FIELDS = {
    "last_fill_permille": optional(st.integers(0, 1000)),
    "last_distance_mm": optional(st.integers(0, 8190)),
    "last_kind": optional(st.integers(0, 6)),
    "reported_kind": optional(st.integers(0, 6)),
    "reported_fill_permille": optional(st.integers(0, 1000)),
    "reports": st.integers(0, 65535),
    "wakes": st.integers(0, 2**32 - 1),
    "reported_at_s": st.integers(0, 2**30 - 1),
    "retry_at_s": st.integers(0, 2**30 + 7199),
    "failures": st.integers(0, 255),
    "channel": st.integers(0, 14),
    "config_crc": st.integers(0, 2**32 - 1),
    "step": st.integers(0, 5),
    "crash_step": st.integers(0, 5),
    "crashes": st.integers(0, 255),
    "reset_cause": st.integers(0, 15),
    "recoveries": st.integers(0, 65535),
    "told": st.integers(0, 65535),
    "crash_file": st.integers(0, 4095),
    "crash_line": st.integers(0, 4095),
    "checkpoint_at_s": st.integers(0, 2**32 - 1),
    "safe_try_at_s": st.integers(0, 2**32 - 1),
    "crash_kept_at_s": optional(st.integers(0, 2**31 - 1)),
}
STATES = st.tuples(
    st.fixed_dictionaries(FIELDS),
    st.lists(st.booleans(), min_size=len(FLAGS), max_size=len(FLAGS)),
    st.integers(0, CAPACITY),
)


def made(parts):
    values, flags, count = parts
    state = State()
    for name, value in values.items():
        setattr(state, name, value)
    for number in range(count):
        state.backlog.add(900 * number, number)
    for name, flag in zip(FLAGS, flags, strict=True):
        setattr(state.backlog if name == "thinned" else state, name, flag)
    return state


def test_state_survives_deep_sleep(replay_on_vm):
    cases = []

    @QUIET
    @given(STATES)
    def survives(parts):
        state = made(parts)
        image = state.pack()
        again = unpack(image)
        for name in [*FIELDS, *FLAGS]:
            assert getattr(again, name) == getattr(state, name), name
        assert again.backlog.data == state.backlog.data
        assert again.pack() == image
        cases.append(((image,), image))

    survives()
    replay_on_vm("test_state", "outcome", cases)


@settings(QUIET, max_examples=15)
@given(STATES)
def test_any_flipped_bit_is_refused(parts):
    image = made(parts).pack()
    for bit in range(8 * len(image)):
        damaged = bytearray(image)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(StateError):
            unpack(damaged)


def test_any_truncation_is_refused(replay_on_vm):
    cases = []

    @QUIET
    @given(STATES, st.data())
    def truncated(parts, data):
        image = made(parts).pack()
        short = image[: data.draw(st.integers(0, len(image) - 1))]
        with pytest.raises(StateError) as error:
            unpack(short)
        cases.append(((short,), error.value.args[0]))

    truncated()
    replay_on_vm("test_state", "outcome", cases)


def test_jitter_is_the_same_on_the_chip(replay_on_vm):
    cases = []

    @QUIET
    @given(st.binary(min_size=6, max_size=8), st.integers(0, 65535), st.integers(60, 604800))
    def jitters(device_id, reports, heartbeat_s):
        jitter_s = policy.jitter_s(device_id, reports, heartbeat_s)
        assert 0 <= jitter_s <= heartbeat_s // 8
        cases.append(((device_id, reports, heartbeat_s), jitter_s))

    jitters()
    replay_on_vm("binnode.reporting.policy", "jitter_s", cases)
