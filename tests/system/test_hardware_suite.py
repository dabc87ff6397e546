"""The suite for real boards against the virtual one, over its serial console; and the technician's tools there."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from binnode_tools.board_link import BoardLink
from binnode_tools.node_service import NodeService

from tests.system.test_console import bench
from tests.system.test_shapes import SHAPES

ROOT = Path(__file__).parents[2]


def test_hardware_suite_passes_on_the_virtual_board():
    with bench() as board:
        port = board.at_prompt().console.path
        command = [sys.executable, "-m", "pytest", "-c", "tests/pytest.ini", "--port", port, "tests/hardware"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "13 passed" in done.stdout


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


@pytest.mark.parametrize("name", ["upright", "tapered", "lying, to below its top", "strapping"])
def test_a_node_calibrated_on_the_spot_reports_each_shape_within_a_point(name):
    """From a node that knows nothing of its bin: calibrate at the empty bin, then let the waste rise."""
    geometry = SHAPES[name]
    table = ",".join(f"{height}:{volume}" for height, volume in geometry.strapping)
    options = {
        "tapered": ["--bottom-permille", str(round(geometry.taper * 1000))],
        "lying": ["--diameter-mm", str(geometry.diameter_mm)],
        "strapping": ["--strapping", table],
    }
    unknown = {"shape": "upright", "empty_mm": 1400, "full_mm": 300, "diameter_mm": 0, "strapping": ""}
    with bench(level=0, geometry=geometry, **unknown, bottom_permille=1000) as board:
        port = board.at_prompt().console.path
        full = ["--full-mm", str(geometry.full_mm), "--yes"]
        result = binnode("calibrate", "--port", port, "--no-sheet", *full, *options.get(geometry.shape, []))
        before, after = (result[side]["settings"] for side in ("before", "after"))
        assert abs(after["empty_mm"] - geometry.empty_mm) <= 6, result
        assert (before["shape"], after["shape"]) == ("upright", geometry.shape)
        # Each command ends with a reset, and this computer may be too busy to be back within the listening seconds.
        reset_to_prompt(board)
        shown = binnode("config", "show", "--port", port)["config"]
        assert shown["full_mm"] == geometry.full_mm
        assert shown["strapping"] == table and shown["diameter_mm"] == geometry.diameter_mm
        reset_to_prompt(board)
        with BoardLink(port) as link:
            for level in (120, 400, 850):
                board.board.chip.scene.level_permille = lambda t_s, level=level: level
                reading = NodeService(link).measure()
                assert reading.fill_permille is not None and abs(reading.fill_permille - level) <= 10, reading
