"""At power-on and after every reset: is what lies on the flash what was put there?

Source, not bytecode, and on its own: a damaged .mpy must not check itself. A wake from deep sleep skips it.
"""

import binascii
import hashlib
import json
import time

import machine

LISTEN_MS = 3000  # Ctrl-C within this time stops the node, so that the tools get in
REPAIR_MS = 120000
RETRY_MS = 6 * 3600 * 1000
MARK = b"b!"  # in RTC memory, in place of the state's magic


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


def cold_start():
    """Stop on damage, with a message; else leave the tools a moment to get in."""
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
    """A moment in which the tools can get in."""
    print("binnode: starts in %d s; Ctrl-C stops it" % (LISTEN_MS // 1000))
    time.sleep_ms(LISTEN_MS)
