"""The link on fakes of board and radio: what is remembered of a frame before it leaves, and what ends a message."""

from binnode.config_defaults import DEFAULTS
from binnode.lorawan.link import LoraLink
from binnode.lorawan.session import unpack
from binnode.radios import RadioError
from lorawan_network import Network
from lorawan_node import NVS, OTAA, Entropy

ALARM, CHANGE = 3, 2
DUTY_CYCLE = b"\x04\x0c"  # DutyCycleReq, 1/4096 of the time


class Time:
    us = 1_000_000_000

    def ticks_us(self):
        return self.us

    def ticks_ms(self):
        return self.us // 1000

    def ticks_add(self, at, more):
        return at + more

    def ticks_diff(self, later, earlier):
        return later - earlier

    def time(self):
        return self.us // 1_000_000


class Radio:
    """Its board says what comes back for a frame, in the first window. breaks: it fails in each window."""

    snr_db = 5
    breaks = cold = False

    def __init__(self, board):
        self.board, self.sent, self.windows = board, [], 0

    def wake(self, hz):
        pass

    def sleep(self, warm):
        if self.breaks:
            raise RadioError("lost")

    def transmit(self, frame, hz, sf, bw_khz, dbm, airtime_ms):
        self.board.seen.append(unpack(self.board.state.lora))
        self.board.time.us += airtime_ms * 1000
        self.sent.append((self.board.time.time(), airtime_ms, frame))
        self.windows = 0
        return self.board.time.us

    def receive(self, at_us, hz, sf, bw_khz, symbols, longest_ms):
        self.board.time.us = max(self.board.time.us, at_us) + 20000
        self.windows += 1
        if self.breaks:
            raise RadioError("lost")
        return self.board.answer(self.sent[-1][2]) if self.windows == 1 else None


class State:
    lora = b""

    def pack(self, image=None):
        return b""


class Status:
    battery_mv = None

    def __init__(self, reason=ALARM):
        self.reason = reason


class Board(NVS):
    """A node on the air with its network. seen: the session in RTC memory when each frame left."""

    device_id = bytes(6)

    def __init__(self, **fields):
        super().__init__()
        self.time, self.state, self.random, self.seen = Time(), State(), Entropy(), []
        self.the_radio, self.held = Radio(self), False
        self.network, self.fopts, self.silent = Network(*OTAA), b"", False
        self.config = dict(DEFAULTS, lora_join_eui=OTAA[1].hex(), lora_dev_eui=OTAA[2].hex())
        self.config.update(fields)

    def answer(self, frame):
        if self.silent:
            return None
        if frame[0] == 0:
            return self.network.join_accept(frame)
        self.network.read(frame)
        return self.network.down(ack=1, fopts=self.fopts)

    def radio(self):
        return self.the_radio

    def hold_radio(self):
        self.held = True

    def rest_ms(self, ms):
        self.time.us += ms * 1000

    def secret(self, key):
        return OTAA[0].hex()

    def remember(self, image):
        pass

    def wake(self, reason=ALARM, after_s=900):
        """(what came of a report, frames that left for it)."""
        self.time.us += after_s * 1_000_000
        link = LoraLink(self, self.config, self.state)
        before = len(self.the_radio.sent)
        try:
            link.open()
            link.deliver(b"12345678", Status(reason))
            said = "sent"
        except link.errors as error:
            said = str(error)
        link.close()
        return said, len(self.the_radio.sent) - before

    def session(self):
        return unpack(self.state.lora)


def joined(**fields):
    board = Board(**fields)
    assert board.wake() == ("sent", 2)
    return board


def test_air_time_is_remembered_before_the_frame_leaves():
    board = joined()
    board.silent = True
    full = sum(board.session().credits)
    board.wake()
    assert sum(board.seen[-1].credits) < full
    board.the_radio.breaks = True
    before = board.session().credits
    board.wake(after_s=0)
    assert board.session().credits != before


def test_no_hour_has_more_than_the_law_allows_whatever_ends_the_wakes():
    board = joined()
    board.silent = True
    session = board.session()
    session.dr = 0
    board.state.lora = session.pack()
    for _ in range(150):
        board.wake(after_s=27)
    sent = [(at, airtime_ms) for at, airtime_ms, _ in board.the_radio.sent]
    assert len(sent) > 20
    for at, _ in sent:
        assert sum([ms for other, ms in sent if at <= other < at + 3600]) <= 36000


def test_the_silence_that_the_network_asked_for_is_kept_by_the_next_wakes():
    board = joined()
    board.fopts = DUTY_CYCLE
    board.wake()
    board.fopts, board.silent = b"", True
    board.wake()
    until_s = board.session().quiet_until_s
    assert until_s > board.time.time() + 100
    said, frames = board.wake(after_s=10)
    assert said.startswith("duty cycle") and not frames and board.session().quiet_until_s == until_s


def test_a_report_that_asks_for_nothing_is_over_when_its_repetition_must_wait():
    board = joined(lora_acks="some")
    board.fopts = DUTY_CYCLE
    board.wake()
    board.fopts = b""
    session = board.session()
    session.nb_trans = 2
    board.state.lora = session.pack()
    board.silent = True
    assert board.wake(CHANGE, 4000) == ("sent", 1)


def test_while_nvs_fails_a_downlink_is_remembered_and_no_frame_leaves():
    board = joined()
    board.fopts = b"\x06"  # DevStatusReq
    board.fails = True
    down = board.session().fcnt_down
    board.wake()
    after = board.session()
    assert after.fcnt_down in (down, down + 1)
    if after.fcnt_down != down:
        assert after.stale
    left = len(board.the_radio.sent)
    for _ in range(3):
        board.wake()
    assert len(board.the_radio.sent) == left
    board.fails, board.fopts = None, b""
    assert board.wake() == ("sent", 1)


def test_another_sub_band_is_for_the_next_join():
    board = joined()
    board.config["lora_sub_band"] = 2
    board.wake()
    assert board.session().sub_band == 2


def test_the_radio_is_held_even_when_it_takes_no_command():
    board = joined()
    board.held, board.the_radio.breaks = False, True
    board.wake()
    assert board.held


def test_only_an_answer_counts_as_one():
    board = joined(lora_acks="some")
    board.silent = True
    link = LoraLink(board, board.config, board.state)
    link.open()
    link.deliver(b"12345678", Status(CHANGE))
    assert not link.heard
    board.silent = False
    link.deliver(b"12345678", Status(ALARM))
    assert link.heard
    link.close()


def test_no_pause_that_leaves_no_time_to_send():
    """It would cost charge for nothing: the wake ends, and says when it goes on."""
    board, rested = Board(), []
    board.rest_ms = rested.append
    link = LoraLink(board, board.config, board.state)
    left_ms = link.deadline.left_ms()
    for ms in (left_ms - 1000, left_ms - 3900, left_ms + 1):
        try:
            link.pause(ms, "duty cycle")
            raise AssertionError(ms)
        except OSError as error:
            assert error.args[0] == "duty cycle: on in %d s" % (ms // 1000)
    assert rested == []
    link.pause(left_ms - 4100, "duty cycle")
    link.pause(0, "duty cycle")
    assert rested == [left_ms - 4100]
