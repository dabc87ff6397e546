"""First tries that break off, life after life without RTC memory: what NVS holds, and how long the next one waits."""

from binnode import recover
from binnode.reporting import policy
from binnode.sensing.kinds import OK
from binnode.storage import first_try, recoveries
from binnode.storage.state import State, unpack

POWER_ON = 1
CONFIG = {
    "measure_s": 900,
    "heartbeat_s": 21600,
    "hysteresis_permille": 50,
    "full_permille": 800,
    "release_permille": 600,
    "emptied_permille": 150,
}


class Clock:
    now_s = 0

    def time(self):
        return self.now_s


class Board:
    def __init__(self, **nvs):
        self.pins = {}
        self.time = Clock()
        self.nvs = nvs
        self.writes = 0
        self.broken = False

    def kept(self, key, longest):
        if self.broken:
            raise OSError(-0x1105)
        return self.nvs.get(key, b"")

    def keep(self, key, record):
        self._write(self.nvs.get(key) != record)
        self.nvs[key] = record

    def forget(self, key):
        self._write(key in self.nvs)
        self.nvs.pop(key, None)

    def _write(self, changes):
        if self.broken:
            raise OSError(-0x1105)
        self.writes += changes


def started(board):
    """Power is there again, RTC memory is not."""
    board.time.now_s = 3
    state, _ = recover.begin(board, b"", POWER_ON)
    return state


def tries(board, state, now_s, fill_permille=300):
    """A wake; True when it tries to report."""
    policy.observe(state, OK, fill_permille, 500, CONFIG, now_s)
    assert policy.reason(state, OK, fill_permille, CONFIG, now_s, 0)
    if not policy.may_try(state, now_s):
        return False
    first_try.begins(board, state)
    policy.trying(state, CONFIG, now_s)
    return True


def waits_s(board, fill_permille=300):
    """A life from power-on to the dip in its first try: how long after power-on it came."""
    state = started(board)
    for now_s in range(3, 9000, 60):
        if tries(board, state, now_s, fill_permille):
            return now_s - 3
        state = unpack(state.pack())
    raise AssertionError("never")


def test_two_lives_try_at_once_and_then_waits_grow_to_two_hours():
    for fill_permille in (300, 950):  # a full bin is news in each life, and no reason to try at once
        board = Board()
        waits = [waits_s(board, fill_permille) for _ in range(9)]
        assert waits == [0, 0, 840, 1680, 3360, 6720, 6720, 6720, 6720]
        assert board.writes == first_try.MOST, "NVS is not worn by a loop"


def test_what_is_held_back_is_a_brown_out_and_is_told():
    board = Board(first_try=b"\x01")
    assert not started(board).recoveries
    board = Board(first_try=b"\x02")
    state = started(board)
    assert recoveries.names(state.recoveries) == ["brown_out"] and state.diagnose and state.first


def test_end_of_a_try_forgets_them():
    for record in (b"\x01", b"\x05"):
        board = Board(first_try=record)
        state = started(board)
        assert tries(board, state, 9000)
        first_try.ended(board, state)
        assert board.nvs == {}
        before = board.writes
        first_try.ended(board, state)
        assert board.writes == before, "there is nothing to erase"
        assert waits_s(board) == 0


def test_only_the_first_try_of_a_life_is_counted():
    board = Board()
    state = started(board)
    assert tries(board, state, 3)
    state = unpack(state.pack())  # the dip kept RTC memory
    assert tries(board, state, 1000) and state.failures == 2
    assert board.nvs == {first_try.KEY: b"\x01"} and board.writes == 1


def test_rtc_memory_that_is_whole_is_believed_and_not_nvs():
    board = Board(first_try=b"\x05")
    state = State()
    state.reports, state.first = 7, False
    state, _ = recover.begin(board, state.pack(), POWER_ON)
    assert state.reports == 7 and not state.recoveries and policy.may_try(state, 0)


def test_record_that_makes_no_sense_is_the_longest_wait_or_none():
    assert waits_s(Board(first_try=b"\xff")) == 6720
    assert waits_s(Board(first_try=b"\x00")) == 0


def test_nvs_that_does_not_work_is_told_and_stops_no_try():
    board = Board()
    board.broken = True
    state = State()
    assert first_try.hold(board, state) == 0
    assert tries(board, state, 3)
    assert recoveries.names(state.recoveries) == ["nvs_failed"] and state.diagnose
    state.recoveries = 0
    first_try.ended(board, state)
    assert recoveries.names(state.recoveries) == ["nvs_failed"]
