"""The process from which wakes are forked: it has loaded the VM and nothing of the node.

Run as a script with one argument, the descriptor of its control socket. A fork costs under 10 ms where a fresh
process costs 30, and every wake starts from the same untouched VM. It stays free of threads and of this package.

Requests, a line of JSON each, never two under way; a reply is the request's "number" and another:
  {"argv": [...], "env": {...}}  with descriptors (answers, requests, console[, input]): fork; the pid
  {"wait": pid}                                                                     the wait status
"""

import json
import os
import socket
import sys


def child(control: socket.socket, argv: list[str], fds: list[int]) -> None:
    control.close()
    # High copies first: a passed descriptor may itself be number 3 or 4.
    high = [os.dup2(fd, 20 + n) for n, fd in enumerate(fds)]
    os.closerange(5, 20)
    os.dup2(high[0], 3)
    os.dup2(high[1], 4)
    os.dup2(high[2], 1)
    os.dup2(high[2], 2)
    if len(high) > 3:
        os.dup2(high[3], 0)
    os.closerange(20, 24)
    if argv[0] == "micropython":
        import micropython_run

        status = micropython_run.run_main(argv)
        os._exit((status >> 8 or status) & 255 if isinstance(status, int) else 99)
    for fd in (3, 4):
        os.set_inheritable(fd, True)
    os.execvp(argv[0], argv)


def serve(control: socket.socket) -> None:
    while True:
        message, fds, _, _ = socket.recv_fds(control, 65536, 4)
        if not message:
            return
        request = json.loads(message)
        if "wait" in request:
            reply = os.waitpid(request["wait"], 0)[1]
        else:
            os.environ.update(request["env"])
            reply = os.fork()
            if reply == 0:
                try:
                    child(control, request["argv"], fds)
                finally:
                    os._exit(98)
            for fd in fds:
                os.close(fd)
        control.send(b"%d %d\n" % (request["number"], reply))


if __name__ == "__main__":
    if len(sys.argv) < 3:
        import micropython_run  # noqa: F401  (loaded here once, used by every child)
    else:
        sys.modules.pop("micropython_run", None)
    os.environ.pop("HOME", None)  # the VM's REPL would read and write a history file there
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    serve(socket.socket(fileno=int(sys.argv[1])))
