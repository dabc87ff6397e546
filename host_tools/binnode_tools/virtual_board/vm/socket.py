"""Stand-in for the chip's `socket`: TCP streams that the world relays."""

import io

import acts
from _link import act

AF_INET = 2
SOCK_STREAM = 1
SOCK_DGRAM = 2
_POLL = 3
_CLOSE = 4


class socket(io.IOBase):
    def __init__(self, family=AF_INET, kind=SOCK_STREAM, protocol=0):
        self.handle = act(acts.SOCK_OPEN, kind)

    def settimeout(self, seconds):
        act(acts.SOCK_TIMEOUT, self.handle, -1 if seconds is None else int(seconds * 1000))

    def setblocking(self, blocking):
        self.settimeout(None if blocking else 0)

    def connect(self, address):
        act(acts.SOCK_CONNECT, self.handle, address[1], address[0].encode())

    def send(self, data):
        return act(acts.SOCK_SEND, self.handle, 0, bytes(data[:1460]))

    def recv(self, size):
        return act(acts.SOCK_RECV, self.handle, min(size, 1460), wants_data=True)

    def write(self, data):
        sent = 0
        while sent < len(data):
            sent += self.send(memoryview(data)[sent:])
        return sent

    sendall = write

    def read(self, size):
        data = b""
        while len(data) < size:
            more = self.recv(size - len(data))
            if not more:
                break
            data += more
        return data

    def readinto(self, buffer):
        data = self.recv(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def ioctl(self, request, argument):
        if request == _POLL:
            return argument
        if request == _CLOSE:
            self.close()
        return 0

    def close(self):
        if self.handle >= 0:
            handle, self.handle = self.handle, -1
            act(acts.SOCK_CLOSE, handle)
