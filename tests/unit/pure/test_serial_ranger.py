"""The modules that answer in bytes: their frames, and the driver over a port with scripted answers."""

from binnode.sensing import frame_ff, maxbotix, rcwl9600, us100
from binnode.sensing.kinds import PING_NO_ECHO, PING_SILENT
from binnode.sensing.modules import profile
from binnode.sensing.serial_ranger import SerialRanger
from binnode.sensing.sound import distance_mm, half_speed_q16
from check import raises
from virtual_clock import Clock

NAMES = ("a02yyuw", "a01nyub", "dyp_115200", "jsn_sr04t_uart", "aj_sr04m_uart", "us100", "rcwl9600") + tuple(
    "mb" + number for number in ("7360", "7363", "7369", "7380", "7383", "7389")
)


class Port:
    """Answers each write (or, without `ask`, each look at an empty buffer) with the next of `answers`, `late_ms` on."""

    def __init__(self, clock, answers, ask=True, late_ms=20):
        self.clock, self.answers, self.ask, self.late_ms = clock, list(answers), ask, late_ms
        self.log = []
        self.due = []

    def read(self):
        if not self.ask and not self.due and self.answers:
            self.due.append((self.clock.passed_ms + self.late_ms, self.answers.pop(0)))
        here = b""
        while self.due and self.due[0][0] <= self.clock.passed_ms:
            here += self.due.pop(0)[1]
        return here or None

    def write(self, data):
        self.log.append(data)
        if self.answers:
            self.due.append((self.clock.passed_ms + self.late_ms, self.answers.pop(0)))

    def flush(self):
        self.log.append("flush")

    def deinit(self):
        self.log.append("closed")

    def writeto(self, address, data):
        if not self.answers:
            raise OSError(19)
        self.log.append((address, data))

    def readfrom(self, address, size):
        assert size == 3
        return self.answers.pop(0)


class Supply:
    def __init__(self, log):
        self.log = log

    def value(self, level):
        self.log.append(level)


def make(name, answers, late_ms=20, switched=True, ranger=SerialRanger, decode=frame_ff.decode):
    clock = Clock()
    traits = profile(name)
    port = Port(clock, answers, bool(traits.ask), late_ms)
    supply = Supply(port.log) if switched else None
    driver = ranger(traits, decode, lambda: port, lambda: port.log.append("low"), supply, clock)
    driver.power_on()
    return driver, port, clock


def frame(mm, head=0xFF):
    return bytes([0xFF, mm >> 8, mm & 0xFF, (head + (mm >> 8) + mm) & 0xFF])


def test_the_frame_of_the_makers():
    assert frame_ff.decode(b"\xff\x07\xa1\xa7") == 1953  # DFRobot wiki, SEN0311
    assert frame_ff.decode(b"\xff\x07\xa1\xa8") == 1953  # AJ-SR04M: the sum leaves FF out
    assert frame_ff.decode(b"\xff\x07\xa1\xa6") is None
    assert frame_ff.decode(b"\xff\x07\xa1") is None
    assert frame_ff.decode(b"") is None
    assert frame_ff.decode(b"\xa1\xa7\xff\x07\xa1\xa7") == 1953
    assert frame_ff.decode(b"\xff\xff\x07\xa1\xa7") == 1953


def test_error_codes_of_the_frame_are_no_distance():
    for code in (0, 0xFFFD, 0xFFFE):  # nothing heard, no object, interference
        for head in (0, 0xFF):
            assert frame_ff.decode(frame(code, head)) == 0
    assert frame_ff.decode(frame(10000)) == 10000
    assert frame_ff.decode(frame(10001)) is None
    assert frame_ff.decode(frame(0xFFFC)) is None


def test_maxbotix_frames():
    assert maxbotix.decode(b"R1234\r") == 1234
    assert maxbotix.decode(b"\xff\xffR0300\r") == 300
    assert maxbotix.decode(b"34\rR9999\rR1111\r") == 9999
    assert maxbotix.decode(b"RoHS 1.8b090  0713\rTempI\rR0847\r") == 847
    for broken in (b"R1234", b"R123\r", b"R12 4\r", b"1234\r", b"R12\xff34\r", b"R123\xb2\r", b"r1234\r", b"\r", b""):
        assert maxbotix.decode(broken) is None


def test_us100_and_rcwl9600_answers_are_exact_in_length():
    assert us100.decode(b"\x04\xd2") == 1234
    assert us100.decode(b"\x04") is None and us100.decode(b"\x04\xd2\x00") is None
    assert us100.decode_c10(b"\x46") == 250 and us100.decode_c10(b"\x14") == -250
    assert us100.decode_c10(b"\x00") is None and us100.decode_c10(b"\xff") is None
    assert us100.decode_c10(b"\x46\x46") is None
    assert rcwl9600.decode(b"\x0f\x42\x40") == 1000 and rcwl9600.decode(b"\x0f\x44\x33") == 1000
    assert rcwl9600.decode(b"\x0f\x44\x34") == 1001
    assert rcwl9600.decode(b"\x0f\x42") is None


def test_a_ping_is_the_answer_to_what_was_asked():
    ranger, port, _ = make("jsn_sr04t_uart", [frame(1234), frame(1236)])
    assert ranger.ping() == 1234
    ranger.gap()
    assert ranger.ping() == 1236
    assert port.log == [1, b"\x55", "flush", b"\x55", "flush"]


def test_a_module_that_sends_by_itself_is_not_asked():
    ranger, port, _ = make("a02yyuw", [frame(500), frame(700)], late_ms=90)
    assert ranger.ping() == 500 and ranger.ping() == 700
    assert port.log == [1]


def test_what_came_before_it_was_asked_is_not_its_answer():
    ranger, port, clock = make("aj_sr04m_uart", [frame(900, 0)])
    port.due.append((clock.passed_ms, frame(300, 0)))
    assert ranger.ping() == 900


def test_an_answer_in_pieces_between_rubbish():
    ranger, port, clock = make("us100", [], ranger=us100.Ranger, decode=us100.decode)
    port.write = lambda data: port.due.extend([(clock.passed_ms + 30, b"\x04"), (clock.passed_ms + 33, b"\xd2")])
    assert ranger.ping() == 1234
    port.write = lambda data: port.due.extend([(clock.passed_ms + ms, b"\x04\xd2") for ms in range(4, 80, 4)])
    assert ranger.ping() == PING_SILENT
    ranger, _, _ = make("a02yyuw", [b"\x00\xff\x07" * 40 + frame(800)])
    assert ranger.ping() == 800


def test_silence_and_rubbish_are_their_own_result_within_the_deadline():
    for name in NAMES:
        if name == "rcwl9600":
            continue
        decode = maxbotix.decode if name[:2] == "mb" else us100.decode if name == "us100" else frame_ff.decode
        for answer in (None, b"\x00\x80\xff", b"\xff" * 300):
            ranger, _, clock = make(name, [answer] * 9 if answer else [], decode=decode)
            before = clock.passed_ms
            assert ranger.ping() == PING_SILENT, name
            taken = clock.passed_ms - before
            assert taken <= profile(name).quiet_ms + profile(name).deadline_ms + 4 <= 404


def test_values_that_stand_for_no_echo():
    for name, values in (("a02yyuw", (0,)), ("dyp_115200", (0xFFFD, 0xFFFE))):
        ranger, _, _ = make(name, [frame(value) for value in values])
        assert [ranger.ping() for _ in values] == [PING_NO_ECHO] * len(values)
    for name, nothing in (("mb7360", 5000), ("mb7383", 9999)):
        ranger, _, _ = make(name, [b"R%d\r" % nothing, b"R%d\r" % (nothing - 1), b"R0300\r"], decode=maxbotix.decode)
        assert [ranger.ping() for _ in range(3)] == [PING_NO_ECHO, nothing - 1, 300]
    ranger, _, _ = make("us100", [b"\x11\x95", b"\x11\x94"], decode=us100.decode)
    assert [ranger.ping() for _ in range(2)] == [PING_NO_ECHO, 4500]


def test_the_lowest_values_are_in_the_blind_zone():
    """What a module says of everything nearer than it can measure is no distance."""
    for name, lowest in (("a02yyuw", 30), ("a01nyub", 280), ("mb7360", 300), ("mb7389", 300), ("mb7363", 500)):
        assert profile(name).blind_mm > lowest


def test_i2c():
    ranger, port, clock = make("rcwl9600", [b"\x0f\x42\x40"], ranger=rcwl9600.Ranger, decode=rcwl9600.decode)
    before = clock.passed_ms
    assert ranger.ping() == 1000
    assert port.log == [1, (0x57, b"\x01")]
    assert clock.passed_ms - before >= 120
    assert ranger.ping() == PING_SILENT  # nobody at its address
    ranger.power_off()
    assert port.log[2:] == ["low", 0]


def test_power_goes_on_first_and_off_last():
    ranger, port, clock = make("us100", [])
    assert port.log == [1] and clock.passed_ms == profile("us100").warm_up_ms
    ranger.power_off()
    assert port.log == [1, "closed", "low", 0]
    ranger.power_off()
    assert port.log[4:] == ["low", 0]
    _, port, clock = make("us100", [], switched=False)
    assert port.log == [] and clock.passed_ms == 0


def test_the_temperature_of_a_us100():
    ranger, port, _ = make("us100", [b"\x41", b"\x04\xd2"], ranger=us100.Ranger, decode=us100.decode)
    assert ranger.temperature_c10() == 200
    assert port.log == [1, b"\x50", "flush"]
    assert ranger.ping() == 1234
    assert ranger.temperature_c10() is None


def test_a_module_that_compensates_is_believed_and_another_is_corrected():
    for celsius in range(-40, 86, 5):
        half_speed = half_speed_q16(celsius * 10)
        ranger, _, _ = make("a01nyub", [])
        assert distance_mm(5000, ranger.scale(half_speed)) == 5000
        ranger, _, _ = make("jsn_sr04t_uart", [])
        echo_us = 2 * 5000 / 0.34
        assert abs(distance_mm(5000, ranger.scale(half_speed)) - echo_us * half_speed / 65536) <= 2


def test_every_row():
    for name in NAMES:
        p = profile(name)
        assert 20 <= p.blind_mm < p.range_mm <= p.nothing_mm <= 10001
        assert p.warm_up_ms >= 100 and p.gap_ms >= 20 and len(name) <= 16
        # Two bursts of fifteen pings that take as long as may be.
        assert 30 * (p.quiet_ms + p.deadline_ms + p.gap_ms) <= 15000
        # Products stay small integers on the chip.
        assert p.nothing_mm << 16 < 1 << 30


def test_an_unknown_module_is_told_of_all():
    message = raises(ValueError, profile, "hcsr05").args[0]
    for name in NAMES:
        assert name in message
