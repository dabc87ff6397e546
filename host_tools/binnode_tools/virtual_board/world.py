"""The world: boards in virtual time, one act after the other, each board's wake in its own VM."""

from pathlib import Path

from binnode_tools.virtual_board.board import VirtualBoard
from binnode_tools.virtual_board.trace import Trace
from binnode_tools.virtual_board.vm_process import Zygote


class World:
    """Boards, their time, and the trace of what they did."""

    def __init__(self, trace_log: Path | None = None, prefix: list[str] | None = None):
        self.trace = Trace(trace_log)
        self.boards: list[VirtualBoard] = []
        self.zygote = Zygote(prefix)

    def add(self, board: VirtualBoard) -> VirtualBoard:
        board.number = len(self.boards)
        self.boards.append(board)
        return board

    def run_until(self, end_us: int) -> None:
        """Go on until every board's next act lies at or after `end_us`; a wake under way is finished."""
        while True:
            due = [
                board for board in self.boards if board.next_time is not None and (board.vm or board.next_time < end_us)
            ]
            if not due:
                return
            board = min(due, key=lambda board: (board.next_time or 0, board.number))
            while board.vm or board.next_time is not None:
                board.step(self.zygote, self.trace)
                if len(self.boards) > 1 or not board.vm:
                    break

    def close(self) -> None:
        for board in self.boards:
            if board.vm:
                board.vm.kill()
            board.chip.flash.close()
        self.zygote.close()

    def __enter__(self) -> "World":
        return self

    def __exit__(self, *_) -> None:
        self.close()
