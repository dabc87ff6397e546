"""Two applications of few files, for updates from one to the other: with all the files that are special."""

import json

from binnode_tools import image, paths

# Carries out what NVS holds, as the REPL would, and is the node when it holds nothing.
ORDERED_MAIN = b"""\
import esp32, machine
nvs, order, buffer = esp32.NVS("tools"), b"", bytearray(1900)
for number in range(nvs.get_i32("pieces")):
    order += buffer[: nvs.get_blob("order%d" % number, buffer)]
if order:
    try:
        exec(str(order, "utf8"))
    except Exception as error:
        print("failed: %r" % error)
    machine.deepsleep(1000)
import verify
verify.cold_start()
from binnode import node
node.run()
"""
_NODE = """
import machine
from binnode import part
def run(visited=False):
    print("RUNS %s", part.AGE)
    machine.deepsleep(60000)
"""
OWN = {"config.json": b'{"measure_s": 600}', "ca.der": b"\x30\x03\x02\x01\x05", "notes.txt": b"of the user"}


def firmware(name: str) -> bytes:
    return (paths.FIRMWARE / name).read_bytes()


def small_application(age: str, main: bytes, verify: bytes, more: dict[str, bytes]) -> dict[str, bytes]:
    """The program, the checker, a module of two blocks, one that is the same in both. Its node says which it is."""
    files = {
        "boot.py": b"# " + age.encode(),
        "main.py": main,
        "verify.py": verify,
        "board.json": b'{"name":"esp32_devkit"}',
        "binnode/node.mpy": image.compile_mpy(_NODE.replace("%s", age).encode(), "binnode/node.py"),
        "binnode/part.py": b"AGE = '%s'\n" % age.encode() + b"# padding\n" * 450,
        "binnode/same.mpy": image.compile_mpy(b"SAME = 1\n", "binnode/same.py"),
        **more,
    }
    manifest = {name: image.digest(content) for name, content in sorted(files.items())}
    return {**files, image.MANIFEST: json.dumps(manifest).encode()}


def old_and_new(main: bytes = b"", verify: bytes = b"") -> tuple[dict[str, bytes], dict[str, bytes]]:
    """Six files differ, one is new in a folder of its own, one goes with its folder. `main`, `verify`: the old."""
    main, verify = main or firmware("main.py") + b"# old\n", verify or firmware("verify.py") + b"# old\n"
    old = small_application("old", main, verify, {"binnode/gone/stale.mpy": b"M\x06\0"})
    new = {"binnode/added/more.mpy": b"M\x06\0\x1f"}
    return old, small_application("new", firmware("main.py"), firmware("verify.py"), new)


def without_finishing() -> bytes:
    """verify.py as it was before it could finish an update."""
    before, call, after = firmware("verify.py").decode().partition("    if finish():\n")
    _, reset, rest = after.partition("    wrong = damaged()\n")
    assert call and reset
    return (before + reset + rest).encode()
