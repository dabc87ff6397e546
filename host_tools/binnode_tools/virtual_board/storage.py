"""What survives power loss: the flash image and NVS. Every write comes through here."""

import os
import shutil
from pathlib import Path

BLOCK = 4096


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

    def erase(self, block: int) -> None:
        os.pwrite(self.fd, b"\xff" * BLOCK, block * BLOCK)
        self.erases[block] = self.erases.get(block, 0) + 1

    def program(self, block: int, offset: int, data: bytes) -> None:
        """Programming clears bits and never sets one, as on the chip."""
        at = block * BLOCK + offset
        old = os.pread(self.fd, len(data), at)
        os.pwrite(self.fd, bytes(a & b for a, b in zip(old, data, strict=True)), at)
        self.writes += 1

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


class Nvs:
    """Key-value storage: (namespace, key) -> int or bytes. ESP-IDF writes each entry as it is set."""

    NAME_MAX = 15

    def __init__(self) -> None:
        self.entries: dict[tuple[str, str], int | bytes] = {}
        self.writes = 0
        self.uncommitted = 0

    def set(self, namespace: str, key: str, value: int | bytes) -> None:
        if self.entries.get((namespace, key)) != value:
            self.entries[namespace, key] = value
            self.writes += 1
        self.uncommitted += 1

    def get(self, namespace: str, key: str, kind: type) -> int | bytes | None:
        value = self.entries.get((namespace, key))
        return value if isinstance(value, kind) else None

    def erase(self, namespace: str, key: str) -> bool:
        self.writes += 1
        return self.entries.pop((namespace, key), None) is not None
