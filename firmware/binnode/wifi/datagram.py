"""One question and its answer over UDP: a few tries, each with its patience, none beyond the deadline."""

from binnode.deadline import Deadline
from binnode.wifi import LinkFailure

_PATIENCE_MS = (1000, 2000, 3000)  # a lost packet costs a second; a silent server six
_SIZE = 512  # RFC 1035, 4.2.1; an answer of SNTP is shorter


def exchange(sockets, time, address, question, deadline, understand, what):
    """Send `question` to `address`, (ip, port), until understand(answer) is not None: that.

    `understand` returns None for what is no answer to this question, which is passed over, and raises what it likes.
    LinkFailure names `what` when nobody answers; OSError of the socket passes.
    """
    sock = sockets.socket(sockets.AF_INET, sockets.SOCK_DGRAM)
    try:
        sock.settimeout(_PATIENCE_MS[0] // 1000)
        sock.connect(address)  # from here on nobody else's packets come in
        for patience_ms in _PATIENCE_MS:
            patience = Deadline(time, min(patience_ms, deadline.left_ms()))
            left_ms = patience.left_ms()
            if left_ms:
                sock.settimeout(left_ms / 1000)
                sock.send(question)
            while left_ms:
                sock.settimeout(left_ms / 1000)
                try:
                    answer = sock.recv(_SIZE)
                except OSError:
                    break  # nothing came, or "nobody listens there": the next try will tell
                understood = understand(answer)
                if understood is not None:
                    return understood
                left_ms = patience.left_ms()
            # A refusal comes at once: the time between two tries is kept all the same.
            left_ms = patience.left_ms()
            if left_ms:
                time.sleep_ms(left_ms)
    finally:
        sock.close()
    raise LinkFailure("no answer from %s %s" % (what, address[0]))
