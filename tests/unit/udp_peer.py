"""A socket module with a scripted UDP server, and a board around it, in virtual time."""

from virtual_clock import Clock

ETIMEDOUT = 116
ECONNREFUSED = 111
RANDOM = bytes(range(0x41, 0x51))


class UdpBoard:
    """What dns.py and sntp.py need of Board. `script`: for each question a list of (ms, answer) or "refused".

    An answer may be a function of the question.
    """

    AF_INET = 2
    SOCK_DGRAM = 2

    def __init__(self, *script):
        self.time = Clock()
        self.script = list(script)
        self.questions, self.times, self.waiting = [], [], []
        self.address = self.timeout_ms = None
        self.opened = self.closed = 0

    def sockets(self):
        return self

    def random(self, count):
        return RANDOM[:count]

    def socket(self, family, kind):
        assert (family, kind) == (2, 2)
        self.opened += 1
        return self

    def connect(self, address):
        self.address = address

    def settimeout(self, seconds):
        assert seconds > 0, "0 would mean: do not wait"
        self.timeout_ms = int(seconds * 1000 + 0.5)

    def send(self, question):
        assert self.address, "only the server that was asked may answer"
        self.questions.append(bytes(question))
        self.times.append(self.time.passed_ms)
        answers = self.script.pop(0) if self.script else []
        if answers == "refused":
            self.waiting = ["refused"]
            return len(question)
        for after_ms, answer in answers:
            self.waiting.append(
                (self.time.passed_ms + after_ms, answer if isinstance(answer, bytes) else answer(question))
            )
        return len(question)

    def recv(self, count):
        assert self.timeout_ms, "each call takes what is left of the patience"
        if self.waiting == ["refused"]:
            self.waiting = []
            raise OSError(ECONNREFUSED)
        if not self.waiting or self.waiting[0][0] > self.time.passed_ms + self.timeout_ms:
            self.time.passed_ms += self.timeout_ms
            raise OSError(ETIMEDOUT)
        arrives_ms, answer = self.waiting.pop(0)
        self.time.passed_ms = max(self.time.passed_ms, arrives_ms)
        self.timeout_ms = None
        return answer[:count]

    def close(self):
        self.closed += 1
