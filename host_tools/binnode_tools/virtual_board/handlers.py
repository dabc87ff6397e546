"""Who carries out which act, and how an act ends when it does not end well."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from binnode_tools.virtual_board import acts
from binnode_tools.virtual_board.misuse import MISUSES

if TYPE_CHECKING:
    from binnode_tools.virtual_board.chip import Chip


class ChipError(Exception):
    """What the chip answers with an exception inside the VM: status, number or text; an OSError may have a name too."""

    def __init__(self, status: int, what: int | str, name: str = ""):
        super().__init__(what)
        self.status, self.what, self.name = status, what, name


class EndOfWake(Exception):
    """Deep sleep or a reset: the interpreter ends here, whatever it was about to do."""

    def __init__(self, how: str, sleep_us: int | None = None):
        """`sleep_us` None: no timer wakes it."""
        super().__init__(how)
        self.how, self.sleep_us = how, sleep_us


Answer = int | bytes | None
Handler = Callable[["Chip", int, int, bytes], Answer]
HANDLERS: dict[int, Handler] = {}


def handles(act: int) -> Callable[[Handler], Handler]:
    """Marks the function that carries out `act` (chip, a, b, data) and returns its value or its data."""

    def register(function: Handler) -> Handler:
        HANDLERS[act] = function
        return function

    return register


def misuse(text: str) -> ChipError:
    return ChipError(acts.VALUE_ERROR, text)


def refused(name: str, /, **fields: object) -> ChipError:
    """What the chip raises for the row `name` of the table of misuses."""
    kind, what, *more = MISUSES[name].raises or ("", name)
    if kind == "OSError":
        return ChipError(acts.OS_ERROR, what, str(more[0]))
    return misuse(str(what).format(**fields))
