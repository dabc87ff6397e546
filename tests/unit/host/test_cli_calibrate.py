"""calibrate as a technician calls it, with the real MicroPython at the other end."""

import json
import os
import re
import signal
from datetime import datetime

import click
import pytest
from binnode_tools import calibration_sheet
from binnode_tools.calibration import ModuleSilent, NotSteady, settle
from binnode_tools.cli import main
from binnode_tools.node_service import NodeService, Reading

from tests.unit.command_line import binnode


@pytest.fixture(autouse=True)
def sheets(tmp_path, monkeypatch):
    """Whose sheets were written, and where."""
    written = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        calibration_sheet, "write", lambda sheet, folder: written.append((sheet, folder)) or ("x.json", "x.png")
    )
    return written


def reading(kind="ok", distance_mm=800):
    return Reading(kind, distance_mm, 5, 5, 3, [distance_mm] * 5, None, 200, 3900)


def test_series_settles_on_the_median_or_says_why_not():
    assert settle([reading(distance_mm=mm) for mm in (801, 799, 800, 812, 800)]) == 800
    assert settle([reading(), reading(), reading("noisy", None), reading(), reading()]) == 800
    with pytest.raises(NotSteady, match=r"differ too much, 800 to 816 mm: is everything still\?"):
        settle([reading()] * 4 + [reading(distance_mm=816)])
    with pytest.raises(NotSteady, match=r"2 of 5 readings as no_echo: it hears nothing"):
        settle([reading()] * 3 + [reading("no_echo", None)] * 2)
    with pytest.raises(ModuleSilent, match=r"4 of 5 readings as fault: it does not answer at all: check plug, wires"):
        settle([reading()] + [reading("fault", None)] * 4)
    with pytest.raises(NotSteady, match=r"5 of 5 readings as too_near: something is in its blind zone"):
        settle([reading("too_near", 15)] * 5)


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
    assert "\nSaved. The node starts.\n" in out and board.light_sleeps() == 0


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
    _, err = binnode(board, "calibrate", "--strapping", "0:0,600:500,1200:1000")
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
    assert err == "" and result["saved"] and result["before"]["settings"]["empty_mm"] == 1000
    after = result["after"]["settings"]["empty_mm"]
    assert after == board.config()["empty_mm"] and near(after, 700)
    assert near(result["before"]["reading"]["fill_permille"], 375)
    assert near(result["after"]["reading"]["fill_permille"], 0)
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

    def interrupted(node, whole_range=False, module=None):
        count[0] += 1
        if count[0] == 8 and steps[-1] == "measure":
            raise KeyboardInterrupt
        if count[0] == 8 and steps[-1] == "unplug":
            board.unplug_after(20)
        return measure(node, whole_range, module)

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


def test_ctrl_c_while_it_is_saved_waits_and_says_that_it_is(board, monkeypatch):
    configure = NodeService.configure

    def pressed(node, changes):
        os.kill(os.getpid(), signal.SIGINT)
        return configure(node, changes)

    monkeypatch.setattr(NodeService, "configure", pressed)
    _, err = binnode(board, "calibrate", "--yes", "--full-mm", "200", code=main.FAILED)
    assert err.endswith("binnode: stopped. The new calibration is saved.\n") and near(board.config()["empty_mm"], 800)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_what_the_node_did_not_keep_is_an_error_of_its_own(board, monkeypatch):
    monkeypatch.setattr(NodeService, "configure", lambda *_: None)
    _, err = binnode(board, "calibrate", "--yes", "--full-mm", "210", code=main.DISAGREES)
    assert "read back different: empty_mm, full_mm. It may be saved or not" in err


# what module and bin are like


@pytest.mark.parametrize(
    ("surface", "options", "code", "text"),
    [
        (150, ["--full-mm", "200"], "rim_only", "heard at 150 mm, no farther than the full line (200 mm): that is"),
        (500, ["--full-mm", "200", "--depth-mm", "900"], "rim_only", "by tape it is 900 mm deep"),
        ("silent", ["--full-mm", "200"], "module_silent", "check plug, wires and supply"),
        (
            4500,
            ["--full-mm", "200"],
            "not_steady",
            "the echo is from beyond its range. Is the lid closed? The calib",
        ),
    ],
)
def test_module_and_bin_have_an_exit_code(board, surface, options, code, text):
    board.surface(surface)
    out, err = binnode(board, "calibrate", "--yes", "--json", *options, code=5)
    assert text in err and err.endswith("The calibration is as it was.\n") and board.config() is None
    assert json.loads(out)["error"]["code"] == code


def test_a_board_that_was_forgotten_is_asked_for(board, monkeypatch):
    prompts = guide(monkeypatch, board, 900, 900, 900, 300)
    _, err = binnode(board, "calibrate")
    assert "the rim or an edge, not the bottom. Was the board there?" in err and len(prompts) == 4
    assert near(board.config()["full_mm"], 300)


def test_the_rim_is_no_bottom_and_it_asks_again(board, monkeypatch):
    prompts = guide(monkeypatch, board, 150, "200", 900, "200")
    _, err = binnode(board, "calibrate")
    assert "that is the rim or an edge, not the bottom. Aim it straight down" in err
    assert [prompt.split()[0] for prompt in prompts] == ["Empty", "Hold", "Empty", "Hold"]
    assert near(board.config()["empty_mm"], 900)


def test_b_goes_back_to_the_empty_bin(board, monkeypatch):
    prompts = guide(monkeypatch, board, "b", "1200", "b", "900", "200")
    _, err = binnode(board, "calibrate")
    assert "'b' is no whole number of mm" in err, "there is nothing before the empty bin"
    assert "b: back" in prompts[2] and "b: back" not in prompts[0] and board.config()["empty_mm"] == 900


def test_warnings_are_shown_with_what_to_do(board):
    board.surface(900)
    out, _ = binnode(board, "calibrate", "--yes", "--full-mm", "50", "--width-mm", "200", "--depth-mm", "800")
    assert "warning: the full line is only 30 mm below the blind zone (20 mm)" in out and "Mount the module" in out
    assert "it meets the wall from 760 mm on" in out and "by tape the bin is 800 mm deep, " in out
    assert "In order: bottom heard, range, noise, edges, thermometer, battery." in out and "Saved" in out


# the sheet


def test_a_sheet_of_what_was_saved(board, sheets, tmp_path):
    options = ["--yes", "--full-mm", "200", "--by", "M. Ohm", "--place", "Tor 3", "--width-mm", "600"]
    out, _ = binnode(board, "calibrate", *options, "--to-wall-mm", "280", "--sheet", str(tmp_path / "filed"))
    ((sheet, folder),) = sheets
    assert folder == tmp_path / "filed" and "Its sheet: x.png" in out
    assert (sheet["format"], sheet["version"], sheet["saved"]) == ("binnode-calibration", 1, True)
    assert (sheet["by"], sheet["place"]) == ("M. Ohm", "Tor 3")
    assert sheet["node"]["dev_eui"] == "240ac4fffe000110" and sheet["node"]["board"] == "esp32_devkit"
    assert sheet["module"] == {"name": "hcsr04p", "title": "HC-SR04P", "blind_mm": 20, "range_mm": 4000, "beam_deg": 15}
    assert {"shape": "upright", "width_mm": 600, "to_wall_mm": 280, "strapping": None}.items() <= sheet["bin"].items()
    empty, full = sheet["measured"]["empty"], sheet["measured"]["full"]
    assert empty["how"] == "measured" and len(empty["readings"]) == 5 and len(empty["readings"][0]["heard_mm"]) >= 5
    assert full == {"how": "typed", "distance_mm": 200, "readings": (), "rim_to_full_mm": None}
    assert datetime.fromisoformat(sheet["made"]).tzinfo is not None
    json.dumps(sheet)


def test_the_board_on_the_rim_is_in_the_sheet_as_it_was_measured(board, sheets, monkeypatch):
    guide(monkeypatch, board, 900, 60)
    binnode(board, "calibrate", "--rim-to-full", "100")
    ((sheet, folder),) = sheets
    full = sheet["measured"]["full"]
    assert near(full["distance_mm"], 60) and full["rim_to_full_mm"] == 100 and near(sheet["bin"]["full_mm"], 160)
    assert str(folder) == "calibrations"


def test_no_sheet_of_what_was_not_saved_or_not_wanted(board, sheets, monkeypatch):
    binnode(board, "calibrate", "--yes", "--full-mm", "200", "--no-sheet")
    guide(monkeypatch, board, 900, "200")
    monkeypatch.setattr(click, "confirm", lambda *_, **__: False)
    out, _ = binnode(board, "calibrate", "--json")
    assert not sheets and json.loads(out)["saved"] is False


def test_a_sheet_that_can_t_be_written_leaves_the_calibration(board, monkeypatch):
    def full(sheet, folder):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(calibration_sheet, "write", full)
    _, err = binnode(board, "calibrate", "--yes", "--full-mm", "200", code=main.FAILED)
    assert "saved on the node, its sheet is not: calibrations: No space left on device" in err
    assert near(board.config()["empty_mm"], 800)
