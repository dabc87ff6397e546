"""`binnode sleep`, `wake` and `monitor` on the virtual board, at a UART's port and at native USB's."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from binnode_tools.board_link import BoardLink
from binnode_tools.cli import monitor
from binnode_tools.cli.main import cli
from binnode_tools.lora_network import setup
from binnode_tools.node_service import NodeService
from binnode_tools.virtual_board import lora_kit, node_kit
from binnode_tools.virtual_board.peers import ScriptedBroker
from click.testing import CliRunner

from tests.system.test_console import ASLEEP, CTRL_C, PATIENCE_S, PROMPT, STARTS
from tests.system.test_console import quick_bench as bench

BINNODE = Path(sys.executable).with_name("binnode")
PORTS = ("esp32_devkit", "esp32c3")  # a UART's bridge, the chip's own USB


def run(node, *args, code=0):
    node.plug_out()
    done = CliRunner().invoke(cli, [*args, "--port", node.console.path])
    assert done.exit_code == code, (done.output, done.exception)
    return done


def with_broker(node, refuses=False):
    """A broker at the place that the node's config names."""
    network = node.board.chip.station.network
    broker = ScriptedBroker(network.latency_us)
    if not refuses:
        network.add(node_kit.BROKER_HOST, node_kit.BROKER_PORT, broker.connect)
    return broker


def ended(node, count):
    """That many wakes are over."""
    end = time.monotonic() + PATIENCE_S
    while len(node.board.wakes) < count or not node.board.wakes[count - 1].how:
        assert time.monotonic() < end
        time.sleep(0.005)


def reports(broker):
    return [payload for _, topic, payload, _ in broker.published if topic.endswith("/up/1")]


def test_a_visitor_has_ten_minutes_from_each_call_and_half_an_hour_for_an_answer():
    """The cable that is pulled leaves no node awake for ever."""
    with bench() as node:
        chip = node.board.chip
        node.at_prompt()
        assert chip.watchdog_ms == 600_000
        node.plug_out()
        with BoardLink(node.console.path) as link:
            service = NodeService(link)
            service.hold()
            assert chip.watchdog_ms == 1_800_000
            service.show()
            assert chip.watchdog_ms == 600_000
        node.console.order(lambda: node.console.clock.set(chip.watchdog_at - 1_000_000, 4.0))
        assert "rst:0x8" in node.plug_in().expect(STARTS)


@pytest.mark.parametrize("board", ["esp32_devkit", "heltec_v3", "esp32c3"])
def test_stored_and_woken_by_its_button_it_reports(board, tmp_path):
    with bench(board=board, link=tmp_path / "tty", transport="wifi") as node:
        broker, chip = with_broker(node), node.board.chip
        told = json.loads(run(node, "sleep", "--json").stdout)
        assert told == {"asleep": True, "hours": 0, "button": True, "radio": None}
        node.when_asleep(1)
        (wake,) = node.board.wakes
        assert wake.how == "deep sleep" and node.board.wake_at is None and not wake.findings
        assert chip.wake_pins and (chip.radio is None or chip.radio.mode == "sleep")
        assert not chip.module.powered_at
        assert not reports(broker)
        node.console.order(node.console.press_button)
        ended(node, 2)
        assert "first: sent" in node.board.wakes[-1].console and len(reports(broker)) == 1


def test_what_it_remembers_sleeps_with_it():
    """In the middle of a wake, by Ctrl-C; the watchdog that this has left does not end the sleep."""
    from binnode.storage.state import unpack

    with bench() as node:
        node.expect(ASLEEP)
        node.when_asleep(1)
        node.console.order(node.console.press_reset)
        node.expect(STARTS)
        end = time.monotonic() + PATIENCE_S
        while node.board.chip.watchdog_ms != 40_000:  # the wake is under way
            assert time.monotonic() < end
            time.sleep(0.001)
        node.expect(PROMPT, CTRL_C)
        assert node.board.chip.watchdog_ms == 600_000
        assert "until its button or reset (EN)" in run(node, "sleep").stdout
        node.when_asleep(2)
        state = unpack(node.board.chip.rtc)
        assert state.step == 0 and state.first and len(state.backlog) >= 1
        assert node.board.chip.watchdog_at is None
        node.console.order(node.console.press_reset)
        node.plug_in().expect(STARTS)
        assert "wake 3, " in node.expect(ASLEEP)
        assert unpack(node.board.chip.rtc).crashes == 0


def test_a_sleep_of_hours_ends_by_itself():
    with bench() as node:
        assert "for 5 h, or until" in run(node, "sleep", "--hours", "5").stdout
        node.when_asleep(1)
        assert abs(node.board.wake_at - node.board.chip.now - 5 * 3600e6) < 0.06 * 5 * 3600e6


def test_a_sleep_that_is_refused_leaves_the_node_at_work():
    with bench() as node:
        node.at_prompt()
        assert "hours: must be 0..576" in node.value("from binnode import service; service.sleep(600)")
        assert node.value("1 + 1").strip() == "2"


@pytest.mark.parametrize("board", PORTS)
def test_wake_has_a_report_arrive_and_says_so(board, tmp_path):
    with bench(board=board, link=tmp_path / "tty", transport="wifi") as node:
        broker = with_broker(node)
        done = run(node, "wake")
        assert done.stdout.startswith("Delivered: ") and len(reports(broker)) == 1
        ended(node, 2)
        node.console.order(node.console.press_button)
        told = json.loads(run(node, "wake", "--json").stdout)
        assert told["well"] and told["wake"]["reason"] == "first" and len(reports(broker)) == 2


def test_wake_over_lorawan_joins_and_delivers():
    network = setup.make("EU868")
    arrived = []
    network.server.on_uplink = lambda *_: arrived.append(1)
    kit = node_kit.Kit(region="EU868")
    config = {**lora_kit.config_of(node_kit.device_of(kit), "EU868", 0), "transport": "lorawan"}
    with bench(board="heltec_v3", **config) as node:
        lora_kit.attach(node.board.chip, network, node_kit.device_of(kit))
        node.console.order(lambda: setattr(node.board, "on_wake_end", lambda wake: setattr(node.console, "speed", 8)))
        assert run(node, "wake").stdout.startswith("Delivered: ") and arrived


def test_wake_does_not_wait_for_the_end_of_a_pause():
    from binnode.storage.state import unpack

    with bench(transport="wifi") as node:
        broker = with_broker(node, refuses=True)
        done = run(node, "wake", code=1)
        assert "the report failed: " in done.stderr
        assert unpack(node.board.chip.rtc).failures == 1
        network = node.board.chip.station.network
        network.add(node_kit.BROKER_HOST, node_kit.BROKER_PORT, broker.connect)
        node.console.order(node.console.press_reset)
        assert "Readings that wait" not in run(node, "wake").stdout
        assert len(reports(broker)) == 1


def test_wake_ends_safe_mode_when_the_node_is_well():
    from binnode.storage.state import unpack

    with bench(transport="wifi") as node:
        broker = with_broker(node)
        node.at_prompt()
        node.value(
            "from binnode import board; from binnode.storage import state as m; b = board.Board(True); s = m.State(); "
            "s.safe = True; s.crashes = 3; s.safe_try_at_s = b.time.time() + 9000; "
            "s.retry_at_s = b.time.time() + 9000; b.remember(s.pack())"
        )
        node.console.order(node.console.press_reset)
        run(node, "wake")
        assert len(reports(broker)) == 1
        ended(node, len(node.board.wakes))
        assert not unpack(node.board.chip.rtc).safe


def test_wake_without_a_transport_measures():
    with bench() as node:
        assert "transport is none" in run(node, "wake").stdout


def test_wake_with_a_dead_module_delivers_the_fault():
    with bench() as node:
        node.console.order(lambda: setattr(node.board.chip.module, "fault", "dead"))
        done = run(node, "wake", code=1)
        assert "fault" in done.stderr and "binnode doctor looks at the module" in done.stderr


@pytest.mark.parametrize("board", PORTS)
def test_monitor_goes_on_through_sleeps_and_resets(board, tmp_path, capsys):
    with bench(board=board, link=tmp_path / "tty") as node:
        node.plug_out()
        wakes = []
        for line in monitor.watched(node.console.path, time.monotonic() + 3 * PATIENCE_S):
            if line.event != "wake":
                continue
            wakes.append(line.wake.number)
            if len(wakes) == 3:
                break
            ended(node, len(wakes))
            node.console.order(node.console.end_sleep if len(wakes) == 1 else node.console.press_reset)
        assert wakes == [1, 2, 3]
        assert all("KeyboardInterrupt" not in wake.console for wake in node.board.wakes), "it said nothing to the node"
    said = capsys.readouterr().err
    assert (" has gone" in said and " is back" in said) is (board == "esp32c3")


def test_monitor_as_a_command_with_ctrl_c(tmp_path):
    with bench(link=tmp_path / "tty") as node:
        node.plug_out()
        command = [BINNODE, "monitor", "--json", "--port", node.console.path]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for text in process.stdout:
            told = json.loads(text)
            if told["event"] == "wake":
                break
        assert told["number"] == 1 and told["kind"] == "ok" and told["result"] == "nothing to report"
        assert told["time"][10] == "T"
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 0 and "listening to" in said and "Traceback" not in said


def test_monitor_raw_hands_on_every_byte(tmp_path):
    with bench(link=tmp_path / "tty") as node:
        node.plug_out()
        heard = b""
        for data in monitor.watched(node.console.path, time.monotonic() + PATIENCE_S, raw=True):
            heard += data
            if b"sleeps 900 s\r\n" in heard:
                break
        assert b"Ctrl-C stops it\r\nbinnode: wake 1, " in heard


def test_monitor_says_when_the_port_cannot_be_had(tmp_path):
    from tests.unit.fake_board import lock

    done = CliRunner().invoke(cli, ["monitor", "--port", str(tmp_path / "tty"), "--seconds", "0.1"])
    assert done.exit_code == 3 and done.stderr.count("there is no port") == 2
    with bench(link=tmp_path / "tty") as node:
        node.plug_out()
        held = lock(node.console.path)
        done = CliRunner().invoke(cli, ["monitor", "--port", node.console.path])
        held.close()
        assert done.exit_code == 3 and "is busy" in done.stderr


def test_an_application_that_knows_no_sleep(tmp_path):
    with bench() as node:
        node.at_prompt()
        node.value("from binnode import service; del service.sleep")
        done = run(node, "sleep", code=6)
        assert "has no application, or not that of these tools (AttributeError" in done.stderr
        node.plug_in().expect(STARTS)
