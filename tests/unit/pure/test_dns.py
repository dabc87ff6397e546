"""wifi/dns.py against packets of RFC 1035's form, and against servers that are silent, late, lying or broken."""

from binnode.deadline import Deadline
from binnode.wifi import LinkFailure, dns
from check import raises
from udp_peer import UdpBoard

# As `dig +noedns broker.example A` sends it, with the id 0x4142 (RFC 1035, 4.1.1 and 4.1.2).
QUESTION = bytes.fromhex(
    "4142 0100 0001 0000 0000 0000 06 62726f6b6572 07 6578616d706c65 00 0001 0001".replace(" ", "")
)
BODY = QUESTION[12:]
A_RECORD = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\x0a\x00\x00\x2a"
ALIAS = b"\xc0\x0c\x00\x05\x00\x01\x00\x00\x00\x3c\x00\x06\x01x\x02yz\x00"
AAAA = b"\xc0\x0c\x00\x1c\x00\x01\x00\x00\x00\x3c\x00\x10" + bytes(16)


def answer(*records, flags=b"\x81\x80", number=b"AB", question=BODY):
    return number + flags + b"\x00\x01" + bytes((0, len(records))) + bytes(4) + question + b"".join(records)


def resolve(*script, name="broker.example", budget_ms=15000):
    board = UdpBoard(*script)
    try:
        found = dns.resolve(board, "10.0.0.1", name, Deadline(board.time, budget_ms))
    except LinkFailure as error:
        found = str(error)
    assert board.opened == board.closed
    return found, board


def test_question_is_that_of_dig():
    assert dns.question("broker.example", b"AB") == QUESTION


def test_address_of_a_name():
    found, board = resolve([(30, answer(A_RECORD))])
    assert found == "10.0.0.42" and board.questions == [QUESTION]
    assert board.address == ("10.0.0.1", 53) and board.time.passed_ms == 30


def test_aliases_and_other_types_are_skipped():
    behind = b"\x01x\x02yz\x00" + A_RECORD[2:]
    assert resolve([(1, answer(ALIAS, behind))])[0] == "10.0.0.42"
    assert resolve([(1, answer(AAAA, ALIAS, A_RECORD, A_RECORD[:-1] + b"\x07"))])[0] == "10.0.0.42"


def test_what_is_no_answer_to_our_question_is_passed_over():
    others = (
        answer(A_RECORD, number=b"AC"),
        answer(A_RECORD, flags=b"\x01\x00"),  # a question
        answer(A_RECORD, question=BODY.replace(b"broker", b"brokes")),
        answer(A_RECORD)[:20],
        b"",
        QUESTION,
    )
    found, board = resolve([(5, other) for other in others] + [(40, answer(A_RECORD))])
    assert found == "10.0.0.42" and len(board.questions) == 1
    found, board = resolve([(5, others[0])] * 50)
    assert "no answer from the DNS server for broker.example" in found and board.time.passed_ms == 6000


def test_lost_and_refused_packets_are_asked_again():
    found, board = resolve([], [], [(10, answer(A_RECORD))])
    assert found == "10.0.0.42" and board.times == [0, 1000, 3000]
    found, board = resolve("refused", [(10, answer(A_RECORD))])
    assert found == "10.0.0.42" and board.times == [0, 1000]


def test_late_answer_to_an_earlier_try_counts():
    found, board = resolve([(1500, answer(A_RECORD))])
    assert found == "10.0.0.42" and board.time.passed_ms == 1500


def test_silence_ends_after_six_seconds_or_at_the_deadline():
    for budget_ms in (0, 1, 999, 1000, 2500, 6000, 15000):
        found, board = resolve(budget_ms=budget_ms)
        assert "no answer from the DNS server" in found and "10.0.0.1" in found
        assert board.time.passed_ms == min(budget_ms, 6000)
        assert len(board.questions) == (budget_ms > 0) + (budget_ms > 1000) + (budget_ms > 3000)


def test_trickle_of_wrong_answers_does_not_extend_the_patience():
    wrong = [(at * 100, answer(A_RECORD, number=b"xx")) for at in range(200)]
    found, board = resolve(wrong, budget_ms=4000)
    assert "no answer" in found and board.time.passed_ms == 4000


def test_server_that_knows_no_such_name_says_so_at_once():
    found, board = resolve([(20, answer(flags=b"\x81\x83"))])
    assert found == "no such name: broker.example" and board.time.passed_ms == 20
    assert "refuses broker.example with code 5" in resolve([(1, answer(flags=b"\x81\x85"))])[0]
    assert resolve([(1, answer(AAAA))])[0] == "broker.example has no IPv4 address"
    assert resolve([(1, answer())])[0] == "broker.example has no IPv4 address"


def test_answer_cut_at_any_byte_is_never_an_address():
    whole = answer(ALIAS, A_RECORD)
    for size in range(len(whole)):
        found, board = resolve([(1, whole[:size])])
        assert "no answer" in found or "cut short" in found, (size, found)
        assert board.time.passed_ms <= 6000
    assert resolve([(1, whole)])[0] == "10.0.0.42"


def test_pointers_that_form_a_loop_end():
    loop = b"\xc0\x1c" + A_RECORD[2:]  # points at itself
    assert resolve([(1, answer(loop))])[0] == "10.0.0.42"
    assert "cut short" in resolve([(1, answer(b"\x3f"))])[0]


def test_names_that_are_none_are_not_asked_for():
    for name in ("", ".", "a..b", "a" * 64, ".".join(["a" * 63] * 4), "host."):
        found, board = resolve(name=name)
        assert "is no host name" in found and not board.questions and not board.opened
    longest = ".".join(["a" * 63] * 3 + ["a" * 61])
    assert len(dns.question(longest, b"AB")) == 12 + 255 + 4


def test_every_length_field_that_lies_is_harmless():
    whole = answer(ALIAS, A_RECORD)
    for at in range(len(whole)):
        for value in (0, 0x3F, 0xC0, 0xFF):
            broken = whole[:at] + bytes((value,)) + whole[at + 1 :]
            try:
                dns.address_in(broken, QUESTION, "broker.example")
            except LinkFailure:
                pass


def test_failures_are_link_failures():
    board = UdpBoard()
    assert "no answer" in str(raises(LinkFailure, dns.resolve, board, "10.0.0.1", "h", Deadline(board.time, 10)))
