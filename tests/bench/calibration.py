"""How long a scripted calibration takes: `binnode calibrate --yes` at the virtual board's port, in real time."""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from binnode_tools.virtual_board import console, node_kit
from binnode_tools.virtual_board.scene import Geometry, Scene
from binnode_tools.virtual_board.world import World

from tests.bench.node import BenchError, new_kit

_PATIENCE_S = 120
_FULL_MM = 300


def seconds(board: str) -> float:
    """From the call of the command until it has ended: into the REPL, five readings of the empty bin, one before and
    one after, checks, the write, the reset."""
    kit = new_kit(board)
    kit.geometry, kit.config = Geometry(empty_mm=1400, full_mm=_FULL_MM), {"transport": "none", "empty_mm": 1000}
    scene = Scene(lambda t_s: 0.0, kit.geometry, kit.unkind, kit.seed)
    with tempfile.TemporaryDirectory() as folder, World() as world:
        node = node_kit.add_node(world, kit, scene, node_kit.network_of(kit))
        with console.Console(world, node, link=Path(folder) / "tty").start() as running:
            arguments = [
                "calibrate",
                "--yes",
                "--json",
                "--no-sheet",
                "--full-mm",
                str(_FULL_MM),
                "--port",
                running.path,
            ]
            began = time.monotonic()
            done = subprocess.run(
                [sys.executable, "-c", "from binnode_tools.cli.main import main; main()", *arguments],
                capture_output=True,
                text=True,
                timeout=_PATIENCE_S,
            )
            took = time.monotonic() - began
    if done.returncode or abs(json.loads(done.stdout)["after"]["settings"]["empty_mm"] - 1400) > 10:
        raise BenchError(f"calibrate: {done.stdout}{done.stderr}")
    return round(took, 1)
