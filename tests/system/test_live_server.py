"""`binnode sim --server`: nodes in real time at a LoRaWAN server behind a real UDP socket, and what is said of them."""

import json
import os
import re
import select
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from binnode_tools.cli import main, sim_server
from binnode_tools.codec import status
from click.testing import CliRunner

from tests.system.udp_server import PULL_DATA, PUSH_DATA, UdpServer

PATIENCE_S = 180  # for a busy computer: a join and a report take some ten seconds
BINNODE = Path(sys.executable).with_name("binnode")


REGION = "KR920"  # no duty cycle: after a loss of power a node need not wait for air time before it sends


@pytest.fixture
def server():
    server = UdpServer(REGION)
    yield server
    server.close()


class Run:
    """The command as it runs; lines() reads on until a line holds `text`."""

    def __init__(self, port, folder, *options):
        command = [BINNODE, "sim", "--server", f"udp://127.0.0.1:{port}", "--memory", folder, "--region", REGION]
        command += options
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.seen = ""

    def lines(self, text):
        assert self.process.stdout
        end = time.monotonic() + PATIENCE_S
        while not re.search(f"{text}.*\n", self.seen):
            left = end - time.monotonic()
            ready = left > 0 and select.select([self.process.stdout], [], [], left)[0]
            fresh = os.read(self.process.stdout.fileno(), 65536) if ready else b""
            assert fresh, f"{text!r} did not come after {self.seen!r}"
            self.seen += fresh.decode()
        return self.seen

    def stop(self):
        """All that it said, after Ctrl-C."""
        self.process.send_signal(signal.SIGINT)
        out, err = self.process.communicate(timeout=PATIENCE_S)
        assert (self.process.returncode, err) == (0, b"")
        return self.seen + out.decode()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()


def the_keys(said):
    (keys,) = re.findall(r"^ *(node-1) +DevEUI (\w{16}) +JoinEUI (\w{16}) +AppKey (\w{32})$", said, re.MULTILINE)
    return keys


def test_a_node_joins_reports_and_hears_a_real_server(server, tmp_path):
    """Join, uplink, downlink, through sockets and in real time; after a power loss it goes on without another join."""
    with Run(server.port, tmp_path / "memory", "--register", tmp_path / "forms") as run:
        device = server.register(*the_keys(run.lines("Written to")))
        server.start()  # only now does it answer
        run.lines(r"node-1 +wake 1, .*: sent, 0 waiting")
        said = run.stop()
    assert re.search(r"gateway +EUI " + server.gateway_eui.hex().upper(), said)
    assert device.joins == 1 and server.network.findings == []
    (name, fport, payload), (_, diagnostics, _) = server.payloads
    assert (name, fport, diagnostics) == ("node-1", 1, 2) and status.decode(payload).reason == "first"
    assert server.tx_acks == ["NONE"] * 3  # for the Join-Accept and two ACKs
    assert server.seen[PULL_DATA] and server.seen[PUSH_DATA] >= 2
    assert re.search(r"uplink +Join-Request of \w{16}, DevNonce 0, 23 bytes, SF9BW125", said)
    assert re.search(r"downlink +Join-Accept, \d+ bytes, SF9BW125, [\d.]+ MHz, on the air in \d+ ms", said)
    assert re.search(r"uplink +confirmed data of \w{8}, FCnt 0, port 1", said)
    assert re.search(r"downlink +data for \w{8}, FCnt 0, ACK", said)
    assert said.endswith("3 uplinks, 3 downlinks, 0 downlinks refused; 1 reports acknowledged\n")

    with Run(server.port, tmp_path / "memory") as run:
        assert the_keys(run.lines("AppKey"))[1] == device.dev_eui.hex().upper()
        run.lines(r"uplink +confirmed data of \w{8}, FCnt 6\d, port 1")
        run.stop()
    assert device.joins == 1 and server.network.findings == []


def test_the_forms_are_for_their_owner_alone(server, tmp_path):
    with Run(server.port, tmp_path / "memory", "--register", tmp_path / "forms") as run:
        keys = the_keys(run.lines("Written to"))
        run.stop()
    for path in [*(tmp_path / "forms").iterdir(), *(tmp_path / "memory").iterdir()]:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "forms").stat().st_mode) == 0o700
    thing = json.loads((tmp_path / "forms" / "things-stack.json").read_text())
    assert thing["root_keys"]["app_key"]["key"] == keys[3] and thing["frequency_plan_id"] == "KR_920_923_TTN"
    (pair,) = json.loads((tmp_path / "forms" / "chirpstack.json").read_text())
    assert pair["deviceKeys"]["nwkKey"] == keys[3].lower()
    assert keys[1] in (tmp_path / "forms" / "things-stack.csv").read_text()


def test_a_server_that_is_not_there_is_told_of(server, tmp_path):
    port = server.port
    server.start()
    server.close()
    with Run(port, tmp_path, "--seconds", "3") as run:
        said = run.lines("is there a firewall")
        _, err = run.process.communicate(timeout=PATIENCE_S)
    assert "does not answer PULL_DATA" in said and "Connection refused" in said
    assert (run.process.returncode, err) == (main.FAILED, f"binnode: 127.0.0.1:{port} has not answered\n".encode())


def test_keys_are_one_runs_alone(server, tmp_path):
    with Run(server.port, tmp_path) as run:
        run.lines("AppKey")
        with Run(server.port, tmp_path) as second:
            _, err = second.process.communicate(timeout=PATIENCE_S)
        run.stop()
    assert second.process.returncode == main.FAILED and b"another run uses the keys" in err


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("udp://localhost:1700", ("localhost", 1700)),
        ("udp://localhost", ("localhost", 1700)),
        ("udp://[::1]:1701/", ("::1", 1701)),
    ],
)
def test_addresses(url, address):
    assert sim_server.address_of(url) == address


@pytest.mark.parametrize(
    "arguments",
    [
        ["--server", "localhost:1700"],
        ["--server=http://localhost"],
        ["server", "udp://localhost:170000"],
        ["--nodes", "2", "--server", "udp://:1700"],
        ["--server"],
    ],
)
def test_wrong_addresses_say_what_is_right(arguments):
    result = CliRunner().invoke(main.cli, ["sim", *arguments])
    assert result.exit_code == main.USAGE_ERROR
    assert "udp://" in result.stderr


def test_a_name_without_an_address(tmp_path):
    result = CliRunner().invoke(main.cli, ["sim", "--server", "udp://no-such-host.invalid", "--memory", str(tmp_path)])
    assert result.exit_code == main.FAILED
    assert result.stderr.startswith("binnode: no-such-host.invalid: no address for this name")


def test_a_board_without_a_radio(tmp_path):
    arguments = ["sim", "--server", "udp://localhost", "--memory", str(tmp_path), "--board", "esp32c3"]
    result = CliRunner().invoke(main.cli, arguments)
    assert result.exit_code == main.FAILED and "has no LoRa radio" in result.stderr
