"""Crashes of every kind: readings go on, the node says what happened, and leaves safe mode by itself."""

import json
import re
from bisect import bisect
from contextlib import contextmanager

import pytest
from binnode_tools import boards, image
from binnode_tools.codec import decode, decode_diagnostics
from binnode_tools.virtual_board import node_kit
from binnode_tools.virtual_board.network import AccessPoint
from binnode_tools.virtual_board.peers import PUBLISH
from binnode_tools.virtual_board.wake import WATCHDOG

from tests.system.scenario import HOUR_US, scenario
from tests.system.snapshots import next_wake
from tests.system.test_cuts import checkpointed, waiting

BOARD = boards.load("esp32_devkit")
HANG = b"\n\ndef _hang():\n    import time\n    while True:\n        time.sleep_ms(500)\n"
RAISE = b"\n\ndef _hang():\n    raise TypeError('an error that nobody thought of')\n"


def files_with(replaced: dict[str, bytes], **config) -> dict[str, bytes]:
    """The node's files with other sources for some modules, and a manifest that fits."""
    files = node_kit.files_of(BOARD, node_kit.node_config(node_kit.Kit(config=config)))
    for name, source in replaced.items():
        files[name] = image.compile_mpy(source, name.replace(".mpy", ".py"))
    manifest = json.loads(files[image.MANIFEST])
    manifest.update({name: image.digest(files[name]) for name in replaced})
    files[image.MANIFEST] = json.dumps(manifest).encode()
    return files


def firmware(name: str) -> bytes:
    from pathlib import Path

    return (Path(__file__).parents[2] / "firmware" / name).read_bytes()


def broken(name: str, old: bytes, new: bytes, tail: bytes) -> dict[str, bytes]:
    """A module in which `old` became `new`, with `tail` at its end."""
    source = firmware(name)
    assert source.count(old) == 1, old
    return {name.replace(".py", ".mpy"): source.replace(old, new) + tail}


@contextmanager
def crashing(files: dict[str, bytes]):
    """A node with these files; its wakes that measure nothing are no business of the scenario's judge."""
    with scenario(lambda t_s: 300, files=files) as node:
        node.board.on_wake_end = None
        yield node


def assert_no_reading_is_lost(node) -> None:
    """Every wake that ended by itself took a reading (a fault is one): delivered, or waiting still."""
    published = [(at, decode(payload)) for at, topic, payload, _ in node.broker.published if topic.endswith("/up/1")]
    statuses = {bisect([wake.started_us for wake in node.wakes], at) for at, _ in published}  # of one wake they repeat
    delivered = len(statuses) + sum(len(status.history) for _, status in published)
    ended = [wake for wake in node.wakes if wake.how == "deep sleep"]
    waiting = int(re.findall(r"(\d+) waiting", "".join(wake.console for wake in ended))[-1])
    assert delivered + waiting == len(ended)


def diagnostics_of(node) -> list:
    return [decode_diagnostics(payload) for _, topic, payload, _ in node.broker.published if topic.endswith("/up/2")]


def texts_of(node) -> list[dict]:
    return [
        json.loads(payload)
        for _, topic, payload, kept in node.broker.published
        if topic.endswith("/diagnostics") and kept
    ]


def measuring(tail: bytes) -> dict[str, bytes]:
    """Measuring fails, whatever the thermometer is."""
    return broken(
        "binnode/sensing/echo_filter.py", b"def measure(", b"def measure(*_):\n    _hang()\n\n\ndef _measure(", tail
    )


def thermometer(tail: bytes) -> dict[str, bytes]:
    return broken(
        "binnode/sensing/ds18b20.py",
        b"    def start(self):",
        b"    def start(self):\n        _hang()\n\n    def _start(self):",
        tail,
    )


def json_state(tail: bytes) -> dict[str, bytes]:
    return broken(
        "binnode/reporting/state_json.py",
        b"def state_json(",
        b"def state_json(*_):\n    _hang()\n\n\ndef _state_json(",
        tail,
    )


def link(tail: bytes) -> dict[str, bytes]:
    return broken(
        "binnode/wifi/link.py",
        b"    def open(self):",
        b"    def open(self):\n        _hang()\n\n    def _open(self):",
        tail,
    )


def assert_goes_on(node, hours: float) -> None:
    """It sleeps and wakes for ever, hourly, and the watchdog alone ends a wake that hangs."""
    ends = {wake.how for wake in node.wakes}
    assert ends <= {"deep sleep", "watchdog"}
    late = [wake for wake in node.wakes if wake.started_us > (hours - 6) * HOUR_US]
    assert 5 <= len([wake for wake in late if wake.how == "deep sleep"]) <= 8
    assert all("safe mode" in wake.console for wake in late if wake.how == "deep sleep")
    assert AccessPoint().key not in "".join(wake.console for wake in node.wakes)


def test_thermometer_driver_that_crashes_is_a_fault_until_safe_mode_does_without_it():
    with crashing(files_with(thermometer(RAISE))) as node:
        node.run_hours(12)
        assert_goes_on(node, 12)
        reports = node.reports()
        assert reports[0].kind == "fault" and reports[0].sensor_fault and reports[0].fill_permille is None
        last = reports[-1]
        assert last.kind == "ok" and abs(last.fill_permille - 300) <= 30, "the chip's thermometer serves"
        told = [message for message in diagnostics_of(node) if message.crashes]
        assert told[0].crash_step == "measuring" and told[0].crash_line is not None and not told[0].safe_mode
        assert told[-1].safe_mode and told[-1].crashes == 3
        crash = [text["crash"] for text in texts_of(node) if text["crash"]][-1]
        assert crash["file"] == "binnode/sensing/ds18b20.py" and crash["line"] == told[-1].crash_line
        assert crash["what"] == "TypeError: an error that nobody thought of"
        assert_no_reading_is_lost(node)


def test_thermometer_driver_that_hangs_is_found_by_the_watchdog():
    with crashing(files_with(thermometer(HANG))) as node:
        node.run_hours(12)
        assert_goes_on(node, 12)
        bitten = [wake for wake in node.wakes if wake.how == "watchdog"]
        assert len(bitten) == 3 and all(wake.awake_us < 60_000_000 for wake in bitten)
        assert [wake.cause for wake in node.wakes[1:4]] == [WATCHDOG] * 3
        assert node.reports()[-1].kind == "ok"
        first = diagnostics_of(node)[0]
        assert (
            first.safe_mode
            and first.crashes == 3
            and first.reset_cause == "watchdog"
            and first.crash_step == "measuring"
        )
        assert texts_of(node)[0]["crash"]["what"] == "watchdog"


def test_measuring_that_always_hangs_is_left_out_and_reported_as_a_fault():
    with crashing(files_with(measuring(HANG))) as node:
        node.run_hours(22)
        assert_goes_on(node, 22)
        assert len([wake for wake in node.wakes if wake.how == "watchdog"]) == 4, "three, and one more in safe mode"
        assert len(node.reports()) >= 3 and {report.kind for report in node.reports()} == {"fault"}
        assert diagnostics_of(node)[-1].crash_step == "safe_measuring"


def test_json_that_crashes_is_not_needed_in_safe_mode():
    with crashing(files_with(json_state(RAISE))) as node:
        node.run_hours(16)
        assert_goes_on(node, 16)
        assert node.reports() and node.reports()[-1].kind == "ok"
        told = diagnostics_of(node)[-1]
        assert told.safe_mode and told.crash_step == "reporting" and told.crashes == 3


@pytest.mark.parametrize("tail", [RAISE, HANG])
def test_radio_that_crashes_never_stops_the_readings(tail):
    with crashing(files_with(link(tail))) as node:
        node.run_hours(20)
        assert not node.reports()
        asleep = [wake for wake in node.wakes if wake.how == "deep sleep"]
        assert len(asleep) >= 15
        if tail is HANG:
            asleep = node.wakes  # a reading is in RTC memory before the radio is tried
        waiting = int(re.findall(r"(\d+) waiting", node.wakes[-1].console)[-1])
        assert waiting == len(asleep), "each reading waits"
        safe = [wake for wake in node.wakes if "safe mode" in wake.console]
        assert len(safe) >= 12
        if tail is HANG:
            assert len([wake for wake in node.wakes if wake.how == "watchdog"]) <= 3 + 4, (
                "every six hours, not every hour"
            )


def test_safe_mode_ends_with_the_days_normal_wake_that_succeeds():
    """What makes it crash is gone after five hours; the next try is a day after safe mode began."""
    passing = b"\n\ndef _hang():\n    import time\n    if time.time() < 5 * 3600:\n        raise TypeError('early')\n"
    source = broken(
        "binnode/sensing/ds18b20.py", b"    def start(self):", b"    def start(self):\n        _hang()\n", passing
    )
    with crashing(files_with(source)) as node:
        node.run_hours(30)
        safe = [wake for wake in node.wakes if "safe mode" in wake.console]
        assert 20 <= len(safe) <= 27
        began_h, ended_h = safe[0].started_us / HOUR_US, safe[-1].started_us / HOUR_US
        assert began_h < 2 and 22 < ended_h < 27
        after = [wake for wake in node.wakes if wake.started_us > safe[-1].started_us]
        assert len(after) >= 10 and all("sleeps 900 s" in wake.console for wake in after)
        last = diagnostics_of(node)[-1]
        assert not last.safe_mode and last.crashes == 0 and last.crash_step == "measuring"
        assert_no_reading_is_lost(node)


def test_two_crashes_are_not_safe_mode_yet():
    twice = b"\n\ndef _hang():\n    import time\n    if time.time() < 1500:\n        raise TypeError('twice')\n"
    source = broken(
        "binnode/sensing/ds18b20.py", b"    def start(self):", b"    def start(self):\n        _hang()\n", twice
    )
    with crashing(files_with(source)) as node:
        node.run_hours(12)
        assert not [wake for wake in node.wakes if "safe mode" in wake.console]
        assert [report.kind for report in node.reports()][:2] == ["fault", "ok"]
        assert len(diagnostics_of(node)) == 2, "the boot with the first crash, and the second crash"


def test_delivery_of_safe_mode_that_breaks_off_leaves_no_delivered_reading_in_the_checkpoint():
    with scenario() as node:
        node.run_hours(0.6)
        node.board.on_wake_end = None
        from binnode.storage.state import unpack

        state = unpack(node.board.chip.rtc)
        state.safe = state.checkpointed = True
        state.safe_try_at_s, state.retry_at_s = 80000, 0
        for number in range(100):
            state.backlog.add(10 * number, 300)
        waited = len(state.backlog)
        node.board.chip.rtc = bytes(state.pack())
        node.board.chip.nvs.provision("binnode", "checkpoint", bytes(state.pack()))

        class OneMessage(list):
            def append(self, message):
                super().append(message)
                node.broker.mute.add(PUBLISH)

        node.broker.published = OneMessage(node.broker.published)
        next_wake(node)
        assert "safe mode" in node.wakes[-1].console and "failed: " in node.wakes[-1].console
        assert 0 < waiting(node) == checkpointed(node) == waited - len(node.reports()[-1].history)


def test_crash_loop_of_ten_days_spares_nvs():
    with crashing(files_with(measuring(RAISE))) as node:
        before = node.board.chip.nvs.writes
        node.run_hours(10 * 24)
        assert node.board.chip.nvs.writes - before <= 10 * (2 + 2) + 2
        assert node.board.chip.flash.writes == 0
        assert len(diagnostics_of(node)) <= 10 + 6, "the same is not told again and again"


def test_watchdog_runs_in_the_wake_and_never_before_it():
    with scenario(lambda t_s: 300) as node:
        node.run_hours(0.1)
        assert node.board.chip.watchdog_ms == 25000 + 15000
