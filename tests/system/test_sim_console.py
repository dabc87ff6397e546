"""`binnode sim console` as scripts and people use it: any module, any bin, LoRaWAN beside it, errors to try."""

import contextlib
import json
import select
import subprocess
import time

import pytest
from binnode_tools.cli import main
from click.testing import CliRunner

from tests.unit.command_line import BINNODE

PATIENCE_S = 60


class Sim:
    """The command in a process of its own; `facts` is its first line."""

    def __init__(self, link, *options):
        command = [BINNODE, "sim", "--console", "--json", "--link", str(link), *options]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        self.process = subprocess.Popen(command, **pipes, bufsize=0)
        self.said = ""
        self.facts = json.loads(self.process.stdout.readline())

    def press(self, key, says):
        self.process.stdin.write(key.encode())
        self.expect(says)

    def expect(self, text):
        end = time.monotonic() + PATIENCE_S
        while text not in self.said:
            assert select.select([self.process.stderr], [], [], max(0, end - time.monotonic()))[0], self.said
            self.said += self.process.stderr.read(4096).decode()
        before, _, self.said = self.said.partition(text)
        return before

    def run(self, *words):
        """(exit code, the result) of a command at its port, at once after a reset."""
        self.press("r", "Reset.")
        command = [BINNODE, *words, "--port", self.facts["port"], "--json"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S)
        return done.returncode, json.loads(done.stdout)


@contextlib.contextmanager
def sim(link, *options):
    made = Sim(link, *options)
    try:
        yield made
        made.process.stdin.write(b"q")
        assert made.process.wait(PATIENCE_S) == 0 and made.process.stdout.read() == b""
    finally:
        made.process.kill()
        made.process.communicate()
    assert not link.is_symlink()


def test_any_module_over_any_bin_and_errors_to_try(tmp_path):
    bin_ = ["--module", "us100", "--shape", "lying", "--empty-mm", "1400", "--full-mm", "300", "--level", "0", "--new"]
    with sim(tmp_path / "tty", *bin_) as node:
        assert node.facts["module"] == "us100" and node.facts["port"] == str(tmp_path / "tty")
        calibrate = ["calibrate", "--yes", "--module", "us100", "--full-mm", "300", "--diameter-mm", "0", "--no-sheet"]
        node.press("m", "hears the rim alone")
        code, result = node.run(*calibrate)
        assert (code, result["error"]["code"]) == (5, "rim_only")
        node.press("m", "hangs straight again")
        node.press("s", "The module is silent.")
        code, result = node.run(*calibrate)
        assert (code, result["error"]["code"]) == (5, "module_silent")
        node.press("s", "answers again")
        code, result = node.run(*calibrate)
        assert code == 0 and abs(result["bin"]["empty_mm"] - 1400) <= 10 and result["bin"]["shape"] == "lying"
        node.press("f", "100 % full")
        code, result = node.run("measure")
        assert code == 0 and result["readings"][0]["fill_permille"] >= 980


def test_reports_go_to_the_network_beside_it(tmp_path):
    with sim(tmp_path / "tty", "--board", "heltec_v3", "--region", "EU868", "--level", "60", "--speed", "1000") as node:
        assert node.facts["region"] == "EU868"
        node.expect("The network heard a report, first: ")
        assert abs(float(node.expect(" %")) - 60) < 2


def test_a_new_node_is_provisioned_and_reports(tmp_path):
    """As the field guide has it, and the network beside it knows the key that the node was told."""
    with sim(tmp_path / "tty", "--board", "heltec_v3", "--region", "EU868", "--new") as node:
        ledger = ["--ledger", str(tmp_path / "ledger.json")]
        code, result = node.run("provision", "node", "--name", "Gate", "--region", "EU868", "--yes", *ledger)
        assert code == 0, result
        code, result = node.run("wake")
        assert code == 0, result


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--module", "hcsr05"], "--module hcsr05: unknown; there are: "),
        (["--region", "EU868"], "--region: esp32_devkit has no LoRa radio"),
        (["--empty-mm", "200", "--full-mm", "300"], "--full-mm: must be less than --empty-mm"),
        (["--shape", "strapping"], "--strapping: goes with --shape strapping"),
        (["--shape", "strapping", "--strapping", "0:0,300:250"], "up to the full line, 800 mm"),
        (["--shape", "lying", "--diameter-mm", "500"], "--diameter-mm: must be 0 or at least 800"),
    ],
)
def test_what_there_is_not_is_refused(options, message):
    done = CliRunner().invoke(main.cli, ["sim", "console", *options, "--json"])
    assert done.exit_code == main.USAGE_ERROR and message in done.stderr
    assert json.loads(done.stdout)["error"]["code"] == "usage"
