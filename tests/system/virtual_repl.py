"""The tools at a board's raw REPL in virtual time: the protocol's bytes on the VM's input, its acts as they come."""

import json
import os
from contextlib import contextmanager

from binnode_tools.board_snippets import MARK, asked
from binnode_tools.virtual_board import acts
from binnode_tools.virtual_board.board import VirtualBoard
from binnode_tools.virtual_board.world import World

GUARD_S = 20


class Link:
    """What NodeService needs of board_link.BoardLink: `call`, `ask`, `port`."""

    port = "virtual"

    def __init__(self, world: World, board: VirtualBoard):
        self._world, self._board = world, board
        self._read = 0

    def call(self, function: str, *args, **_):
        return self._value(f"from binnode import service\nservice.{function}({', '.join(map(ascii, args))})")

    def ask(self, module: str, expression: str):
        return self._value(asked(module, expression))["value"]

    def run(self, code: str) -> tuple[str, str]:
        """What the code prints, and its traceback. While it runs the world's time passes as it costs."""
        self._type(code.encode() + b"\x04")
        said = self._until(b"\x04>")
        assert said.startswith("OK"), said
        output, error = said[2:].removesuffix("\x04>").split("\x04")
        return output, error

    def _value(self, code: str):
        output, error = self.run(code)
        assert not error, error
        (line,) = [line for line in output.splitlines() if line.startswith(MARK)]
        return json.loads(line.removeprefix(MARK))

    def enter(self) -> None:
        """Reset, as by the reset button; at first powered on. It is stopped before main.py does anything."""
        board = self._board
        board.repl = True
        if board.wakes:
            board.reset()
        board.wake(self._world.zygote)
        board.repl = False
        self._read = 0
        self._type(b"\x01")
        self._until(b"raw REPL; CTRL-B to exit\r\n>")

    def leave(self) -> None:
        """As the tools do: it starts anew, and is a node."""
        if self._board.vm:
            self._type(b"import machine\nmachine.reset()\x04")
            self._until(None)

    def _type(self, text: bytes) -> None:
        vm = self._board.vm
        assert vm is not None and vm.input_fd is not None
        while text:
            text = text[os.write(vm.input_fd, text) :]

    def _until(self, end: bytes | None) -> str:
        """What comes up to `end`; None: until the wake is over."""
        board, vm = self._board, self._board.vm
        assert vm is not None
        while board.vm is vm:
            at = -1 if end is None else vm.console.find(end, self._read)
            request = vm.take()
            if request is None and at >= 0:
                assert end is not None
                said, self._read = vm.console[self._read : at + len(end)], at + len(end)
                return said.decode()
            if request is None:
                assert vm.pump(GUARD_S) and not vm.ended, bytes(vm.console)
            elif request[0] == acts.MAIN_ENDED:
                vm.answer(acts.OK)
            else:
                answer = board.carry_out(request, self._world.trace)
                if answer:
                    status, value, data = answer
                    vm.answer(status, value, data + b"\nraw" if request[0] == acts.BOOT else data)
        assert end is None, bytes(vm.console)
        return ""


@contextmanager
def at_repl(world: World, board: VirtualBoard):
    """A Link to the board; at the end, however it comes, it is reset and the node's again."""
    link = Link(world, board)
    link.enter()
    try:
        yield link
    finally:
        link.leave()
