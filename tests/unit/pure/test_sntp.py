"""wifi/sntp.py against packets of RFC 5905's form (figure 8), and servers that are silent, out of step or lying."""

from binnode.deadline import Deadline
from binnode.wifi import LinkFailure, sntp
from udp_peer import RANDOM, UdpBoard

NUMBER = RANDOM[:8]
FLOOR_S = 820540800  # 1 January 2026
# RFC 868: 3,155,673,600 is 00:00 on 1 January 2000 GMT in seconds since 1900.
IN_2000 = 3155673600


def answer(now_s, mode=4, leap=0, stratum=2, number=NUMBER, cut=48):
    seconds = (now_s + IN_2000) & 0xFFFFFFFF
    stamp = bytes((seconds >> 24, seconds >> 16 & 255, seconds >> 8 & 255, seconds & 255)) + b"\x80\x00\x00\x00"
    head = bytes((leap << 6 | 4 << 3 | mode, stratum, 6, 0xE9)) + bytes(8) + b"RATE"
    return (head + stamp + number + stamp + stamp)[:cut]


def ask(*script, floor_s=FLOOR_S, budget_ms=15000):
    board = UdpBoard(*script)
    try:
        found = sntp.ask(board, "10.0.0.7", floor_s, Deadline(board.time, budget_ms))
    except LinkFailure as error:
        found = str(error)
    assert board.opened == board.closed
    return found, board


def test_question_is_a_clients_and_says_nothing_of_us():
    found, board = ask([(9, answer(FLOOR_S + 5))])
    (question,) = board.questions
    assert len(question) == 48 and question[0] == 0x23 and question[40:] == NUMBER
    assert question[1:40] == bytes(39)  # draft-ietf-ntp-data-minimization: all else is zero
    assert board.address == ("10.0.0.7", 123) and found == FLOOR_S + 5


def test_known_moments():
    # RFC 5905, figure 4: the unix epoch is 2,208,988,800; 2026-11-22 00:00 UTC is 1,795,305,600 of it.
    now_s = 1795305600 - 946684800
    assert IN_2000 == 2208988800 + 946684800
    assert ask([(1, answer(now_s))])[0] == now_s
    # The count wraps on 7 February 2036, 06:28:16 UTC: 2^32 - IN_2000 seconds after 2000.
    wrap_s = (1 << 32) - IN_2000
    for now_s in (wrap_s - 1, wrap_s + 1, wrap_s + 86400):
        assert ask([(1, answer(now_s))])[0] == now_s


def test_answer_with_another_number_is_passed_over():
    found, board = ask([(1, answer(FLOOR_S + 9, number=b"12345678")), (2, answer(FLOOR_S + 7))])
    assert found == FLOOR_S + 7 and len(board.questions) == 1


def test_answer_of_another_mode_or_cut_is_passed_over():
    for wrong in (answer(FLOOR_S, mode=3), answer(FLOOR_S, mode=5), answer(FLOOR_S, mode=0)):
        assert "no answer from the time server" in ask([(1, wrong)])[0]
    for size in range(48):
        found, board = ask([(1, answer(FLOOR_S, cut=size))])
        assert "no answer" in found and board.time.passed_ms == 6000, size


def test_server_out_of_step_is_not_believed():
    for wrong in (
        answer(FLOOR_S, leap=3),
        answer(FLOOR_S, stratum=16),
        answer(FLOOR_S, stratum=200),
        answer(-IN_2000),
    ):
        assert "does not know the time" in ask([(1, wrong)])[0]
    for leap in (0, 1, 2):
        assert ask([(1, answer(FLOOR_S, leap=leap))])[0] == FLOOR_S


def test_kiss_of_death_names_its_code():
    assert ask([(1, answer(FLOOR_S, stratum=0))])[0] == "the time server sends us away (RATE)"


def test_time_before_the_build_or_far_after_it_is_refused():
    for wrong_s in (0, FLOOR_S - 1, FLOOR_S + 40 * 365 * 86400):
        assert "the time server is wrong" in ask([(1, answer(wrong_s))])[0]
    for right_s in (FLOOR_S, FLOOR_S + 29 * 365 * 86400):
        assert ask([(1, answer(right_s))])[0] == right_s


def test_lost_packets_are_asked_again_and_silence_ends():
    found, board = ask([], [(10, answer(FLOOR_S))])
    assert found == FLOOR_S and board.times == [0, 1000]
    for budget_ms in (0, 500, 15000):
        found, board = ask(budget_ms=budget_ms)
        assert found == "no answer from the time server 10.0.0.7" and board.time.passed_ms == min(6000, budget_ms)
