"""wifi/tls.py with a scripted mbedTLS: what it passes through, in which order, and how its refusals are worded."""

from binnode import version
from binnode.deadline import Deadline
from binnode.storage.state import State, unpack
from binnode.wifi import LinkFailure, tls
from check import raises
from mqtt_peer import BUDGET_MS, Peer
from virtual_clock import Clock

CONFIG = {"mqtt_host": "broker.example", "mqtt_port": 8883, "ntp_host": "time.example"}


class Socket(Peer):
    """A TCP connection that has readinto, as mbedTLS wants it."""

    def readinto(self, buffer):
        data = self.recv(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def bounded(script=(), **peer):
    clock = Clock()
    sock = Socket(clock, script, **peer)
    return tls._Bounded(sock, Deadline(clock, BUDGET_MS)), sock, clock


def test_bytes_pass_each_with_what_is_left_of_the_deadline():
    stream, sock, clock = bounded([(100, b"abc"), (200, b"defg")])
    buffer = bytearray(4)
    assert stream.write(b"hello") == 5 and sock.sent == b"hello"
    assert stream.readinto(buffer) == 3 and bytes(buffer[:3]) == b"abc" and clock.passed_ms == 100
    assert stream.readinto(buffer) == 4 and bytes(buffer) == b"defg" and clock.passed_ms == 300


def test_trickle_ends_at_the_deadline_with_a_number_that_mbedtls_hands_on():
    stream, sock, clock = bounded([(90, b"x")] * 100)
    count = 0
    while stream.readinto(bytearray(1)) == 1:
        count += 1
    assert count == BUDGET_MS // 90 and clock.passed_ms == BUDGET_MS
    calls = len(sock.calls)
    assert stream.readinto(bytearray(1)) == -116 and stream.write(b"x") == -116 and len(sock.calls) == calls


def test_reset_and_end_of_the_connection():
    assert bounded(end="reset")[0].readinto(bytearray(1)) == -104
    assert bounded(end="closing")[0].readinto(bytearray(1)) == 0
    stream, sock, _ = bounded()
    assert stream.ioctl(4, 0) == 0 and sock.closed
    assert stream.ioctl(3, 5) == 0


class Ssl:
    """The module ssl: each handshake raises the next of `outcomes`, or succeeds with None."""

    PROTOCOL_TLS_CLIENT = 0
    CERT_REQUIRED = 2

    def __init__(self, *outcomes):
        self.outcomes = list(outcomes)
        self.hosts = []
        self.ca = self.verify_mode = None

    def SSLContext(self, protocol):
        assert protocol == 0
        return self

    def load_verify_locations(self, cafile=None, cadata=None):
        if cadata == b"broken":
            raise ValueError("invalid cert")
        self.ca = cadata

    def wrap_socket(self, sock, server_hostname=None):
        assert self.verify_mode == 2 and self.ca, "nobody is trusted unseen"
        self.hosts.append(server_hostname)
        outcome = self.outcomes.pop(0) if self.outcomes else None
        if outcome:
            raise outcome
        return self

    write = read = close = None


def test_context_trusts_the_ca_alone():
    ssl = Ssl()
    assert tls.trusting(ssl, b"der") is ssl and ssl.ca == b"der" and ssl.verify_mode == ssl.CERT_REQUIRED
    assert "no ca.der" in str(raises(tls.TlsError, tls.trusting, ssl, None))
    assert "no certificate in DER form" in str(raises(tls.TlsError, tls.trusting, ssl, b"broken"))


def refusal(outcome, passed_ms=0):
    clock = Clock()
    deadline = Deadline(clock, BUDGET_MS)
    clock.passed_ms = passed_ms
    return raises(tls.TlsError, tls.wrap, tls.trusting(Ssl(outcome), b"der"), Socket(clock), "h", deadline)


def test_refusals_are_worded():
    # The texts of mbedTLS 3.6, library/x509_crt.c (x509_crt_verify_strings).
    for text, words, dates in (
        ("The certificate is not correctly signed by the trusted CA\n", "not from the CA in ca.der", False),
        (
            "The certificate Common Name (CN) does not match with the expected CN\n",
            "another name than mqtt_host",
            False,
        ),
        ("The certificate validity has expired\n", "has expired", True),
        ("The certificate validity starts in the future\n", "not valid yet", True),
        ("The certificate is signed with an unacceptable hash.\n", "unacceptable hash", False),
    ):
        error = refusal(ValueError(text))
        assert words in str(error) and isinstance(error, tls.DateError) == dates and isinstance(error, LinkFailure)
    both = "The certificate validity has expired\nThe certificate is not correctly signed by the trusted CA\n"
    assert not isinstance(refusal(ValueError(both)), tls.DateError), "no clock helps here"


def test_broken_handshakes_are_worded():
    for number, words in (
        (-0x7280, "closed the connection in the TLS handshake"),
        (-0x7200, "no TLS there"),
        (-0x7780, "refuses the TLS handshake"),
        (12, "no memory"),
        (104, "error 104"),
    ):
        assert words in str(refusal(OSError(number, "text of mbedTLS")))
    assert "out of time" in str(refusal(OSError(116), passed_ms=BUDGET_MS))


class Board:
    """A board whose clock, memory and time server are noted in `log`."""

    def __init__(self, now_s, server_s):
        self.time = Clock()
        self.time.time = lambda: self.now_s
        self.now_s, self.server_s, self.log, self.socks = now_s, server_s, [], []
        self.memory = b""

    def sockets(self):
        return self

    def socket(self):
        self.socks.append(Socket(self.time))
        return self.socks[-1]

    def remember(self, image):
        self.memory = image
        self.log.append("remember")

    def set_clock(self, seconds):
        self.now_s = seconds
        self.log.append("set clock")


def visit(board, ssl, ask=None):
    """open_socket() with the time server replaced; (what came of it, State)."""
    from binnode.wifi import sntp

    state = State()
    state.reported_at_s, state.retry_at_s = board.now_s - 10, 0
    state.backlog.add(board.now_s - 50, 500)
    real = sntp.ask

    def asked(board_, server, floor_s, deadline):
        board.log.append("ask " + server)
        assert floor_s == version.BUILD_S
        if ask:
            raise ask
        return board.server_s

    sntp.ask = asked
    try:
        result = tls.open_socket(
            tls.trusting(ssl, b"der"), board, CONFIG, state, lambda host: "ip of " + host, Deadline(board.time, 5000)
        )
    except LinkFailure as error:
        result = str(error)
    finally:
        sntp.ask = real
    return result, state


NOW_S = version.BUILD_S + 86400


def test_cold_clock_is_set_before_the_handshake_and_ages_stay():
    board, ssl = Board(1000, NOW_S), Ssl()
    result, state = visit(board, ssl)
    assert isinstance(result, tls._Socket) and ssl.hosts == ["broker.example"]
    assert board.log == ["ask ip of time.example", "remember", "set clock"]
    assert board.now_s - state.reported_at_s == 10 and state.backlog.oldest(1, board.now_s) == [(50, 500)]
    assert unpack(board.memory).backlog.oldest(1, NOW_S) == [(50, 500)]
    assert board.socks[0].address == ("ip of broker.example", 8883)


def test_warm_clock_is_left_alone():
    board = Board(NOW_S, NOW_S + 5)
    assert isinstance(visit(board, Ssl())[0], tls._Socket) and board.log == []


def test_dates_that_do_not_fit_are_looked_at_twice():
    expired = ValueError("The certificate validity has expired\n")
    board = Board(NOW_S + 999999, NOW_S)
    result, state = visit(board, Ssl(expired))
    assert isinstance(result, tls._Socket) and board.log == ["ask ip of time.example", "remember", "set clock"]
    assert board.now_s - state.reported_at_s == 10 and len(board.socks) == 2 and board.socks[0].closed
    result, _ = visit(Board(NOW_S, NOW_S), Ssl(expired, expired))
    assert result == "the broker's certificate has expired"
    board = Board(1000, NOW_S)
    assert visit(board, Ssl(expired))[0] == "the broker's certificate has expired" and len(board.socks) == 1
    assert board.socks[0].closed


def test_without_the_time_there_is_no_handshake():
    ssl, board = Ssl(), Board(1000, NOW_S)
    result, state = visit(board, ssl, ask=LinkFailure("no answer from the time server"))
    assert result == "no answer from the time server" and not ssl.hosts and not board.socks
    assert state.reported_at_s == 990


def test_stranger_costs_the_connection_and_no_second_look():
    board, ssl = Board(NOW_S, NOW_S), Ssl(ValueError("not correctly signed by the trusted CA"))
    assert "ca.der" in visit(board, ssl)[0] and board.socks[0].closed and board.log == []
