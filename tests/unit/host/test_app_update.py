"""An update over a cable that is pulled, against the real MicroPython: the board has the old or the new, whole."""

import contextlib
import json
import shutil
import time

import pytest
from binnode_tools import app_update, image
from binnode_tools.app_update import NEW, ORDER, Stage
from binnode_tools.board_link import BoardFiles, BoardLink
from binnode_tools.cli import main
from binnode_tools.serial_ports import LinkError, NoBoard

from tests.unit.command_line import binnode, damaged, on_flash
from tests.unit.fake_board import FakeBoard
from tests.unit.small_application import OWN, old_and_new

OLD, NEWER = old_and_new()


@pytest.fixture
def node(tmp_path, monkeypatch):
    monkeypatch.setattr(image, "application_files", lambda board: NEWER)
    with FakeBoard(tmp_path, {**OLD, **OWN}) as board:
        yield board


def start_over(board):
    """The old application on it, the cable in, and switched on."""
    board.cut_power()
    shutil.rmtree(board.flash)
    board.flash.mkdir()
    for name, content in {**OLD, **OWN}.items():
        path = board.flash / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    board.replug()
    board.press_reset()


def started(board):
    """After a reset, until the node listens."""
    board.press_reset()
    until, before = time.monotonic() + 10, len(board.said)
    while b"Ctrl-C stops it" not in board.said[before:]:
        assert time.monotonic() < until, board.said[before:]
        time.sleep(0.005)


def state(board):
    """ "old" or "new"; anything else is a failure."""
    found = on_flash(board)
    beside = {name for name in found if name.endswith(NEW) or name == ORDER}
    application = {name: found[name] for name in found.keys() - beside}
    assert application in ({**OLD, **OWN}, {**NEWER, **OWN})
    assert application[image.MANIFEST] == OLD[image.MANIFEST] or not beside
    return "old" if application[image.MANIFEST] == OLD[image.MANIFEST] else "new"


def updated_by_tools(board, wait_s):
    with BoardLink(board.port, wait_s) as link:
        app_update.update(link, app_update.prepare(link))


def updated(board, pulled_after=None):
    """An update, with the cable pulled after so many bytes from the tools, or without any trouble; how many came."""
    board.wait_for_start()
    before = len(board.heard)
    if pulled_after:
        board.unplug_after(pulled_after)
        with contextlib.suppress(LinkError):
            updated_by_tools(board, 1)
    else:
        try:
            updated_by_tools(board, 10)
        except NoBoard:  # a busy computer was late for the three seconds
            board.press_reset()
            board.wait_for_start()
            updated_by_tools(board, 10)
    return len(board.heard) - before


def deployed(board):
    """A deploy that nothing disturbs."""
    binnode(board, "deploy")
    assert state(board) == "new"


def pulled_after(board, count):
    """What the board has after its next start, and a deploy after that makes it the new one."""
    start_over(board)
    assert updated(board, count) <= count
    board.replug()
    started(board)
    found = state(board)
    assert damaged(board) == []
    board.press_reset()
    updated(board)
    assert state(board) == "new"
    return found


def test_cable_pulled_at_any_byte_then_a_reset_then_a_deploy(node):
    """A sample; `make soak` takes every byte that completes something."""
    size = updated(node)
    assert state(node) == "new"
    places = sorted([*range(size // 12, size, size // 5), size - 5000, size - 2000, size - 500])
    states = [pulled_after(node, count) for count in places]
    assert states[0] == "old" and states[-1] == "new" and states == sorted(states, reverse=True)


def test_it_goes_on_with_what_lies_there_already(node, monkeypatch):
    write = BoardLink.write

    def pulled(link, name, content, progress=lambda count: None):
        if name.startswith("verify.py"):
            node.unplug()
        write(link, name, content, progress)

    monkeypatch.setattr(BoardLink, "write", pulled)
    _, err = binnode(node, "deploy", code=main.FAILED)
    assert Stage.SENDING.value in err and "broke" in err
    monkeypatch.undo()
    monkeypatch.setattr(image, "application_files", lambda board: NEWER)
    beside = [name for name in on_flash(node) if name.endswith(NEW)]
    (node.flash / beside[0]).write_bytes(b"half of it")
    (node.flash / "binnode/other.mpy.new").write_bytes(b"of a newer one")
    node.replug()
    node.press_reset()
    result = json.loads(binnode(node, "deploy", "--json")[0])
    assert len(beside) > 2 and not set(beside[1:]) & {name + NEW for name in result["sent"]}
    assert beside[0] in {name + NEW for name in result["sent"]}
    assert result["removed"] == ["binnode/gone/stale.mpy", "binnode/other.mpy.new"]
    assert len(result["changed"]) > len(result["sent"]) and state(node) == "new"


def test_an_update_that_stands_still_in_the_middle_is_finished_by_the_next(node, monkeypatch):
    """The power stayed on, so no start has finished it."""
    plan = app_update.plan(NEWER, BoardFiles({name: image.digest(OLD[name]) for name in OLD}, ["binnode"]))
    for name in plan.swap[2:]:
        path = node.flash / (name + NEW)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(NEWER[name])
    for name in plan.swap[:2]:
        (node.flash / name).write_bytes(NEWER[name])
    (node.flash / ORDER).write_bytes(plan.order())
    node.cut_power()
    node._start_vm()
    result = json.loads(binnode(node, "deploy", "--json")[0])
    assert result["sent"] == result["changed"] == [] and state(node) == "new"


def test_an_order_that_can_not_be_carried_out_is_in_nobodys_way(node):
    (node.flash / "binnode/node.mpy.new").mkdir()
    text = app_update.Plan({}, swap=["binnode/node.mpy"]).order()
    (node.flash / ORDER).write_bytes(text)
    node.press_reset()
    (node.flash / "binnode/node.mpy.new").rmdir()
    deployed(node)


def test_the_checker_changes_places_first_and_the_manifest_last():
    plan = app_update.plan(
        NEWER, BoardFiles({name: image.digest(OLD[name]) for name in OLD}, ["binnode", "binnode/gone"])
    )
    assert plan.swap[:3] == ["verify.py", "main.py", "boot.py"] and plan.swap[-1] == image.MANIFEST
    assert plan.stale == ["binnode/gone/stale.mpy"] and plan.folders == ["binnode/gone"]


def test_a_file_system_too_full_is_said_before_anything_is_written(node, monkeypatch):
    files = BoardLink.files

    def full(link, names):
        found = files(link, names)
        return BoardFiles(found.digests, found.folders, 4096, 5)

    monkeypatch.setattr(BoardLink, "files", full)
    before = on_flash(node)
    _, err = binnode(node, "deploy", code=main.FAILED)
    assert "too full" in err and "20 KiB are free" in err and on_flash(node) == before


def test_a_write_that_fails_is_cleared_away(node, monkeypatch):
    write = BoardLink.write

    def failing(link, name, content, progress=lambda count: None):
        if name.startswith("main.py"):
            raise LinkError(f"{name}: can't be written: No space left on device")
        write(link, name, content, progress)

    monkeypatch.setattr(BoardLink, "write", failing)
    before = on_flash(node)
    _, err = binnode(node, "deploy", code=main.FAILED)
    assert "No space left on device. " + Stage.SENDING.value in err and on_flash(node) == before
