"""The link against the real MicroPython in a terminal, through the real mpremote."""

import errno
import json
import re
import threading
import time

import pytest
import serial
from binnode_tools import board_snippets
from binnode_tools.board_link import BoardLink, Identity, ServiceMissing, last_answer
from binnode_tools.serial_ports import LinkError, NoBoard

from tests.unit.fake_board import FakeBoard, lock

SECRET = "correct horse battery"

# Answers with its arguments, amid the noise of a chip.
ECHO_SERVICE = b"""
import json
def echo(*args):
    print("I (1234) wifi: noise")
    print("noise binnode>" + json.dumps({"args": args}) + "I (1240) more")
    print("noise after")
def garbled():
    print('binnode>{"args": [1, 2')
def raises(text):
    raise ValueError(text)
def slow():
    import time
    time.sleep(60)
"""
LISTENING = b"""
import time
print("binnode: starts in 3 s; Ctrl-C stops it")
time.sleep(3)
import machine
machine.deepsleep(1)
"""
# Something that answers every Ctrl-C with chatter.
CHATTERING = b"""
import time
while True:
    try:
        time.sleep(60)
    except KeyboardInterrupt:
        print("invalid header: 0xffffffff")
"""


@pytest.fixture
def board(tmp_path):
    files = {"binnode/__init__.py": b"", "binnode/service.py": ECHO_SERVICE}
    with FakeBoard(tmp_path, files) as board:
        yield board


def no_link(port, wait_s=0.3, kind=NoBoard):
    with pytest.raises(kind) as caught, BoardLink(port, wait_s):
        pass
    return str(caught.value)


@pytest.mark.parametrize(
    ("machine", "chip"),
    [
        ("Generic ESP32 module with ESP32", "esp32"),
        ("Generic ESP32S3 module with ESP32S3", "esp32s3"),
        ("Generic ESP32 module with SPIRAM with ESP32", "esp32"),
        ("ESP32C3 module with ESP32C3", "esp32c3"),
        ("ESP32C6 module with ESP32C6", "esp32c6"),
        ("LILYGO TTGO LoRa32 with ESP32", "esp32"),
        ("FeatherS3 with ESP32-S3", "esp32s3"),
        ("XIAO with ESP32-C3FH4", "esp32c3"),
        ("M5Stack Atom with ESP32-PICO-D4", "esp32"),
        ("TinyPICO with ESP32-PICO-V3-02", "esp32"),
        ("Generic ESP32P4 module with ESP32P4", "esp32p4"),
        ("Raspberry Pi Pico with RP2040", None),
        ("linux [GCC 14.2.1] version", None),
        ("", None),
    ],
)
def test_chip_from_what_builds_call_themselves(machine, chip):
    assert Identity((1, 29, 0), machine, "esp32").chip == chip


@pytest.mark.parametrize(
    ("output", "answer"),
    [
        ('binnode>{"a": 1}\n', {"a": 1}),
        ('I (5) boot\r\nnoise binnode>{"a": 1} noise\r\nmore\r\n', {"a": 1}),
        ('binnode>{"a": 1}\nbinnode>{"a": 2}\n', {"a": 2}),
        ('binnode>{"a": 1}\nbinnode>{"a": 2', {"a": 1}),
        ('binnode>{"name": "binnode>"}\n', {"name": "binnode>"}),
        ("binnode>[1]\n", None),
        ("nothing\n", None),
        ("", None),
    ],
)
def test_last_answer_is_found_amid_noise(output, answer):
    assert last_answer(output) == answer


def test_call_passes_arguments_and_answers_whole(board):
    arguments = ["quotes ' \" \\ and\nlines\t\x00", "\u00e4\u20ac\U0001f5d1", 7, True, json.dumps({"a": "\u00fc\\n"})]
    with BoardLink(board.port) as link:
        assert link.call("echo", *arguments) == {"args": arguments}
        assert link.call("echo") == {"args": []}
    assert board.starts == 1 and board.soft_resets == 0


def test_call_says_what_is_wrong(board):
    with BoardLink(board.port) as link:
        with pytest.raises(LinkError, match=f"garbled: the answer was lost or garbled on {board.port};"):
            link.call("garbled")
        with pytest.raises(LinkError, match="raises failed on the board: ValueError: some text"):
            link.call("raises", "some text")
        with pytest.raises(ServiceMissing, match=f"AttributeError.*Deploy first: binnode deploy --port {board.port}"):
            link.call("not_there")
        with pytest.raises(LinkError, match="stopped answering"):
            link.call("slow", timeout_s=0.5)


def test_no_error_repeats_a_secret(board):
    with BoardLink(board.port) as link:
        with pytest.raises(LinkError) as caught:
            link.call("raises", SECRET, secret=True)
        assert str(caught.value) == "raises failed on the board"
        board.unplug_after(60)
        with pytest.raises(LinkError) as caught:
            link.call("echo", SECRET, secret=True)
        assert SECRET[:5] not in str(caught.value) and caught.value.__suppress_context__


def test_board_without_application(tmp_path):
    with FakeBoard(tmp_path) as board, BoardLink(board.port) as link:
        with pytest.raises(ServiceMissing, match=r"has no application.*no module named 'binnode'.*Deploy first"):
            link.call("info")
        found = link.files(["main.py"])
        assert (found.digests, found.folders) == ({}, [])
        assert found.block_size >= 512 and found.free_blocks
        assert link.read("board.json") is None


def test_node_that_listens_is_caught_without_a_soft_reset(tmp_path):
    with FakeBoard(tmp_path, {"main.py": LISTENING}) as board:
        time.sleep(0.5)
        with BoardLink(board.port) as link:
            assert link.identity.platform in ("linux", "darwin") and link.identity.version >= (1, 23)
        assert board.starts == 1 and board.soft_resets == 0 and b"\x04\x04" not in board.heard


def test_node_that_sleeps_is_caught_after_its_reset_is_pressed(tmp_path):
    notices = []
    with FakeBoard(tmp_path, {"main.py": LISTENING}) as board:
        board.cut_power()

        def told(text):
            notices.append(text)
            threading.Timer(0.3, board.press_reset).start()

        started = time.monotonic()
        with BoardLink(board.port, 20, told):
            assert 2 <= time.monotonic() - started < 8
    (notice,) = notices
    assert re.fullmatch(
        r"no answer yet: press reset \(EN\) on the board, or .*button\. Trying for 1\d s more; Ctrl-C .*", notice
    )


def test_port_that_comes_back_is_waited_for(board, tmp_path):
    """Native USB is gone while the chip sleeps."""
    notices, port = [], tmp_path / "ttyACM0"

    def told(text):
        notices.append(text)
        port.symlink_to(board.port)

    with BoardLink(str(port), 10, told) as link:
        assert link.call("echo", 1) == {"args": [1]}
    assert re.match(rf"there is no port {port}\. .* press its button or reset \(EN\) while", notices[0])
    assert len(notices) == 1


def test_port_that_has_just_come_back_may_not_be_ours_yet(board, tmp_path, monkeypatch):
    """udev gives a new device file its rights a moment later, and other programs look at it."""
    port, tries = tmp_path / "ttyACM0", []
    real = serial.serial_for_url

    def opening(*arguments, **options):
        if port.exists():
            tries.append(1)
            if len(tries) <= 3:
                raise serial.SerialException(errno.EACCES, "could not open port")
        return real(*arguments, **options)

    monkeypatch.setattr(serial, "serial_for_url", opening)
    with BoardLink(str(port), 10, lambda text: port.symlink_to(board.port)) as link:
        assert link.call("echo", 1) == {"args": [1]}
    assert len(tries) > 3


def test_a_port_that_went_away_is_let_go(board):
    """Held open, its name would stay taken: the chip's own USB would come back as another."""
    with BoardLink(board.port) as link:
        terminal = link._open.serial
        board.unplug()
        with pytest.raises(LinkError, match="broke"):
            link.call("echo", 1)
    assert not terminal.is_open


def test_no_such_port_lists_those_there_are(monkeypatch):
    assert "is the board plugged in" in no_link("/dev/ttyNONE", 0)

    class Port:
        def __init__(self, device, vid):
            self.device, self.vid, self.description = device, vid, "CP2102"

        def __lt__(self, other):
            return self.device < other.device

    ports = [Port("/dev/ttyUSB1", 1), Port("/dev/ttyUSB0", 1), Port("/dev/ttyS0", None)]
    monkeypatch.setattr(serial.tools.list_ports, "comports", lambda: ports)
    message = no_link("/dev/ttyNONE", 0)
    there_are = "there is no port /dev/ttyNONE. Ports there are: /dev/ttyUSB0 (CP2102), /dev/ttyUSB1 (CP2102). "
    assert message.startswith(there_are)


def test_port_that_another_program_holds(board):
    with lock(board.port):
        started = time.monotonic()
        assert (
            no_link(board.port, 30)
            == f"{board.port} is busy: another program has it open; close that terminal or monitor"
        )
        assert time.monotonic() - started < 2, "waiting does not help"


def test_port_that_another_program_only_looks_at(board):
    looking = lock(board.port)
    threading.Timer(0.1, looking.close).start()
    with BoardLink(board.port, 5) as link:
        assert link.call("echo", 1) == {"args": [1]}


def test_port_without_permission(board, monkeypatch):
    def forbidden(*_, **__):
        raise serial.SerialException(errno.EACCES, "could not open port")

    monkeypatch.setattr(serial, "serial_for_url", forbidden)
    assert f"{board.port}: no permission. On Linux: sudo usermod -aG dialout" in no_link(board.port, 30)


def test_file_that_is_no_port(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("x")
    assert f"{path} is no serial port" in no_link(str(path), 30)


def test_silence(board):
    board.cut_power()
    message = no_link(board.port, 0.6)
    assert message.startswith(f"no answer at {board.port} for 1 s. Is it the right port")


def test_something_else_talks(tmp_path):
    with FakeBoard(tmp_path, {"main.py": CHATTERING}) as board:
        time.sleep(0.3)
        message = no_link(board.port, 1)
    assert message == (
        f'what talks at {board.port} is not MicroPython (it said "invalid header: 0xffffffff"): put it there first, '
        "by binnode flash"
    )


def test_node_that_lets_nobody_in(tmp_path):
    chatter = CHATTERING.replace(b"invalid header: 0xffffffff", b"binnode: wake 7")
    with FakeBoard(tmp_path, {"main.py": chatter}) as board:
        time.sleep(0.3)
        assert "did not let us in for 1 s: call this again and, while it waits, press reset (EN)" in no_link(
            board.port, 1
        )


@pytest.mark.parametrize(
    ("changed", "kind", "message"),
    [
        ('"version": [1, 22, 2]', LinkError, r"MicroPython 1\.22\.2 is too old for .* put 1\.23 or newer there"),
        (
            '"name": "circuitpython"',
            NoBoard,
            "runs circuitpython, not MicroPython: put that there first, by binnode flash",
        ),
    ],
)
def test_other_firmware_is_refused(board, monkeypatch, changed, kind, message):
    answer = '{"name": "micropython", "version": [1, 29, 0], "machine": "x", "platform": "esp32", %s}' % changed  # noqa: UP031
    monkeypatch.setattr(board_snippets, "IDENTIFY", f"print({'binnode>' + answer!r})")
    assert re.search(message, no_link(board.port, 5, kind))


def test_line_that_breaks_in_the_middle(board):
    with BoardLink(board.port) as link:
        board.unplug_after(100)
        with pytest.raises(LinkError, match=rf"the line to {board.port} broke"):
            link.write("big.bin", bytes(5000))
        assert not link.reset()


def test_files_are_written_hashed_swapped_and_removed(board):
    from binnode_tools.image import digest

    content, steps = bytes(range(256)) * 5, []
    with BoardLink(board.port) as link:
        link.make_folder("binnode/new")
        link.write("binnode/new/a.mpy.new", content, steps.append)
        assert sum(steps) == len(content) and len(steps) > 1
        there = link.files(["boot.py"])
        assert there.digests["binnode/new/a.mpy.new"] == digest(content)
        assert there.folders == ["binnode", "binnode/new"]
        link.write("binnode/new/a.mpy", b"old")
        link.swap_in(["binnode/new/a.mpy"])
        assert (board.flash / "binnode/new/a.mpy").read_bytes() == content == link.read("binnode/new/a.mpy")
        link.remove(["binnode/new/a.mpy"], ["binnode", "binnode/new"])
        assert sorted(path.name for path in board.flash.rglob("*")) == ["__init__.py", "binnode", "service.py"]
        with pytest.raises(LinkError, match="the board refuses: OSError"):
            link.swap_in(["missing"])
        with pytest.raises(LinkError, match=r"a/b: can't be written: No such file"):
            link.write("a/b", b"x")


def test_reset_starts_the_board_anew_even_if_it_is_busy(board):
    with BoardLink(board.port) as link:
        with pytest.raises(LinkError):
            link.call("slow", timeout_s=0.3)
        assert link.reset()
    deadline = time.monotonic() + 3
    while board.starts < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert board.starts == 2 and board.soft_resets == 0
