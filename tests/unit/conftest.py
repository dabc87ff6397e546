"""The MicroPython VM as a fixture: the same tests and the same cases as on CPython."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
VM_PATH = [ROOT / "firmware", ROOT / "tests" / "unit", ROOT / "tests" / "unit" / "pure"]


def micropython(*args: str) -> dict:
    """Run tests/unit/vm_runner.py with `args` on the unix port; its last line, decoded."""
    named = os.environ.get("MICROPYTHON")
    command = [named] if named else [sys.executable, "-m", "micropython_unix"]
    environment = {**os.environ, "MICROPYPATH": ":".join(map(str, [*VM_PATH, ".frozen"]))}
    done = subprocess.run(
        [*command, "-X", "heapsize=16M", str(ROOT / "tests/unit/vm_runner.py"), *args],
        capture_output=True,
        text=True,
        env=environment,
        timeout=120,
    )
    lines = done.stdout.strip().splitlines()
    assert done.returncode == 0 and lines, done.stdout + done.stderr
    return {**json.loads(lines[-1]), "output": "\n".join(lines[:-1])}


def frozen(value):
    """What JSON can carry of `value`, to be revived by vm_runner.revive."""
    if isinstance(value, bytes | bytearray):
        return {"b": bytes(value).hex()}
    if isinstance(value, tuple):
        return {"t": [frozen(item) for item in value]}
    if isinstance(value, list):
        return [frozen(item) for item in value]
    if isinstance(value, dict):
        return {"d": {key: frozen(item) for key, item in value.items()}}
    return value


@pytest.fixture
def replay_on_vm(tmp_path):
    """replay_on_vm(module, function, cases): cases are (args, result) seen on CPython; the VM must give the same."""

    def replay(module: str, function: str, cases: list[tuple]) -> int:
        assert cases, "no case was recorded"
        recorded = {
            "module": module,
            "function": function,
            "cases": [[frozen(list(args)), frozen(result)] for args, result in cases],
        }
        path = tmp_path / "cases.json"
        path.write_text(json.dumps(recorded))
        outcome = micropython("replay", str(path))
        assert not outcome["wrong"], outcome["wrong"]
        assert outcome["cases"] == len(cases)
        return outcome["cases"]

    return replay
