"""What a visitor asks of the node, against a board whose parts fail one after the other."""

from binnode import doctor
from binnode.storage import state as memory
from check import raises


class Chip:
    """A radio that notes what was done to it."""

    def __init__(self, fails=None):
        self.did, self.fails = [], fails

    def _do(self, what):
        self.did.append(what)
        if what == self.fails:
            raise OSError("radio busy")

    def restart(self):
        self._do("restart")

    def wake(self, hz):
        self._do("wake")

    def sleep(self, warm):
        assert not warm
        self._do("sleep")


class Time:
    def time(self):
        return 5000


class Board:
    time = Time()

    def __init__(self, image=b"", radio=None, nvs=None):
        self.pins = {"name": "bench", "button": 0}
        if radio:
            self.pins["radio"] = {"chip": "sx1262"}
        self.image, self.chip, self.nvs = image, radio, nvs
        self.records, self.log, self.held = {}, [], 0

    def radio(self):
        return self.chip

    def hold_radio(self):
        self.held += 1

    def recall(self):
        return self.image

    def remember(self, image):
        self.image = bytes(image)

    def reset_cause(self):
        return 2

    def keep(self, key, record):
        self.log.append("keep " + key)
        if self.nvs == "refuses":
            raise OSError(-4357)
        self.records[key] = record if self.nvs != "garbles" else record[:1]

    def kept(self, key, longest):
        return self.records.get(key, b"")

    def forget(self, key):
        self.log.append("forget " + key)
        self.records.pop(key, None)


class Service:
    def info(self):
        return {"version": "0.1.0"}

    def show(self):
        return {"problem": "full_mm = 5"}


def image(**changes):
    state = memory.State()
    state.first = False
    state.backlog.add(1000, 400)
    for name in changes:
        setattr(state, name, changes[name])
    return bytes(state.pack())


def test_each_part_is_looked_at_and_one_that_fails_takes_no_other_along():
    found = doctor.doctor(Service(), Board(image(wakes=7, recoveries=1 << 13), Chip("wake")))
    assert found["version"] == "0.1.0" and found["problem"] == "full_mm = 5"
    assert found["cause"] == 2 and found["now_s"] == 5000 and "no_state" not in found
    assert found["state"]["wakes"] == 7 and found["state"]["waiting"] == 1
    assert found["state"]["recoveries"] == ["brown_out"] and found["state"]["first"] is False
    assert found["nvs"] is True and found["crash"] is None and found["session"] is None
    assert "radio busy" in found["radio"]
    assert isinstance(found["damaged"], (str, list)), "here without a flash of its own"


def test_why_there_is_no_state():
    broken = bytearray(image())
    broken[20] ^= 1
    for memory_image, why in ((b"", "empty"), (b"b!" + image()[2:], "magic"), (bytes(broken), "crc")):
        found = doctor.doctor(Service(), Board(memory_image))
        assert found["no_state"] == why and found["state"]["wakes"] == 0 and found["radio"] is None


def test_the_nvs_is_left_as_it_was():
    board = Board()
    assert doctor.nvs(board, None) is True and board.log == ["keep doctor", "forget doctor"] and board.records == {}
    assert doctor.nvs(Board(nvs="garbles"), None) is False
    raises(OSError, doctor.nvs, Board(nvs="refuses"), None)


def test_the_radio_sleeps_cold_after_its_test_whatever_came_of_it():
    chip = Chip()
    board = Board(radio=chip)
    assert doctor.radio(board, memory.State()) is True
    assert chip.did == ["restart", "wake", "sleep"] and board.held == 1
    chip = Chip("wake")
    board = Board(radio=chip)
    raises(OSError, doctor.radio, board, memory.State())
    assert chip.did == ["restart", "wake", "sleep"] and board.held == 1


def test_wake_has_the_next_wake_report():
    board = Board(image(failures=4, retry_at_s=9000, safe=True, safe_try_at_s=9000, step=3, crashes=3))
    assert doctor.wake(None, board) == {}
    state = memory.unpack(board.image)
    assert state.first and state.retry_at_s == state.safe_try_at_s == state.step == 0
    assert state.safe and state.crashes == 3 and len(state.backlog) == 1, "nothing else is forgotten"


def test_wake_without_a_state_leaves_memory_alone_and_forgets_the_dips():
    board = Board(b"garbage")
    board.records["first_try"] = b"\3"
    doctor.wake(None, board)
    assert board.image == b"garbage" and board.records == {}


def test_sleep_gets_ready_and_sleeps_also_with_a_dead_radio():
    board = Board(image(step=2), Chip())
    assert doctor.sleep(None, board) == {"button": True, "radio": True, "wake": {}}
    assert board.chip.did == ["sleep"] and board.held == 1
    state = memory.unpack(board.image)
    assert state.first and state.step == 0 and len(state.backlog) == 1
    told = doctor.sleep(None, Board(image(), Chip("sleep")), 24)
    assert "radio busy" in told["radio"] and told["wake"] == {}


def test_sleep_refuses_what_the_chip_cannot_count():
    for hours in (-1, 577):
        assert "0..576" in str(raises(ValueError, doctor.sleep, None, Board(), hours))
    assert 576 * 3600000 < 1 << 31
