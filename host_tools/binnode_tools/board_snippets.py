"""Python that runs on the board, over the REPL: what the tools need before, or besides, the application's own service.

Each prints its result as binnode.service does: one line, MARK and a JSON object.
"""

MARK = "binnode>"  # firmware/binnode/service.py

# What runs here.
IDENTIFY = f"""
import sys, json
i = sys.implementation
found = {{"name": i.name, "version": list(i.version[:3]), "platform": sys.platform}}
found["machine"] = getattr(i, "_machine", "")
print({MARK!r} + json.dumps(found))
"""

# Whoever goes away in the middle of something has ten minutes, who is asked something half an hour; then the board
# starts anew. A reset ends it. Not on a computer.
WATCH = """
def watch(ms):
    try:
        import machine
        machine.WDT(timeout=ms)
    except Exception:
        pass
"""
WATCHDOG = WATCH + "watch(600000)\n"
PATIENCE = WATCH + "watch(1800000)\n"

# look(names): the files of `names` and below /binnode. The digest is image.digest: 8 bytes of SHA-256, in hex.
FILES = f"""
import os, json, hashlib, binascii
def digest(name):
    h = hashlib.sha256()
    b = memoryview(bytearray(512))
    with open(name, "rb") as f:
        while True:
            n = f.readinto(b)
            if not n:
                return binascii.hexlify(h.digest()[:8]).decode()
            h.update(b[:n])
def walk(folder, digests, folders):
    try:
        entries = list(os.ilistdir(folder))
    except OSError:
        return
    folders.append(folder)
    for entry in entries:
        name = folder + "/" + entry[0]
        if entry[1] & 0x4000:
            walk(name, digests, folders)
        else:
            digests[name] = digest(name)
def look(names):
    digests, folders = {{}}, []
    for name in names:
        try:
            digests[name] = digest(name)
        except OSError:
            pass
    walk("binnode", digests, folders)
    size, free = 0, None
    try:
        size, _, total, free = os.statvfs(".")[:4]
        if free > total:  # littlefs counts some blocks twice: what it says is less than there is, even below 0
            free = None
    except Exception:
        pass
    found = {{"digests": digests, "folders": folders, "block_size": size, "free_blocks": free}}
    print({MARK!r} + json.dumps(found))
"""

# read(name): a whole file.
READ = f"""
import json
def read(name):
    try:
        with open(name, "rb") as f:
            content = f.read()
    except OSError:
        content = None
    print({MARK!r} + json.dumps({{"content": repr(content)}}))
"""

# swap(names): NAME.new takes the place of NAME. remove(names, folders): folders only if they are empty then.
CHANGE = f"""
import os, json
def swap(names):
    for name in names:
        os.rename(name + ".new", name)
    print({MARK!r} + json.dumps({{}}))
def remove(names, folders):
    for name in names:
        os.remove(name)
    for folder in reversed(folders):
        try:
            os.rmdir(folder)
        except OSError:
            pass
    print({MARK!r} + json.dumps({{}}))
"""


def asked(module: str, expression: str) -> str:
    """What tells the value of `expression` in the names of a module of binnode. Nothing of it stays: all that the calls
    of one session load, together, is more than there is room for."""
    return f"""
import json
m = __import__({module!r}, None, None, (1,))
print({MARK!r} + json.dumps({{"value": eval({expression!r}, m.__dict__)}}))
del m
from binnode import forget
forget("sensing", {module.removeprefix("binnode.")!r})
"""
