"""The live view: what it shows, which key does what, and the terminal as it was, however it ends."""

import contextlib
import io
import json
import os
import pty
import re
import signal
import sys
import termios
from dataclasses import replace

import pytest
from binnode_tools.cli.live_view import LiveView, keyboard
from binnode_tools.node_service import Reading
from rich.console import Console

from tests.unit.command_line import binnode, dialogue

READING = Reading("ok", 605, 5, 6, 8, [605] * 6, 494, 203, 3912)
CURSOR = re.compile(rb"\x1b\[\?25([hl])")  # the cursor: shown, hidden


def console(width=80):
    return Console(file=io.StringIO(), force_terminal=True, width=width, highlight=False)


def view(look=lambda: READING, **options):
    return LiveView(console(), look, "1 of 2: Empty the bin and close its lid, then press Enter", **options)


def run(live, *typed):
    """What ended it, by the keys of each turn; and how long it was ready to wait for each."""
    typed, waits = list(typed), []

    @contextlib.contextmanager
    def keys():
        def next_(wait_s):
            waits.append(wait_s)
            return typed.pop(0)

        yield next_

    return live.run(keys), waits


def shown(live, width=80):
    out = console(width)
    out.print(live.screen())
    return re.sub(r"\x1b\[[0-9;]*m", "", out.file.getvalue())


def test_what_it_shows():
    live = view(typing=True)
    assert "measuring ..." in shown(live)
    for mm in (604, 606, 605):
        live._take(replace(READING, distance_mm=mm))
    text = shown(live)
    assert "distance  605 mm" in text and "5 of 6 within 8 mm" in text and "604 to 606 mm in the last 3" in text
    assert "20.3 C" in text and "3.91 V" in text and "49.4 %" in text
    assert "[" + "#" * 20 + "." * 20 + "]" in text
    live._take(replace(READING, distance_mm=300))
    assert "300 to 300 mm in the last 1" in shown(live), "another surface"


@pytest.mark.parametrize("kind", ["no_echo", "noisy", "too_near", "too_far", "lid_open", "fault"])
def test_without_a_level_it_says_why_in_80_columns(kind):
    live = view(typing=True)
    live._take(Reading(kind, None, 0, 30, None, [None] * 30, None, None, None))
    text = shown(live)
    assert kind.split("_")[0] in text or (kind == "lid_open" and "below the bottom" in text)
    assert len(text.splitlines()) == len(shown(live, 200).splitlines()), "no line is broken"
    live._take(replace(READING, distance_mm=6000, fill_permille=1234, pings=30, valid=30, spread_mm=40))
    text = shown(live)
    assert "#" * 40 + "] 123.4 %" in text and max(map(len, text.splitlines())) <= 80


def test_enter_ends_it_and_so_do_its_letters():
    assert run(view(), "", "\r")[0] == "" and run(view(), "\n")[0] == ""
    assert run(view(ends="bq"), "x", "q")[0] == "q"
    assert run(view(typing=True, ends="b"), "12b")[0] == "b"


def test_typing_a_distance_stops_the_readings_until_it_is_taken_or_gone():
    count = []

    def look():
        count.append(1)
        return READING

    result, waits = run(view(look, typing=True), "", "1", "x2\x7f", "0", "5\r")
    assert result == "105" and len(count) == 1 and waits == [0, 0, 3600, 3600, 3600]
    result, waits = run(view(look, typing=True), "1", "\x7f", "", "123456789\r")
    assert result == "12345" and len(count) == 3 and waits == [0, 3600, 0, 0]
    assert run(view(), "12\r")[0] == "", "nothing to type here"


class Terminal:
    """A terminal in which this process has its stdin."""

    def __enter__(self):
        self.outer, self.inner = pty.openpty()
        self.before = termios.tcgetattr(self.inner)
        self.file = os.fdopen(self.inner)
        return self

    def __exit__(self, *_):
        self.file.close()
        os.close(self.outer)

    def as_before(self):
        return termios.tcgetattr(self.inner) == self.before


@pytest.mark.parametrize("error", [None, RuntimeError, KeyboardInterrupt, "SIGTERM", "SIGHUP"])
def test_the_terminal_is_as_before_however_it_ends(monkeypatch, error):
    handlers = [signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGHUP)]
    with Terminal() as terminal, monkeypatch.context() as patch:
        patch.setattr(sys, "stdin", terminal.file)
        with contextlib.suppress(RuntimeError, KeyboardInterrupt), keyboard() as typed:
            assert not termios.tcgetattr(terminal.inner)[3] & (termios.ECHO | termios.ICANON)
            assert typed(0) == ""
            os.write(terminal.outer, "1\x1b[A2ä\x1b".encode())
            assert typed(5) == "12ä", "no arrows"
            if isinstance(error, str):
                os.kill(os.getpid(), getattr(signal, error))
                pytest.fail("it went on")
            if error:
                raise error
        assert terminal.as_before()
    assert [signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGHUP)] == handlers


def test_measure_live_in_a_terminal(board):
    board.surface(605)
    steps = [(b"605 mm", lambda: board.surface(300)), (b"300 mm", b"q")]
    code, screen = dialogue(board, "measure", "--live", steps=steps)
    assert code == 0 and "Measuring until Enter or q" in screen and "battery 3.90 V" in screen
    assert CURSOR.findall(screen.encode())[-1] == b"h"


def test_the_cable_goes_while_it_looks(board):
    code, screen = dialogue(board, "measure", "--live", steps=[(b"800 mm", lambda: board.unplug_after(10))])
    assert code == 1 and "the line to" in screen and "broke" in screen and "Traceback" not in screen
    assert CURSOR.findall(screen.encode())[-1] == b"h"


def test_live_needs_a_terminal(board):
    assert "--live: is for a terminal" in binnode(board, "measure", "--live", code=2)[1]


def test_the_whole_guide_in_a_terminal(board, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    board.surface(1400)
    steps = [
        (b"distance", b"\r"),
        (b"2 of 2: Hold a flat board", lambda: board.surface(300)),
        (b" 87.", b"\r"),  # by the calibration that it has
        (b"Which [1]: ", b"2\r"),
        (b"or permille [", b"420:600\r"),
        (b"or permille [", b"420/600\r"),
        (b"narrowest, mm: ", b"300\r"),
        (b"wall, mm: ", b"near\r"),
        (b"wall, mm: ", b"\r"),
        (b"tape, mm: ", b"1395\r"),
        (b"Where it is, for the sheet: ", "Tor 3, Köln\r".encode()),
        (b"Who you are, for the sheet: ", b"\r"),
        (b"[Y/n]: ", b"\r"),
    ]
    code, screen = dialogue(board, "calibrate", steps=steps)
    assert code == 0, screen
    config = board.config()
    assert abs(config["empty_mm"] - 1400) <= 2 and abs(config["full_mm"] - 300) <= 2
    assert (config["shape"], config["bottom_permille"]) == ("tapered", 700)
    assert "warning: the beam (15 deg)" in plain(screen) and "it meets the wall from 1139 mm on" in plain(screen)
    assert "'420:600' is no whole number" in screen and "'near' is no whole number of mm" in screen
    (sheet,) = (tmp_path / "calibrations").glob("*.json")
    record = json.loads(sheet.read_text())
    assert record["place"] == "Tor 3, Köln" and record["bin"]["width_mm"] == 300 and record["bin"]["depth_mm"] == 1395
    assert sheet.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    assert f"Its sheet: calibrations/{sheet.stem}.png" in screen


def test_back_typed_and_stopped_in_a_terminal(board):
    steps = [
        (b"1 of 2: Empty", b"900\r"),
        (b"2 of 2: Hold", b"b"),
        (b"1 of 2: Empty", b"1200\r"),
        (b"2 of 2: Hold", b"1190\r"),
        (b"Which [1]: ", b"\r"),
        (b"the node refuses: full_mm = 1190: must be below 1150 mm", lambda: None),
        (b"2 of 2: Hold", b"250\r"),
        (b"narrowest, mm: ", b"\x03"),
    ]
    code, screen = dialogue(board, "calibrate", steps=steps)
    assert code == 1 and screen.endswith("binnode: stopped. The calibration is as it was.\r\n")
    assert board.config() is None and CURSOR.findall(screen.encode())[-1] == b"h"


def plain(screen):
    """Without colours, and in one line."""
    return " ".join(re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen).split())
