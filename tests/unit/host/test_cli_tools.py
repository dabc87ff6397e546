"""config, measure and calibrate as a technician calls them, with the real MicroPython at the other end."""

import json
import re

import click
import pytest
from binnode_tools.cli import calibrate, main
from binnode_tools.node_service import NodeService, Reading
from click.testing import CliRunner

from tests.unit.command_line import binnode, in_terminal, on_flash
from tests.unit.fake_board import lock

SECRET = "correct horse battery"


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


# calibrate


def reading(kind="ok", distance_mm=800):
    return Reading(kind, distance_mm, 5, 5, 3, [distance_mm] * 5, None, 200, 3900)


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


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        (["--diameter-mm", "1600"], {"shape": "lying", "diameter_mm": 1600}),
        (["--shape", "lying"], {"shape": "lying", "diameter_mm": 0}),
        (["--strapping", "0:0,300:250,1200:1000"], {"shape": "strapping", "strapping": "0:0,300:250,1200:1000"}),
        (["--shape", "upright"], {"shape": "upright"}),
    ],
)
def test_calibrate_keeps_what_its_shape_needs(board, monkeypatch, options, kept):
    guide(monkeypatch, board, 1400, "300")
    out, _ = binnode(board, "calibrate", *options)
    assert kept.items() <= board.config().items() and near(board.config()["empty_mm"], 1400)
    for name in ("bottom_permille", "diameter_mm", "strapping"):
        assert (name in out) == (name in kept)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("0:0", 'strapping = "0:0": must be empty or 2 to 16 pairs mm:volume from 0:0 on, both rising'),
        ("0:0,300:250,200:400", "both rising"),
        ("0;0,300;250", "must be empty or 2 to 16 pairs"),
        ("0:0,7000:100", "up to 6000 mm and 10000"),
    ],
)
def test_calibrate_checks_a_table_before_anything_is_measured(board, monkeypatch, table, message):
    prompts = guide(monkeypatch, board)
    _, err = binnode(board, "calibrate", "--strapping", table, code=main.FAILED)
    assert message in err and "The calibration is as it was." in err
    assert not prompts and board.config() is None


def test_calibrate_repeats_what_the_measured_bin_and_its_shape_make_of_each_other(board, monkeypatch):
    guide(monkeypatch, board, 1400, "100", "300")
    _, err = binnode(board, "calibrate", "--strapping", "0:0,600:500,1250:1000")
    assert re.search(r"the node refuses: .* must reach the full line, 1[23]\d\d mm \(empty_mm - full_mm\)", err)
    assert board.config()["full_mm"] == 300
    board.surface(1400)
    _, err = binnode(board, "calibrate", "--yes", "--full-mm", "300", "--diameter-mm", "900", code=main.FAILED)
    assert re.search(r"diameter_mm = 900: must be 0 or 1[01]\d\d\.\.2\d\d\d", err)
    assert board.config()["shape"] == "strapping"


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


def test_calibrate_takes_the_module_and_saves_it_with_the_rest(board):
    board.surface(700)
    out, _ = binnode(board, "calibrate", "--yes", "--module", "jsn_sr04t", "--full-mm", "300")
    assert re.search(r"module +hcsr04p +jsn_sr04t", out) and "Saved" in out
    assert board.config()["module"] == "jsn_sr04t" and near(board.config()["empty_mm"], 700)
    _, err = binnode(board, "calibrate", "--yes", "--module", "hcsr05", "--full-mm", "300", code=main.FAILED)
    assert "module: hcsr05 is not one of a01nyub, " in err and "us100" in err
    _, err = binnode(board, "calibrate", "--yes", "--module", "mb7363", "--full-mm", "400", code=main.FAILED)
    assert board.config()["module"] == "jsn_sr04t"


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
        (["--shape", "tapered", "--diameter-mm", "800"], "--diameter-mm: is for --shape lying"),
        (["--bottom-permille", "800", "--strapping", "0:0,9:9"], "--strapping: is for --shape strapping"),
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
