"""The button: it ends deep sleep, the node listens, measures and sleeps on. A timed wake never listens."""

import json
import os
import time
from itertools import pairwise

import pytest
from binnode_tools import boards, paths
from binnode_tools.chips import CHIPS
from binnode_tools.virtual_board import console, node_kit
from binnode_tools.virtual_board.scene import Scene
from binnode_tools.virtual_board.wake import DEEP_SLEEP
from binnode_tools.virtual_board.world import World

from tests.system.scenario import HOUR_US, scenario, wake_budget_us
from tests.system.test_console import ASLEEP, CTRL_C, PATIENCE_S, PROMPT, STARTS, Bench

LISTEN_US = 3_000_000
TIMER, EXT0, GPIO = 4, 2, 7
FILES = ("esp32_devkit", "esp32c3", "heltec_v3", "lilygo_t3s3", "lilygo_lora32_v21")
LISTENS = "binnode: starts in 3 s"


def ends_of_sleep(node):
    """From each wake's sleep to the next wake, in seconds."""
    wakes = node.wakes
    return [(after.started_us - wake.started_us - wake.awake_us) / 1e6 for wake, after in pairwise(wakes)]


def test_these_are_all_the_boards():
    assert sorted(FILES) == boards.names()


@pytest.mark.parametrize("name", FILES)
def test_pressed_in_its_sleep_the_node_listens_measures_and_sleeps_on(name):
    with scenario(lambda t_s: 300 if t_s < 4000 else 500, board=name) as node:
        node.run_hours(1.05)
        pressed = len(node.wakes)
        at_us = round(1.2 * HOUR_US)
        node.board.press_button(at_us)
        node.run_hours(2)
        woken = next(wake for wake in node.wakes if wake.started_us == at_us)
        assert woken.cause == DEEP_SLEEP and woken.how == "deep sleep" and woken.index >= pressed
        assert LISTENS in woken.console and "50." in woken.console and ": sent" in woken.console
        assert LISTEN_US < woken.awake_us <= wake_budget_us()
        others = [wake for wake in node.wakes[1:] if wake is not woken]
        assert not [wake.console for wake in others if LISTENS in wake.console]
        assert f"wake {woken.index + 1}," in woken.console, "the state went on"
        sleeps = ends_of_sleep(node)
        assert sleeps[woken.index - 1] < 850 and all(
            850 < slept < 950 for slept in sleeps[: woken.index - 1] + sleeps[woken.index :]
        )


def test_the_source_is_one_that_the_chip_has_and_is_armed_anew_before_each_sleep():
    for name, source in (("esp32_devkit", EXT0), ("heltec_v3", EXT0), ("esp32c3", GPIO)):
        with scenario(board=name) as node:
            node.run_hours(0.6)
            button = boards.load(name).pins.button
            assert node.board.chip.wake_pins == {source: (bytes([button]), 0)}
            assert node.board.chip.wake_reason == TIMER
            node.board.press_button(round(0.61 * HOUR_US))
            node.run_hours(0.62)
            assert node.board.chip.wake_reason == source
            assert node.board.chip.wake_pins == {source: (bytes([button]), 0)}


def test_ages_stay_right_over_many_presses():
    """The judge holds each age against the truth: the clock counts what a cut sleep lasted, not what was asked for."""
    with scenario(config={"heartbeat_s": 3600, "hysteresis_permille": 500}) as node:
        for count in range(40):
            node.board.press_button(round((0.3 + 0.11 * count) * HOUR_US))
        node.run_hours(6)
        woken = [wake for wake in node.wakes if wake.index and LISTENS in wake.console]
        assert len(woken) >= 38 and len(node.wakes) > 45
        assert sum(len(report.history) for report in node.reports()) > 30
        assert node.judge.delivered + len(node.judge.waiting) == len(node.wakes)


def test_pressed_while_awake_nothing_happens():
    with scenario() as node, scenario() as other:
        node.run_hours(0.1)
        awake_at = node.board.wake_at + 500_000
        node.board.press_button(awake_at)
        node.run_hours(1)
        other.run_hours(1)
        assert node.world.trace.sha256 == other.world.trace.sha256


def test_a_button_that_is_stuck_does_not_keep_waking_the_node():
    """Frozen, or its cable squeezed: it is left out until it is free again."""
    with scenario() as node:
        node.run_hours(0.3)
        node.board.hold_button()
        node.run_hours(2)
        woken = [wake for wake in node.wakes if wake.index and LISTENS in wake.console]
        assert len(woken) == 1 and 8 <= len(node.wakes) <= 11
        assert not node.board.chip.wake_pins
        node.board.hold_button(False)
        node.run_hours(2.5)
        node.board.press_button(round(2.6 * HOUR_US))
        node.run_hours(2.62)
        assert LISTENS in node.wakes[-1].console


def test_a_pin_that_cannot_wake_the_chip_is_not_armed(tmp_path):
    """GPIO9, the BOOT button of an ESP32-C3: deepsleep() would raise (misuse gpio_pin)."""
    text = (paths.BOARDS / "esp32c3.toml").read_text().replace("button = 4 ", "button = 9 ")
    path = tmp_path / "esp32c3.toml"
    path.write_text(text)
    board = boards.load(path)
    assert board.pins.button == 9 and 9 not in CHIPS["esp32c3"].wake
    assert "button" not in boards.firmware_json(board)
    with scenario(board=path) as node:
        node.run_hours(0.6)
        assert not node.board.chip.wake_pins and len(node.wakes) == 3


def test_a_board_file_that_names_an_impossible_pin_costs_the_button_and_no_more():
    board = boards.load("esp32_devkit")
    files = node_kit.files_of(board, node_kit.node_config(node_kit.Kit()))
    files["board.json"] = json.dumps({**boards.firmware_json(board), "button": 23}).encode()
    files["manifest.json"] = json.dumps(
        {**json.loads(files["manifest.json"]), "board.json": _digest(files["board.json"])}
    ).encode()
    with scenario(files=files) as node:
        node.run_hours(0.6)
        assert [wake.how for wake in node.wakes] == ["deep sleep"] * 3
        assert "no button: invalid pin" in node.wakes[1].console


def _digest(content):
    from binnode_tools.image import digest

    return digest(content)


# in real time --------------------------------------------------------------------------------------------------------


@pytest.fixture
def bench():
    kit = node_kit.Kit(config={"transport": "none"})
    scene = Scene(lambda t_s: 400, kit.geometry, kit.unkind, kit.seed)
    with World() as world:
        board = node_kit.add_node(world, kit, scene, node_kit.network_of(kit))
        with console.Console(world, board, 4.0).start() as running:
            made = Bench(running, board)
            made.expect(ASLEEP)
            made.when_asleep(1)
            try:
                yield made
            finally:
                os.close(made.fd)


def test_the_tools_get_in_after_the_button(bench):
    bench.console.order(bench.console.press_button)
    assert bench.expect(STARTS).startswith("rst:0x5")
    assert "KeyboardInterrupt" in bench.expect(PROMPT, CTRL_C)
    assert bench.value("machine.reset_cause(), machine.wake_reason()") == "(4, 2)"


def test_noise_on_the_line_changes_nothing_in_a_timed_wake(bench):
    """A floating line says anything: Ctrl-C, Ctrl-D, a raw REPL, text."""
    bench.console.order(bench.console.end_sleep)
    bench.expect("rst:0x5")
    noise = bytes(range(256)) * 2 + b"\x03\x03\x01\x04print(1)\r\x03"
    end = time.monotonic() + PATIENCE_S
    while bench.board.wakes[-1].acts < 12 or len(bench.board.wakes) < 2:
        assert time.monotonic() < end
        time.sleep(0.0005)
    assert bench.board.vm
    os.write(bench.fd, noise)
    bench.expect("sleeps 900 s\r\n")
    bench.when_asleep(2)
    wake = bench.board.wakes[-1]
    assert wake.how == "deep sleep" and wake.awake_us < 2_000_000
    assert wake.console.count("\n") == 1 and "KeyboardInterrupt" not in wake.console
    assert len(bench.board.wakes) == 2
