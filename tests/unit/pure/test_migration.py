"""RTC memory as older firmware left it."""

from binnode.storage.migration import migrate
from binnode.storage.state import StateError, unpack
from check import raises
from rtc_version_1 import READINGS, image


def outcome(memory):
    return raises(StateError, migrate, memory).args[0]


def test_todays_firmware_does_not_take_it_as_it_is():
    assert raises(StateError, unpack, image()).args[0] == "version"


def test_everything_that_version_1_knew_is_kept():
    state = migrate(image())
    assert (state.last_fill_permille, state.last_distance_mm, state.last_kind) == (457, 731, 0)
    assert (state.reported_kind, state.reported_fill_permille, state.reports) == (0, 440, 17)
    assert (state.wakes, state.reported_at_s, state.retry_at_s) == (1234, 90000, 91000)
    assert (state.failures, state.channel, state.bssid) == (2, 6, b"\x02\x11\x22\x33\x44\x55")
    assert state.alarm and not state.first and not state.urgent and state.thinned
    assert state.backlog.oldest(9, 24000) == [(1500, 456), (600, 440)]


def test_what_it_did_not_know_is_as_in_a_new_state():
    state = migrate(image())
    assert (state.step, state.crashes, state.recoveries, state.checkpoint_at_s) == (0, 0, 0, 0)
    assert not state.safe and not state.checkpointed and state.crash_kept_at_s is None
    assert unpack(state.pack()).backlog.oldest(9, 24000) == [(1500, 456), (600, 440)]


def test_full_backlog_and_empty_one():
    assert len(migrate(image(READINGS * 120)).backlog) == 240
    assert len(migrate(image(b"")).backlog) == 0


def test_what_follows_it_is_not_read():
    assert len(migrate(image() + b"\xa5" * 600).backlog) == 2


def test_damage_is_refused_with_the_reason():
    whole = image()
    assert outcome(whole[:20]) == "version"
    assert outcome(whole[:2] + b"\x03" + whole[3:]) == "version"
    assert outcome(whole[:-1]) == "length"
    assert outcome(image(READINGS + b"\x00")) == "length"
    assert outcome(whole[:40] + bytes((whole[40] ^ 1,)) + whole[41:]) == "crc"
