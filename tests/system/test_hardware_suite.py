"""The suite for real boards against the virtual one, over its serial console; and the technician's tools there."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.system.test_console import bench

ROOT = Path(__file__).parents[2]


def test_hardware_suite_passes_on_the_virtual_board():
    with bench() as board:
        port = board.at_prompt().console.path
        command = [sys.executable, "-m", "pytest", "-c", "tests/pytest.ini", "--port", port, "tests/hardware"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "12 passed" in done.stdout


def binnode(*arguments: str) -> dict:
    """A command of the tools, and the JSON that it prints."""
    done = subprocess.run(
        [sys.executable, "-c", "from binnode_tools.cli.main import main; main()", *arguments, "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def reset_to_prompt(board) -> None:
    """What it said before may have gone to the tool, or not: a reset of our own, and its first words."""
    board.console.order(board.console.press_reset)
    board.at_prompt()


@pytest.mark.parametrize("level", [400])
def test_calibrated_node_reports_the_level_it_was_calibrated_for(level):
    """From a node that knows nothing of its bin: calibrate at the empty bin, and the level is right within a point."""
    with bench(level=0, empty_mm=1500, full_mm=300) as board:
        port = board.at_prompt().console.path
        result = binnode("calibrate", "--port", port, "--full-mm", "200", "--yes")
        assert abs(result["after"]["empty_mm"] - 1000) <= 6, result
        # Each command ends with a reset, and this computer may be too busy to be back within the listening seconds.
        reset_to_prompt(board)
        shown = binnode("config", "show", "--port", port)
        assert shown["config"]["full_mm"] == 200
        board.board.chip.scene.level_permille = lambda t_s: level
        reset_to_prompt(board)
        reading = binnode("measure", "--port", port)["readings"][0]
        assert abs(reading["fill_permille"] - level) <= 10, reading
