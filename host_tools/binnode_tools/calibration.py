"""A calibration: how deep the bin is and where it is full; measured in place, checked, saved whole or not at all."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from enum import Enum
from statistics import median
from typing import Literal, Protocol

from binnode_tools.calibration_checks import STILL_MM, all_checks, rim_only
from binnode_tools.calibration_record import OF_SHAPE, Calibration, Measured, Wishes
from binnode_tools.modules import Module, modules
from binnode_tools.node_service import Info, NodeError, NodeService, Reading, Settings, Value
from binnode_tools.problems import Problem

READINGS = 5
_ENOUGH = 4  # of them
_REMEDIES = {
    "no_echo": "it hears nothing. Is it askew, or soft waste below it? Is the right module set (--module)?",
    "noisy": "its pings disagree. Does something move or stick out in its way?",
    "too_near": "something is in its blind zone: dirt on it, or the surface is too close to measure; type the distance",
    "too_far": "the echo is from beyond its range. Is the lid closed?",
    "fault": "it does not answer at all: check plug, wires and supply",
}
What = Literal["empty", "full", "rim"]


class ModuleSilent(Problem):
    """The module does not answer."""

    code = "module_silent"


class RimOnly(Problem):
    """What the module hears of the empty bin is not its bottom."""

    code = "rim_only"


class NotSteady(Problem):
    """The readings don't agree on a distance; the text says what to look at."""

    code = "not_steady"


class Stage(Enum):
    """What breaking off would leave behind, in words for the user."""

    OLD = "The calibration is as it was."
    WRITING = "It may be saved or not: binnode config show tells."
    NEW = "The new calibration is saved."


class Answer(Enum):
    """What can be said instead of a distance."""

    MEASURE = 1
    BACK = 2


class Questions(Protocol):
    """Who is asked and told while a calibration goes on."""

    def stage(self, stage: Stage) -> None:
        """From now on, breaking off leaves this."""

    def begins(self, info: Info, module: Module, before: Settings) -> None: ...

    def ready(self, what: What, look: Callable[[], Reading]) -> int | Answer:
        """Wait until the bin is empty, or the board is at the full line or on the rim: what to do then, or the
        distance in mm. `look` takes a reading by the settings that the node has, for a live view."""
        ...

    def measuring(self, what: What, number: int) -> contextlib.AbstractContextManager[object]:
        """Around each reading of a series."""
        ...

    def heard(self, what: What, measured: Measured) -> None: ...

    def again(self, problem: Problem) -> bool:
        """Told what stands in the way; whether to measure or ask again. If not, it is raised."""
        ...

    def shape(self, config: dict[str, Value]) -> dict[str, Value]:
        """Settings of the bin's shape, when none were wished."""
        ...

    def place(self, wishes: Wishes) -> Wishes:
        """The wishes with the module's place, and what the sheet says besides."""
        ...

    def agree(self, proposed: Calibration) -> bool:
        """Whether to save it."""
        ...

    def kept(self, done: Calibration) -> None:
        """It is saved; only its reading by the new calibration is still to come."""


class Silent:
    """Asks nothing: what is not typed is measured at once, what stands in the way ends it, what fits is saved."""

    def stage(self, stage: Stage) -> None:
        pass

    def begins(self, info: Info, module: Module, before: Settings) -> None:
        pass

    def ready(self, what: What, look: Callable[[], Reading]) -> int | Answer:
        return Answer.MEASURE

    def measuring(self, what: What, number: int) -> contextlib.AbstractContextManager[object]:
        return contextlib.nullcontext()

    def heard(self, what: What, measured: Measured) -> None:
        pass

    def again(self, problem: Problem) -> bool:
        return False

    def shape(self, config: dict[str, Value]) -> dict[str, Value]:
        return {}

    def place(self, wishes: Wishes) -> Wishes:
        return wishes

    def agree(self, proposed: Calibration) -> bool:
        return True

    def kept(self, done: Calibration) -> None:
        pass


def settle(readings: list[Reading]) -> int:
    """The distance in mm that a series of readings at a still surface agrees on. Raises NotSteady, ModuleSilent."""
    good = [reading.distance_mm for reading in readings if reading.kind == "ok" and reading.distance_mm is not None]
    if len(good) < _ENOUGH:
        bad = [reading.kind for reading in readings if reading.kind != "ok"]
        kind = max(sorted(set(bad)), key=bad.count)
        problem = ModuleSilent if kind == "fault" else NotSteady
        remedy = _REMEDIES.get(kind, "")
        raise problem(f"the module gave {len(bad)} of {len(readings)} readings as {kind}: {remedy}".rstrip(": "))
    if max(good) - min(good) > STILL_MM:
        raise NotSteady(f"the readings differ too much, {min(good)} to {max(good)} mm: is everything still?")
    return round(median(good))


def calibrate(service: NodeService, wishes: Wishes, questions: Questions | None = None) -> Calibration:
    """Measure, check, ask, write, read back, measure again. Until the write the node keeps what it has.

    `questions` None: Silent. Raises Problem (ModuleSilent, RimOnly, NotSteady among them), LinkError, NodeError;
    ValueError for wishes that contradict each other.
    """
    return _Session(service, wishes, questions or Silent()).run()


class _Session:
    """`empty`, `full`, `shape`: what was measured and asked so far; None has still to be, or has to be again."""

    def __init__(self, service: NodeService, wishes: Wishes, questions: Questions) -> None:
        self._service, self._wishes, self._questions = service, wishes, questions
        self._given = wishes.of_shape()
        self._module = wishes.module  # the one that the node is still to be told
        self._empty: Measured | None = None
        self._full: Measured | None = None
        self._shape = self._given or None
        self._shape_before: dict[str, Value] = {}  # an answer that was refused
        self._depth_mm, self._placed = wishes.depth_mm, False

    def run(self) -> Calibration:
        service, questions = self._service, self._questions
        questions.stage(Stage.OLD)
        info, before = service.info(), service.show()
        given = self._given | ({} if self._module is None else {"module": self._module})
        for name, value in given.items():
            problem = service.problem(name, value)
            if problem:
                raise NodeError(problem)
        module = modules()[str(given.get("module", before.config["module"]))]
        questions.begins(info, module, before)
        made = datetime.now().astimezone().isoformat(timespec="seconds")
        nothing = Measured("typed", 0)
        start = Calibration(
            made, info, module, self._wishes, nothing, nothing, before.config, {**before.config, **given}
        )
        proposed = self._proposed(start)
        service.hold()
        return self._saved(proposed) if questions.agree(proposed) else proposed

    def _proposed(self, start: Calibration) -> Calibration:
        """With empty and full, once nothing stands in the way of saving them."""
        over_rim = self._wishes.rim_to_full_mm is not None
        while True:
            if self._empty is None:
                self._empty = self._distance("empty", self._wishes.empty_mm)
                continue
            if self._full is None:
                self._full = self._distance("rim" if over_rim else "full", self._wishes.full_mm)
                self._empty = self._empty if self._full else None  # back
                continue
            try:
                return self._checked(start, self._empty, self._full)
            except (RimOnly, NodeError) as problem:
                anew = self._to_do_again(problem)
                if not anew or not self._questions.again(problem):
                    raise
                for name in anew:
                    setattr(self, name, None)
                if isinstance(problem, RimOnly):  # by a tape that was misread, perhaps
                    self._wishes, self._placed = replace(self._wishes, depth_mm=self._depth_mm), False

    def _distance(self, what: What, wished_mm: int | None) -> Measured | None:
        """Wished, typed or measured, as often as it takes; None: back."""
        if wished_mm is not None:
            return Measured("typed", wished_mm)
        while True:
            self._service.hold()
            answer = self._questions.ready(what, lambda: self._service.measure(False, self._module))
            if answer is Answer.BACK:
                return None
            if isinstance(answer, int):
                return Measured("typed", answer)
            try:
                measured = self._series(what)
            except (NotSteady, ModuleSilent) as problem:
                if not self._questions.again(problem):
                    raise
                continue
            self._questions.heard(what, measured)
            return measured

    def _series(self, what: What) -> Measured:
        readings = []
        for number in range(READINGS):
            with self._questions.measuring(what, number):
                readings.append(self._service.measure(True, self._module))
        return Measured("measured", settle(readings), tuple(readings))

    def _checked(self, start: Calibration, empty: Measured, full: Measured) -> Calibration:
        """Raises RimOnly, and NodeError for what the node would not take."""
        added = 0 if self._wishes.full_mm else self._wishes.rim_to_full_mm or 0
        after = {**start.after, "empty_mm": empty.distance_mm, "full_mm": full.distance_mm + added}
        proposed = _hears_the_bottom(replace(start, empty=empty, full=full, after=after))
        if self._shape is None:
            self._service.hold()
            self._shape = self._shape_before = self._questions.shape({**after, **self._shape_before})
        after.update(_as_high_as_heard(after | self._shape))
        refusals = self._service.refusals(after)
        if refusals:
            raise NodeError("; ".join(refusals))
        if not self._placed:
            self._service.hold()
            self._wishes, self._placed = self._questions.place(self._wishes), True
        proposed = _hears_the_bottom(replace(proposed, wishes=self._wishes))  # a tape may know better
        proposed = replace(proposed, reading_before=self._service.measure(False, self._module))
        return replace(proposed, checks=tuple(all_checks(proposed.bin)))

    def _to_do_again(self, problem: Problem) -> list[str]:
        """Names of what may have caused it, without what was wished."""
        cause = str(problem).split(" ")[0]
        if isinstance(problem, RimOnly):
            names = ["_empty", "_full"]
        elif cause in OF_SHAPE and not self._given:
            names = ["_shape"]
        else:
            names = ["_empty"] if cause == "empty_mm" else ["_full"]
        wished = {"_empty": self._wishes.empty_mm, "_full": self._wishes.full_mm}
        return [name for name in names if wished.get(name) is None]

    def _saved(self, proposed: Calibration) -> Calibration:
        changes = proposed.changes
        with _ctrl_c_waits():
            self._questions.stage(Stage.WRITING)
            try:
                self._service.configure(changes)
            except NodeError:
                self._questions.stage(Stage.OLD)
                raise
            after = self._service.show()
            wrong = [name for name, value in changes.items() if after.config[name] != value]
            if wrong:
                raise NodeError(f"read back different: {', '.join(wrong)}", "read_back")
            self._questions.stage(Stage.NEW)
            done = replace(proposed, after=after.config, saved=True)
            self._questions.kept(done)
        return replace(done, reading_after=self._service.measure())


def _as_high_as_heard(config: dict[str, Value]) -> dict[str, Value]:
    """A full cylinder is some mm higher by ear than by tape: up to a twentieth, as the node does with a strapping
    table, its diameter is what was heard."""
    high, diameter = int(config["empty_mm"]) - int(config["full_mm"]), int(config["diameter_mm"])
    heard = config["shape"] == "lying" and diameter < high and 20 * diameter >= 19 * high
    return {**config, "diameter_mm": high} if heard else config


def _hears_the_bottom(proposed: Calibration) -> Calibration:
    check = rim_only(proposed.bin)
    if check.level == "error":
        raise RimOnly(f"{check.text}. {check.remedy}")
    return proposed


@contextlib.contextmanager
def _ctrl_c_waits() -> Iterator[None]:
    """Ctrl-C counts at its end: so long the node is asked in one piece, and whoever stops it is told how it went."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    pressed = []
    before = signal.signal(signal.SIGINT, lambda *_: pressed.append(True))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if pressed:
        raise KeyboardInterrupt
