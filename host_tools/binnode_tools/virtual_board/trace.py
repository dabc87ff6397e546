"""The trace: what every board did, act by act."""

import hashlib
import struct
from pathlib import Path

from binnode_tools.virtual_board import acts

_TRACED = struct.Struct(">QBiiBq")
_NOT_ACTS = ("OK", "OS_ERROR", "VALUE_ERROR", "RUNTIME_ERROR", "REQUEST_SIZE", "ANSWER_SIZE")
NAMES = {
    value: name
    for name, value in vars(acts).items()
    if name.isupper() and isinstance(value, int) and value < 128 and name not in _NOT_ACTS
}


class Trace:
    """A hash over every act of every board: same seed, same trace, byte for byte."""

    def __init__(self, log: Path | None = None):
        self.hash = hashlib.sha256()
        self.log = log.open("w") if log else None
        self.acts = 0

    def add(
        self, board: int, now: int, act: int, a: int, b: int, data: bytes, status: int, value: int, answer: bytes
    ) -> None:
        self.acts += 1
        self.hash.update(_TRACED.pack(now, act, a, b, status, value & 0x7FFFFFFFFFFFFFFF))
        self.hash.update(bytes([board & 255]) + data + b"\0" + answer)
        if self.log:
            shown = f"{data.hex() or '-'} -> {'' if not status else f'!{status} '}{value} {answer.hex()}"
            self.log.write(f"{now / 1e6:14.6f} {board} {NAMES.get(act, act):<16} {a} {b} {shown}\n")

    @property
    def sha256(self) -> str:
        return self.hash.hexdigest()
