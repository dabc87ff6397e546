"""A fake board for the tests of the serial tools: with the application on it, or blank."""

import pytest
from binnode_tools import boards, image

from tests.unit.fake_board import FakeBoard


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
