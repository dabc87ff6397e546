"""Something at the end of a serial line that answers the raw REPL, and is not the MicroPython that the tools want."""

import json
import os
import select
import threading

from binnode_tools.board_snippets import MARK

from tests.unit.named_pty import NamedPty


class Talker:
    """`with Talker(name="circuitpython") as it:` says at `it.port` who it is, whatever it is asked to run."""

    def __init__(self, name="micropython", version=(1, 29, 0), machine="x", platform="esp32"):
        identity = {"name": name, "version": version, "machine": machine, "platform": platform}
        nothing = {"content": "None", "digests": {}, "folders": []}  # is on its flash
        self._said = (MARK + json.dumps({**identity, **nothing}) + "\r\n").encode()

    def __enter__(self):
        self._pty = NamedPty()
        self._outer, self.port = self._pty.outer, self._pty.port
        self._end, self._ends = os.pipe()
        self._thread = threading.Thread(target=self._talk)
        self._thread.start()
        return self

    def __exit__(self, *_):
        os.write(self._ends, b"x")
        self._thread.join()
        self._pty.close()
        for descriptor in (self._end, self._ends):
            os.close(descriptor)

    def _talk(self):
        while True:
            ready = select.select([self._outer, self._end], [], [])[0]
            if self._end in ready:
                return
            heard = os.read(self._outer, 4096)
            if b"\x05A\x01" in heard:  # raw-paste mode: not known here
                os.write(self._outer, b"R\x00")
            elif heard.endswith(b"\x01"):
                os.write(self._outer, b"raw REPL; CTRL-B to exit\r\n>")
            elif heard.endswith(b"\x04"):
                os.write(self._outer, b"OK" + self._said + b"\x04\x04>")
