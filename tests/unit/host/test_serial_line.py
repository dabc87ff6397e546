"""A serial line of the virtual board: what a UART makes of levels over time."""

import pytest
from binnode_tools.virtual_board.serial_line import Line, Receiver


@pytest.mark.parametrize("inverted", [False, True])
@pytest.mark.parametrize("baud", [1200, 9600, 115200])
def test_bytes_come_through_a_line(baud, inverted):
    line = Line(int(not inverted))
    end = line.send(bytes(range(256)), 1000, baud, inverted)
    assert end == pytest.approx(1000 + 256 * 10 * 1e6 / baud)
    receiver = Receiver(line, baud, inverted, 0, room=256)
    assert [byte for _, byte in receiver.take(end)] == list(range(256))


def test_a_byte_is_there_when_it_is_complete_and_not_before():
    line = Line()
    line.send(b"U", 0, 9600, False)
    receiver = Receiver(line, 9600, False, -1)
    assert receiver.take(980) == [] and len(receiver.take(1000)) == 1


def test_a_two_percent_clock_error_is_no_harm_and_ten_are():
    for error, same in ((1.02, True), (0.98, True), (1.1, False)):
        line = Line()
        end = line.send(b"\xff\x07\xa1\xa7", 0, round(9600 * error), False)
        got = bytes(byte for _, byte in Receiver(line, 9600, False, -1).take(end + 2000))
        assert (got == b"\xff\x07\xa1\xa7") is same


def test_who_wakes_in_the_middle_of_a_byte_misses_it():
    line = Line()
    end = line.send(b"\x00\xff\x07\xa1\xa7", 0, 9600, False)
    receiver = Receiver(line, 9600, False, -1)
    receiver.skip(1500)
    got = bytes(byte for _, byte in receiver.take(end))
    assert got == b"\x07\xa1\xa7"


def test_what_finds_no_room_is_lost():
    line = Line()
    end = line.send(bytes(range(20)), 0, 9600, False)
    receiver = Receiver(line, 9600, False, -1, room=8)
    assert [byte for _, byte in receiver.take(end, 3)] == [0, 1, 2]
    assert [byte for _, byte in receiver.take(end)] == [3, 4, 5, 6, 7]
