"""What MicroPython does on the chip when its file system can't be mounted (ports/esp32/modules/inisetup.py)."""

import vfs


def setup(flash):
    """The new file system of a flash whose first block is erased. None: it holds something, which nobody touches; the
    chip says so every 3 s until Ctrl-C, here once."""
    first = bytearray(4096)
    flash.readblocks(0, first)
    if first != b"\xff" * len(first):
        print("The file system appears to be corrupted: MicroPython does not go on without Ctrl-C")
        return None
    print("Performing initial setup")
    vfs.VfsLfs2.mkfs(flash, readsize=128, progsize=32, lookahead=32)
    root = vfs.VfsLfs2(flash, readsize=128, progsize=32, lookahead=32)
    with root.open("boot.py", "w") as file:
        file.write("# made by MicroPython\n")
    return root
