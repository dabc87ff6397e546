"""The command line as a technician uses it, on a fake board."""

import json
import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

from binnode_tools.cli import main
from click.testing import CliRunner

BINNODE = Path(sys.executable).with_name("binnode")


def binnode(board, *args, text=None, code=0):
    """The result of a command; (stdout, stderr). Reset is pressed for a node that has fallen asleep meanwhile."""
    if board.slept:
        board.press_reset()
    board.wait_for_start()
    result = CliRunner().invoke(main.cli, [*args, "--port", board.port], input=text)
    assert result.exit_code == code, result.output + repr(result.exception)
    assert "Traceback" not in result.output
    return result.stdout, result.stderr


def on_flash(board):
    there = {path.relative_to(board.flash).as_posix(): path for path in board.flash.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in there.items()}


def damaged(board):
    """What the check at the node's next start says of its flash."""
    named = os.environ.get("MICROPYTHON")
    command = [named] if named else [sys.executable, "-m", "micropython_unix"]
    board.cut_power()
    environment = {
        **os.environ,
        "MICROPYPATH": f"{board.world.parent / 'fakes'}:.frozen",
        "FAKE_WORLD": str(board.world),
    }
    code = "import json, verify; print(json.dumps(verify.damaged()))"
    done = subprocess.run([*command, "-c", code], cwd=board.flash, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def in_terminal(board, *args, typed=b"", prompt=b": ", environment=None):
    """(exit code, all that is on the screen) of binnode in a real terminal; `typed` after `prompt` has come."""
    process, screen = pty.fork()
    if process == 0:
        os.execve(BINNODE, [BINNODE, *args, "--port", board.port], {**os.environ, **(environment or {})})
    seen, deadline = b"", time.monotonic() + 20
    while time.monotonic() < deadline:
        if select.select([screen], [], [], 0.1)[0]:
            try:
                seen += os.read(screen, 4096)
            except OSError:
                break
            if typed and prompt in seen:
                time.sleep(0.2)  # getpass switches the echo off just after its prompt
                os.write(screen, typed)
                typed = b""
    os.close(screen)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), seen.decode()


def dialogue(board, *args, steps, environment=None):
    """(exit code, all that was on the screen) of binnode in a real terminal. `steps`: (what the screen says since the
    step before, what is typed or done then)."""
    process, screen = pty.fork()
    if process == 0:
        os.execve(BINNODE, [BINNODE, *args, "--port", board.port], {**os.environ, **(environment or {})})
    seen, since, deadline, steps = b"", 0, time.monotonic() + 60, list(steps)
    while time.monotonic() < deadline:
        if select.select([screen], [], [], 0.1)[0]:
            try:
                seen += os.read(screen, 4096)
            except OSError:
                break
        while steps and steps[0][0] in seen[since:]:
            since, deed = len(seen), steps.pop(0)[1]
            if callable(deed):
                deed()
            else:
                if deed == b"\x03":  # lost, when it comes between a prompt and the wait for its answer
                    time.sleep(0.2)
                os.write(screen, deed)
    assert not steps, (steps[0], seen[since:])
    os.close(screen)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), seen.decode()
