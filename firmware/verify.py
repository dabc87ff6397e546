"""At power-on and after every reset: is what lies on the flash what was put there? Is an update to be finished?

Source, not bytecode, and on its own: a damaged .mpy must not check itself. A wake from deep sleep skips it.
"""

import binascii
import hashlib
import json
import os
import time

import machine

LISTEN_MS = 3000  # Ctrl-C within this time stops the node, so that the tools get in
REPAIR_MS = 120000
VISIT_MS = 600000
RETRY_MS = 6 * 3600 * 1000
MARK = b"b!"  # in RTC memory, in place of the state's magic
ORDER = "update.json"  # host_tools/binnode_tools/app_update.py writes it, and any version has to understand it
ABSENT = 2  # ENOENT


def damaged(manifest="manifest.json"):
    """Names of the files that are missing or differ from the manifest's digest (8 bytes of SHA-256)."""
    try:
        with open(manifest) as file:
            digests = json.load(file)
    except (OSError, ValueError):
        return [manifest]
    if not isinstance(digests, dict) or "main.py" not in digests:
        return [manifest]
    buffer = memoryview(bytearray(512))
    wrong = []
    for name in sorted(digests):
        digest = hashlib.sha256()
        try:
            with open(name, "rb") as file:
                while True:
                    size = file.readinto(buffer)
                    if not size:
                        break
                    digest.update(buffer[:size])
        except OSError:
            pass
        if binascii.hexlify(digest.digest()[:8]).decode() != digests[name]:
            wrong.append(name)
    return wrong


def finish():
    """Carry out an update that was committed, from wherever it broke off; True if there was one and it is done.

    ORDER holds 8 bytes of SHA-256 in hex, and JSON: files whose NAME.new takes the place of NAME, files and folders
    to remove. It goes last. One that is damaged, or unknown, goes at once, and nothing else happens.
    """
    steps = []
    try:
        with open(ORDER, "rb") as file:
            digest, text = file.read(16), file.read()
        if binascii.hexlify(hashlib.sha256(text).digest()[:8]) == digest:
            swap, stale, folders = json.loads(text)
            steps = [(os.rename, name + ".new", name) for name in swap]
            steps += [(os.remove, name) for name in stale] + [(os.rmdir, name) for name in folders]
    except OSError:
        return False
    except (ValueError, TypeError):
        pass
    for step, *names in steps + [(os.remove, ORDER)]:
        try:
            step(*names)
        except OSError as error:
            # Absent: done before the break. A folder may hold what is not ours.
            if error.errno != ABSENT and step != os.rmdir:
                print("binnode: update: %s: %s" % (names[0], error))
                return False
    return bool(steps)


def cold_start():
    """Stop on damage, with a message; else leave the tools a moment to get in. Ctrl-C at any place: see listen()."""
    machine.WDT(timeout=VISIT_MS)
    if finish():
        print("binnode: update finished")
        machine.reset()  # into the new main.py
    wrong = damaged()
    if wrong:
        # The wake after these hours is one by the timer, and looks again; binnode.recover keeps what follows the mark.
        memory = machine.RTC()
        memory.memory(MARK + memory.memory()[2:])
        print(
            "binnode: damaged on the flash: %s. The node stops. Remedy: binnode deploy --port PORT" % ", ".join(wrong)
        )
        time.sleep_ms(REPAIR_MS)
        machine.deepsleep(RETRY_MS)
    listen()


def listen():
    """A moment in which the tools can get in; whoever stops the node has ten minutes, which each call of service.py
    begins anew. A line that floats, or a cable that is pulled, must not leave it awake for ever."""
    machine.WDT(timeout=VISIT_MS)
    print("binnode: starts in %d s; Ctrl-C stops it" % (LISTEN_MS // 1000))
    time.sleep_ms(LISTEN_MS)
