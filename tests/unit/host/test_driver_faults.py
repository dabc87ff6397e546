"""Both radio drivers with a chip that does not do what it should: named, bounded, and over when the fault is."""

import pytest
from binnode.radios import RadioError
from binnode.radios.level import highest_dbm
from binnode_tools.virtual_board.radios.burst import symbol_us
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.host.driver_bench import BOTH, FRAME, HZ, SX1262, SX1276, Driven

WORST_START_US = 150_000  # of a chip that does not answer


def refused(call) -> str:
    with pytest.raises(RadioError) as caught:
        call()
    return str(caught.value)


def works(node: Driven) -> bool:
    burst, end_us = node.transmit()
    return abs(end_us - burst.end_us) < 250 and node.receive(late_us=0) == FRAME


@BOTH
@pytest.mark.parametrize("miso", [0x00, 0xFF])
def test_no_chip(board, miso):
    node = Driven(board, wake=False)
    node.chip.faults.add("absent")
    node.chip.open_miso = miso
    begun_us = node.now
    assert refused(lambda: node.radio.wake(HZ)) == "no radio"
    assert node.now - begun_us < WORST_START_US
    node.radio.sleep()


@BOTH
@pytest.mark.parametrize("miso", [0x00, 0xFF])
def test_a_chip_that_falls_off(board, miso):
    node = Driven(board)
    node.chip.faults.add("absent")
    node.chip.open_miso = miso
    begun_us = node.now
    assert refused(node.transmit) == "no radio"
    assert node.now - begun_us < WORST_START_US
    node.radio.sleep()


@BOTH
def test_a_chip_that_falls_off_while_it_waits_for_its_window(board):
    node = Driven(board)

    def rest(ms):
        node.chip.faults.add("absent")
        node.bench.pass_us(ms * 1000)

    node.radio._sleep_ms = rest
    assert refused(lambda: node.receive(late_us=0)) == "radio lost its settings"


@BOTH
def test_a_chip_that_is_stuck_until_its_reset(board):
    node = Driven(board)
    node.radio.sleep()
    node.bench.pass_us(1_000_000)
    node.chip.faults.add("busy")
    node.radio.wake(HZ)
    assert "busy" not in node.chip.faults and node.bench.resets == 2
    assert works(node) and node.calm


@BOTH
def test_a_chip_that_is_stuck_for_ever(board):
    node = Driven(board)
    node.radio.sleep()
    node.bench.pass_us(1_000_000)
    node.chip.faults.add("dead busy")
    begun_us = node.now
    assert refused(lambda: node.radio.wake(HZ)) == ("radio busy" if board == SX1262 else "no radio")
    assert node.now - begun_us < WORST_START_US


@BOTH
def test_stuck_in_the_middle_it_is_put_to_sleep_by_a_reset(board):
    """Else it would draw its current until the next report."""
    node = Driven(board)
    node.chip.faults.add("busy")
    if board == SX1262:
        assert refused(node.transmit) == "radio busy"
        node.radio.sleep()
        assert node.chip.mode == "sleep"
        node.bench.pass_us(900_000_000)
        node.radio.wake(HZ)
    assert works(node) and not node.bench.found


@BOTH
def test_calibration_that_fails(board):
    node = Driven(board, wake=False)
    node.chip.faults.add("calibration")
    begun_us = node.now
    error = refused(lambda: node.radio.wake(HZ))
    assert error == ("radio calibration 001f" if board == SX1262 else "radio calibration")
    assert node.now - begun_us < WORST_START_US
    node.radio.sleep()
    assert node.chip.mode == "sleep"
    node.chip.faults.clear()
    node.radio.wake(HZ)
    assert works(node) and node.calm


@BOTH
def test_settings_lost_in_deep_sleep_bring_a_cold_start(board):
    node = Driven(board)
    node.radio.sleep()
    node.bench.pass_us(1_000_000)
    node.chip.lose_configuration()
    node.bench.pass_us(1_000_000)
    node.radio.wake(HZ)
    assert node.bench.resets == 2
    assert works(node) and node.calm


@BOTH
def test_settings_lost_before_a_frame_bring_a_cold_start(board):
    node = Driven(board)
    node.chip.lose_configuration()
    node.bench.pass_us(10_000)
    assert works(node) and node.calm and node.bench.resets == 2


@BOTH
def test_settings_lost_before_a_window_are_named_and_the_next_wake_starts_anew(board):
    node = Driven(board)
    node.transmit()

    def rest(ms):
        node.chip.lose_configuration()
        node.bench.pass_us(ms * 1000)

    node.radio._sleep_ms, kept = rest, node.radio._sleep_ms
    assert refused(lambda: node.receive(late_us=0)) == "radio lost its settings"
    node.radio._sleep_ms = kept
    node.radio.sleep()
    assert node.chip.mode == "sleep"
    node.bench.pass_us(900_000_000)
    node.radio.wake(HZ)
    assert works(node) and node.calm


@BOTH
def test_a_reset_in_the_middle_of_a_frame(board):
    node = Driven(board)

    def rest(ms):
        node.chip.lose_configuration()
        node.bench.pass_us(ms * 1000)

    node.radio._sleep_ms, kept = rest, node.radio._sleep_ms
    begun_us = node.now
    assert refused(node.transmit) == "radio sent nothing"
    assert node.now - begun_us < 300_000
    node.radio._sleep_ms = kept
    assert works(node) and node.calm


@pytest.mark.parametrize(("board", "fault"), [(SX1262, "busy"), (SX1262, "absent"), (SX1276, "absent")])
def test_listening_before_talking_with_a_chip_that_is_gone(board, fault):
    node = Driven(board)
    node.chip.faults.add(fault)
    assert refused(lambda: highest_dbm(node.radio, HZ, 125, 6)) in ("radio busy", "no radio")


@BOTH
@settings(max_examples=60, deadline=None)
@given(
    fault=st.sampled_from(["absent", "busy", "dead busy", "calibration", "dio", "false lock", "lose"]),
    after=st.integers(0, 120),
    miso=st.sampled_from([0, 255]),
    sf=st.sampled_from([7, 12]),
)
def test_whatever_breaks_at_any_transaction(board, fault, after, miso, sf):
    """Only RadioError leaves, in bounded time; and when the fault is over, so is the trouble."""
    node = Driven(board, wake=False)
    count = 0

    def before(_):
        nonlocal count
        count += 1
        if count == after + 1:
            node.chip.open_miso = miso
            if fault == "lose":
                node.chip.lose_configuration()
            else:
                node.chip.faults.add(fault)

    node.spi.before = before
    for step in (
        lambda: node.radio.wake(HZ),
        lambda: highest_dbm(node.radio, HZ, 125, 6),
        lambda: node.transmit(sf=sf),
        lambda: node.receive(sf, late_us=0),
        lambda: node.receive(sf, 500),
        lambda: node.radio.sleep(),
    ):
        begun_us = node.now
        try:
            step()
        except RadioError:
            pass
        assert node.now - begun_us < 1_400_000 + 400 * symbol_us(sf, 125)
    node.chip.faults.clear()
    node.spi.before = lambda _: None
    node.bench.pass_us(1_000_000)
    node.bench.found.clear()  # what a broken chip was asked to do
    node.radio.wake(HZ)
    assert works(node) and node.calm
