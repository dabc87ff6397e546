"""deploy as a technician calls it, with the real MicroPython at the other end. Broken off: test_app_update.py."""

import json
import re

from binnode_tools.board_link import BoardLink
from binnode_tools.cli import main
from binnode_tools.problems import EXITS

from tests.unit.command_line import binnode, damaged, on_flash


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
    assert result["sent"] == result["changed"] == ["binnode/node.mpy"]
    assert result["bytes_sent"] == len(files["binnode/node.mpy"]) and result["files"] == len(files)
    assert result["removed"] == ["binnode/gone/x.mpy", "binnode/node.py", "boot.py.new"]
    assert on_flash(board) == {**files, **kept} and not (board.flash / "binnode/gone").exists()


def test_flash_that_holds_something_else_is_found_before_it_is_used(board, files, monkeypatch):
    (board.flash / "binnode/node.mpy").write_bytes(b"old")
    write = BoardLink.write
    monkeypatch.setattr(
        BoardLink, "write", lambda link, name, content, step: write(link, name, content[:-1] + b"?", step)
    )
    _, err = binnode(board, "deploy", code=EXITS["read_back"])
    assert "read back different from the board: binnode/node.mpy.new" in err
    assert (board.flash / "binnode/node.mpy").read_bytes() == b"old"


def chip(monkeypatch, machine):
    identity = {"name": "micropython", "version": [1, 29, 0], "machine": machine, "platform": "esp32"}
    line = "binnode>" + json.dumps(identity)
    monkeypatch.setattr("binnode_tools.board_snippets.IDENTIFY", f"print({line!r})")


def test_deploy_refuses_another_chip_unless_forced(blank, monkeypatch):
    chip(monkeypatch, "Generic ESP32S2 module with ESP32S2")
    _, err = binnode(blank, "deploy", code=EXITS["wrong_board"])
    assert (
        "the chip is esp32s2 (Generic ESP32S2 module with ESP32S2), and esp32_devkit is for esp32: "
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
