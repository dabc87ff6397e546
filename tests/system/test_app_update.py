"""The supply goes at any write of an update of the application: the node has the old one or the new one, whole."""

from itertools import pairwise
from random import Random

import pytest
from binnode_tools import app_update, board_snippets
from binnode_tools.serial_ports import LinkError

from tests.system.snapshots import next_wake
from tests.system.update_board import bench
from tests.unit.small_application import ORDERED_MAIN, old_and_new, without_finishing


def test_power_cut_at_every_write_leaves_the_old_or_the_new():
    old, new = old_and_new(ORDERED_MAIN)
    with bench(old) as board:
        board.update(new)
        board.whole(new, True)
        assert len(board.steps) == 11 and sum(len(step.writes) for step in board.steps) > 40
        found = list(board.sweep(old, new))
    assert len(found) > 100
    ran = [runs for _, _, runs in found]
    # Once it is the new one it stays that: the turn is a single rename, in the last of the steps.
    assert ran[0] == "old" and ran[-1] == "new" and sum(one != other for one, other in pairwise(ran)) == 1
    assert {number for number, _, runs in found if runs == "new"} == {len(board.steps) - 1}


def test_power_cut_again_while_the_start_finishes_it():
    old, new = old_and_new(ORDERED_MAIN)
    random = Random("twice")
    with bench(old) as board:
        board.update(new)
        commit = board.steps[-1]
        size = sum(commit.writes)
        for after in sorted(random.sample(range(sum(commit.writes[:1]), size), 12)):
            for then in sorted(random.sample(range(size - after + 40), 3)):
                assert board.cut(commit, after, then) == "new"
                board.whole(new, True)


def test_a_node_that_could_not_finish_an_update_yet():
    """Its checker is the first of all to change places: from then on it can."""
    old, new = old_and_new(ORDERED_MAIN, without_finishing())
    with bench(old) as board:
        board.update(new)
        board.whole(new, True)
        for after in board.steps[-1].cuts(False):
            runs = board.cut(board.steps[-1], after)
            board.whole(new if runs == "new" else old, runs == "new")


@pytest.mark.parametrize("age", ["whole", "half", "nonsense"])
def test_a_damaged_order_is_no_order(age):
    old, new = old_and_new(ORDERED_MAIN)
    order = app_update.plan(new, app_update.BoardFiles({}, [])).order()
    content = {"whole": order[:-1] + b"?", "half": order[: len(order) // 2], "nonsense": b"\xff" * 40}[age]
    with bench({**old, app_update.ORDER: content, "main.py.new": b"must not run"}) as board:
        next_wake(board.running)
        assert "RUNS old old" in board.board.wakes[-1].console
        assert app_update.ORDER not in board.on_flash()[0]


def test_a_flash_too_full_for_both_changes_nothing():
    """The room that the plan asks for is enough; with less it is refused, or cleared away again."""
    old, new = old_and_new(ORDERED_MAIN)
    with bench(old) as board:
        free = board.free_blocks()
        needed = app_update.plan(new, app_update.look(board, new)).blocks(4096)  # pyright: ignore[reportArgumentType]
        board.run(f"with open('filler', 'wb') as f:\n for n in range({free - needed}):\n  f.write(bytes(4080))")
        assert needed - 2 <= board.free_blocks() <= needed
        with pytest.raises(LinkError, match=r"too full.* need \d+ KiB, and \d+ KiB are free"):
            board.update(new, needed - 1)
        board.run(f"with open('more', 'wb') as f:\n for n in range({board.free_blocks() - 1}):\n  f.write(bytes(4080))")
        before = board.on_flash()[0]
        with pytest.raises(LinkError, match="28"):  # ENOSPC
            board.update(new)
        assert board.on_flash()[0] == before
        board.run("import os\nos.remove('more')")
        board.update(new)
        next_wake(board.running)
        assert "RUNS new new" in board.board.wakes[-1].console


def test_a_board_that_is_left_alone_in_an_update_starts_again():
    with bench(old_and_new(ORDERED_MAIN)[0]) as board:
        wake = board.wake_with(board_snippets.WATCHDOG + "import time\nwhile True: time.sleep(50)")
        assert wake.how == "watchdog" and 600e6 < wake.awake_us < 610e6
