"""`binnode doctor` on the virtual board: a node that is well, and each thing that can be wrong with it."""

import json
import os

import pytest
from binnode_tools.board_link import last_answer
from binnode_tools.cli.main import cli
from binnode_tools.virtual_board import acts, node_kit
from binnode_tools.virtual_board.handlers import ChipError
from binnode_tools.virtual_board.power import Battery
from binnode_tools.virtual_board.storage import Nvs
from click.testing import CliRunner

from tests.system.test_console import ASLEEP, CTRL_C, PROMPT, STARTS
from tests.system.test_console import quick_bench as bench

RADIOS = ("heltec_v3", "lilygo_lora32_v21")
KEY = "0123456789abcdef" * 2
EXPECTED = {"reports_nowhere", "not_calibrated"}  # of the bench's config


@pytest.fixture(autouse=True)
def narrow(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")


def run(node, *args, code=0):
    """The command at the node's port; the test's own terminal is closed meanwhile."""
    node.plug_out()
    done = CliRunner().invoke(cli, [*args, "--port", node.console.path])
    assert done.exit_code == code, (done.output, done.exception)
    assert "Traceback" not in done.output
    node.plug_in()
    return done


def doctor(node, code=0):
    """(codes of the findings but the bench's own, the whole result)."""
    told = json.loads(run(node, "doctor", "--json", code=code).stdout)
    return {finding["code"] for finding in told["findings"]} - EXPECTED, told


def slept(node):
    """After its first wake, and a reset that the tools can use."""
    node.expect(ASLEEP)
    node.when_asleep(1)
    node.console.order(node.console.press_reset)
    return node


@pytest.mark.parametrize("board", ["esp32_devkit", *RADIOS])
def test_a_node_that_is_well(board):
    with bench(board=board) as node:
        found, told = doctor(slept(node))
        assert found == set()
        facts = told["node"]
        assert facts["state"]["wakes"] == 1 and facts["state"]["waiting"] == 1 and facts["no_state"] is None
        assert facts["radio"] is (True if board in RADIOS else None)
        assert facts["damaged"] == [] and facts["nvs"] is True and facts["failed"] == {}
        assert facts["info"]["board"] == board and told["reading"]["kind"] == "ok"
        assert "wake 2, " in node.expect(ASLEEP), "it goes on with its work"
        assert not [finding for wake in node.board.wakes for finding in wake.findings]


@pytest.mark.parametrize("board", RADIOS)
def test_the_radio_sleeps_again_and_no_test_is_left_behind(board):
    with bench(board=board) as node:
        chip = slept(node).board.chip
        node.expect(STARTS)
        node.expect(PROMPT, CTRL_C)
        nvs = dict(chip.nvs.live)
        node.value("from binnode import service; service.doctor()")
        assert chip.radio.mode == "sleep" and chip.pins[chip.board.radio.cs].held
        assert chip.nvs.live == nvs


def test_with_mpremote_alone():
    with bench() as node:
        slept(node)
        answer = last_answer(node.mpremote("resume", "exec", "from binnode import service; service.doctor()"))
        assert answer["board"] == "esp32_devkit" and answer["damaged"] == [] and answer["state"]["wakes"] == 1


def test_no_secret_comes_out():
    with bench(board="heltec_v3", transport="lorawan") as node:
        node.at_prompt()
        for name in ("lora_app_key", "lora_nwk_s_key", "lora_app_s_key"):
            node.value(f"from binnode import service; service.keep_secret('{name}', '{KEY}')")
        found, told = doctor(node)
        assert KEY not in json.dumps(told).lower() and told["secrets"]["lora_app_key"]
        assert found == {"no_memory", "not_joined"}


def dead_module(node):
    node.board.chip.module.fault = "dead"


def absent_radio(node):
    node.board.chip.radio.faults.add("absent")


def busy_radio(node):
    node.board.chip.radio.faults.add("dead busy")


def no_calibration(node):
    node.board.chip.radio.faults.add("calibration")


def flat_battery(node):
    node.board.chip.battery = Battery(node.board.chip.board.battery.capacity_mah, 0)


def dead_thermometer(node):
    node.board.chip.thermometer.fault = "dead"


@pytest.mark.parametrize(
    ("board", "fault", "code"),
    [
        ("esp32_devkit", dead_module, "module_silent"),
        ("esp32_devkit", dead_thermometer, "thermometer_silent"),
        ("heltec_v3", absent_radio, "radio"),
        ("heltec_v3", busy_radio, "radio"),
        ("heltec_v3", no_calibration, "radio"),
        ("lilygo_lora32_v21", absent_radio, "radio"),
        ("lilygo_lora32_v21", no_calibration, "radio"),
    ],
)
def test_a_part_that_is_broken(board, fault, code):
    with bench(board=board) as node:
        slept(node).console.order(lambda: fault(node))
        assert doctor(node, code=1)[0] == {code}


def test_a_cell_that_is_nearly_empty():
    with bench() as node:
        slept(node).console.order(lambda: flat_battery(node))
        assert doctor(node)[0] == {"battery_low"}


def test_an_nvs_that_takes_nothing(monkeypatch):
    with bench() as node:
        slept(node)
        monkeypatch.setattr(Nvs, "set", refuse)
        found, told = doctor(node, code=1)
        assert found == {"nvs"} and "ESP_ERR_NVS_NOT_ENOUGH_SPACE" in told["node"]["failed"]["nvs"]


def refuse(*_):
    raise ChipError(acts.OS_ERROR, -4357, "ESP_ERR_NVS_NOT_ENOUGH_SPACE")


@pytest.mark.parametrize(
    ("code", "finding", "exit_code"),
    [
        ("f = open('binnode/safe.mpy', 'ab'); f.write('x'); f.close()", {"damaged"}, 1),
        ("import os; os.remove('verify.py')", {"damaged"}, 1),
        ("f = open('config.json', 'w'); f.write('{\"full_mm\": 5}'); f.close()", {"config", "not_set"}, 1),
        ("import machine; machine.RTC().memory(b'bN' + bytes(90))", {"memory_lost"}, 0),
        ("import machine; machine.RTC().memory(b'')", {"no_memory"}, 0),
    ],
)
def test_what_is_stored_is_broken(code, finding, exit_code):
    with bench() as node:
        slept(node).at_prompt()
        node.value(code)
        assert doctor(node, exit_code)[0] == finding


@pytest.mark.parametrize("role", ["trigger", "onewire"])
def test_a_pin_that_the_chip_does_not_have(role):
    """As of a board file that is not this board's: the node can't take a reading, and doctor says all the rest."""
    with bench() as node:
        slept(node).at_prompt()
        node.value("import json; f = open('board.json'); pins = json.load(f); f.close()")
        node.value(f"pins['{role}'] = 24; f = open('board.json', 'w'); json.dump(pins, f); f.close()")
        found, told = doctor(node, code=1)
        assert {"damaged", "module_silent"} <= found and told["reading"]["kind"] == "fault"
        (text,) = [finding["text"] for finding in told["findings"] if finding["code"] == "module_silent"]
        assert "ValueError: invalid pin" in text


CRASHED = """\
from binnode import crash, board, service; from binnode.storage import state as m; b = board.Board(True); \
s = m.unpack(b.recall()); s.step = 2; """
NOTE = "crash.note(b, s, 'binnode/shape.py', 41, 'ValueError: no such bin', 0); "
NOTED = CRASHED + NOTE + "s.step = 0; "


@pytest.mark.parametrize(
    ("code", "finding", "exit_code"),
    [
        (NOTED, {"crashing"}, 0),
        (NOTED + "s.crashes = 0; ", {"crashed_once"}, 0),
        (
            CRASHED + NOTE * 3 + "s.step = 0; s.recoveries = 1 << 13 | 1 << 4; ",
            {"safe_mode", "crashing", "brown_out", "recovered"},
            1,
        ),
        (CRASHED + "s.failures = 3; s.retry_at_s = b.time.time() + 3000; s.step = 0; ", {"failing"}, 0),
    ],
)
def test_what_it_remembers(code, finding, exit_code):
    with bench() as node:
        slept(node).at_prompt()
        node.value(code + "b.remember(s.pack())")
        found, told = doctor(node, exit_code)
        assert found == finding
        if "crash.note" in code:
            assert told["node"]["crash"] == {
                "step": 2, "file": "binnode/shape.py", "line": 41, "what": "ValueError: no such bin"
            }  # fmt: skip
        if "failing" in finding:
            assert "the next in 49 min" in str(told["findings"]) or "the next in 50 min" in str(told["findings"])


def test_a_joined_node_shows_its_session():
    from binnode_tools.lora_network import setup
    from binnode_tools.virtual_board import lora_kit

    network = setup.make("EU868")
    arrived = []
    network.server.on_uplink = lambda *_: arrived.append(1)
    kit = node_kit.Kit(region="EU868")
    config = {**lora_kit.config_of(node_kit.device_of(kit), "EU868", 0), "transport": "lorawan"}
    with bench(board="heltec_v3", **config) as node:
        lora_kit.attach(node.board.chip, network, node_kit.device_of(kit))
        node.runs_until(arrived, 20)
        node.when_asleep(2)
        node.console.order(lambda: setattr(node.console, "speed", 1.0))
        node.console.order(node.console.press_reset)
        found, told = doctor(node)
        assert found == set() and told["node"]["session"]["joined"] == 1
        assert told["node"]["session"]["fcnt_up"] >= 1
        node.console.order(node.console.press_reset)
        assert f"joined as {told['node']['session']['dev_addr']:08X}, data rate" in run(node, "doctor").stdout


def test_the_page_fits_80_columns():
    with bench(board="heltec_v3", name="Bin 7") as node:
        slept(node).console.order(lambda: (dead_module(node), absent_radio(node)))
        done = run(node, "doctor", code=1)
        assert all(len(line.rstrip()) <= 80 for line in done.stdout.splitlines())
        text = " ".join(done.stdout.split())
        assert "Bin 7 heltec_v3, " in text and "error The distance module (hcsr04p) does not answer." in text
        assert "\x1b" not in done.stdout and os.environ["COLUMNS"] == "80"
