"""What the node prints, taken apart: against the firmware's own words, and against noise."""

import ast
import string

import pytest
from binnode.sensing.kinds import NAMES as KINDS
from binnode_tools import paths
from binnode_tools.console_lines import Lines, parse, parse_wake
from hypothesis import given
from hypothesis import strategies as st


def _of_the_firmware(name):
    """node.py itself wants the chip's modules: one function of it does not."""
    tree = ast.parse((paths.FIRMWARE / "binnode" / "node.py").read_text())
    (function,) = [part for part in tree.body if isinstance(part, ast.FunctionDef) and part.name == name]
    names = {"_OK": 0}
    exec(compile(ast.Module([function], []), "node.py", "exec"), names)
    return names[name]


line = _of_the_firmware("line")


class _Status:
    def __init__(self, kind, distance_mm, fill_permille):
        self.kind, self.distance_mm, self.fill_permille = kind, distance_mm, fill_permille


class _State:
    def __init__(self, wakes, waiting):
        self.wakes, self.backlog = wakes, range(waiting)


REASONS = st.sampled_from([None, *range(1, 9)])
WORDS = st.text(string.ascii_letters + string.digits + " :.=[]'/-", max_size=60).map(str.strip).filter(bool)
RESULTS = st.one_of(st.sampled_from([None, "sent", "waits"]), WORDS.map("failed: {}".format))


@given(
    st.integers(0, 1 << 32),
    st.one_of(st.none(), st.integers(0, 1000)),
    st.integers(0, len(KINDS) - 1),
    st.one_of(st.none(), st.integers(0, 6000)),
    REASONS,
    RESULTS,
    st.integers(0, 240),
    st.one_of(st.none(), WORDS),
    st.integers(10, 86400),
)
def test_what_the_firmware_words_is_read_back(wakes, fill, kind, mm, why, result, waiting, problem, sleeps_s):
    from binnode.reporting.reasons import NAMES as REASON_NAMES

    status = _Status(kind, mm, fill)
    said = parse(line(_State(wakes, waiting), status, why, result, problem, sleeps_s))
    wake = said.wake
    assert said.event == "wake" and wake.whole and not wake.safe
    assert (wake.number, wake.fill_permille, wake.kind, wake.distance_mm) == (wakes, fill, KINDS[kind], mm)
    assert (wake.reason, wake.result) == (REASON_NAMES[why or 0], result or "nothing to report")
    assert (wake.waiting, wake.problem, wake.sleeps_s) == (waiting, problem, sleeps_s)
    assert wake.sent == (result == "sent")


SAFE = "binnode: safe mode, wake 7, 412 permille, kind 0: failed: no answer, 12 waiting; sleeps 3600 s"


@pytest.mark.parametrize(
    ("text", "event", "found"),
    [
        ("binnode: wake failed; next one in 900 s", "wake_failed", {"sleeps_s": 900}),
        ("binnode: starts in 3 s; Ctrl-C stops it", "listens", {"seconds": 3}),
        (
            "binnode: damaged on the flash: main.py, binnode/node.mpy. The node stops. Remedy: binnode deploy",
            "damaged",
            {"files": ["main.py", "binnode/node.mpy"]},
        ),
        ("rst:0x5 (DEEPSLEEP_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)", "reset", {"cause": "DEEPSLEEP_RESET"}),
        ("binnode: radio: no radio", "note", {}),
        ("ESP-ROM:esp32s3-20210327", None, {}),
        ("", None, {}),
    ],
)
def test_the_other_lines(text, event, found):
    said = parse(text)
    assert (said.text, said.event, said.found) == (text, event, found)
    assert said.as_json() == {"line": text, "event": event, **found}


def test_a_wake_in_safe_mode():
    wake = parse(SAFE).wake
    assert (wake.number, wake.fill_permille, wake.kind, wake.result) == (7, 412, "ok", "failed: no answer")
    assert wake.safe and wake.waiting == 12 and wake.sleeps_s == 3600 and wake.distance_mm is None
    assert parse(SAFE.replace("412", "-").replace("kind 0", "kind 6")).wake.kind == "fault"


WHOLE = "binnode: wake 12, 41.2 %, ok, 678 mm, first: sent, 0 waiting; sleeps 900 s"


@pytest.mark.parametrize("end", range(len("binnode: wake 12, 41.2 %, ok, 678 mm, first: s"), len(WHOLE)))
def test_a_line_whose_end_the_port_took_away_still_says_what_came_of_it(end):
    assert parse_wake(WHOLE[:end]) is None
    wake = parse_wake(WHOLE[:end], whole=False)
    assert wake.sent and not wake.whole and wake.waiting is None and wake.number == 12


@pytest.mark.parametrize("end", [0, 10, 25, len("binnode: wake 12, 41.2 %, ok, 678 mm, first: ")])
def test_of_less_than_that_nothing_is_made(end):
    assert parse_wake(WHOLE[:end], whole=False) is None


TRACE = b"""\
Traceback (most recent call last):\r
  File "main.py", line 27, in <module>\r
  File "binnode/node.py", line 66, in run\r
OSError: [Errno 5] EIO\r
binnode: wake failed; next one in 900 s\r
"""


def test_a_traceback_ends_in_where_and_what():
    *_, crash, failed = Lines().feed(TRACE)
    assert crash.event == "crash"
    assert crash.found == {"file": "binnode/node.py", "at": 66, "what": "OSError: [Errno 5] EIO"}
    assert failed.event == "wake_failed"


def test_ctrl_c_is_no_crash():
    *_, last = Lines().feed(TRACE.replace(b"OSError: [Errno 5] EIO", b"KeyboardInterrupt: ").splitlines(True)[3] + b"")
    assert last.event is None
    lines = Lines()
    *_, last = lines.feed(
        b'Traceback (most recent call last):\r\n  File "x.py", line 1, in y\r\nKeyboardInterrupt: \r\n'
    )
    assert last.event == "stopped"


@given(st.binary(max_size=400), st.lists(st.integers(0, 400)))
def test_any_bytes_in_any_pieces_give_the_same_lines(data, cuts):
    whole, pieces = Lines(), Lines()
    said = whole.feed(data)
    ends = sorted({min(cut, len(data)) for cut in cuts})
    parts = [data[a:b] for a, b in zip([0, *ends], [*ends, len(data)], strict=True)]
    assert [one for part in parts for one in pieces.feed(part)] == said
    assert pieces.rest == whole.rest
    assert all(one.text.isprintable() for one in said)


@given(st.lists(st.sampled_from([TRACE, SAFE.encode() + b"\r\n", WHOLE.encode() + b"\r\n", b"\xff\0\x1b[2J", b"\r\n"])))
def test_the_lines_of_a_node_between_noise(parts):
    lines = Lines()
    said = lines.feed(b"\r\n" + b"".join(b"\r\n" + part for part in parts) + b"\r\n")
    assert sum(one.event == "wake" for one in said) == sum(
        b": wake 12" in part or b"safe mode" in part for part in parts
    )
    assert sum(one.event == "crash" for one in said) == parts.count(TRACE)


def test_noise_without_an_end_is_cut():
    lines = Lines()
    said = lines.feed(b"x" * 10000)
    assert sum(len(one.text) for one in said) + len(lines.rest) == 10000 and len(lines.rest) <= 4096


def test_what_is_left_when_the_port_goes():
    lines = Lines()
    lines.feed(WHOLE.encode()[:60])
    assert lines.broken_off().wake.number == 12 and lines.rest == "" and lines.broken_off() is None
