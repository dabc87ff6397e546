"""The tools' side of a serial line in virtual time: what board_link.BoardLink does, each call in a wake of its own."""

from typing import Any

from binnode_tools.virtual_board import node_kit
from binnode_tools.virtual_board.simulation import Judge

from tests.system.scenario import Scenario

MARK = "binnode>"
# Carries out what NVS holds, as a line at the REPL would, and is the node when it holds nothing.
MAIN = b"""\
import esp32, machine
order = bytearray(3000)
size = esp32.NVS("tools").get_blob("order", order)
if size > 1:
    exec(str(order[:size], "utf8"))
    machine.deepsleep(1000)
from binnode import node
node.run()
"""


class LineCut(Exception):
    """The board went off before it had answered."""


class Link:
    """A BoardLink to the node of a Scenario whose main.py is MAIN. `readings`: how many it has taken. `on_call`: is
    told the function that the board is about to carry out."""

    port = "(virtual)"

    def __init__(self, running: Scenario):
        self.running, self.readings = running, 0
        self.on_call = lambda function: None
        running.board.chip.nvs.provision("tools", "order", b"pass")

    def order(self, code: str, what: str = "") -> str:
        """What the board says to it."""
        board = self.running.board
        board.chip.nvs.provision("tools", "order", code.encode())
        self.on_call(what)
        board.power_on(board.chip.now + 1_000_000)
        count, until = len(board.wakes), board.chip.now
        for _ in range(60):
            until += 1_000_000
            self.running.world.run_until(until)
            if len(board.wakes) > count and not board.vm:
                if board.wakes[count].how == "power cut":
                    raise LineCut(what)
                return board.wakes[count].console
        raise AssertionError(f"it does not come to an end: {code}")

    def _value(self, code: str, what: str = "") -> Any:
        said = self.order(code, what)
        (line,) = [line for line in said.splitlines() if line.startswith(MARK)] or [said]
        return node_kit.json.loads(line.removeprefix(MARK))

    def call(self, function: str, *args: str | int | bool, **_: Any) -> Any:
        code = f"from binnode import service\nservice.{function}({', '.join(map(ascii, args))})"
        value = self._value(code, function)
        self.readings += function == "measure"
        return value

    def run(self, code: str, timeout_s: float = 10.0) -> str:
        """No wake of its own: BoardLink.run() is for what keeps the board at the REPL."""
        return ""

    def ask(self, module: str, expression: str) -> Any:
        code = f"import json\nfrom {module} import *\nprint({MARK!r} + json.dumps({{'value': {expression}}}))"
        return self._value(code, module)["value"]

    def release(self) -> None:
        """From now on it is a node."""
        board = self.running.board
        board.chip.nvs.provision("tools", "order", b"-")
        self.running.judge = Judge()
        board.power_on(board.chip.now + 1_000_000)
