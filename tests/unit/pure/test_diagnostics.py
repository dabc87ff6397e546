"""The diagnostics message against vectors written by hand from PAYLOAD.md, and the crash record in NVS."""

import json
import sys

from binnode import crash
from binnode.reporting import diagnostics
from binnode.storage import recoveries
from binnode.storage.state import REPORTING, State
from check import raises

# What sys.print_exception writes on the chip.
TRACE = """Traceback (most recent call last):
  File "main.py", line 13, in <module>
  File "binnode/node.py", line 131, in report
  File "binnode/wifi/mqtt.py", line 77, in connect
ValueError: no such thing
"""


class Board:
    """NVS in memory; `fails`: it takes no write."""

    fails = False

    def __init__(self, **secrets):
        self.nvs = {}
        self.writes = 0
        self.secrets = secrets

    def secret(self, key):
        return self.secrets.get(key, "")

    def kept(self, key, longest):
        return self.nvs.get(key, b"")

    def keep(self, key, record):
        if self.fails:
            raise OSError(-0x1105)
        self.nvs[key] = record
        self.writes += 1


class Link:
    name = "bin"

    def __init__(self):
        self.sent = []

    def deliver_diagnostics(self, payload, text):
        self.sent.append((payload, json.loads(text)))


def vectors():
    with open(__file__.rsplit("/", 2)[0] + "/../vectors/diagnostics_v1.json") as file:
        return [vector for vector in json.load(file)["accepted"] if "state" in vector]


def state_of(values):
    state = State()
    for name, value in values.items():
        setattr(state, name, value)
    return state


def test_every_vector():
    for vector in vectors():
        encoded = diagnostics.encode(state_of(vector["state"]), vector["firmware"])
        assert encoded == bytes.fromhex(vector["hex"]), vector["description"]
        assert len(encoded) <= 11
    assert len(vectors()) == 5


def test_every_recovery_has_a_bit_and_a_name():
    codes = [value for name, value in recoveries.__dict__.items() if name.isupper() and isinstance(value, int)]
    codes.remove(recoveries.STANDING)
    assert sorted(codes) == list(range(len(recoveries.NAMES))) and len(recoveries.NAMES) <= 16
    for code, name in enumerate(recoveries.NAMES):
        assert getattr(recoveries, name.upper()) == code
    assert recoveries.names(0x2011) == ["rtc_garbage", "checkpoint_restored", "brown_out"]
    assert recoveries.names(recoveries.STANDING) == [
        "config_damaged",
        "config_fields",
        "config_migrated",
        "config_newer",
    ]


def test_place_of_a_crash_is_its_last_frame():
    assert crash.place(TRACE) == ("binnode/wifi/mqtt.py", 77, "ValueError: no such thing")
    assert crash.place('  File "<stdin>", line 3\nSyntaxError: invalid syntax') == (
        "<stdin>",
        3,
        "SyntaxError: invalid syntax",
    )
    assert crash.place("MemoryError") == ("", 0, "MemoryError")
    _, _, what = crash.place(TRACE + "second line\n\xe4" + "x" * 200)
    assert len(what) == 80 and all(" " <= letter <= "~" for letter in what)


def test_record_comes_back_and_damage_is_seen():
    record = crash.pack(3, "binnode/wifi/mqtt.py", 77, "ValueError: no")
    assert crash.unpack(record) == (3, "binnode/wifi/mqtt.py", 77, "ValueError: no")
    for place in range(len(record)):
        raises(ValueError, crash.unpack, record[:place])
        raises(ValueError, crash.unpack, record[:place] + bytes((record[place] ^ 4,)) + record[place + 1 :])
    longest = crash.pack(5, "f" * 200, 99999, crash.place("y" * 500)[2])
    assert len(longest) <= 160 and crash.unpack(longest)[2] == 65535


def test_third_crash_in_a_row_leads_to_safe_mode_and_keeps_the_readings():
    board, state = Board(), State()
    state.step, state.alarm, state.last_fill_permille = REPORTING, True, 500
    state.backlog.add(10, 500)
    for count in (1, 2, 3):
        assert not state.safe
        crash.note(board, state, "binnode/node.py", 131, "ValueError", 1000 * count)
        assert (state.crashes, state.crash_step, state.crash_line, state.crashed, state.diagnose) == (
            count,
            3,
            131,
            True,
            True,
        )
    assert state.safe and state.safe_try_at_s == 3000 + 86400 and state.crash_file == 0xBEE
    assert len(state.backlog) == 1 and not state.alarm and state.last_fill_permille is None
    state.diagnose = False
    crash.note(board, state, "binnode/node.py", 131, "ValueError", 9000)
    assert not state.diagnose, "the same again is not told again"
    crash.note(board, state, "binnode/node.py", 132, "ValueError", 9000)
    assert state.diagnose and state.crashes == 5


def test_count_of_crashes_has_an_end():
    board, state = Board(), State()
    state.crashes = 254
    for _ in range(3):
        crash.note(board, state, "", 0, "watchdog", 5)
    assert state.crashes == 255
    assert state.pack()


def test_nvs_is_spared():
    """A crash every 15 minutes for a month: written once when it is the same, else four times a day."""
    for differs, most in ((False, 1), (True, 4 * 30 + 1)):
        board, state = Board(), State()
        state.step = REPORTING
        for wake in range(30 * 96):
            crash.note(board, state, "binnode/node.py", 100 + wake % 900 if differs else 100, "ValueError", 900 * wake)
        assert (1 if not differs else 100) <= board.writes <= most


def test_nvs_that_takes_no_write_is_told():
    board, state = Board(), State()
    board.fails = True
    crash.note(board, state, "a.py", 1, "ValueError", 5)
    assert state.recoveries == 1 << recoveries.NVS_FAILED and state.crashes == 1


def test_secret_in_a_text_is_withheld():
    class Failing(Exception):
        pass

    if not hasattr(sys, "print_exception"):  # CPython
        import traceback

        sys.print_exception = lambda error, file: traceback.print_exception(error, file=file)
    board = Board(wifi_key="correct horse")
    for text in ("key correct horse is wrong", "harmless"):
        try:
            raise Failing(text)
        except Failing as error:
            trace = crash.trace_of(board, error)
        assert "correct horse" not in trace
        assert "harmless" in trace if text == "harmless" else crash.WITHHELD in trace


def test_message_has_the_text_of_the_crash_and_its_receipt_clears_it():
    board, state, link = Board(), State(), Link()
    state.step, state.recoveries = REPORTING, 1 << recoveries.CONFIG_FIELDS | 1 << recoveries.RTC_DAMAGED
    crash.note(board, state, "binnode/node.py", 131, "ValueError: no such thing", 5)
    state.crashes = 0  # a later wake succeeded
    diagnostics.deliver(link, board, state)
    ((payload, text),) = link.sent
    assert payload[1:8] == bytes((0x06, 0, 0x02, 0x02, 0xBE, 0xE0, 0x83))
    assert text["crash"] == {
        "step": "reporting",
        "what": "ValueError: no such thing",
        "file": "binnode/node.py",
        "line": 131,
    }
    assert text["recoveries"] == ["rtc_damaged", "config_fields"] and text["id"] == "bin" and text["safe_mode"] is False
    assert not state.diagnose and not state.recoveries and not state.crash_step
    assert state.told == 1 << recoveries.CONFIG_FIELDS


def test_undelivered_message_stays():
    class Broken:
        name = "bin"

        def deliver_diagnostics(self, payload, text):
            raise OSError(110)

    state = state_of({"diagnose": True, "recoveries": 5})
    raises(OSError, diagnostics.deliver, Broken(), Board(), state)
    assert state.diagnose and state.recoveries == 5 and not state.told


def test_text_of_another_crash_is_not_told_for_this_one():
    board, state = Board(), State()
    state.step = REPORTING
    crash.note(board, state, "binnode/node.py", 131, "first", 5)
    crash.note(board, state, "binnode/node.py", 140, "second", 6)  # too soon for NVS
    text = json.loads(diagnostics.as_json(board, state, "bin", "0.1.0"))
    assert text["crash"] == {"step": "reporting", "what": None, "file": None, "line": 140}


def test_damaged_crash_record_is_told():
    board, state = Board(), State()
    state.crash_step = REPORTING
    board.nvs[crash.KEY] = b"c1 what is this"
    text = json.loads(diagnostics.as_json(board, state, "bin", "0.1.0"))
    assert text["recoveries"] == ["crash_record_damaged"] and text["crash"]["what"] is None
