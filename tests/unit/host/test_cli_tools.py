"""config and measure as a technician calls them, with the real MicroPython at the other end."""

import json
import re

from binnode_tools.cli import main
from click.testing import CliRunner

from tests.unit.command_line import binnode, in_terminal, on_flash
from tests.unit.fake_board import lock

SECRET = "correct horse battery"


# the port


def test_port_problems_have_a_code_of_their_own(board):
    result = CliRunner().invoke(main.cli, ["config", "show", "--port", "/dev/ttyNONE", "--wait", "0"])
    assert result.exit_code == main.NO_DEVICE and result.stdout == ""
    assert result.stderr.startswith("binnode: there is no port /dev/ttyNONE.")
    with lock(board.port):
        assert "is busy" in binnode(board, "deploy", code=main.NO_DEVICE)[1]


def test_commands_that_need_the_application_say_so(blank):
    for command in (["measure"], ["config", "show"], ["calibrate", "--yes", "--full-mm", "200"]):
        _, err = binnode(blank, *command, code=main.MISFIT)
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
    assert re.search(r"^wifi_ssid +Depot \[1\] *$", out, re.M) and re.search(r"^wifi_key +\(not set\) *$", out, re.M)
    shown = json.loads(binnode(board, "config", "show", "--json")[0])
    assert shown["config"] == board.config() and shown["problem"] is None


def test_config_set_is_all_or_nothing(board):
    _, err = binnode(board, "config", "set", "measure_s=5", "mqtt_prot=1883", "wifi_ssid=Depot", code=main.FAILED)
    assert "measure_s = 5: must be 10..86400 s" in err and "mqtt_prot: unknown; near: " in err
    assert err.endswith("Nothing was changed.\n") and board.config() is None
    _, err = binnode(board, "config", "set", "measure_s=often", code=main.FAILED)
    assert 'measure_s = "often": must be 10..86400 s' in err
    _, err = binnode(board, "config", "set", "measure_s", code=main.FAILED)
    assert "measure_s: write measure_s=VALUE; without a value stand only lora_app_key, lora_app_s_key" in err
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
