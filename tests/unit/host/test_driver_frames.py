"""Both radio drivers of the firmware against the chip models: frames out and in, on time, at every rate."""

import pytest
from binnode.radios.level import highest_dbm
from binnode_tools.virtual_board.radios.burst import symbol_us
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.host.driver_bench import BOTH, FRAME, HZ, RATES, SX1262, Driven

AT_EVERY_RATE = pytest.mark.parametrize(("sf", "bw_khz"), RATES)


@BOTH
@AT_EVERY_RATE
def test_an_uplink_is_on_the_air_as_lorawan_has_it(board, sf, bw_khz):
    node = Driven(board)
    burst, end_us = node.transmit(sf=sf, bw_khz=bw_khz)
    assert (burst.sf, burst.bw_khz, burst.payload, burst.power_dbm) == (sf, bw_khz, FRAME, 14)
    assert (burst.coding, burst.preamble, burst.sync_word) == (1, 8, 0x34)
    assert burst.crc and not burst.iq_inverted and not burst.implicit
    assert burst.low_rate == (symbol_us(sf, bw_khz) >= 16_000)
    assert abs(burst.hz - HZ) <= 61, "a step of the SX1276's synthesizer"
    assert -250 <= end_us - burst.end_us <= 250
    assert node.calm and node.radio._flags() & 1


@BOTH
@pytest.mark.parametrize("broken", [False, True])
@AT_EVERY_RATE
def test_without_the_line_the_flags_tell_of_the_end(board, sf, bw_khz, broken):
    """Nobody wired it, or it is broken: the end is known less well, and well enough for a window."""
    node = Driven(board, dio=broken)
    if broken:
        node.chip.faults.add("dio")
    burst, end_us = node.transmit(sf=sf, bw_khz=bw_khz)
    assert -700 <= end_us - burst.end_us <= (3000 + burst.airtime_us // 400 if broken else 700)
    assert node.calm


@BOTH
def test_the_host_rests_while_a_frame_is_sent(board):
    node = Driven(board)
    for sf in (7, 12):
        node.slept_ms.clear()
        burst, _ = node.transmit(sf=sf)
        (slept_ms,) = node.slept_ms
        awake_ms = burst.airtime_us / 1000 + node.radio.start_ms - slept_ms
        assert 2 <= awake_ms <= 4 + 0.002 * burst.airtime_us / 1000


@BOTH
@AT_EVERY_RATE
@pytest.mark.parametrize("symbols", [6, 9, 16])
def test_a_window_takes_the_frame_wherever_it_begins_within_the_error(board, sf, bw_khz, symbols):
    """n symbols are 4 and twice the error (2 of them in reserve): receive() is right to a quarter millisecond."""
    node = Driven(board)
    error_us = (symbols - 4) * symbol_us(sf, bw_khz) // 2 + symbol_us(sf, bw_khz) - 400
    for late_us in (-error_us, 0, error_us):
        node.bench.air.snr_db, node.bench.air.rssi = 5.25, -97.0
        assert node.receive(sf, bw_khz, symbols, late_us) == FRAME
        assert (node.radio.snr_db, node.radio.rssi_dbm) == (5, pytest.approx(-97, abs=2))
    assert node.calm


@BOTH
@AT_EVERY_RATE
@pytest.mark.parametrize("delay_us", [60_000, 1_000_000, 5_000_000])
def test_an_empty_window_opens_on_time_and_closes_after_its_symbols(board, sf, bw_khz, delay_us):
    node = Driven(board)
    at_us, symbol = node.now + delay_us, symbol_us(sf, bw_khz)
    assert node.receive(sf, bw_khz, 8, delay_us=delay_us) is None
    assert -250 <= node.opened_us - at_us <= 250
    assert node.bench.air.asked[-1][2] - node.opened_us <= 8 * symbol + 2
    assert node.now - node.opened_us <= 8 * symbol + 6000
    assert node.calm and node.chip.receiver.window is None


@BOTH
def test_a_frame_that_begins_after_the_window_is_missed(board):
    node = Driven(board)
    assert node.receive(late_us=4 * 1024 + 1100) is None
    assert node.receive(late_us=-4 * 1024 - 1100) is None
    assert node.receive(late_us=0) == FRAME
    assert node.calm


@BOTH
def test_a_window_whose_time_is_over_opens_at_once(board):
    node = Driven(board)
    assert node.receive(delay_us=-50_000) is None and node.calm


@BOTH
@pytest.mark.parametrize("what", ["crc_ok", "header_ok"])
def test_a_damaged_frame_is_none(board, what):
    node = Driven(board)
    setattr(node.bench.air, what, False)
    for sf in (7, 12):
        assert node.receive(sf, late_us=0, crc=True) is None
        assert node.now - node.bench.air.bursts[-1].end_us < 25_000 + 4 * symbol_us(sf, 125)
    setattr(node.bench.air, what, True)
    assert node.receive(late_us=0) == FRAME
    node.radio.sleep()
    assert node.calm


@BOTH
@pytest.mark.parametrize("sf", [7, 12])
def test_a_false_lock_ends_with_the_header_that_does_not_come(board, sf):
    node = Driven(board)
    node.chip.faults.add("false lock")
    opened_us = node.now + 1_000_000
    assert node.receive(sf, symbols=6) is None
    assert node.now - opened_us <= (6 + 17) * symbol_us(sf, 125) + 10_000
    assert node.calm and node.chip.receiver.window is None


@BOTH
@AT_EVERY_RATE
@pytest.mark.parametrize("size", [12, 250])
def test_a_long_downlink_takes_few_looks(board, sf, bw_khz, size):
    node = Driven(board)
    assert node.receive(sf, bw_khz, 8, 0, bytes(size)) == bytes(size)
    waits = node.slept_ms[1:]
    burst = node.bench.air.bursts[-1]
    assert len(waits) <= (6 if size == 12 else 26)
    assert node.now - burst.end_us <= 20_000 + burst.airtime_us // 4
    assert node.calm


@BOTH
def test_both_sleep_until_the_window(board):
    node = Driven(board)
    asked = []
    rest = node.rest

    def watch(ms: int) -> None:
        asked.append((node.chip.mode, ms))
        rest(ms)

    node.radio._sleep_ms = watch
    assert node.receive(late_us=0, delay_us=1_000_000) == FRAME
    mode, ms = asked[0]
    assert mode == "sleep" and 960 <= ms <= 990
    asked.clear()
    assert node.receive(late_us=0, delay_us=200_000) == FRAME
    assert asked[0][0] in ("stby_rc", "standby"), "too short for it"
    assert node.calm


@BOTH
@pytest.mark.parametrize(("quiet", "dbm"), [(True, -110), (False, -80)])
def test_what_a_listener_sees_before_it_talks(board, quiet, dbm):
    """KR920: 6 ms at least without a break, and the frame within 30 ms after it."""
    node = Driven(board, hz=922_100_000)
    if not quiet:
        node.bench.air.rssi = -80.0
        node.bench.air.detects = lambda *_: True
    assert highest_dbm(node.radio, node.hz, 125, 6) == pytest.approx(dbm, abs=1)
    ((from_us, until_us, highest),) = node.bench.air.heard_from
    assert until_us - from_us >= 6000 and highest == pytest.approx(dbm, abs=1)
    burst, _ = node.transmit()
    assert burst.start_us - until_us < 30_000
    assert node.calm


@BOTH
def test_listening_before_talking_is_not_cut_short_by_the_window_before(board):
    """The SX1262 counts symbols in every reception until it is told otherwise: 6 of SF7 are 6.1 ms."""
    node = Driven(board, hz=922_100_000)
    assert node.receive(7, 125, 6) is None
    highest_dbm(node.radio, node.hz, 125, 6)
    ((from_us, until_us, _),) = node.bench.air.heard_from
    assert until_us - from_us >= 6000
    assert node.calm


@BOTH
def test_it_goes_on_after_deep_sleep_without_a_reset(board):
    node = Driven(board)
    resets = node.bench.resets
    assert resets == 1
    for _ in range(3):
        node.radio.sleep()
        assert node.chip.mode == "sleep"
        node.bench.pass_us(900_000_000)
        node.renew()
        begun_us = node.now
        node.radio.wake(HZ)
        assert node.now - begun_us < 5000
        burst, end_us = node.transmit()
        assert -250 <= end_us - burst.end_us <= 250
        assert node.receive(late_us=0) == FRAME
    assert node.bench.resets == resets and node.calm


@BOTH
def test_asleep_straight_after_power_on(board):
    """What a node does with it whose reports go over Wi-Fi."""
    node = Driven(board, wake=False)
    node.radio.sleep(False)
    wiring = node.wiring
    assert node.chip.mode == "sleep" and node.bench.resets == 0
    node.bench.pass_us(3_600_000_000)
    assert node.bench.ledger.current_ua == (wiring.cold_sleep_ua if board == SX1262 else wiring.sleep_ua)
    node.radio.sleep(False)  # once more, as after a reset of the host alone
    assert node.chip.mode == "sleep"
    node.radio.wake(HZ)
    node.transmit()
    assert node.receive(late_us=0) == FRAME
    assert node.calm


@BOTH
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_frames_at_any_rates_in_any_order(board, data):
    node = Driven(board, hz=data.draw(st.sampled_from([868_100_000, 864_862_500, 915_000_000, 923_300_000])))
    for _ in range(data.draw(st.integers(1, 6))):
        sf, bw_khz = data.draw(st.sampled_from(RATES))
        frame = data.draw(st.binary(min_size=1, max_size=255))
        node.bench.air.snr_db = data.draw(st.integers(-7, 12))
        what = data.draw(st.sampled_from(["send", "receive", "miss", "sleep", "rssi"]))
        if what == "send":
            dbm = data.draw(st.integers(-20, 30))
            burst, end_us = node.transmit(frame, sf, bw_khz, dbm)
            assert burst.payload == frame and abs(end_us - burst.end_us) <= 250
            assert burst.power_dbm <= node.wiring.max_dbm and (burst.power_dbm <= dbm or dbm < 2)
        elif what == "receive":
            symbols = data.draw(st.integers(6, 40))
            spread_us = (symbols - 4) * symbol_us(sf, bw_khz) // 2
            late_us = data.draw(st.integers(-spread_us, spread_us))
            assert node.receive(sf, bw_khz, symbols, late_us, frame, data.draw(st.integers(30_000, 2_000_000))) == frame
        elif what == "miss":
            assert node.receive(sf, bw_khz, data.draw(st.integers(1, 2000))) is None
        elif what == "rssi":
            assert highest_dbm(node.radio, node.hz, bw_khz, 5) < -100
        else:
            node.radio.sleep(data.draw(st.booleans()))
            node.bench.pass_us(data.draw(st.integers(1000, 100_000_000)))
            node.renew()
            node.radio.wake(node.hz)
        assert node.calm
