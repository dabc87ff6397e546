"""The address of a name (RFC 1035), within a deadline: getaddrinfo knows none, and takes 14 s to give up.

One question to one server, type A only. An answer counts when its id and its question are ours; a server that
recurses puts the aliases (CNAME) first and the address behind them, so the first A record is the one.
"""

from binnode.wifi import LinkFailure
from binnode.wifi.datagram import exchange

_A_IN = b"\x00\x01\x00\x01"  # type A, class IN
_NO_SUCH_NAME = 3  # RCODE, 4.1.1


def question(name, number):
    """The packet that asks for the address of `name`; `number`: its id, 2 bytes. ValueError: `name` can't be one."""
    packet = bytearray(number)
    packet.extend(b"\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00")  # recursion desired, one question
    encoded = name.encode()
    for label in encoded.split(b"."):
        if not 0 < len(label) < 64:
            raise ValueError("%s is no host name" % name)
        packet.append(len(label))
        packet.extend(label)
    if len(encoded) > 253:  # 255 with the lengths
        raise ValueError("%s is no host name" % name)
    packet.append(0)
    packet.extend(_A_IN)
    return bytes(packet)


def address_in(answer, asked, name):
    """The dotted address in `answer`; None if that answers another question than `asked`; LinkFailure: no address."""
    end = len(asked)
    # Names in capitals and small letters are the same, but a server returns the question as it was (RFC 5452, 9.1).
    if len(answer) < end or answer[:2] != asked[:2] or not answer[2] & 0x80 or answer[4:6] != b"\x00\x01":
        return None
    if answer[12:end] != asked[12:]:
        return None
    code = answer[3] & 15
    if code == _NO_SUCH_NAME:
        raise LinkFailure("no such name: %s" % name)
    if code:
        raise LinkFailure("the DNS server refuses %s with code %d" % (name, code))
    try:
        for _ in range(answer[6] << 8 | answer[7]):
            end = _after_name(answer, end)
            kind = answer[end : end + 4]
            size = answer[end + 8] << 8 | answer[end + 9]
            end += 10
            if kind == _A_IN and size == 4:
                return "%d.%d.%d.%d" % (answer[end], answer[end + 1], answer[end + 2], answer[end + 3])
            end += size
    except IndexError:
        raise LinkFailure("the DNS server's answer for %s is cut short" % name)
    raise LinkFailure("%s has no IPv4 address" % name)


def _after_name(answer, at):
    """Where the name that begins at `at` has ended; a pointer (4.1.4) ends it, so no loop can be made of them."""
    while True:
        size = answer[at]
        if size >= 0xC0:
            return at + 2
        at += 1 + size
        if not size:
            return at


def resolve(board, server, name, deadline):
    """The dotted address of `name` from the DNS `server`. LinkFailure says why there is none."""
    try:
        asked = question(name, board.random(2))
    except ValueError as error:
        raise LinkFailure(error.args[0])

    def understand(answer):
        return address_in(answer, asked, name)

    try:
        return exchange(
            board.sockets(), board.time, (server, 53), asked, deadline, understand, "the DNS server for %s:" % name
        )
    except OSError as error:
        raise LinkFailure("cannot ask the DNS server %s for %s: %s" % (server, name, error))
