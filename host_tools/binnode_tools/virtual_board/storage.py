"""What survives power loss: the flash image and NVS. Every write comes through here."""

import os
import shutil
from collections import deque
from dataclasses import dataclass
from pathlib import Path

BLOCK = 4096


class PowerCut(Exception):
    """The supply went away in the middle of a write."""


class Cutter:
    """Lets a stated number of bytes reach flash and NVS, then cuts the power."""

    def __init__(self, after_bytes: int):
        self.left = after_bytes

    def spend(self, size: int) -> int:
        """Take `size` bytes off; PowerCut when they are not all there. Writers ask `allowed` how far they get."""
        self.left -= size
        if self.left < 0:
            raise PowerCut
        return size

    def allowed(self, size: int) -> int:
        return min(size, self.left)


class Flash:
    """The file system's part of flash, as a file that the VM reads by itself and only the world writes."""

    def __init__(self, path: Path, image: bytes, temporary: bool = False):
        """`temporary`: the file goes away, with its folder, when it is closed."""
        self.path, self.temporary = path, temporary
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(image)
        self.fd = os.open(path, os.O_RDWR)
        self.blocks = len(image) // BLOCK
        self.erases: dict[int, int] = {}
        self.writes = 0
        self.cutter: Cutter | None = None

    def erase(self, block: int) -> None:
        """A cut in the middle leaves the front erased and the rest as it was."""
        done = self.cutter.allowed(BLOCK) if self.cutter else BLOCK
        os.pwrite(self.fd, b"\xff" * done, block * BLOCK)
        self.erases[block] = self.erases.get(block, 0) + 1
        if self.cutter:
            self.cutter.spend(BLOCK)

    def program(self, block: int, offset: int, data: bytes) -> None:
        """Programming clears bits and never sets one, as on the chip. A cut leaves the bytes before it written."""
        at = block * BLOCK + offset
        done = self.cutter.allowed(len(data)) if self.cutter else len(data)
        old = os.pread(self.fd, done, at)
        os.pwrite(self.fd, bytes(a & b for a, b in zip(old, data[:done], strict=True)), at)
        self.writes += 1
        if self.cutter:
            self.cutter.spend(len(data))

    def flip(self, at: int, bits: int = 0x01) -> None:
        """Damage one byte, as wear does."""
        old = os.pread(self.fd, 1, at)
        os.pwrite(self.fd, bytes([old[0] ^ bits]), at)

    def read(self) -> bytes:
        return os.pread(self.fd, self.blocks * BLOCK, 0)

    def close(self) -> None:
        os.close(self.fd)
        if self.temporary:
            shutil.rmtree(self.path.parent, ignore_errors=True)


@dataclass
class Item:
    """One value on an NVS page: its entries of 32 bytes (header, and data of a blob)."""

    namespace: str
    key: str
    value: int | bytes
    entries: int


class Nvs:
    """Key-value storage as ESP-IDF lays it out: items of 32-byte entries, appended to pages of 126.

    A new value is complete before the old one goes, so after a cut one of them is there, whole. `set` only takes note;
    `commit` writes (the chip may write earlier, and promises nothing before).
    """

    NAME_MAX = 15
    ENTRY_BYTES = 32
    PAGE_ENTRIES = 126
    BLOB_MAX = 4000

    def __init__(self, size: int = 0x6000) -> None:
        self.pages: list[list[Item]] = [[] for _ in range(size // BLOCK)]
        self.used = [0] * len(self.pages)  # entries, dead ones too
        self.erases = [0] * len(self.pages)
        self.active = 0
        self.free = deque(range(1, len(self.pages)))
        self.order = [0]  # pages in use, in the order in which they were begun
        self.live: dict[tuple[str, str], Item] = {}
        self.pending: dict[tuple[str, str], int | bytes | None] = {}  # None: to be erased
        self.writes = 0
        self.cutter: Cutter | None = None

    def set(self, namespace: str, key: str, value: int | bytes) -> None:
        self.pending[namespace, key] = value

    def get(self, namespace: str, key: str, kind: type) -> int | bytes | None:
        name = (namespace, key)
        if name in self.pending:
            value = self.pending[name]
        else:
            value = self.live[name].value if name in self.live else None
        return value if isinstance(value, kind) else None

    def erase(self, namespace: str, key: str) -> bool:
        there = self.get(namespace, key, int) is not None or self.get(namespace, key, bytes) is not None
        self.pending[namespace, key] = None
        return there

    def commit(self, namespace: str) -> None:
        for name in [name for name in self.pending if name[0] == namespace]:
            value = self.pending[name]
            old = self.live.get(name)
            if value is None:
                if old:
                    self._spend(4)  # the state bits of its entries
                    del self.live[name]
                    self.writes += 1
            elif old is None or old.value != value or type(old.value) is not type(value):
                self._write(name, value)
            del self.pending[name]

    def provision(self, namespace: str, key: str, value: int | bytes) -> None:
        """What the tools put there before the node first ran."""
        self.set(namespace, key, value)
        self.commit(namespace)

    def lose_power(self) -> None:
        """What was not committed is gone."""
        self.pending.clear()

    def _spend(self, size: int) -> None:
        if self.cutter:
            self.cutter.spend(size)

    def _write(self, name: tuple[str, str], value: int | bytes) -> None:
        entries = 1 if isinstance(value, int) else 2 + -(-len(value) // self.ENTRY_BYTES)
        if self.used[self.active] + entries > self.PAGE_ENTRIES:
            self._next_page()
        item = Item(*name, value, entries)
        self.used[self.active] += entries  # a cut leaves them used, and dead
        self._spend(entries * self.ENTRY_BYTES)
        self.pages[self.active].append(item)
        self.live[name] = item
        self.writes += 1

    def _next_page(self) -> None:
        """The page that was erased longest ago; when it is the last free one, the page with the most dead entries is
        copied to it and erased."""
        target = self.free.popleft()
        if self.free:
            self.active = target
            self.order.append(target)
            return

        def dead(number: int) -> int:
            alive = sum(
                item.entries for item in self.pages[number] if self.live.get((item.namespace, item.key)) is item
            )
            return self.used[number] - alive

        victim = max(self.order, key=dead)  # of equals the one that was begun first
        survivors = [item for item in self.pages[victim] if self.live.get((item.namespace, item.key)) is item]
        self._spend(sum(item.entries for item in survivors) * self.ENTRY_BYTES)
        self.pages[target] = survivors
        self.used[target] = sum(item.entries for item in survivors)
        self._spend(1)  # from here on the erase is under way, and is finished at the next start
        self.pages[victim], self.used[victim] = [], 0
        self.erases[victim] += 1
        self.free.append(victim)
        self.order.remove(victim)
        self.order.append(target)
        self.active = target
