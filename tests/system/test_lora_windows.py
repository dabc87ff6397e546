"""Receive windows of the whole node: on time with the worst clocks there are, and no longer than those need."""

from dataclasses import dataclass, field
from random import Random

import pytest
from binnode_tools.lora_network import commands
from binnode_tools.virtual_board.radios.burst import Burst, symbol_us

from tests.system.lora_scenario import HOURLY, RADIOS, LoraScenario, lora_scenario

S = 1_000_000
HEAP_KIB = 180
SF7, SF12 = 5, 0  # data rates of EU868
RX2_HZ = 869_525_000
# (light sleep's clock and deep sleep's, crystal of the host, wake jitter at its longest, crystal of the radio)
LATE, EARLY = (50.0, -20.0, True, 1), (-50.0, 20.0, False, -1)
EXTREMES = pytest.mark.parametrize("clocks", [LATE, EARLY], ids=["late", "early"])
RADIO = pytest.mark.parametrize("radio", RADIOS)
WINDOW = pytest.mark.parametrize("window", [1, 2])


class Jitter(Random):
    """The chip's chance, but for the end of light sleep: always late, or always early."""

    late = True

    def randint(self, a, b):
        return (b if self.late else a) if (a, b) == (300, 900) else super().randint(a, b)


@dataclass
class Opened:
    """A window: when the receiver was on, what ended its search."""

    at_us: int
    sf: int
    bw_khz: int
    symbols: int
    closed_us: int = 0
    after_us: int = 0  # since the end of the node's own frame

    @property
    def on_us(self) -> int:
        return self.closed_us - self.at_us

    @property
    def symbol_us(self) -> int:
        return symbol_us(self.sf, self.bw_khz)


@dataclass
class Watch:
    """What the node's receiver did and what it sent."""

    node: LoraScenario
    windows: list[Opened] = field(default_factory=list)
    sent: list[Burst] = field(default_factory=list)

    def __post_init__(self):
        receiver = self.node.board.chip.radio.receiver
        self.node.lora.air.listeners.append(self)
        opens, closes = receiver.open, receiver.close

        def opened(window):
            opens(window)
            if window.continuous:  # before it talks
                return
            tuning, after_us = window.tuning, receiver.opened_us - self.sent[-1].end_us
            at_us = receiver.opened_us
            self.windows.append(Opened(at_us, tuning.sf, tuning.bw_khz, window.symbols, after_us=after_us))

        def closed():
            if receiver.window and not receiver.window.continuous:
                self.windows[-1].closed_us = receiver.radio.now
            closes()

        receiver.open, receiver.close = opened, closed

    def burst_began(self, place: str, burst: Burst) -> None:
        if place == self.node.kit.name:
            self.sent.append(burst)

    def burst_ended(self, place: str, burst: Burst) -> None: ...

    def of(self, burst: Burst) -> list[Opened]:
        """The windows after that frame."""
        later = [other.start_us for other in self.sent if other.start_us > burst.start_us]
        until = min(later, default=1 << 60)
        return [window for window in self.windows if burst.end_us < window.at_us < until]


def unkind(node: LoraScenario, clocks) -> None:
    chip = node.board.chip
    chip.random = Jitter(1)
    chip.sleep_error_permille, chip.crystal_ppm, chip.random.late, sign = clocks
    chip.radio.ppm = sign * chip.radio.wiring.clock_ppm


def both_at(node: LoraScenario, dr: int, until_h: float) -> None:
    """Has the network put RX1 and RX2 at `dr`, and lets the wakes until then pass."""
    server = node.lora.server
    server.request(node.device, commands.link_adr(dr, 0, 0xFF))
    server.request(node.device, commands.rx_param_setup(0, dr, RX2_HZ))
    node.run_hours(until_h)


def error_us(delay_s: int) -> int:
    """How far off a window may be: light sleep by 0.1 %, two crystals by 20 ppm, the host's own steps."""
    return 800 + 1050 * delay_s


def asked(sf: int, bw_khz: int, delay_s: int) -> int:
    """Symbols for that error: 4 of the preamble, and the error on both sides; 6 at least."""
    return max(4 + -(-2 * error_us(delay_s) // symbol_us(sf, bw_khz)), 6)


def judge(watch: Watch, radio: str) -> set[tuple[int, int, int, int]]:
    """Each window so far: on time, and as long as its error needs. (Delay, SF, kHz, symbols) of them all."""
    seen = set()
    for burst in watch.sent:
        windows = watch.of(burst)
        assert windows, "nobody listened"
        for number, opened in enumerate(windows):
            delay_s = (5 if burst.payload[0] == 0 else 1) + number
            symbols = asked(opened.sf, opened.bw_khz, delay_s)
            off_us = opened.after_us + symbols * opened.symbol_us // 2 - 4 * opened.symbol_us - delay_s * S
            assert abs(off_us) <= 250 + 1040 * delay_s, "300 us of what is allowed for are left for the chip's own"
            assert opened.symbols == symbols + (symbols & 1 if radio == "SX1262" else 0), "it counts pairs"
            if number + 1 < len(windows):  # nothing came
                assert 0 <= opened.on_us - opened.symbols * opened.symbol_us <= 2
            seen.add((delay_s, opened.sf, opened.bw_khz, symbols))
    return seen


@RADIO
@WINDOW
@EXTREMES
def test_each_window_receives_at_sf7_and_sf12(radio, window, clocks):
    """EU868: the Join-Accept at 5 or 6 s, then acknowledgements at 1 or 2 s; each report is sent once."""
    with lora_scenario(radio=radio, server={"use_adr": False}, config=HOURLY, heap_kib=HEAP_KIB) as node:
        unkind(node, clocks)
        watch = Watch(node)
        node.lora.server.transmitter.only = window
        node.run_hours(1.5)
        both_at(node, SF7, 4.5)
        both_at(node, SF12, 7.5)
        device = node.device
        assert (device.joins, device.join_requests, device.repeats, device.missed) == (1, 1, 0, 0)
        assert len(watch.sent) == 1 + device.uplinks and {burst.sf for burst in watch.sent} == {7, 9, 12}
        seen = judge(watch, radio)
        if window == 1:
            assert seen == {(5, 9, 125, 7), (1, 9, 125, 6), (1, 7, 125, 8), (1, 12, 125, 6)}
        else:
            assert {(6, 12, 125, 6), (2, 7, 125, 10), (2, 12, 125, 6), (1, 7, 125, 8)} <= seen


@RADIO
@WINDOW
@pytest.mark.parametrize(
    ("region", "rx1", "rx2"),
    [
        ("US915", {(5, 10, 500, 10), (1, 10, 500, 6)}, {(6, 12, 500, 6), (2, 12, 500, 6)}),
        ("KR920", {(5, 9, 125, 7), (1, 9, 125, 6)}, {(6, 12, 125, 6), (2, 12, 125, 6)}),
    ],
)
def test_other_plans(radio, window, region, rx1, rx2):
    """125 kHz up and 500 kHz down; listening before talking in front of it all."""
    sub_band = 2 if region == "US915" else 0
    with lora_scenario(
        region, radio=radio, server={"use_adr": False}, sub_band=sub_band, config=HOURLY, heap_kib=HEAP_KIB
    ) as node:
        unkind(node, LATE)
        watch = Watch(node)
        node.lora.server.transmitter.only = window
        node.run_hours(2.5)
        device = node.device
        assert (device.joins, device.join_requests, device.repeats, device.missed) == (1, 1, 0, 0)
        assert (rx1 if window == 1 else rx2) <= judge(watch, radio)


@RADIO
def test_both_sleep_while_they_wait(radio):
    """Between a frame and its windows the radio draws next to nothing, and the host sleeps lightly."""
    with lora_scenario(radio=radio, server={"use_adr": False}, config=HOURLY, heap_kib=HEAP_KIB) as node:
        watch = Watch(node)
        node.run_hours(1.5)
        ledger, chip = node.board.chip.ledger, node.board.chip
        drawn = []
        node.lora.server.transmitter.only = 2
        advance = ledger.advance

        def advanced(us):
            drawn.append((chip.now, us, ledger.current_ua))
            advance(us)

        ledger.advance = advanced
        node.run_hours(2.5)
        burst = watch.sent[-1]
        first, second = watch.of(burst)
        currents = chip.board.currents_ua
        rest_ua = currents.always_on + currents.light_sleep + 10
        for since_us, until_us in ((burst.end_us, first.at_us), (first.closed_us, second.at_us)):
            spans = [(us, ua) for now, us, ua in drawn if since_us <= now < until_us]
            resting_us = sum(us for us, ua in spans if ua <= rest_ua)
            assert until_us - since_us - resting_us <= 36_000
