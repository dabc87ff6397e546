import gc
import sys


class LinkFailure(Exception):
    """The way to the broker failed; the text says where, and what to do. It holds no secret."""


def is_address(text):
    """True for four dotted numbers, which need no look-up."""
    numbers = text.split(".")
    return len(numbers) == 4 and all(n.isdigit() and len(n) < 4 and int(n) < 256 for n in numbers)


def leave(wlan):
    """Disconnect and switch the radio off. Never raises, whatever state `wlan` is in."""
    try:
        wlan.disconnect()
    except OSError:
        pass  # It was not started.
    try:
        wlan.active(False)
    except OSError:
        pass


def forget(package):
    """Let go of the modules of `package`, "binnode.sensing": what a wake is done with makes room for what it needs now.

    What somebody still holds by another name stays; what is imported again is loaded again.
    """
    for name in list(sys.modules):
        if name == package or name.startswith(package + "."):
            del sys.modules[name]
    parent, _, child = package.rpartition(".")
    if hasattr(sys.modules[parent], child):
        delattr(sys.modules[parent], child)
    gc.collect()
