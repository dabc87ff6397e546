"""Each problem that a technician meets, provoked: its message, its exit code, its word, and its row in the docs."""

import json
import os
import re
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
import serial.tools.list_ports
from binnode_tools import board_link, problems
from binnode_tools.cli import main
from binnode_tools.virtual_board import simulation
from click.testing import CliRunner

from tests.unit.fake_board import FakeBoard
from tests.unit.fake_loader import FakeLoader
from tests.unit.micropython_bin import micropython_bin
from tests.unit.talker import Talker

PAGE = Path(__file__).parents[3] / "host_tools/docs/errors.md"
CHATTERING = b"""
import time
while True:
    try:
        time.sleep(60)
    except KeyboardInterrupt:
        print("ets Jul 29 2019 12:21:46")
"""
NOBODY = 65534
_HOLD = (
    "import serial, sys; s = serial.Serial(sys.argv[1], exclusive=True); print('held', flush=True); sys.stdin.read()"
)


def rows():
    """code -> (exit, beginnings of the message), as the docs have them."""
    found = re.findall(r"^\| `(\w+)` \| (\d) \| (.*?) \| (.+?) \|$", PAGE.read_text(), re.M)
    assert all(remedy.strip() for *_, remedy in found)
    return {code: (int(exit_code), begins.split(" / ")) for code, exit_code, begins, _ in found}


def test_the_table_is_that_of_the_code():
    assert {code: exit_code for code, (exit_code, _) in rows().items()} == problems.EXITS


def run(*args, text=None):
    done = CliRunner().invoke(main.cli, [*map(str, args), "--json"], input=text)
    assert not done.exception or isinstance(done.exception, SystemExit), done.output + repr(done.exception)
    return done.exit_code, done.stdout, done.stderr


def check(code, outcome, *words):
    """What came of a command is this problem, as its row in the docs says, and in the same words on both channels."""
    exit_code, out, err = outcome
    wanted, beginnings = rows()[code]
    (answer,) = [json.loads(line) for line in out.splitlines()]
    error = answer["error"]
    assert (error["code"], exit_code, problems.EXITS[code]) == (code, wanted, wanted), (out, err)
    patterns = [".*?".join(map(re.escape, one.strip().split("..."))) for one in beginnings]
    own = "own" in beginnings[0]
    assert own or any(re.match(one, error["text"], re.S) for one in patterns), error["text"]
    assert error["text"] in err and "Traceback" not in err
    assert all(word in error["text"] for word in words), error["text"]


class Port(SimpleNamespace):
    def __lt__(self, other):
        return self.device < other.device


def ports(monkeypatch, *found):
    listed = [Port(device=device, description="USB Serial", vid=vid, pid=vid and 1) for device, vid in found]
    monkeypatch.setattr(serial.tools.list_ports, "comports", lambda: listed)


# the port


def test_no_port(monkeypatch):
    check("no_port", run("measure", "--port", "/dev/ttyNONE", "--wait", 0), "is the board plugged in")
    ports(monkeypatch)
    check("no_port", run("measure"), "--port PORT", "a cable that carries data")
    check("no_port", run("measure", "--port", PAGE, "--wait", 0))


def test_several_ports(monkeypatch):
    ports(monkeypatch, ("/dev/ttyUSB0", 0x10C4), ("/dev/ttyACM0", 0x303A))
    for command in (["measure"], ["config", "show"], ["deploy"], ["calibrate"], ["doctor"], ["flash", "--app-only"]):
        check("several_ports", run(*command), "--port PORT", "/dev/ttyUSB0", "/dev/ttyACM0")


def test_port_that_another_process_holds(board):
    command = [sys.executable, "-c", _HOLD, board.port]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"held\n"
        check("port_busy", run("measure", "--port", board.port), "close that terminal or monitor")
        other.stdin.close()


def test_port_without_permission(board):
    run("measure", "--port", "/dev/ttyNONE", "--wait", 0)  # loads the command: nobody may not read the interpreter
    os.chmod(board.port, 0)
    root = os.geteuid() == 0
    if root:
        os.seteuid(NOBODY)
    try:
        outcome = run("measure", "--port", board.port)
    finally:
        if root:
            os.seteuid(0)
    check("no_permission", outcome, "sudo usermod -aG dialout $USER")


# who answers


@pytest.mark.parametrize(
    ("vendor", "press"),
    [
        (0x10C4, "press reset (EN) on the board, or the node's button"),
        (0x303A, "press the node's button or the board's reset (EN); its own USB comes back then"),
    ],
)
def test_nobody_answers_and_what_to_press(board, monkeypatch, vendor, press):
    monkeypatch.setattr(board_link, "_QUIET_S", 0.2)
    board.cut_power()
    ports(monkeypatch, (board.port, vendor))
    outcome = run("measure", "--wait", 0.6)
    check("no_answer", outcome, press, "A node asleep hears nothing", "call this again")
    assert re.search(r"no answer yet: " + re.escape(press) + r"\. Trying for", outcome[2])


def test_silent_chip(tmp_path, monkeypatch):
    from esptool import cmds

    monkeypatch.setattr(cmds.detect_chip, "__defaults__", ("", 115200, "default-reset", False, 1))
    build = tmp_path / "esp32.bin"
    build.write_bytes(micropython_bin("esp32", filler=1000))
    with FakeLoader(silent=True) as target:
        check("no_answer", run("flash", "--micropython", build, "--port", target.port), "hold BOOT")


def test_not_micropython(tmp_path):
    with FakeBoard(tmp_path, {"main.py": CHATTERING}) as board:
        outcome = run("measure", "--port", board.port, "--wait", 1)
        check("not_micropython", outcome, 'it said "ets Jul 29', "binnode flash")
    with Talker("circuitpython") as other:
        check("not_micropython", run("measure", "--port", other.port), "circuitpython", "binnode flash")


def test_old_micropython():
    with Talker(version=(1, 22, 2)) as board:
        check("old_micropython", run("deploy", "--port", board.port), "1.22.2", "1.23 or newer", "binnode flash")


def test_no_application(blank):
    for command in (["measure"], ["config", "show"], ["config", "validate"], ["calibrate", "--yes", "--full-mm", 200]):
        check("no_application", run(*command, "--port", blank.port), f"binnode deploy --port {blank.port}")
        blank.wait_for_start()


@pytest.fixture
def older(board):
    """The board with firmware of another version on its flash."""
    (board.flash / "binnode/version.mpy").unlink()
    (board.flash / "binnode/version.py").write_text('VERSION = "0.0.9"\nCOMMIT = "1234abcd"\nBUILD_S = 820540800\n')
    return board


def test_other_version(older):
    for command in (["measure"], ["config", "set", "measure_s=600"], ["calibrate", "--yes", "--full-mm", 200]):
        check("other_version", run(*command, "--port", older.port), "is 0.0.9", f"binnode deploy --port {older.port}")
        older.wait_for_start()
    assert older.config() is None


def test_other_version_is_no_hindrance_to_who_only_reads(older):
    for command in (["config", "show"], ["config", "get", "measure_s"], ["config", "validate"]):
        exit_code, out, err = run(*command, "--port", older.port)
        assert exit_code == 0 and json.loads(out)
        assert "the node's firmware is 0.0.9, and these tools are " in err
        older.wait_for_start()


def test_wrong_board(tmp_path):
    build = tmp_path / "esp32.bin"
    build.write_bytes(micropython_bin("esp32", filler=1000))
    for chip, mib, words in (("esp32c3", 4, "--board esp32c3"), ("esp32", 2, "another board")):
        with FakeLoader(chip, mib) as target:
            check(
                "wrong_board", run("flash", "--micropython", build, "--port", target.port), words, "Nothing was changed"
            )
            assert target.untouched


def test_wrong_board_for_the_application():
    with Talker(machine="Generic ESP32C3 module with ESP32C3") as board:
        outcome = run("deploy", "--board", "esp32_devkit", "--port", board.port)
        check("wrong_board", outcome, "the chip is esp32c3", "--board esp32c3", "Nothing was changed.")


# in the bin


def calibrate(board, *more):
    return run("calibrate", "--yes", "--full-mm", 200, "--no-sheet", "--port", board.port, *more)


def test_module_silent(board):
    board.surface("silent")
    check("module_silent", calibrate(board), "check plug, wires and supply", "The calibration is as it was.")


def test_only_the_rim_is_heard(board):
    board.surface(170)
    check("rim_only", calibrate(board), "The calibration is as it was.")
    assert board.config() is None


def test_not_steady(board):
    stop = threading.Event()

    def shake():
        mm = 600
        while not stop.wait(0.05):
            mm = 1500 - mm
            (board.world / "next").write_text(str(mm))
            os.replace(board.world / "next", board.world / "surface_mm")  # at no moment empty

    shaking = threading.Thread(target=shake)
    shaking.start()
    try:
        check("not_steady", calibrate(board), "The calibration is as it was.")
    finally:
        stop.set()
        shaking.join()


# what is asked, kept and broken off


def test_refused(board):
    outcome = run("config", "set", "full_mm=990", "--port", board.port)
    check("refused", outcome, "full_mm = 990: must be below 950 mm", "Nothing was changed.")


def test_line_broke(board):
    board.unplug_at(b"configure")
    check("line_broke", run("config", "set", "name=Gate", "--port", board.port), "Nothing was changed.")


def test_read_back(tmp_path):
    build = tmp_path / "esp32.bin"
    build.write_bytes(micropython_bin("esp32", filler=1000))
    with FakeLoader(worn=0x2000) as target:
        check(
            "read_back", run("flash", "--micropython", build, "--port", target.port), "--baud 115200", "flash it again"
        )


def test_settings_that_a_node_does_not_keep(board, monkeypatch):
    monkeypatch.setattr("binnode_tools.node_service.NodeService.configure", lambda *_: None)
    check("read_back", run("config", "set", "name=Gate", "--port", board.port), "name")


def test_stopped(board, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("binnode_tools.node_service.NodeService.configure", stop)
        check("stopped", run("config", "set", "name=Gate", "--port", board.port), "Nothing was changed.")
    monkeypatch.setattr("binnode_tools.boards.load", stop)
    check("stopped", run("modules"))


def test_files_that_do_not_fit(tmp_path):
    (tmp_path / "no.json").write_text("{")
    (tmp_path / "fleet.csv").write_text("name,region\nGate,EU999\n")
    check("board_file", run("modules", "--board", "esp33"), "esp32_devkit")
    check("image", run("image", "--config", tmp_path / "no.json"), "no.json: not JSON")
    ledger = ["--ledger", tmp_path / "ledger.json"]
    check("provisioning", run("provision", "fleet", tmp_path / "fleet.csv", *ledger), "line 2", "EU999")
    (tmp_path / "file").write_text("")
    check("failed", run("image", "--fs-only", "--output", tmp_path / "file" / "x"), "File exists")


def test_usage():
    check("usage", run("measure", "--cuont", 3), "--count")
    check("usage", run("mesure"), "mesure")
    check("usage", run("calibrate", "--yes"), "--empty-mm or --full-mm")
    check("usage", run("flash", "--app-only", "--keep"))


def test_reports_that_disagree(monkeypatch):
    def disagree(*_):
        raise simulation.Disagreement("report 7")

    monkeypatch.setattr(simulation, "run", disagree)
    check("disagrees", run("sim", "run", "--days", 1), "report 7")


def test_each_code_is_provoked_here():
    checked = set(re.findall(r'check\(\s*"(\w+)"', Path(__file__).read_text()))
    assert checked == set(problems.EXITS)
