"""Instructions that the VM executes in a wake, counted by valgrind's callgrind: repeatable to 0.01 %."""

import os
import re
import select
import shutil
import tempfile
from pathlib import Path

from binnode_tools.virtual_board.board import VirtualBoard
from binnode_tools.virtual_board.vm_process import Zygote
from binnode_tools.virtual_board.world import World

from tests.bench.node import SLEEP_AT_ONCE, BenchError, Scenario, expect, image_files, new_kit, powered, steady

MISSING = (
    "valgrind is not installed, so no instructions are counted. "
    "It comes with the package manager: apt install valgrind, dnf install valgrind, pacman -S valgrind."
)
_START_S = 120  # valgrind takes some seconds before the VM's first act


def available() -> bool:
    return shutil.which("valgrind") is not None


def total(output: str) -> int:
    """The number of instructions in a file that callgrind wrote. Raises BenchError when there is none."""
    found = re.search(r"^(?:totals|summary): (\d+)", output, re.MULTILINE)
    if not found:
        raise BenchError("callgrind left no total")
    return int(found[1])


def _let_go(board: VirtualBoard) -> None:
    """When the wake is over, its VM ends by itself for want of answers: callgrind writes only when its program ends."""
    vm, end = board.vm, board._end
    assert vm is not None

    def end_gently(how: str, sleep_us: int | None = None) -> None:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, vm.answer_fd)
        os.close(null)
        while os.read(vm.request_fd, 65536):
            pass
        end(how, sleep_us)

    board._end = end_gently


def counted_wake(world: World, board: VirtualBoard, output: Path) -> int:
    log = output.with_suffix(".log")
    with Zygote(["valgrind", "--tool=callgrind", f"--callgrind-out-file={output}", f"--log-file={log}"]) as zygote:
        board.step(zygote, world.trace)
        assert board.vm is not None
        started = select.poll()
        started.register(board.vm.request_fd, select.POLLIN)
        if not started.poll(_START_S * 1000):
            board.vm.kill()
            raise BenchError(f"the VM did not start under valgrind within {_START_S} s")
        _let_go(board)
        while board.vm:
            board.step(zygote, world.trace)
        del board._end
    if not output.exists():
        raise BenchError(
            f"callgrind wrote nothing:\n{log.read_text() if log.exists() else ''}{board.wakes[-1].console}"
        )
    return total(output.read_text())


def executed(board: str, scenario: Scenario | None, keep: Path | None = None) -> int:
    """Instructions of a timed wake of `scenario`, Python, VM and stand-ins included; None: of one that sleeps at once.

    `keep`: where callgrind's file goes, for callgrind_annotate.
    """
    kit = new_kit(board)
    files = image_files(kit, None if scenario else SLEEP_AT_ONCE)
    with tempfile.TemporaryDirectory() as folder:
        output = keep or Path(folder, "callgrind.out")
        with powered(kit, scenario.level if scenario else steady, files) as (world, node):
            count = counted_wake(world, node, output)
            if scenario:
                expect(scenario, node.wakes[-1])
    return count


def of_wakes(board: str, scenarios: tuple[Scenario, ...], keep: Path | None = None) -> list[int | None]:
    """Instructions that a wake of each scenario takes more than one that sleeps at once. None without valgrind."""
    if not available():
        return [None] * len(scenarios)
    if keep:
        keep.mkdir(parents=True, exist_ok=True)
    empty = executed(board, None, keep and keep / "callgrind.empty")
    return [
        executed(board, scenario, keep and keep / f"callgrind.{scenario.outcome.split()[0]}") - empty
        for scenario in scenarios
    ]
