"""A board whose heap is full, as after Ctrl-C in the middle of a join: it gets out of that without a reset by hand."""

import time

import pytest
from binnode_tools.board_link import BoardLink

from tests.unit.fake_board import FakeBoard

FULL = """
kept = []
size = 1 << 20
while size >= 16:
    try:
        while True:
            kept.append(bytearray(size))
    except MemoryError:
        size //= 2
"""


@pytest.fixture
def board(tmp_path):
    with FakeBoard(tmp_path) as board:
        yield board


def test_a_board_whose_heap_is_full_starts_anew_and_lets_us_in(board):
    """As after Ctrl-C in the middle of a join: not even the three lines that reset it have room."""
    with BoardLink(board.port, 5) as link:
        link._run(FULL, 10)
        assert "MemoryError" in link._run("import sys, json, os, time\nprint([1] * 3000)", 5)[1]
    before = board.starts + board.soft_resets
    with BoardLink(board.port, 5) as link:
        assert link.identity.platform
        assert board.starts + board.soft_resets > before


def test_a_board_whose_heap_is_full_is_reset(board):
    with BoardLink(board.port, 5) as link:
        link._run(FULL, 10)
        before = board.starts + board.soft_resets
        assert link.reset()
        deadline = time.monotonic() + 5
        while board.starts + board.soft_resets == before and time.monotonic() < deadline:
            time.sleep(0.01)
        assert board.starts + board.soft_resets > before
