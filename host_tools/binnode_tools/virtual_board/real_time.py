"""Acts in real time: the world's clock follows the computer's; an act that takes time is answered when it has passed.

A VM slower than a chip holds the world's clock up, so that it misses no echo; but what it spends at a prompt counts.
"""

import time

from binnode_tools.virtual_board import acts
from binnode_tools.virtual_board.board import VirtualBoard
from binnode_tools.virtual_board.vm_process import Request, Vm
from binnode_tools.virtual_board.world import World

Answer = tuple[int, int, bytes]
_IDLE_S = 0.1  # a VM without an act for so long was at its prompt, or computes for long
_AHEAD_US = 1000  # a wait shorter than this is left for the next one


class Clock:
    """World time in microseconds, going on with the computer's time, times `speed`."""

    def __init__(self, speed: float = 1.0):
        self.set(0, speed)

    def set(self, now_us: int, speed: float) -> None:
        self._world_us, self._computer_s, self.speed = now_us, time.monotonic(), speed

    def now(self) -> int:
        return self._world_us + int((time.monotonic() - self._computer_s) * 1e6 * self.speed)

    def seconds_until(self, then_us: int) -> float:
        return max(0.0, (then_us - self.now()) / 1e6 / self.speed)


class Pace:
    """The act under way of one board. `clock` says what time it is in the world."""

    def __init__(self, world: World, board: VirtualBoard, speed: float):
        self.world, self.board, self.speed = world, board, speed
        self.clock = Clock(speed)
        self.act = 0
        self._answer: Answer | None = None
        self._sleep: Request | None = None  # sleep_us: carried out with the time that it really took
        self._due = 0
        self._answered_s = time.monotonic()

    @property
    def busy(self) -> bool:
        """An act is under way."""
        return self._answer is not None or self._sleep is not None

    @property
    def due(self) -> bool:
        return self.busy and self._end_at() - self.clock.now() < _AHEAD_US * self.speed

    def _end_at(self) -> int:
        bite = self.board.chip.watchdog_at
        return self._due if bite is None or self._answer else min(self._due, bite)

    def seconds_left(self) -> float:
        return self.clock.seconds_until(self._end_at())

    @property
    def silent_s(self) -> float:
        """The computer's seconds since the last answer."""
        return time.monotonic() - self._answered_s

    def catch_up(self) -> None:
        """The computer's time has passed in the world too. The watchdog may have ended the wake: see `board.vm`."""
        self.board.pass_time(self.clock.now() - self.board.chip.now)

    def begin(self, request: Request) -> None:
        """Carry it out, a sleep only at its end. Here and in end() the wake may end: then `board.vm` is gone."""
        chip = self.board.chip
        if self.silent_s > _IDLE_S:
            self.catch_up()
            if self.board.vm is None:
                return
        elif chip.now < self.clock.now():
            self.clock.set(chip.now, self.speed)
        self.act = request[0]
        if self.act == acts.SLEEP_US:
            self._sleep, self._due = request, chip.now + request[2]
        else:
            self._carry_out(request)

    def _carry_out(self, request: Request) -> None:
        self._answer, self._sleep = self.board.carry_out(request, self.world.trace), None
        self._due = self.board.chip.now

    def add(self, data: bytes) -> None:
        """Lengthen the answer under way."""
        if self._answer:
            self._answer = (*self._answer[:2], self._answer[2] + data)

    def end(self, vm: Vm, interrupted: bool = False) -> None:
        """Answer the act under way. A sleep took as long as it did; the rest of anything else is over at once."""
        if self._sleep:
            act, read, a, b, data = self._sleep
            left_us = max(0, self._due - self.clock.now()) if interrupted else 0
            self._carry_out((act, read, a - left_us, b, data))
        if self._answer is None:
            return
        if interrupted and self._due > self.clock.now():
            self.clock.set(self._due, self.speed)
        self.reply(vm, self._answer, interrupted)

    def reply(self, vm: Vm, answer: Answer = (acts.OK, 0, b""), interrupted: bool = False) -> None:
        vm.answer(*answer, events=acts.CTRL_C if interrupted else 0)
        self.forget()

    def forget(self) -> None:
        """No act is under way any more."""
        self._answer = self._sleep = None
        self._answered_s = time.monotonic()
