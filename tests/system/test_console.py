"""The serial console of the virtual board: the real mpremote and a terminal on it, in real time."""

import os
import pty
import select
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest
from binnode_tools.virtual_board import console, console_streams, node_kit, serial_port
from binnode_tools.virtual_board.scene import Geometry, Scene
from binnode_tools.virtual_board.vm_process import Vm
from binnode_tools.virtual_board.world import World
from littlefs import LittleFS

PATIENCE_S = 20  # for a busy computer: nothing waits that long unless it fails
STARTS, PROMPT, ASLEEP = "Ctrl-C stops it\r\n", "\r\n>>> ", "sleeps 900 s\r\n"
CTRL_C, CTRL_D = "\x03", "\x04"


class Terminal:
    """Types into a port, and reads it up to an expected text."""

    def __init__(self, fd):
        self.fd, self.seen = fd, ""

    def expect(self, text, typed=""):
        """Type, and read until `text` has come: all of it up to there."""
        os.write(self.fd, typed.encode("latin-1"))
        end = time.monotonic() + PATIENCE_S
        while text not in self.seen:
            ready, _, _ = select.select([self.fd], [], [], max(0, end - time.monotonic()))
            assert ready, f"{text!r} did not come after {self.seen!r}"
            self.seen += os.read(self.fd, 4096).decode("latin-1")
        before, found, self.seen = self.seen.partition(text)
        return before + found


class Bench(Terminal):
    """A node on its console; its terminal is a tool among others."""

    def __init__(self, running, board):
        super().__init__(-1)
        self.console, self.board = running, board
        self.plug_in()

    def plug_in(self):
        """Open the port, which native USB has only while the chip is awake."""
        end = time.monotonic() + PATIENCE_S
        while self.fd < 0:
            try:
                self.fd, self.seen = os.open(self.console.path, os.O_RDWR | os.O_NOCTTY), ""
            except FileNotFoundError:
                assert time.monotonic() < end, "the port did not come"
                time.sleep(0.005)
        return self

    def plug_out(self):
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def at_prompt(self):
        """Powered on, and stopped while it listens."""
        self.expect(STARTS)
        self.expect(PROMPT, CTRL_C)
        return self

    def value(self, expression):
        answer = self.expect(PROMPT, expression + "\r")
        return answer.removeprefix(expression + "\r\n").removesuffix(PROMPT)

    def when_asleep(self, wakes):
        """Deep sleep begins a moment after the wake's last line."""
        end = time.monotonic() + PATIENCE_S
        while self.board.vm or len(self.board.wakes) < wakes:
            assert time.monotonic() < end
            time.sleep(0.005)

    def when_it_sleeps_lightly(self):
        """The line is echoed before it runs, and until it runs Ctrl-C is only a character: as on a chip."""
        end = time.monotonic() + PATIENCE_S
        while not self.console.pace.busy:
            assert time.monotonic() < end, "the act did not begin"
            time.sleep(0.001)

    def runs_until(self, arrived, speed):
        """From a reset on, `speed` times as fast and with no time asleep, until something is in the list."""

        def restart():
            self.console.speed = speed
            self.console.press_reset()

        self.console.order(restart)
        end = time.monotonic() + PATIENCE_S
        while not arrived:
            assert time.monotonic() < end, self.board.wakes
            self.console.order(self.console.end_sleep)
            time.sleep(0.02)

    def mpremote(self, *arguments):
        command = [sys.executable, "-m", "mpremote", "connect", self.console.path, *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, timeout=PATIENCE_S * 2)
        assert done.returncode == 0, done
        return done.stdout.decode()

    def file(self, name):
        """A file, read off the flash image by another implementation of littlefs."""
        image = self.board.chip.flash.read()
        files = LittleFS(block_size=4096, block_count=len(image) // 4096, mount=False, name_max=255)
        files.context.buffer = bytearray(image)
        files.mount()
        with files.open(name, "rb") as file:
            return file.read()


@contextmanager
def bench(level=400, speed=1.0, link=None, board="esp32_devkit", geometry=None, **config):
    kit = node_kit.Kit(board=board, geometry=geometry or Geometry(), config={"transport": "none", **config})
    scene = Scene(lambda t_s: level, kit.geometry, kit.unkind, kit.seed)
    with World() as world:
        node = node_kit.add_node(world, kit, scene, node_kit.network_of(kit))
        with console.Console(world, node, speed, link=link).start() as running:
            made = Bench(running, node)
            try:
                yield made
            finally:
                made.plug_out()


def quick_bench(**settings):
    """Four times as fast, for what lasts and is not about time."""
    return bench(speed=4.0, **settings)


def test_mpremote_runs_code_and_moves_files_that_survive_a_reset(tmp_path):
    content = bytes(range(256)) * 9
    (tmp_path / "there").write_bytes(content)
    (tmp_path / "script.py").write_text("import machine\nfor n in range(3):\n    print('line', n, machine.freq())\n")
    with bench(link=tmp_path / "tty") as node:
        assert node.mpremote("exec", "print(1)") == "1\r\n"
        assert node.mpremote("resume", "eval", "6 * 7 + 0") == "42\r\n"
        assert node.mpremote("run", tmp_path / "script.py") == "".join(f"line {n} 160000000\r\n" for n in range(3))
        node.mpremote("resume", "fs", "cp", tmp_path / "there", ":kept.bin", "+", "reset")
        listing = node.mpremote("resume", "fs", "ls", "+", "fs", "cp", ":kept.bin", tmp_path / "back")
        assert f"{len(content)} kept.bin" in listing and "main.py" in listing
        assert (tmp_path / "back").read_bytes() == node.file("kept.bin") == content
        assert node.mpremote("resume", "exec", "import machine; print(machine.reset_cause())") == "2\r\n"
    assert [wake.cause for wake in node.board.wakes] == [1, 5, 5, 2]
    assert not (tmp_path / "tty").is_symlink()


def test_soft_reset_from_the_prompt_runs_main_and_keeps_rtc_memory():
    with bench() as node:
        node.at_prompt()
        node.value("import machine; machine.RTC().memory(b'kept'); kept = 1")
        assert node.expect("soft reboot\r\n", CTRL_D).endswith("MPY: soft reboot\r\n")
        node.at_prompt()
        assert node.value("import machine; machine.reset_cause(), machine.RTC().memory()") == "(5, b'kept')"
        assert "NameError" in node.value("kept")
        node.expect("MPY: soft reboot\r\n", "import sys; sys.exit()\r")


def test_soft_reset_from_the_raw_prompt_skips_main():
    """What mpremote waits for: "soft reboot", then the raw prompt again, and nothing of main.py."""
    with bench() as node:
        node.at_prompt()
        node.expect("raw REPL; CTRL-B to exit\r\n>", "\x01")
        assert node.expect("CTRL-B to exit\r\n>", CTRL_D) == "OK\r\nMPY: soft reboot\r\nraw REPL; CTRL-B to exit\r\n>"
        assert node.expect(">", "print(6 * 7)" + CTRL_D) == "OK42\r\n\x04\x04>"
        assert node.expect(PROMPT, "\x02").startswith("\r\nMicroPython ")
        assert "MPY: soft reboot\r\nbinnode: starts" in node.expect(STARTS, CTRL_D)


def test_machine_reset_and_power_cycle():
    with bench() as node:
        node.at_prompt()
        node.value("import machine; machine.RTC().memory(b'kept')")
        assert "rst:0xc (SW_CPU_RESET)" in node.expect(STARTS, "machine.reset()\r")
        node.expect(PROMPT, CTRL_C)
        assert node.value("import machine; machine.reset_cause(), machine.RTC().memory()") == "(2, b'kept')"
        node.console.order(node.console.power_cycle)
        assert node.expect(STARTS).startswith("rst:0x1 (POWERON_RESET)")
        node.expect(PROMPT, CTRL_C)
        assert node.value("import machine; machine.reset_cause(), machine.RTC().memory()") == "(1, b'')"


def test_ctrl_c_ends_a_sleep_at_once_and_the_two_sides_stay_in_step():
    with bench() as node:
        said = node.at_prompt().board.vm.console.decode()
        assert "KeyboardInterrupt" in said and "wake 1" not in said
        node.value("import time, machine; start = time.ticks_ms()")
        node.expect("time.sleep(600)\r\n", "time.sleep(600)\r")
        node.when_it_sleeps_lightly()
        assert "KeyboardInterrupt" in node.expect(PROMPT, CTRL_C)
        assert 0 <= int(node.value("time.ticks_diff(time.ticks_ms(), start)")) < 1000 * PATIENCE_S
        assert node.value("[machine.freq() for _ in range(3)]") == "[160000000, 160000000, 160000000]"
        assert node.value("1 + 1").strip() == "2"


@pytest.mark.parametrize("program", ["print('go')\nwhile True: pass", "import sys\nprint('go')\nsys.stdin.read(1)"])
def test_ctrl_c_stops_a_program_that_makes_no_act(program, monkeypatch):
    """In raw-paste mode, in which `mpremote run` sends its script."""
    monkeypatch.setattr(console_streams, "SILENT_S", 0.3)
    with bench() as node:
        node.at_prompt()
        node.expect("CTRL-B to exit\r\n>", "\x01")
        node.expect("R\x01\x80\x00\x01", "\x05A\x01")
        node.expect("\x04go\r\n", program + CTRL_D)
        assert "KeyboardInterrupt" in node.expect("\x04>", CTRL_C)
        assert node.expect(">", "print(6 * 7)" + CTRL_D) == "OK42\r\n\x04\x04>"


def test_ctrl_c_in_a_wake_leaves_ten_minutes_and_then_the_node_goes_on():
    """Nobody's crash: whoever was there has gone away without a word, and the cycle begins anew."""
    with bench() as node:
        chip = node.board.chip
        node.expect(STARTS)
        end = time.monotonic() + PATIENCE_S
        while chip.watchdog_ms != 40_000:  # the wake's own: it is under way
            assert time.monotonic() < end
            time.sleep(0.001)
        assert chip.watchdog_ms == 40_000
        assert "KeyboardInterrupt" in node.expect(PROMPT, CTRL_C)
        assert chip.watchdog_ms == 600_000 and "sleeps" not in node.board.vm.console.decode()
        assert node.value("from binnode.storage import state; state.unpack(machine.RTC().memory()).step") == "0"
        node.console.order(lambda: node.console.clock.set(chip.watchdog_at - 1_000_000, 4.0))
        assert node.expect(STARTS).startswith("rst:0x8")
        stopped, *_ = node.board.wakes
        assert stopped.how == "watchdog" and 600e6 < stopped.awake_us < 640e6
        assert "binnode: wake 2, " in node.expect(ASLEEP)
        node.when_asleep(2)
    from binnode.storage.state import unpack

    state = unpack(chip.rtc)
    assert state.crashes == 0 and not state.safe and len(state.backlog) == 1


def test_ctrl_c_leaves_the_file_system_whole(monkeypatch):
    monkeypatch.setattr(console_streams, "SILENT_S", 0.3)
    with bench() as node:
        node.at_prompt()
        loop = "while True: f = open('x', 'w'); f.write('y' * 5000); f.close()"
        for look, stopped in (("; machine.freq()", "KeyboardInterrupt"), ("", "OSError: 4\r\n")):
            node.expect("5000\r\n", "import machine\r" + loop + look + "\r\r")
            node.expect("5000\r\n")
            assert stopped in node.expect(PROMPT, CTRL_C)
        assert node.value("import verify; verify.damaged()") == "[]"
        assert node.file("x") in (b"", b"y" * 5000)


def test_deep_sleep_is_silent_and_the_next_wake_prints_its_line():
    with bench() as node:
        node.at_prompt()
        node.expect("machine.deepsleep(600000)\r\n", "import machine; machine.deepsleep(600000)\r")
        node.when_asleep(1)
        os.write(node.fd, b"print('lost')\r\x03")
        node.console.order(node.console.end_sleep)
        said = node.expect(ASLEEP)
        assert said.startswith("rst:0x5 (DEEPSLEEP_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)\r\nbinnode: wake 1, ")
        assert "KeyboardInterrupt" not in said and "lost" not in said
        node.when_asleep(2)
        node.console.order(node.console.press_reset)
        assert node.expect(STARTS).startswith("rst:0xc")


def test_time_can_be_sped_up_and_sleep_skipped():
    with bench(level=905, speed=20) as node:
        assert "binnode: wake 1, 9" in node.expect(ASLEEP)
        node.when_asleep(1)
        node.console.order(node.console.end_sleep)
        assert "binnode: wake 2, 9" in node.expect(ASLEEP)
        first, second = node.board.wakes
        assert 800e6 < second.started_us - first.started_us < 1000e6


def test_the_watchdog_bites_at_the_prompt_too():
    with bench(speed=4) as node:
        node.at_prompt()
        node.value("import machine; dog = machine.WDT(timeout=2000)")
        assert node.expect(STARTS).startswith("rst:0x8")
        node.expect(PROMPT, CTRL_C)
        assert node.value("machine.reset_cause()") == "3"


def test_a_crash_of_the_vm_is_a_panic_of_the_chip():
    with bench() as node:
        node.at_prompt()
        os.kill(node.board.vm.pid, 11)
        assert node.expect(STARTS).startswith("rst:0xc")


def test_output_that_nobody_reads_is_lost(monkeypatch):
    monkeypatch.setattr(serial_port, "NOBODY_S", 0.02)
    port = serial_port.Port()
    port.plug()
    try:
        port.write(b"x" * 100_000)
        end = time.monotonic() + PATIENCE_S
        while port.waiting:
            assert time.monotonic() < end
            port.flush()
        port.write(b"now")
        assert os.read(port.slave, 100) == b"now"
    finally:
        port.unplug()


@pytest.mark.parametrize(
    ("said", "runs"),
    [
        (b"", True),
        (b"binnode: starts in 3 s\n", True),
        (b"x\r\n>>> ", False),
        (b"x\r\n>>> print(1", False),
        (b">>> while 1: pass\r\n... ", False),
        (b">>> f()\r\n", True),
        (b"raw REPL; CTRL-B to exit\r\n>", False),
        (b"CTRL-B to exit\r\n>OK", True),
        (b"CTRL-B to exit\r\n>R\x01\x80\x00\x01", False),
        (b"CTRL-B to exit\r\n>R\x01\x80\x00\x01\x04", True),
    ],
)
def test_without_proc_the_prompt_tells_whether_a_program_runs(said, runs):
    vm = Vm.__new__(Vm)
    vm.pid, vm.console = 0, bytearray(said)  # there is no /proc/0
    assert vm.runs_code() is runs


def test_the_command_with_its_keys(tmp_path):
    link = tmp_path / "tty"
    pid, fd = pty.fork()
    if pid == 0:
        arguments = ["-m", "binnode_tools.cli.sim_console", "--link", str(link), "--level", "60"]
        os.execv(sys.executable, [sys.executable, *arguments])
    screen = Terminal(fd)
    try:
        said = screen.expect("q quit")
        assert "60 % full" in said and "mpremote connect" in said and link.is_symlink()
        screen.expect("100 % full.", "f")
        screen.expect("90 % full.", "-")
        node = Terminal(os.open(link, os.O_RDWR | os.O_NOCTTY))
        node.expect(STARTS)
        node.expect(PROMPT, CTRL_C)
        screen.expect("Reset.", "r")
        node.expect(STARTS)
        os.close(node.fd)
        os.write(fd, b"q")
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        assert not link.is_symlink()
    finally:
        os.close(fd)
