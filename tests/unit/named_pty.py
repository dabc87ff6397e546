"""A pseudo terminal by a name of its own: /dev/pts/N is used again, and who is late would find another test there."""

import os
import pty
import tempfile
import tty
from pathlib import Path


class NamedPty:
    """`outer` is the test's end, what is at `port` the tools'. close() may come twice, and from any thread."""

    def __init__(self):
        self.outer, self._line = pty.openpty()
        tty.setraw(self._line)
        self._folder = Path(tempfile.mkdtemp(prefix="line-"))
        self.port = str(self._folder / "line")
        os.symlink(os.ttyname(self._line), self.port)

    def close(self):
        descriptors, self.outer, self._line = (self.outer, self._line), -1, -1
        Path(self.port).unlink(missing_ok=True)
        if self._folder.exists():
            self._folder.rmdir()
        for descriptor in descriptors:
            if descriptor >= 0:
                os.close(descriptor)
