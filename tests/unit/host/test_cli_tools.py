"""deploy, calibrate, config and measure as a technician calls them, with the real MicroPython at the other end."""

import json
import os
import pty
import re
import select
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest
from binnode_tools import boards, image
from binnode_tools.board_link import BoardLink
from binnode_tools.cli import calibrate, main
from binnode_tools.node_service import NodeService, Reading
from click.testing import CliRunner

from tests.unit.fake_board import FakeBoard, lock

SECRET = "correct horse battery"
BINNODE = Path(sys.executable).with_name("binnode")


@pytest.fixture(scope="module")
def files():
    return image.application_files(boards.load("esp32_devkit"))


@pytest.fixture
def board(tmp_path, files):
    with FakeBoard(tmp_path, files) as board:
        yield board


@pytest.fixture
def blank(tmp_path):
    """A board with MicroPython and nothing else."""
    with FakeBoard(tmp_path) as board:
        yield board


def binnode(board, *args, text=None, code=0):
    """The result of a command; (stdout, stderr)."""
    result = CliRunner().invoke(main.cli, [*args, "--port", board.port], input=text)
    assert result.exit_code == code, result.output + repr(result.exception)
    assert "Traceback" not in result.output
    return result.stdout, result.stderr


def on_flash(board):
    there = {path.relative_to(board.flash).as_posix(): path for path in board.flash.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in there.items()}


def damaged(board):
    """What the check at the node's next start says of its flash."""
    named = os.environ.get("MICROPYTHON")
    command = [named] if named else [sys.executable, "-m", "micropython_unix"]
    board.cut_power()
    environment = {
        **os.environ,
        "MICROPYPATH": f"{board.world.parent / 'fakes'}:.frozen",
        "FAKE_WORLD": str(board.world),
    }
    code = "import json, verify; print(json.dumps(verify.damaged()))"
    done = subprocess.run([*command, "-c", code], cwd=board.flash, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


# deploy


def test_deploy_to_a_blank_board_and_again(blank, files):
    out, err = binnode(blank, "deploy")
    assert on_flash(blank) == files and err == ""
    total = sum(map(len, files.values()))
    assert re.search(rf"Firmware .*: {len(files)} of {len(files)} files sent, {total} bytes\. Checked", out)
    out, _ = binnode(blank, "deploy")
    assert "already there. Checked; the node starts." in out
    assert blank.soft_resets == 0 and blank.starts >= 2
    assert damaged(blank) == []


def test_deploy_sends_what_differs_and_removes_what_is_stale(board, files):
    (board.flash / "binnode/node.mpy").write_bytes(b"old")
    (board.flash / "binnode/gone").mkdir()
    (board.flash / "binnode/gone/x.mpy").write_bytes(b"stale")
    (board.flash / "binnode/node.py").write_bytes(b"shadows node.mpy")
    (board.flash / "boot.py.new").write_bytes(b"left of a broken deploy")
    kept = {"config.json": b'{"measure_s": 600}', "binnode/notes.txt": b"mine", "lib.py": b"mine"}
    for name, content in kept.items():
        (board.flash / name).write_bytes(content)
    result = json.loads(binnode(board, "deploy", "--json")[0])
    assert result["sent"] == ["binnode/node.mpy"]
    assert result["bytes_sent"] == len(files["binnode/node.mpy"]) and result["files"] == len(files)
    assert result["removed"] == ["binnode/gone/x.mpy", "binnode/node.py", "boot.py.new"]
    assert on_flash(board) == {**files, **kept} and not (board.flash / "binnode/gone").exists()


@pytest.mark.parametrize("sent_bytes", [3000, 9000, 12000])
def test_line_cut_while_sending_leaves_the_old_application_whole(board, files, sent_bytes):
    old = dict(files)
    for name in ("binnode/node.mpy", "binnode/config.mpy", "main.py"):
        old[name] += b"# older"
        (board.flash / name).write_bytes(old[name])
    manifest = {name: image.digest(content) for name, content in sorted(old.items()) if name != image.MANIFEST}
    (board.flash / image.MANIFEST).write_text(json.dumps(manifest))
    board.unplug_after(sent_bytes)
    _, err = binnode(board, "deploy", code=main.FAILED)
    assert re.search(r"broke.*Deploy again: the application may be", err)
    assert any(name.endswith(".new") for name in on_flash(board)) == (sent_bytes > 3000)
    assert damaged(board) == []
    board.replug()
    board.press_reset()
    binnode(board, "deploy")
    assert on_flash(board) == files and damaged(board) == []


def test_power_cut_while_files_change_places_is_reported_at_the_next_start(board, files, monkeypatch):
    for name in ("binnode/node.mpy", "binnode/config.mpy"):
        (board.flash / name).write_bytes(b"older")
    manifest = json.loads((board.flash / image.MANIFEST).read_text())
    manifest |= {name: image.digest(b"older") for name in ("binnode/node.mpy", "binnode/config.mpy")}
    (board.flash / image.MANIFEST).write_text(json.dumps(manifest))
    swap_in = BoardLink.swap_in

    def cut(link, names):
        swap_in(link, names[:1])
        board.unplug()

    monkeypatch.setattr(BoardLink, "swap_in", cut)
    binnode(board, "deploy", code=main.FAILED)
    assert damaged(board) == ["binnode/config.mpy"]
    monkeypatch.undo()
    board.replug()
    board.press_reset()
    binnode(board, "deploy")
    assert on_flash(board) == files and damaged(board) == []


def test_first_deploy_that_was_cut_is_reported_too(blank, monkeypatch):
    monkeypatch.setattr(BoardLink, "remove", lambda *_: blank.unplug())
    binnode(blank, "deploy", code=main.FAILED)
    assert damaged(blank) == [image.MANIFEST]


def test_flash_that_holds_something_else_is_found_before_it_is_used(board, files, monkeypatch):
    (board.flash / "binnode/node.mpy").write_bytes(b"old")
    write = BoardLink.write
    monkeypatch.setattr(
        BoardLink, "write", lambda link, name, content, step: write(link, name, content[:-1] + b"?", step)
    )
    _, err = binnode(board, "deploy", code=main.DISAGREES)
    assert "read back different from the board: binnode/node.mpy.new" in err
    assert (board.flash / "binnode/node.mpy").read_bytes() == b"old"


def chip(monkeypatch, machine):
    identity = {"name": "micropython", "version": [1, 29, 0], "machine": machine, "platform": "esp32"}
    line = "binnode>" + json.dumps(identity)
    monkeypatch.setattr("binnode_tools.board_link._IDENTIFY", f"print({line!r})")


def test_deploy_refuses_another_chip_unless_forced(blank, monkeypatch):
    chip(monkeypatch, "Generic ESP32S2 module with ESP32S2")
    _, err = binnode(blank, "deploy", code=main.FAILED)
    assert (
        "this is a esp32s2 (Generic ESP32S2 module with ESP32S2), and esp32_devkit is for esp32: "
        "no board file is for that chip; boards/README.md tells how. Nothing was changed." in err
    )
    assert on_flash(blank) == {}
    binnode(blank, "deploy", "--force")
    assert "main.py" in on_flash(blank)


def test_deploy_takes_the_chip_of_the_board_file(blank, monkeypatch):
    chip(monkeypatch, "Generic ESP32 module with ESP32")
    binnode(blank, "deploy")
    assert "main.py" in on_flash(blank)


def test_deploy_stays_with_the_board_it_was_deployed_for(board):
    (board.flash / "board.json").write_text('{"name": "my_board"}')
    _, err = binnode(board, "deploy", code=main.FAILED)
    assert "deployed as 'my_board', which is no name in boards/: say --board NAME or a .toml file" in err
    binnode(board, "deploy", "--board", "esp32_devkit")
    assert json.loads(on_flash(board)["board.json"])["name"] == "esp32_devkit"
    _, err = binnode(board, "deploy", "--board", "esp33", code=main.FAILED)
    assert "board 'esp33': unknown; there are: " in err


# the port


def test_port_problems_have_a_code_of_their_own(board):
    result = CliRunner().invoke(main.cli, ["measure"])
    assert result.exit_code == main.USAGE_ERROR and "say where the board is: --port PORT" in result.stderr
    result = CliRunner().invoke(main.cli, ["config", "show", "--port", "/dev/ttyNONE", "--wait", "0"])
    assert result.exit_code == main.NO_DEVICE and result.stdout == ""
    assert result.stderr.startswith("binnode: there is no port /dev/ttyNONE.")
    with lock(board.port):
        assert "is busy" in binnode(board, "deploy", code=main.NO_DEVICE)[1]


def test_commands_that_need_the_application_say_so(blank):
    for command in (["measure"], ["config", "show"], ["calibrate", "--yes", "--full-mm", "200"]):
        _, err = binnode(blank, *command, code=main.FAILED)
        assert f"Deploy first: binnode deploy --port {blank.port}" in err


# config


def test_config_set_get_show(board):
    out, _ = binnode(board, "config", "set", "measure_s=600", "wifi_ssid=Depot [1]", "name=Tor=2")
    assert out == "measure_s = 600 (was 900)\nwifi_ssid = Depot [1]\nname = Tor=2\n"
    assert binnode(board, "config", "get", "measure_s")[0] == "600\n"
    assert json.loads(binnode(board, "config", "get", "wifi_ssid", "--json")[0]) == {
        "name": "wifi_ssid",
        "value": "Depot [1]",
    }
    out, _ = binnode(board, "config", "show")
    assert re.search(r"^wifi_ssid +Depot \[1\]$", out, re.M) and re.search(r"^wifi_key +\(not set\)$", out, re.M)
    shown = json.loads(binnode(board, "config", "show", "--json")[0])
    assert shown["config"] == board.config() and shown["problem"] is None


def test_config_set_is_all_or_nothing(board):
    _, err = binnode(board, "config", "set", "measure_s=5", "mqtt_prot=1883", "wifi_ssid=Depot", code=main.FAILED)
    assert "measure_s = 5: must be 10..86400 s" in err and "mqtt_prot: unknown; near: " in err
    assert err.endswith("Nothing was changed.\n") and board.config() is None
    _, err = binnode(board, "config", "set", "measure_s=often", code=main.FAILED)
    assert 'measure_s = "often": must be 10..86400 s' in err
    _, err = binnode(board, "config", "set", "measure_s", code=main.FAILED)
    assert "measure_s: write measure_s=VALUE; without a value stand only wifi_key, mqtt_key" in err
    _, err = binnode(board, "config", "get", "measure", code=main.FAILED)
    assert "measure: unknown; binnode config show lists what there is" in err


def test_secrets_are_stored_and_never_shown(board, tmp_path):
    path = tmp_path / "key"
    path.write_text(SECRET + "\n")
    shown = [
        *binnode(board, "config", "set", "wifi_key", "measure_s=600", text=SECRET + "\n"),
        *binnode(board, "config", "set", "mqtt_key", "--secret-file", str(path), "--json"),
        *binnode(board, "config", "show"),
        *binnode(board, "config", "get", "wifi_key"),
        *binnode(board, "config", "get", "wifi_key", "--json"),
        *binnode(board, "config", "set", f"wifi_key={SECRET}", code=main.FAILED),
        *binnode(board, "config", "set", "wifi_key", text=SECRET * 4 + "\n", code=main.FAILED),
        *binnode(board, "config", "set", "wifi_key", "mqtt_key", "--secret-file", str(path), code=main.FAILED),
    ]
    assert board.secrets() == {"wifi_key": SECRET, "mqtt_key": SECRET}
    assert board.config()["measure_s"] == 600
    assert SECRET not in "".join(shown) and SECRET.encode() not in board.said
    assert "wifi_key: set\n" in shown[0] and shown[6] == "set\n"
    assert json.loads(shown[2]) == {"changed": {}, "secrets": ["mqtt_key"]}
    assert "everybody on this computer can read a command line" in shown[11]
    assert "wifi_key: must be 8..63 characters. Nothing was changed." in shown[13]
    assert "--secret-file: holds one secret; name one" in shown[15]
    assert not any(SECRET.encode() in content for content in on_flash(board).values())


def test_secret_that_breaks_off_is_not_in_the_error(board):
    binnode(board, "config", "show")
    board.unplug_at(SECRET[:9].encode())
    out, err = binnode(board, "config", "set", "wifi_key", text=SECRET + "\n", code=main.FAILED)
    assert SECRET[:6] not in out + err


def in_terminal(board, *args, typed=b"", prompt=b": ", environment=None):
    """(exit code, all that is on the screen) of binnode in a real terminal; `typed` after `prompt` has come."""
    process, screen = pty.fork()
    if process == 0:
        os.execve(BINNODE, [BINNODE, *args, "--port", board.port], {**os.environ, **(environment or {})})
    seen, deadline = b"", time.monotonic() + 20
    while time.monotonic() < deadline:
        if select.select([screen], [], [], 0.1)[0]:
            try:
                seen += os.read(screen, 4096)
            except OSError:
                break
            if typed and prompt in seen:
                time.sleep(0.2)  # getpass switches the echo off just after its prompt
                os.write(screen, typed)
                typed = b""
    os.close(screen)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), seen.decode()


def test_secret_typed_in_a_terminal_is_not_on_the_screen(board):
    code, screen = in_terminal(board, "config", "set", "wifi_key", typed=SECRET.encode() + b"\n")
    assert code == 0 and "wifi_key (not shown): " in screen and "wifi_key: set" in screen
    assert SECRET not in screen and board.secrets() == {"wifi_key": SECRET}


def test_ctrl_c_in_a_terminal_leaves_everything_and_lets_the_node_go(board):
    code, screen = in_terminal(board, "calibrate", typed=b"\x03", prompt=b"press Enter")
    assert code == main.FAILED and screen.endswith("\nbinnode: stopped. The calibration is as it was.\r\n")
    assert board.config() is None and board.starts == 2


def test_no_colour_when_told_so(board):
    (board.flash / "binnode/node.mpy").write_bytes(b"old")
    for args in (["config", "show"], ["deploy"]):
        code, screen = in_terminal(board, *args, environment={"NO_COLOR": "1", "TERM": "xterm-256color"})
        assert code == 0 and not re.search(r"\x1b\[[0-9;]*(3[0-9]|38|9[0-7])[;m]", screen), repr(screen)


# measure


def test_measure(board):
    board.surface(600)
    out, _ = binnode(board, "measure", "--count", "2")
    title, *rows = out.splitlines()
    assert title.split() == ["kind", "distance", "level", "pings", "agree", "air", "battery"]
    assert len(rows) == 2 and re.match(r"ok +600 mm +50\.\d % +5 of 5 within \d mm +20\.0 C +3\.90 V", rows[0])
    board.surface("silent")
    (reading,) = json.loads(binnode(board, "measure", "--json")[0])["readings"]
    assert reading["kind"] == "fault" and reading["fill_permille"] is None and reading["battery_mv"] == 3900


# calibrate


def reading(kind="ok", distance_mm=800):
    return Reading(kind, distance_mm, 5, 5, 3, None, 200, 3900)


def test_series_settles_on_the_median_or_says_why_not():
    assert calibrate.settle([reading(distance_mm=mm) for mm in (801, 799, 800, 812, 800)]) == 800
    assert calibrate.settle([reading(), reading(), reading("noisy", None), reading(), reading()]) == 800
    with pytest.raises(calibrate.NotSteady, match=r"differ too much, 800 to 816 mm: is everything still\?"):
        calibrate.settle([reading()] * 4 + [reading(distance_mm=816)])
    with pytest.raises(calibrate.NotSteady, match=r"2 of 5 readings as no_echo: it hears nothing"):
        calibrate.settle([reading()] * 3 + [reading("no_echo", None)] * 2)
    with pytest.raises(calibrate.NotSteady, match=r"5 of 5 readings as too_near: something is in its blind zone"):
        calibrate.settle([reading("too_near", 15)] * 5)


def guide(monkeypatch, board, *steps):
    """Answer each prompt in turn: a surface in mm (then Enter), a text to type, or an exception."""
    steps, prompts = list(steps), []

    def prompt(text, *_, **__):
        prompts.append(text)
        step = steps.pop(0)
        if isinstance(step, type):
            raise step()
        if isinstance(step, str) and step != "silent":
            return step
        board.surface(step)
        return ""

    monkeypatch.setattr(click, "prompt", prompt)
    monkeypatch.setattr(click, "confirm", lambda *_, **__: True)
    return prompts


def near(value, wanted):
    return abs(value - wanted) <= 2


def test_calibrate_measures_empty_and_full(board, monkeypatch):
    prompts = guide(monkeypatch, board, 1400, 300)
    out, _ = binnode(board, "calibrate", "--shape", "tapered", "--bottom-permille", "700")
    config = board.config()
    assert near(config["empty_mm"], 1400) and near(config["full_mm"], 300)
    assert (config["shape"], config["bottom_permille"]) == ("tapered", 700)
    assert prompts[0].startswith("Empty the bin and close its lid, then press Enter")
    assert prompts[1].startswith("Hold a flat board at the full line, level, then press Enter")
    assert re.search(r"empty_mm +1000 +1[34]\d\d *\n", out) and re.search(r"shape +upright +tapered *\n", out)
    assert re.search(r"By the old calibration: ok, \d+ mm, 87\.\d %\nBy the new one: ok, \d+ mm, 100\.0 %\n", out)
    assert out.endswith("Saved. The node starts.\n") and board.light_sleeps() == 0


def test_calibrate_to_a_board_on_the_rim_adds_the_way_down(board, monkeypatch):
    prompts = guide(monkeypatch, board, 900, "60")
    binnode(board, "calibrate", "--rim-to-full", "100")
    assert board.config()["full_mm"] == 160 and "across the bin's rim" in prompts[1]


def test_calibrate_tries_again_until_the_module_hears(board, monkeypatch):
    guide(monkeypatch, board, "silent", "close", 900, "200")
    _, err = binnode(board, "calibrate")
    assert "5 of 5 readings as fault: it does not answer at all: check plug, wires and supply" in err
    assert "'close' is no whole number of mm" in err
    assert near(board.config()["empty_mm"], 900) and board.config()["full_mm"] == 200


def test_calibrate_asks_again_when_the_node_refuses(board, monkeypatch):
    guide(monkeypatch, board, 900, "15", "880", "200")
    _, err = binnode(board, "calibrate")
    assert "the node refuses: full_mm = 15: must be 21..5900 mm" in err
    assert re.search(r"the node refuses: full_mm = 880: must be below 8\d\d mm", err)
    assert board.config()["full_mm"] == 200


def test_calibrate_in_the_blind_zone_of_the_module_is_refused(board):
    binnode(board, "config", "set", "module=aj_sr04m", "full_mm=300")
    _, err = binnode(board, "calibrate", "--yes", "--full-mm", "200", code=main.FAILED)
    assert "full_mm = 200: must be above 250 mm, the blind zone of aj_sr04m. The calibration is as it was." in err
    assert board.config()["full_mm"] == 300 and board.config()["empty_mm"] == 1000


def test_calibrate_without_questions_prints_json(board):
    board.surface(700)
    out, err = binnode(board, "calibrate", "--yes", "--full-mm", "100", "--json")
    result = json.loads(out)
    assert err == "" and result["saved"] and result["before"]["empty_mm"] == 1000
    assert result["after"]["empty_mm"] == board.config()["empty_mm"] and near(result["after"]["empty_mm"], 700)
    assert near(result["reading_before"]["fill_permille"], 375) and near(result["reading_after"]["fill_permille"], 0)
    for args, message in (
        (["--yes"], "give --empty-mm or --full-mm"),
        (["--full-mm", "200", "--rim-to-full", "10"], "give one"),
        (["--shape", "upright", "--bottom-permille", "800"], "is for --shape tapered"),
    ):
        assert message in binnode(board, "calibrate", *args, code=main.USAGE_ERROR)[1]


def test_calibrate_that_is_declined_changes_nothing(board, monkeypatch):
    guide(monkeypatch, board, 900, "200")
    monkeypatch.setattr(click, "confirm", lambda *_, **__: False)
    out, _ = binnode(board, "calibrate")
    assert "Not saved; the calibration is as it was." in out and board.config() is None


@pytest.mark.parametrize("steps", [(click.Abort,), (900, click.Abort), (900, 200, "measure"), (900, 200, "unplug")])
def test_calibrate_that_breaks_off_leaves_the_old_calibration(board, monkeypatch, steps):
    (board.flash / "config.json").write_text('{"empty_mm": 1234}')
    guide(monkeypatch, board, *steps)
    measure, count = NodeService.measure, [0]

    def interrupted(node, whole_range=False):
        count[0] += 1
        if count[0] == 8 and steps[-1] == "measure":
            raise KeyboardInterrupt
        if count[0] == 8 and steps[-1] == "unplug":
            board.unplug_after(20)
        return measure(node, whole_range)

    monkeypatch.setattr(NodeService, "measure", interrupted)
    _, err = binnode(board, "calibrate", code=main.FAILED)
    assert err.endswith("The calibration is as it was.\n")
    assert board.config() == {"empty_mm": 1234}


def test_calibrate_mentions_that_it_may_be_saved_when_the_answer_is_lost(board, monkeypatch):
    configure = NodeService.configure

    def lost(node, changes):
        configure(node, changes)
        raise KeyboardInterrupt

    monkeypatch.setattr(NodeService, "configure", lost)
    _, err = binnode(board, "calibrate", "--yes", "--full-mm", "200", code=main.FAILED)
    assert "It may be saved or not: binnode config show tells." in err
