"""First thing in a wake's VM: the flash image becomes the root, then boot.py and main.py run as on the chip."""

import sys
import micropython
import vfs
import __main__

import acts
import _link
import machine
import time
import esp32
import network
import onewire
import os
import socket
import ssl


class Micropython:
    """The module, but for what the chip has at its console."""

    def __getattr__(self, name):
        return getattr(micropython, name)

    def kbd_intr(self, character):
        _link.act(acts.KBD_INTR, character)


class Flash:
    """Block device over the image: reads are local (and counted), every write goes through the world."""

    def __init__(self, path, blocks):
        self.file = open(path, "rb")
        self.blocks = blocks

    def readblocks(self, block, buffer, offset=0):
        self.file.seek(block * 4096 + offset)
        self.file.readinto(buffer)
        _link.flash_read += len(buffer)

    def writeblocks(self, block, buffer, offset=None):
        if offset is None:
            self.ioctl(6, block)
            offset = 0
        return self.act(acts.FLASH_WRITE, block, offset, buffer)

    def act(self, *act):
        """0, or a negative error number: an exception would jump out of littlefs and leave it torn."""
        try:
            return _link.act(*act)
        except OSError as error:
            return -error.errno

    def ioctl(self, request, argument):
        if request == 4:
            return self.blocks
        if request == 5:
            return 4096
        if request == 6:
            return self.act(acts.FLASH_ERASE, argument)
        return 0


def run(name):
    """What the chip does with boot.py and main.py: run if there, print what goes wrong, go on to the REPL."""
    try:
        with open(name) as file:
            source = file.read()
    except OSError:
        return 1
    try:
        exec(compile(source, name, "exec"), __main__.__dict__)
    except SystemExit:
        pass
    except BaseException as error:
        sys.print_exception(error)
    return 0


# path of the image; its blocks, what the chip has; a third line when the console wants the raw REPL and not main.py
_boot = str(_link.act(acts.BOOT, wants_data=True), "utf8").split("\n")
_flash = Flash(_boot[0], int(_boot[1].split()[0]))
esp32.fit(int(_boot[1].split()[1]))
try:
    _root = vfs.VfsLfs2(_flash, readsize=128, progsize=32, lookahead=32)
except OSError:
    import inisetup

    _root = inisetup.setup(_flash)
vfs.umount("/")
if _root:
    vfs.mount(_root, "/")
sys.path[:] = ["", ".frozen", "/lib"]
sys.modules["micropython"] = Micropython()
_link.flash_read = 0
run("boot.py")
_link.act(acts.MAIN_ENDED, 2 if not _root else run("main.py") if len(_boot) < 3 else 0)
