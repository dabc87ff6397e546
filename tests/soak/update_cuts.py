"""An update of the application, broken off at every place: by the supply at each write, by the cable at each order."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from unittest import mock

from binnode_tools import image

from tests.system.update_board import bench
from tests.unit.fake_board import FakeBoard
from tests.unit.host.test_app_update import NEWER, OLD, pulled_after, updated
from tests.unit.small_application import ORDERED_MAIN, OWN, old_and_new, without_finishing

RANDOM_PULLS = 200
_END = b"\x04"  # what makes the board carry out what it was sent


@dataclass
class Cuts:
    """`cuts`, and what the board ran afterwards: `old`, `new`. `problems` empty: it was always one of them, whole."""

    what: str
    cuts: int = 0
    old: int = 0
    new: int = 0
    problems: list[str] = field(default_factory=list)

    def note(self, runs: str) -> None:
        self.cuts += 1
        self.old += runs == "old"
        self.new += runs == "new"


def of_the_supply(say: Callable[[str], None], verify: bytes = b"", dense: bool = True) -> Cuts:
    """At every byte of every write, and at 16 places of each erase. `verify`: the old application's checker."""
    found = Cuts("the supply, at every byte" + (", from a checker that can't finish" if verify else ""))
    old, new = old_and_new(ORDERED_MAIN, verify)
    with bench(old) as board:
        board.update(new)
        board.whole(new, True)
        for number, step in enumerate(board.steps):
            for after in step.cuts(dense):
                try:
                    runs = board.cut(step, after)
                    board.whole(new if runs == "new" else old, runs == "new")
                    found.note(runs)
                except Exception as error:
                    found.problems.append(f"step {number}, byte {after}: {type(error).__name__}: {error}")
                say(f"an update, step {number} of {len(board.steps)}: {found.cuts} cuts of the supply")
    return found


def twice(say: Callable[[str], None], seed: str, count: int = 1000) -> Cuts:
    """The supply goes while the files change places, and again while the start finishes that."""
    found, random = Cuts("the supply, twice"), Random(f"{seed} update")
    old, new = old_and_new(ORDERED_MAIN)
    with bench(old) as board:
        board.update(new)
        commit = board.steps[-1]
        size = sum(commit.writes)
        for _ in range(count):
            after, then = random.randrange(size), random.randrange(size)
            try:
                runs = board.cut(commit, after, then)
                board.whole(new if runs == "new" else old, runs == "new")
                found.note(runs)
            except Exception as error:
                found.problems.append(f"byte {after}, then {then}: {type(error).__name__}: {error}")
            say(f"an update cut twice: {found.cuts} of {count}")
    return found


def of_the_cable(say: Callable[[str], None], seed: str) -> Cuts:
    """Just before and after each byte that makes the board act, and at random ones; through the real tools."""
    found, random = Cuts("the cable, at every order"), Random(f"{seed} cable")
    folder = tempfile.TemporaryDirectory(prefix="binnode-")
    patched = mock.patch.object(image, "application_files", lambda board: NEWER)
    with folder as path, patched, FakeBoard(Path(path), {**OLD, **OWN}) as board:
        board.heard = b""
        size = updated(board)
        ends = [at for at in range(size) if board.heard[at : at + 1] == _END]
        places = {at + beyond for at in ends for beyond in (0, 1, 2)} | set(
            random.sample(range(40, size), RANDOM_PULLS)
        )
        for count in sorted(places):
            try:
                found.note(pulled_after(board, count))
            except Exception as error:
                found.problems.append(f"byte {count}: {type(error).__name__}: {error}")
            say(f"an update: {found.cuts} of {len(places)} pulls of the cable")
    return found


def all_cuts(seed: str, say: Callable[[str], None]) -> list[Cuts]:
    return [
        of_the_supply(say),
        of_the_supply(say, without_finishing(), dense=False),
        twice(say, seed),
        of_the_cable(say, seed),
    ]
