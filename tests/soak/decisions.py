"""The decisions of the full node, taken again by the same firmware on CPython.

On sampled days every act of the node and the world's answer to it are recorded. Then main.py and all that it imports
run on CPython, each act answered with what the full node was told (echo times, temperature, battery, clock, RTC
memory, what the broker sent). What comes out must be the same: every act and its arguments, so the state that is
remembered to the byte, and every report to the byte: reason, flags, level and history.
Run as a program, it replays a recording, because it puts its own `time`, `machine` and `socket` into sys.modules.
"""

import json
import pickle
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

from binnode_tools import boards, paths
from binnode_tools.virtual_board import node_kit
from binnode_tools.virtual_board.board import VirtualBoard
from binnode_tools.virtual_board.trace import Trace
from binnode_tools.virtual_board.vm_process import Request
from binnode_tools.virtual_board.wake import WakeRecord

SHARE = 0.1  # of the days
DAY_US = 86_400_000_000

Act = tuple[int, int, int, bytes, int, int, bytes]  # act, a, b, data, then status, value, data of the answer


def sampled(seed: str, days: float) -> set[int]:
    """Some of the days, the first full one among them."""
    return {day for day in range(int(days) + 1) if day == 1 or Random(f"{seed} day {day}").random() < SHARE}


class Recorder:
    """Keeps the acts of the wakes that begin on the sampled days."""

    def __init__(self, board: VirtualBoard, seed: str, days: float):
        self.days = sampled(seed, days)
        self.acts: list[Act] = []
        self.wakes: list[tuple[int, str, list[Act], list[bytes], str]] = []
        self.carry_out = board.carry_out
        vars(board)["carry_out"] = self.record

    def record(self, request: Request, trace: Trace) -> tuple[int, int, bytes] | None:
        act, _, a, b, data = request
        acts = self.acts  # the act that ends the wake is the last of this list, and the next wake has another
        acts.append((act, a, b, data, 254, 0, b""))
        answer = self.carry_out(request, trace)
        if answer:
            acts[-1] = (act, a, b, data, *answer)
        return answer

    def ended(self, wake: WakeRecord, reports: list[bytes], files_whole: bool = True) -> None:
        """A wake is over. One with damaged files is left out: the replay has whole ones."""
        if files_whole and wake.started_us // DAY_US in self.days:
            self.wakes.append((wake.index, wake.how, self.acts, reports, wake.console))
        self.acts = []

    def recorded(self, kit: node_kit.Kit) -> dict[str, Any]:
        board = boards.load(kit.board)
        files = node_kit.files_of(board, node_kit.node_config(kit))
        return {"files": files, "chip": board.chip, "wakes": self.wakes}


def compare(recording: Path) -> dict[str, Any]:
    """Replay in a process of its own: {"wakes", "acts", "reports", "differences"}."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.soak.replay", str(recording)],
        capture_output=True,
        text=True,
        cwd=paths.REPOSITORY,
    )
    if done.returncode:
        return {"wakes": 0, "acts": 0, "reports": 0, "differences": [done.stderr[-2000:]]}
    return json.loads(done.stdout.splitlines()[-1])


def load(recording: Path) -> dict[str, Any]:
    return pickle.loads(recording.read_bytes())
