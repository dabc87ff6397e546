"""The process that starts the VMs: no reply is ever taken for another request's, or a VM's end would be others' end."""

import json
import os
import signal

import pytest
from binnode_tools.virtual_board import stand_ins
from binnode_tools.virtual_board.vm_process import VmError, Zygote


def test_a_reply_that_nobody_read_is_no_pid():
    """Ctrl-C came between request and reply: the wait status 0 was the next VM's pid, and kill(0) ended everything."""
    with Zygote() as zygote:
        first = zygote.start(stand_ins.build(), "96K")
        os.kill(first.pid, signal.SIGKILL)
        zygote.control.sendall(json.dumps({"wait": first.pid, "number": zygote._number}).encode() + b"\n")
        second = zygote.start(stand_ins.build(), "96K")
        assert second.pid > 1 and second.pid != first.pid and os.path.exists(f"/proc/{second.pid}")
        second.kill()
        assert os.WIFSIGNALED(second.status)


def test_what_is_no_pid_is_never_killed(monkeypatch):
    with Zygote() as zygote:
        monkeypatch.setattr(zygote, "ask", lambda *_: 0)
        with pytest.raises(VmError, match="no process was started"):
            zygote.start(stand_ins.build(), "96K")
