import gc
import sys


def forget(*packages):
    """Let go of modules and packages of binnode, "sensing": what a wake is done with makes room for what it needs now.

    What somebody still holds by another name stays; what is imported again is loaded again.
    """
    packages = ["binnode." + package for package in packages]
    for name in list(sys.modules):
        if name in packages or name.startswith(tuple(package + "." for package in packages)):
            del sys.modules[name]
            parent, _, child = name.rpartition(".")
            if parent in sys.modules and hasattr(sys.modules[parent], child):
                delattr(sys.modules[parent], child)
    gc.collect()


def make_room():
    """Measuring is over, and so is what begins the first wakes: room for the radio."""
    forget(
        "sensing",
        "recover",
        "config",
        "config_defaults",
        "storage.checkpoint",
        "board_rare",
        "board_serial",
    )
