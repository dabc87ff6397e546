"""Bytes of .mpy: what is on the flash, and what a wake really loads of it."""

from binnode_tools.virtual_board.wake import WakeRecord

from tests.bench.node import MEASURE, REPORT, BenchError, Scenario, expect, image_files, new_kit, second_wake

# In the place of main.py: as a wake from deep sleep runs it, but with a word before the sleep. What the node has
# forgotten by then (binnode.forget) was loaded all the same: each import notes what there is.
TELLING_MAIN = b"""\
import builtins
import machine
import sys

sleep = machine.deepsleep
load = builtins.__import__
seen = set()


def see(*arguments):
    module = load(*arguments)
    seen.update(sys.modules)
    return module


def tell(ms):
    print("modules " + " ".join(sorted(seen)))
    sleep(ms)


builtins.__import__ = see


machine.deepsleep = tell
from binnode import node

node.run()
"""


def sizes(files: dict[str, bytes]) -> dict[str, int]:
    """Bytes of each .mpy."""
    return {name: len(content) for name, content in files.items() if name.endswith(".mpy")}


def file_of(module: str, files: dict[str, bytes]) -> str | None:
    """The .mpy that `module` is loaded from; None for what the chip has built in."""
    path = module.replace(".", "/")
    return next((name for name in (f"{path}.mpy", f"{path}/__init__.mpy") if name in files), None)


def loaded(board: str, scenario: Scenario) -> tuple[dict[str, int], WakeRecord]:
    """Bytes of each .mpy that the VM had imported at the end of such a wake, and the wake."""
    kit = new_kit(board)
    files = image_files(kit, TELLING_MAIN)
    wake = expect(scenario, second_wake(kit, scenario, files))
    return told(wake, files), wake


def told(wake: WakeRecord, files: dict[str, bytes]) -> dict[str, int]:
    """Bytes of each .mpy that a wake with TELLING_MAIN says it has imported."""
    told = [line.split()[1:] for line in wake.console.splitlines() if line.startswith("modules ")]
    if len(told) != 1:
        raise BenchError(f"the node does not say what it has loaded:\n{wake.console}")
    names = [name for name in (file_of(module, files) for module in told[0]) if name]
    return {name: len(files[name]) for name in names}


def loaded_tls() -> dict[str, int] | None:
    """The same of a timed wake that reports over TLS and asks for the time first, as no time server had answered the
    cold start before it. None without `cryptography`."""
    try:
        from tests.system.pki import Authority
    except ImportError:
        return None
    from binnode_tools.virtual_board.node_kit import BROKER_HOST

    from tests.system.secure import secure

    authority = Authority()
    with secure(authority, authority.server(BROKER_HOST), main=TELLING_MAIN) as it:
        it.time.count = -1
        it.node.run_hours(0.1)
        it.time.count = None
        it.node.run_hours(0.4)
        wake = it.node.wakes[1]
        if ": sent" not in wake.console:
            raise BenchError(f"no report over TLS:\n{wake.console}")
        return told(wake, image_files(it.node.kit))


def loaded_by_each(board: str) -> dict[str, tuple[dict[str, int], WakeRecord]]:
    return {scenario.name: loaded(board, scenario) for scenario in (MEASURE, REPORT)}
