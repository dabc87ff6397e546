"""What nodes at a real server keep from run to run: a secret that their keys come from, and LoRaWAN's records in NVS.

A server refuses a DevNonce or counter that was used, so what a chip keeps without power is kept here too. All of it is
readable for its owner only.
"""

import fcntl
import json
import os
import secrets
from pathlib import Path

from binnode_tools.private_files import private_folder, write_private
from binnode_tools.virtual_board.chip import Chip

_NAMESPACE, _RECORDS = "binnode", ("lora_nonces", "lora_session", "lora_counters")


class InUseError(Exception):
    """Another run has these keys."""


class Memory:
    """A folder of one server's nodes. InUseError, OSError."""

    def __init__(self, folder: Path):
        self.folder = private_folder(folder)
        self._lock = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock)
            raise InUseError(f"another run uses the keys in {folder}; two with the same counters") from None
        secret = folder / "secret"
        if not secret.exists():
            write_private(secret, secrets.token_hex(16))
        self.secret = secret.read_text(encoding="utf-8").strip()
        self._written: dict[str, int] = {}

    def close(self) -> None:
        os.close(self._lock)

    def restore(self, chip: Chip, name: str, joined: bool = True) -> None:
        """Into a chip that has not run. `joined` False: only what must never be used again, so that it joins anew."""
        path = self._path(name)
        if path.exists():
            for key, record in json.loads(path.read_text(encoding="utf-8")).items():
                if joined or key == "lora_nonces":
                    chip.nvs.provision(_NAMESPACE, key, bytes.fromhex(record))
        self._written[name] = chip.nvs.writes

    def keep(self, chip: Chip, name: str) -> None:
        """Call it after each act: what the node has written must be here before its frame leaves."""
        if chip.nvs.writes == self._written[name]:
            return
        self._written[name] = chip.nvs.writes
        records = {key: chip.nvs.get(_NAMESPACE, key, bytes) for key in _RECORDS}
        texts = {key: value.hex() for key, value in records.items() if isinstance(value, bytes)}
        write_private(self._path(name), json.dumps(texts, indent=2) + "\n")

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.json"
