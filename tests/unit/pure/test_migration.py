"""RTC memory as older firmware left it."""

import rtc_version_2
from binnode.storage.migration import migrate
from binnode.storage.state import StateError, unpack
from check import raises
from rtc_version_1 import READINGS, image


def outcome(memory):
    return raises(StateError, migrate, memory).args[0]


def test_todays_firmware_does_not_take_it_as_it_is():
    for older in (image(), rtc_version_2.image()):
        assert raises(StateError, unpack, older).args[0] == "version"


def test_everything_that_version_1_knew_is_kept():
    state = migrate(image())
    assert (state.last_fill_permille, state.last_distance_mm, state.last_kind) == (457, 731, 0)
    assert (state.reported_kind, state.reported_fill_permille, state.reports) == (0, 440, 17)
    assert (state.wakes, state.reported_at_s, state.retry_at_s) == (1234, 90000, 91000)
    assert (state.failures, state.channel) == (2, 6)
    assert state.alarm and not state.first and not state.urgent and state.backlog.thinned
    assert state.backlog.oldest(9, 24000) == [(1500, 456), (600, 440)]


def test_what_it_did_not_know_is_as_in_a_new_state():
    state = migrate(image())
    assert (state.step, state.crashes, state.recoveries, state.checkpoint_at_s) == (0, 0, 0, 0)
    assert not state.safe and not state.checkpointed and state.crash_kept_at_s is None
    assert unpack(state.pack()).backlog.oldest(9, 24000) == [(1500, 456), (600, 440)]


def test_everything_that_version_2_knew_is_kept():
    state = migrate(rtc_version_2.image())
    assert (state.last_fill_permille, state.last_distance_mm, state.last_kind) == (457, 731, 0)
    assert (state.reports, state.wakes, state.retry_at_s, state.channel) == (17, 1234, 91000, 6)
    assert (state.step, state.crash_step, state.crashes, state.reset_cause) == (3, 2, 4, 3)
    assert (state.recoveries, state.told, state.crash_file, state.crash_line) == (0x2041, 0x0200, 0x0ABC, 217)
    assert (state.checkpoint_at_s, state.safe_try_at_s, state.crash_kept_at_s) == (23400, 90500, None)
    assert state.safe and state.checkpointed and not state.diagnose and state.alarm and not state.first
    assert state.config_crc == 0, "the settings are looked through again"
    assert unpack(state.pack()).backlog.oldest(9, 24000) == [(1500, 456), (600, 440)]


def test_full_backlog_and_empty_one():
    assert len(migrate(image(READINGS * 120)).backlog) == 240
    assert len(migrate(image(b"")).backlog) == 0


def test_what_follows_it_is_not_read():
    assert len(migrate(image() + b"\xa5" * 600).backlog) == 2


def test_damage_is_refused_with_the_reason():
    for made in (image, rtc_version_2.image):
        whole = made()
        assert outcome(whole[:20]) == "version"
        for other in (b"\x00", b"\x03", b"\xff"):
            assert outcome(whole[:2] + other + whole[3:]) == "version"
        assert outcome(whole[:-1]) == "length"
        assert outcome(made(READINGS + b"\x00")) == "length"
        assert outcome(whole[:40] + bytes((whole[40] ^ 1,)) + whole[41:]) == "crc"
