"""The console of a board whose port is the chip's own USB: it is there only while the chip is awake."""

import os
import pty
import select
import sys
import threading
import time

import pytest
from binnode_tools.board_link import BoardLink
from binnode_tools.serial_ports import NoBoard
from click.testing import CliRunner

from tests.system.test_console import CTRL_C, CTRL_D, PATIENCE_S, PROMPT, STARTS, Terminal, bench


@pytest.fixture(params=["esp32c3", "lilygo_t3s3"])
def board_name(request):
    return request.param


@pytest.fixture
def node(tmp_path):
    with bench(board="esp32c3", link=tmp_path / "tty") as node:
        yield node


def hung_up(node):
    """The open port ends, as a terminal does whose device has gone; what was on its way may be lost. True if it did."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        ready, _, _ = select.select([node.fd], [], [], PATIENCE_S)
        try:
            if ready and not os.read(node.fd, 4096):
                return True
        except OSError:
            return True
    return False


def to_sleep(node):
    """Listened to, then left alone in deep sleep: the port is gone."""
    node.at_prompt()
    os.write(node.fd, b"import machine; machine.deepsleep(600000)\r")
    assert hung_up(node)
    node.when_asleep(len(node.board.wakes))
    node.plug_out()


def test_deep_sleep_takes_the_port_away_and_a_wake_brings_it_back(board_name, tmp_path):
    link = tmp_path / "tty"
    with bench(board=board_name, link=link) as node:
        device = os.readlink(link)
        node.at_prompt()
        os.write(node.fd, b"import machine; machine.deepsleep(600000)\r")
        assert hung_up(node)
        with pytest.raises(OSError, match="Input/output error"):
            os.write(node.fd, b"x")
        assert not link.is_symlink() and not os.path.exists(device)
        node.plug_out()
        node.console.order(node.console.press_reset)
        node.plug_in().expect(STARTS)
        node.console.order(node.console.power_cycle)
        assert hung_up(node)
        node.plug_out()
        node.plug_in().expect(STARTS)
    assert not link.is_symlink()


def test_a_soft_reset_keeps_the_port(node):
    node.at_prompt()
    node.expect("soft reboot\r\n", CTRL_D)
    node.at_prompt()
    assert node.value("import machine; machine.reset_cause()") == "5"


def test_light_sleep_is_deaf(node):
    """A bridge would hand Ctrl-C over at once. Here nobody takes it before the chip is back; then it counts."""
    node.at_prompt()
    node.value("import machine, time")
    os.write(node.fd, b"machine.lightsleep(300); time.sleep(600)\r")
    node.when_it_sleeps_lightly()
    os.write(node.fd, CTRL_C.encode())
    assert "KeyboardInterrupt" in node.expect(PROMPT)
    os.write(node.fd, b"machine.lightsleep(60000)\r")
    node.when_it_sleeps_lightly()
    os.write(node.fd, CTRL_C.encode())
    for _ in range(3):  # turns of the loop, in which it looks at its port
        turned = threading.Event()
        node.console.order(turned.set)
        assert turned.wait(PATIENCE_S)
    assert node.console.pace.busy


def test_a_wake_by_the_timer_shows_its_port_too(node):
    to_sleep(node)
    node.console.order(node.console.end_sleep)
    assert "binnode: wake 1, " in node.plug_in().expect(" %")


def test_mpremote_with_and_without_resume(board_name, tmp_path):
    (tmp_path / "there").write_bytes(bytes(range(256)) * 4)
    with bench(board=board_name, link=tmp_path / "tty") as node:
        node.at_prompt()
        assert node.mpremote("exec", "print(1)") == "1\r\n"
        assert node.mpremote("resume", "eval", "6 * 7") == "42\r\n"
        node.mpremote("resume", "fs", "cp", tmp_path / "there", ":kept.bin", "+", "reset")
        assert hung_up(node)
        node.plug_out()
        node.plug_in().at_prompt()
        assert "1024 kept.bin" in node.mpremote("resume", "fs", "ls")
        assert node.mpremote("resume", "exec", "import machine; print(machine.reset_cause())") == "2\r\n"


@pytest.mark.parametrize("press", ["press_reset", "power_cycle", "press_button"])
def test_the_tools_catch_a_sleeper_in_its_listening_seconds(node, press):
    """Deaf and gone until somebody presses: they say what, and then are in within three seconds."""
    to_sleep_armed(node)
    notices = []

    def told(text):
        notices.append(text)
        threading.Timer(0.5, node.console.order, [getattr(node.console, press)]).start()

    with BoardLink(node.console.path, PATIENCE_S, told) as link:
        assert link.identity.platform in ("linux", "darwin")
        assert link.reset(), "and they can tell that it starts anew, although the port goes away with it"
    (notice,) = notices
    assert "press its button or reset (EN)" in notice


def to_sleep_armed(node):
    """Through a whole wake, so that the node has armed its button."""
    node.expect(STARTS)
    assert hung_up(node)
    node.when_asleep(1)
    node.plug_out()


def test_the_tools_say_what_to_press_when_nobody_does(node):
    to_sleep(node)
    with pytest.raises(NoBoard, match=r"there is no port .*tty\. .*press its button or reset \(EN\)"):
        BoardLink(node.console.path, 0.5).__enter__()


def test_commands_in_a_row_on_a_port_that_goes_away_after_each(node):
    from binnode_tools.cli.main import cli

    node.at_prompt()
    for arguments in (["config", "set", "measure_s=600"], ["config", "get", "measure_s"], ["measure"]):
        done = CliRunner().invoke(cli, [*arguments, "--port", node.console.path])
        assert done.exit_code == 0, done.output
        assert "press its reset" not in done.output
        assert hung_up(node)
        node.plug_out()
        node.plug_in()
    assert "40" in done.output


def test_the_command_tells_of_the_port(tmp_path):
    link = tmp_path / "tty"
    pid, fd = pty.fork()
    if pid == 0:
        arguments = ["-m", "binnode_tools.cli.sim_console", "--link", str(link), "--board", "esp32c3"]
        os.execv(sys.executable, [sys.executable, *arguments])
    screen = Terminal(fd)
    try:
        assert "only while it is awake" in screen.expect("The port is there.")
        node = Terminal(os.open(link, os.O_RDWR | os.O_NOCTTY))
        node.expect(STARTS)
        screen.expect("The port is gone.")
        assert not link.is_symlink()
        screen.expect("The port is there.", "b")
        os.close(node.fd)
        assert link.is_symlink()
        os.write(fd, b"q")
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        assert not link.is_symlink()
    finally:
        os.close(fd)
