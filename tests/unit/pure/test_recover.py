"""What a wake begins with, for every cause of reset and every content of RTC memory and NVS."""

from binnode import crash, recover
from binnode.storage import checkpoint, recoveries
from binnode.storage.state import MAGIC, MEASURING, REPORTING, State, unpack

POWER_ON, HARD, WATCHDOG, DEEP_SLEEP, SOFT = 1, 2, 3, 4, 5


class Clock:
    def __init__(self, now_s):
        self.now_s = now_s

    def time(self):
        return self.now_s


class Board:
    def __init__(self, now_s=100, **nvs):
        self.pins = {}
        self.time = Clock(now_s)
        self.nvs = nvs
        self.writes = 0
        self.broken = False

    def secret(self, key):
        return ""

    def set_clock(self, seconds):
        self.time.now_s = seconds

    def kept(self, key, longest):
        return self.nvs.get(key, b"")

    def keep(self, key, record):
        self._write()
        self.nvs[key] = record

    def forget(self, key):
        self._write()
        self.nvs.pop(key, None)

    def _write(self):
        if self.broken:
            raise OSError(-0x1105)
        self.writes += 1


def sleeping(count=3, step=0):
    state = State()
    state.first = state.urgent = False
    state.step, state.reports, state.alarm = step, 7, True
    for number in range(count):
        state.backlog.add(100000 + 900 * number, 300 + number)
    return state


def found(board, image, cause):
    state, said = recover.begin(board, image, cause)
    assert (said is None) == (not state.recoveries)
    return state, recoveries.names(state.recoveries)


def test_power_on_is_no_recovery():
    state, names = found(Board(), b"", POWER_ON)
    assert names == [] and state.first and state.diagnose and state.reset_cause == POWER_ON and not state.crashes


def test_whole_memory_outlives_every_reset():
    for cause in (POWER_ON, HARD, WATCHDOG, SOFT, 0):
        state, names = found(Board(103000), sleeping().pack(), cause)
        assert names == [] and len(state.backlog) == 3 and not state.first and not state.crashes
        assert state.diagnose and state.reset_cause == cause


def test_each_damage_of_the_memory_has_its_name():
    image = sleeping().pack()
    for memory, name in (
        (bytes(2048), "rtc_garbage"),
        (b"\xff" * 2048, "rtc_garbage"),
        (image[:30], "rtc_damaged"),
        (image[:70] + bytes(len(image) - 70), "rtc_damaged"),
        (image[:-1] + b"\x00\x00", "rtc_damaged"),
        (image[:2] + b"\x09" + image[3:], "rtc_newer"),
        (image[:2] + b"\x01" + image[3:], "rtc_damaged"),
    ):
        for cause in (POWER_ON, DEEP_SLEEP):
            state, names = found(Board(), memory, cause)
            assert names == [name], (memory, name)
            assert state.first and state.diagnose and not state.backlog.data


def test_memory_of_an_older_layout_is_migrated_and_loses_nothing():
    import rtc_version_1
    import rtc_version_2

    for older in (rtc_version_1, rtc_version_2):
        state, names = found(Board(24000), older.image(), HARD)
        assert "rtc_migrated" in names and len(state.backlog) == 2 and state.reports == 17


def test_wake_that_was_interrupted_is_a_crash_unless_power_failed_or_somebody_was_there():
    for cause, crashes, names in (
        (HARD, 1, []),
        (WATCHDOG, 1, []),
        (DEEP_SLEEP, 1, []),
        (POWER_ON, 0, ["brown_out"]),
        (SOFT, 0, []),
        (0, 0, []),
    ):
        board = Board(103000)
        state, given = found(board, sleeping(step=REPORTING).pack(), cause)
        assert (state.crashes, given) == (crashes, names), cause
        assert state.crash_step == (REPORTING if crashes else 0) and len(state.backlog) == 3
        assert crash.KEY in board.nvs if crashes else crash.KEY not in board.nvs


def test_watchdog_that_cost_the_memory_is_a_crash_too():
    for memory in (b"", bytes(64)):
        state, _ = found(Board(), memory, WATCHDOG)
        assert state.crashes == 1
    assert found(Board(), sleeping().pack(), WATCHDOG)[0].crashes == 0, "it bit somebody at the console"


def test_three_interrupted_wakes_are_safe_mode():
    board, image = Board(103000), sleeping(step=MEASURING).pack()
    for count in (1, 2, 3):
        state, _ = recover.begin(board, image, WATCHDOG)
        assert state.crashes == count and state.safe == (count == 3)
        state.step = MEASURING
        image = state.pack()
    assert len(state.backlog) == 3 and board.writes == 1


def test_settings_are_looked_through_again_after_every_start_but_the_plain_one():
    state = sleeping()
    state.config_crc = 5
    for cause in (POWER_ON, HARD, WATCHDOG, SOFT):
        assert found(Board(103000), state.pack(), cause)[0].config_crc == 0, "it may be another firmware"


def test_mark_of_damaged_files_keeps_what_follows():
    image = sleeping().pack()
    state, names = found(Board(103000), b"b!" + image[2:], DEEP_SLEEP)
    assert names == ["files_repaired"] and len(state.backlog) == 3
    state, names = found(Board(), b"b!", DEEP_SLEEP)
    assert names == ["files_repaired"] and state.first
    assert recover.DAMAGED_MARK == b"b!" != MAGIC


def test_checkpoint_comes_back_after_power_loss_with_ages_that_are_lower_bounds():
    board, state = Board(), sleeping()
    checkpoint.keep(board, state, 103000)
    board.time.now_s = 4
    restored, names = found(board, b"", POWER_ON)
    assert names == ["checkpoint_restored"] and restored.first and restored.urgent and restored.checkpointed
    now_s = board.time.time()
    assert restored.backlog.oldest(9, now_s) == [(3000, 300), (2100, 301), (1200, 302)]
    assert restored.backlog.oldest(1, now_s + 60) == [(3060, 300)]
    assert restored.alarm and restored.reports == 7 and restored.step == restored.crashes == restored.wakes == 0


def test_clock_goes_on_from_the_checkpoint_and_after_a_dip_from_there():
    """No time lies before the clock's zero, where it would be one of 34 years later."""
    board, state = Board(), sleeping()
    checkpoint.keep(board, state, 103000)
    board.time.now_s = 4
    restored, _ = found(board, b"", POWER_ON)
    assert board.time.now_s == 103000
    restored.step = MEASURING
    board.time.now_s = 4
    dipped, names = found(board, restored.pack(), POWER_ON)
    assert "brown_out" in names and board.time.now_s == 103000
    assert dipped.backlog.oldest(1, 103000) == [(3000, 300)]


def test_clock_goes_on_after_a_dip_that_kept_rtc_memory():
    for reported_s, last_s in ((0, 101800), (102500, 102500)):
        board, state = Board(4), sleeping(step=MEASURING)
        state.reported_at_s = reported_s
        kept, names = found(board, state.pack(), POWER_ON)
        assert names == ["brown_out"] and board.time.now_s == last_s and kept.backlog.newest_s() == 101800
        for cause in (HARD, WATCHDOG, DEEP_SLEEP):
            board = Board(4)
            found(board, state.pack(), cause)
            assert board.time.now_s == 4, "the clock outlived it"


def test_checkpoint_after_loss_of_rtc_memory_alone_has_true_ages():
    board, state = Board(), sleeping()
    checkpoint.keep(board, state, 103000)
    board.time.now_s = 150000
    restored, names = found(board, b"\x55" * 99, DEEP_SLEEP)
    assert names == ["rtc_garbage", "checkpoint_restored"]
    assert restored.backlog.oldest(1, 150000) == [(50000, 300)]


def test_checkpoint_of_an_older_layout_is_read():
    import rtc_version_2

    board = Board()
    board.nvs[checkpoint.KEY] = rtc_version_2.image()
    restored, names = found(board, b"", POWER_ON)
    assert names == ["checkpoint_restored"] and restored.backlog.oldest(1, 23400) == [(900, 456)]


def test_damaged_checkpoint_is_told_and_not_believed():
    board, state = Board(), sleeping()
    checkpoint.keep(board, state, 103000)
    whole = board.nvs[checkpoint.KEY]
    for record in (whole[:-1], b"bN", b"\x00" * 80, whole[:50] + b"\x7f" + whole[51:]):
        board.nvs[checkpoint.KEY] = record
        restored, names = found(board, b"", POWER_ON)
        assert names == ["checkpoint_damaged"] and not len(restored.backlog)


def test_delivery_makes_the_checkpoint_untrue():
    board, state = Board(), sleeping()
    checkpoint.keep(board, state, 103000)
    state.backlog.drop(2)
    checkpoint.settle(board, state, 104000)  # the delivery broke off: the rest waits on
    assert state.checkpointed and len(unpack(board.nvs[checkpoint.KEY]).backlog) == 1
    state.backlog.drop(1)
    checkpoint.settle(board, state, 105000)
    assert not state.checkpointed and checkpoint.KEY not in board.nvs and board.writes == 3


def test_nvs_that_takes_no_write_is_told():
    board, state = Board(), sleeping()
    board.broken = True
    checkpoint.keep(board, state, 103000)
    assert recoveries.names(state.recoveries) == ["nvs_failed"] and state.checkpoint_at_s == 103000
    state.recoveries = 0
    checkpoint.settle(board, state, 103000)
    assert recoveries.names(state.recoveries) == ["nvs_failed"]


def test_config_is_told_once_while_it_stands():
    state = State()
    for fresh in (True, False, False):
        state.diagnose = False
        recover.config_found(state, recoveries.CONFIG_FIELDS)
        assert state.diagnose == fresh and (state.recoveries != 0) == fresh
        state.recoveries, state.told = 0, 1 << recoveries.CONFIG_FIELDS  # delivered
    recover.config_found(state, None)  # mended
    assert not state.told
    recover.config_found(state, recoveries.CONFIG_FIELDS)  # and broken again
    assert recoveries.names(state.recoveries) == ["config_fields"]
